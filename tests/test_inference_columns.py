"""Predictions as columns, from lists and Arrow columns alike, and by several threads at a time."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bags_strategies import TEXTS as ANY
from satchel.errors import SettingError, TextError
from satchel.features.packed import PackedTexts
from satchel.features.spec import Features
from satchel.inference import columns as columns_module
from satchel.inference import predictor as predictor_module
from satchel.inference.columns import columns_of, joined_columns
from satchel.inference.structure import Task
from satchel.model import Model
from small_models import (
    LINEAR,
    NETWORK,
    TEXTS,
    Head,
    known_by_counts,
    make_contents,
    make_ensemble,
    predictor,
)

MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6)]
VIEWS = [Features(fields=True), Features(words=0, characters=(2, 4))]
tasks = pytest.mark.parametrize("task", ["single", "multiple"])


# What the columns hold.


def check_columns(
    found: Any, probabilities: np.ndarray, thresholds: np.ndarray | None, top: int
) -> None:
    """Restate every column from the probabilities, document by document."""
    assert [array.dtype for array in (found.label, found.probability, found.known)] == [
        np.int32,
        np.float32,
        np.int64,
    ]
    assert (found.top_labels.dtype, found.top_probabilities.dtype) == (np.int32, np.float32)
    assert (found.assigned is None) == (thresholds is None)
    assert len(found) == len(probabilities)
    for number, row in enumerate(probabilities.tolist()):
        ranked = sorted(range(len(row)), key=lambda label: (-row[label], label))
        assert found.top_labels[number].tolist() == ranked[:top]
        assert found.top_probabilities[number].tolist() == [row[label] for label in ranked[:top]]
        holding = ranked
        if thresholds is not None:
            most = columns_module.MOST_HELD
            holding = [label for label in ranked if row[label] >= thresholds[label]][:most]
            start, stop = found.assigned.offsets[number : number + 2].tolist()
            assert found.assigned.labels[start:stop].tolist() == holding
            shown = found.assigned.probabilities[start:stop].tolist()
            assert shown == [row[label] for label in holding]
        if holding:
            assert found.label[number] == holding[0]
            assert found.probability[number] == row[holding[0]]
        else:
            assert found.label[number] == -1
            assert np.isnan(found.probability[number])


ROWS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 6), st.integers(1, 12)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32),
)


@given(ROWS, st.integers(0, 14), st.booleans(), st.sampled_from([1, 5, 1 << 20]), st.data())
def test_columns_say_what_the_probabilities_say(
    rows: np.ndarray, top: int, multiple: bool, cells: int, data: Any
) -> None:
    some = hnp.arrays(np.float32, rows.shape[1], elements=st.sampled_from([0.0, 0.25, 0.5, 2.0]))
    thresholds = data.draw(some) if multiple else None
    known = np.arange(len(rows), dtype=np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "_CELLS", cells)
        patch.setattr(columns_module, "MOST_HELD", 3)
        whole = columns_of(rows, known, thresholds, top)
        cut = data.draw(st.integers(0, len(rows)))
        halves = [columns_of(rows[s], known[s], thresholds, top) for s in np.split(known, [cut])]
        for found in (whole, joined_columns(halves)):
            check_columns(found, rows, thresholds, top)
            assert found.known.tolist() == known.tolist()


@tasks
@given(texts=st.lists(ANY | st.sampled_from(TEXTS), max_size=8), top=st.integers(1, 5))
def test_columns_rankings_and_labels_agree(task: Task, texts: list[str], top: int) -> None:
    model = Model(make_ensemble(MIXED, features=VIEWS, task=task))
    found = model.predict_columns(texts, top=top)
    thresholds = model.predictor.thresholds
    check_columns(found, model.predict_proba(texts), thresholds, top)
    assert found.known.tolist() == known_by_counts(model.predictor, texts).tolist()
    names = model.classes_.tolist()
    rankings = model.predict_top(texts, top)
    assert len(rankings) == len(texts)
    for number, ranking in enumerate(rankings):
        top_columns = zip(
            found.top_labels[number].tolist(), found.top_probabilities[number].tolist(), strict=True
        )
        assert ranking == [(names[label], probability) for label, probability in top_columns]
    labels = model.predict(texts).tolist()
    if found.assigned is None:
        assert labels == [names[label] for label in found.label.tolist()]
    else:
        rows = np.split(found.assigned.labels, found.assigned.offsets[1:-1])
        held = [tuple(names[label] for label in sorted(row.tolist())) for row in rows]
        assert labels == held[: len(texts)]


def test_columns_without_top_and_with_a_wrong_one() -> None:
    model = Model(make_ensemble([LINEAR]))
    assert model.predict_columns(TEXTS).top_labels.shape == (len(TEXTS), 0)
    found = model.predict_columns(TEXTS, top=9)
    assert found.top_labels.shape == (len(TEXTS), 4)  # all there are
    assert model.classes_[found.label].tolist() == model.predict(TEXTS).tolist()
    assert len(model.predict_columns([])) == 0
    with pytest.raises(SettingError, match="expected top to be 1 or more, or None, found 0"):
        model.predict_columns(TEXTS, top=0)


# Texts in columns.


@tasks
@pytest.mark.parametrize("block", [1 << 24, 200])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_columns_of_text_are_predicted_as_lists_are_to_the_bit(
    task: Task, block: int, warm: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor_module, "_BLOCK", block)
    monkeypatch.setattr("satchel.features.kernels.WORTH_STARTING", 1 << 60)
    if not warm:  # so that the plain path reads them although another test has loaded the kernels
        monkeypatch.setattr("satchel.features.kernels.kernels_loaded", lambda: False)
    model = Model(make_ensemble(MIXED, features=VIEWS, task=task))
    if warm:
        model.warm_up()
    texts = [*TEXTS, "ΑΣ \u0130 漢字 \x00", "👩🏽 e\u0301"] * 4
    expected = model.predictor.logits(texts, threads)
    for column in (
        PackedTexts.from_texts(texts),
        pl.Series(texts),
        pl.concat([pl.Series(texts[:7]), pl.Series(texts[7:])], rechunk=False),
        pl.Series(texts, dtype=pl.Categorical),
        pd.Series(texts),
        np.array(texts, dtype=object),
        tuple(texts),
    ):
        np.testing.assert_array_equal(model.predictor.logits(column, threads), expected)
    assert model.predict(pl.Series(texts)).tolist() == model.predict(texts).tolist()
    assert model.predict_top(pl.Series(texts), 2) == model.predict_top(texts, 2)
    np.testing.assert_array_equal(
        known_by_counts(model.predictor, pl.Series(texts)), known_by_counts(model.predictor, texts)
    )


def test_a_missing_value_in_a_column_is_named() -> None:
    model = Model(make_ensemble([LINEAR]))
    with pytest.raises(TextError, match="document 1, found a missing value"):
        model.predict(pl.Series(["a", None]))


# Threads.

THREADS = """
import sys, threading, warnings
import numpy as np
import satchel
from satchel.features import embedding_bag, kernels
kernels.WORTH_STARTING = 1_000
from satchel.features.packed import PackedTexts
model, plain = (satchel.load(sys.argv[1], mapped=True) for _ in range(2))
texts = ["the engine of the car", "orbit of the shuttle", "", "card 漢字 game"] * 500
short = texts[:4]
start = threading.Barrier(8)
found, faults = [None] * 8, []
def work(number):
    try:
        start.wait()
        if number % 2:
            answers = model.predictor.columns(PackedTexts.from_texts(texts), 3)
        else:
            answers = model.predictor.columns(texts, 3, threads=2)
        found[number] = answers.top_labels.tolist(), answers.top_probabilities
        model.predict(short), model.explain(texts[0]), model.predict_top(texts[:9], 2)
    except BaseException as fault:
        faults.append(repr(fault))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not faults, faults
assert kernels.kernels_loaded()
for labels, probabilities in found:
    assert labels == found[0][0]
    np.testing.assert_array_equal(probabilities, found[0][1])
print("same")
"""


def test_threads_that_start_together_get_the_same_answers(tmp_path: Any) -> None:
    Model(make_ensemble(MIXED, features=VIEWS)).save(tmp_path / "m.satchel")
    command = [sys.executable, "-W", "error", "-c", THREADS, str(tmp_path / "m.satchel")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("same\n", 0), ran.stderr


def test_threads_pack_the_views_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from satchel.features.kernels import transform

    made: list[object] = []
    original = transform.PackedEmbeddings.__init__

    def counted(self: Any, *given: Any) -> None:
        made.append(self)
        original(self, *given)

    monkeypatch.setattr(transform.PackedEmbeddings, "__init__", counted)
    encoder = predictor(make_contents([LINEAR]))._encoder
    threads = [threading.Thread(target=encoder.read_fused, args=(TEXTS, 1)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
