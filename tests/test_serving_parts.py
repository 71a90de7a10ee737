"""Parts of the server by themselves: batches, counters, shared memory, tensors, words, models."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cli_runs import write_model
from satchel.errors import SettingError, TextError
from satchel.serving.board import Board, Supervised
from satchel.serving.metrics import (
    DOCUMENTS,
    SECONDS,
    Counters,
    Histogram,
    ModelCounters,
    ModelState,
    Recorder,
    Totals,
    prometheus_text,
)
from satchel.serving.models import Models, Scores, Served, names_of, open_model
from satchel.serving.protocols.open_inference import _packed, _unpacked
from satchel.serving.request_errors import RequestError
from satchel.serving.scoring import Batcher
from satchel.serving.unknown import words_of
from small_models import LINEAR, NETWORK, TEXTS, make_contents


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    path = tmp_path_factory.mktemp("models") / "one.satchel"
    return open_model("one", write_model(path, make_contents((LINEAR, NETWORK))))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Served:
    path = tmp_path_factory.mktemp("models") / "many.satchel"
    return open_model("many", write_model(path, make_contents(task="multiple")))


REQUESTS = st.lists(
    st.tuples(st.booleans(), st.lists(st.sampled_from([*TEXTS, "card " * 9_000]), max_size=4)),
    min_size=1,
    max_size=12,
)


@given(REQUESTS)
def test_requests_together_get_what_each_gets_alone(
    served: Served, several: Served, asked: list[tuple[bool, list[str]]]
) -> None:
    async def all_together() -> list[Scores]:
        batcher = Batcher(1, 60.0, Recorder([served, several]))
        try:
            return await asyncio.gather(
                *(batcher.score(several if other else served, texts) for other, texts in asked)
            )
        finally:
            batcher.close()

    for (other, texts), scores in zip(asked, asyncio.run(all_together()), strict=True):
        alone = (several if other else served).model.predictor.score(texts)
        # A product of matrices may round otherwise for another number of rows.
        np.testing.assert_allclose(scores.probabilities, alone[0], rtol=1e-4, atol=1e-7)
        np.testing.assert_array_equal(scores.known, alone[1])


def test_a_request_that_fails_fails_alone(served: Served) -> None:
    async def work() -> list[Scores | BaseException]:
        batcher = Batcher(1, 60.0, Recorder([served]))
        texts = [["a car"], ["\ud800"], ["a card"]]
        found = await asyncio.gather(
            *(batcher.score(served, each) for each in texts), return_exceptions=True
        )
        batcher.close()
        return found

    first, second, third = asyncio.run(work())
    assert isinstance(first, Scores)
    assert isinstance(second, TextError)
    assert isinstance(third, Scores)


def test_a_request_that_nobody_waits_for_is_not_scored(served: Served) -> None:
    async def work() -> float:
        recorder = Recorder([served])
        batcher = Batcher(1, 60.0, recorder)
        long = ["card " * 20_000]
        first = asyncio.create_task(batcher.score(served, long))
        others = [asyncio.create_task(batcher.score(served, long * 8)) for _ in range(20)]
        await asyncio.sleep(0)
        for each in others:
            each.cancel()
        await first
        batcher.close()
        return recorder.counters().batches.total

    assert asyncio.run(work()) == 1


@given(
    st.dictionaries(st.text(max_size=20), st.integers(0, 2**53), max_size=5),
    st.lists(st.integers(0, 1000), min_size=len(SECONDS) + 1, max_size=len(SECONDS) + 1),
)
def test_any_label_is_read_back_from_the_metrics(labels: dict[str, int], counts: list[int]) -> None:
    counters = Counters(
        requests={("/predict", 200): 7},
        seconds={"/predict": Histogram(counts, 1.5)},
        models={"m": ModelCounters(labels=labels)},
    )
    text = prometheus_text(Totals(counters, [ModelState("m", 1)], 1, 0))
    families = {each.name: each for each in text_string_to_metric_families(text)}
    found = {each.labels["label"]: each.value for each in families["satchel_labels"].samples}
    assert found == labels
    samples = families["satchel_request_seconds"].samples
    assert [each.value for each in samples if each.name.endswith("count")] == [sum(counts)]


def test_counters_of_processes_add_up() -> None:
    board = Board(4)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count, args=(board, slot)) for slot in (1, 2)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
        assert each.exitcode == 0
    retired = Counters(requests={("/predict", 200): 5})
    board.write_supervised(Supervised(retired, [], 0, [1, 2, 3]))
    totals = board.totals()
    assert totals.counters.requests == {("/predict", 200): 8, ("/models", 200): 3}
    assert totals.counters.batches.total == 3
    board.clear(1)
    assert board.counters(1) is None


def count(board: Board, slot: int) -> None:
    batches = Histogram([0] * (len(DOCUMENTS) + 1), float(slot))
    requests = {("/predict", 200): slot, ("/models", 200): slot}
    board.write_counters(slot, Counters(requests=requests, batches=batches))


def test_the_most_that_is_counted_fits_into_a_slot(tmp_path: Path) -> None:
    board = Board(2)
    models = {
        f"{number}" + "n" * 250: ModelCounters(
            labels={f"{label:03}" + "\U0001f600" * 57: 2**53 for label in range(26)},
            recent={f"{label:03}" + "\U0001f600" * 57: 2**53 for label in range(26)},
        )
        for number in range(16)
    }
    board.write_counters(1, Counters(models=models))
    found = board.counters(1)
    assert found is not None
    assert found.models == models


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]))))
def test_binary_texts_come_back(texts: list[str]) -> None:
    packed = _packed(texts)
    assert _unpacked(packed, len(packed)) == texts


@given(st.binary(max_size=60))
def test_any_bytes_are_texts_or_refused(data: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert _packed(_unpacked(data, len(data))) == data


@given(st.text(max_size=80))
def test_words_are_where_they_are_said_to_be(served: Served, text: str) -> None:
    words = words_of(served.model.predictor, text)
    assert len(words.unknown) <= words.number
    assert all(0 <= start < end <= len(text) for start, end in words.unknown)
    known = words_of(served.model.predictor, "card " + text)
    assert (0, 4) not in known.unknown


def test_names_of_models(tmp_path: Path, served: Served) -> None:
    with pytest.raises(SettingError, match="different names"):
        names_of([str(tmp_path / "a.satchel"), str(tmp_path / "b" / "a.satchel")])
    with pytest.raises(SettingError, match="at most 16"):
        names_of([f"{number}.satchel" for number in range(17)])
    assert Models([served]).find(None) is served
    with pytest.raises(RequestError, match="the models are one"):
        Models([served]).find("other")
