"""Answers of a model: the contract's sum, whatever the path and however many documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel import sealed
from satchel.errors import SettingError, TextError
from satchel.features.embedding_bag import TextEncoder, shifted_halves
from satchel.features.spec import Features, Weighting
from satchel.inference.predictor import Predictor
from satchel.model import Model
from satchel.sealed.assembly import ensemble_of
from satchel.sealed.schema import RowType
from satchel.sealed.store import read_contents
from small_models import (
    CLASS_COUNTS,
    LINEAR,
    NETWORK,
    NORMED,
    TEXTS,
    Head,
    assigned,
    make_contents,
    predictor,
    restated_scores,
)

pytestmark = pytest.mark.fast

WORDS = Features(words=1)
CHARACTERS = Features(words=0, characters=(2, 4))
MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6), Head(scale=-2.0, view=1)]
SOME_TEXT = st.lists(
    st.one_of(
        st.sampled_from(TEXTS),
        st.lists(st.sampled_from(["card", "old", "orbit", "the", "été", "Goal!", "4:2"])).map(
            " ".join
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    ),
    max_size=6,
)


def mixed(rows: RowType = "float32") -> Predictor:
    return predictor(make_contents(MIXED, features=[WORDS, CHARACTERS], rows=rows, seed=5))


MIXED_MODEL = mixed()


@pytest.mark.parametrize("rows", ["float32", "float16", "int8"])
@pytest.mark.parametrize("features", [Features(), WORDS, Features(fields=True), CHARACTERS])
def test_scores_are_the_sum_that_the_contract_states(features: Features, rows: RowType) -> None:
    parts = make_contents([LINEAR, Head(scale=0.3)], features=[features], rows=rows)
    expected = np.stack([restated_scores(parts, text) for text in TEXTS])
    scores = predictor(parts).logits(TEXTS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(SOME_TEXT)
def test_many_documents_answer_as_each_alone(texts: list[str]) -> None:
    together = MIXED_MODEL.logits(texts)
    assert together.shape == (len(texts), 4)
    for row, text in zip(together, texts, strict=True):
        np.testing.assert_allclose(row, MIXED_MODEL.logits([text])[0], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(SOME_TEXT)
def test_probabilities_sum_to_one(texts: list[str]) -> None:
    np.testing.assert_allclose(MIXED_MODEL.probabilities(texts).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rows", ["float32", "float16", "int8"])
@pytest.mark.parametrize(
    "weighting",
    [
        Weighting(),
        Weighting(term_frequency="freq", norm="none"),
        Weighting(term_frequency="binary"),
    ],
)
def test_bulk_and_plain_paths_agree(rows: RowType, weighting: Weighting) -> None:
    pytest.importorskip("numba")
    parts = make_contents(
        MIXED, features=[Features(fields=True), CHARACTERS], rows=rows, weighting=weighting
    )
    texts = [f"{text} {number}" for number in range(7) for text in TEXTS]
    model, warm = predictor(parts), predictor(parts)
    warm.warm_up()
    np.testing.assert_allclose(warm.logits(texts[:1]), model.logits(texts[:1]), atol=1e-5)
    reader = TextEncoder(model.model.views)
    sums, known = reader.read_plain(texts)
    fused, fused_known = reader.read_fused(texts, threads=2)
    for one, other in zip(fused, sums, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_array_equal(fused_known, known)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bulk_does_not_depend_on_threads(threads: int) -> None:
    pytest.importorskip("numba")
    texts = [f"{text} {number}" for number in range(40) for text in TEXTS]
    reader = TextEncoder(MIXED_MODEL.model.views)
    one, _ = reader.read_fused(texts, threads=1)
    some, _ = reader.read_fused(texts, threads=threads)
    for first, second in zip(one, some, strict=True):
        np.testing.assert_array_equal(first, second)


def test_float16_rows_are_summed_exactly() -> None:
    rows = np.arange(2**16, dtype=np.uint16).view(np.float16)
    rows = rows[np.isfinite(rows)]
    shifted = shifted_halves(rows).astype(np.float64)
    np.testing.assert_array_equal(shifted * 2.0**112, rows.astype(np.float64))


def test_what_is_unknown_gets_the_prior_and_says_so() -> None:
    model = MIXED_MODEL
    texts = ["", "qqqq", TEXTS[0]]
    known = model.columns(texts).known
    assert known[0] == known[1] == 0
    assert known[2] > 10
    probabilities = model.probabilities(texts)
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    np.testing.assert_allclose(probabilities[0], np.array(CLASS_COUNTS) / 10, rtol=1e-6)


def test_known_counts_distinct_features() -> None:
    model = predictor(make_contents(features=[WORDS]))
    assert model.columns(["card card unknownish game"]).known.tolist() == [2]


def test_one_label_a_document() -> None:
    model = MIXED_MODEL
    best = model.probabilities(TEXTS).argmax(axis=1)
    assert model.columns(TEXTS).label.tolist() == best.tolist()
    labels = [model.model.labels[column] for column in best]
    assert Model(model.model).predict(TEXTS).tolist() == labels


def test_several_labels_a_document_follow_the_thresholds() -> None:
    parts = make_contents([NETWORK], task="multiple")
    model = predictor(parts)
    for row, columns in zip(model.probabilities(TEXTS), assigned(model, TEXTS), strict=True):
        assert columns == tuple(
            column
            for column, least in enumerate((0.5, 0.4, 0.3, 0.6))
            if row[column] >= np.float32(least)
        )
    labels = Model(model.model).predict(TEXTS)
    assert labels.tolist() == [
        tuple(model.model.labels[column] for column in columns)
        for columns in assigned(model, TEXTS)
    ]


def test_top_ranks_the_probabilities() -> None:
    model = Model(MIXED_MODEL.model)
    (one,) = model.predict_top([TEXTS[0]], k=2)
    probabilities = model.predict_proba([TEXTS[0]])[0]
    assert [value for _, value in one] == sorted(probabilities.tolist(), reverse=True)[:2]
    assert one[0][0] == model.predict([TEXTS[0]])[0]
    assert len(model.predict_top([TEXTS[0]], k=99)[0]) == 4
    with pytest.raises(SettingError, match="1 or more"):
        model.predict_top([TEXTS[0]], k=0)


@pytest.mark.parametrize("texts", ["one string", [None], ["fine", 3.5], ["\ud800"]])
def test_what_is_not_text_is_refused(texts: Any) -> None:
    for ask in (MIXED_MODEL.logits, MIXED_MODEL.counts, MIXED_MODEL.columns):
        with pytest.raises(TextError):
            ask(texts)


def test_any_iterable_of_texts_will_do() -> None:
    expected = MIXED_MODEL.logits(TEXTS)
    np.testing.assert_array_equal(MIXED_MODEL.logits(iter(TEXTS)), expected)
    np.testing.assert_array_equal(MIXED_MODEL.logits(np.array(TEXTS, object)), expected)
    assert MIXED_MODEL.logits([]).shape == (0, 4)
    assert len(MIXED_MODEL.columns([])) == 0


def test_a_normed_head_answers_finitely_for_nothing() -> None:
    assert np.isfinite(predictor(make_contents([NORMED])).logits(["", "card"])).all()


def test_a_sealed_model_answers_to_the_bit(tmp_path: Path) -> None:
    parts = make_contents(MIXED, features=[WORDS, CHARACTERS], rows="int8")
    sealed.write(tmp_path / "model.satchel", ensemble_of(parts))
    again = predictor(read_contents(tmp_path / "model.satchel"))
    np.testing.assert_array_equal(again.logits(TEXTS), predictor(parts).logits(TEXTS))


def test_a_few_short_texts_load_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "model.satchel"
    contents = make_contents(MIXED, features=[WORDS, CHARACTERS], rows="int8")
    sealed.write(path, ensemble_of(contents))
    program = (
        "import sys\n"
        "import satchel\n"
        f"model = satchel.load({str(path)!r})\n"
        "model.predict(['The engine of the old car'] * 3)\n"
        "model.explain('The engine of the old car')\n"
        "print(*sys.modules)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"numba", "scipy", "keras", "jax", "torch", "tensorflow", "polars", "sklearn"}
    assert not heavy & set(answer.stdout.split())
