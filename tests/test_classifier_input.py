"""Training text as it comes: empty, rare, odd, many classes, several labels per document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import satchel
from corpora import LABELS, corpus
from satchel import TextClassifier
from satchel.errors import TextError
from satchel.search.settings import Effort
from satchel.training.heads import default_head

TEXTS, TRUE = corpus(90)
NEW, NEW_TRUE = corpus(45, seed=1)


def quick(**settings: Any) -> TextClassifier:
    return TextClassifier(**({"effort": "fast"} | settings))


def of_effort(effort: Effort, **settings: Any) -> TextClassifier:
    """A classifier whose network, where its effort trains one, is small."""
    network = {} if effort == "fast" else {"hidden": 16, "epochs": 4}
    return TextClassifier(effort, **network | settings)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_one_document_a_class_is_learnt_by_heart(effort: Effort) -> None:
    texts = ["red blue green", "one two three", "north south west"]
    classifier = of_effort(effort).fit(texts, ["colour", "number", "wind"])
    assert classifier.predict(texts).tolist() == ["colour", "number", "wind"]


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_empty_documents_are_left_out_and_answered_with_the_prior(effort: Effort) -> None:
    classifier = of_effort(effort)
    classifier.fit([*TEXTS, "", " \n", "\t"], [*TRUE, *LABELS])
    assert classifier.n_documents_ == 90
    assert sum(classifier.model_.ensemble.training.class_counts) == 90
    without = of_effort(effort).fit(TEXTS, TRUE)
    np.testing.assert_array_equal(classifier.predict_proba(NEW), without.predict_proba(NEW))


@pytest.mark.parametrize("effort", ["fast", "balanced"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_class_of_empty_documents_alone_does_not_crash(
    effort: Effort, class_weight: str | None
) -> None:
    classifier = of_effort(effort, class_weight=class_weight)
    classifier.fit([*TEXTS, "", ""], [*TRUE, "silence", "silence"])
    assert "silence" in classifier.classes_
    assert np.isfinite(classifier.predict_proba(NEW)).all()
    assert classifier.score(NEW, NEW_TRUE) > 0.9


def test_columns_of_every_library_are_predicted_as_lists_are() -> None:
    classifier = quick().fit(pl.Series(TEXTS), TRUE)
    expected = classifier.predict_proba(NEW)
    np.testing.assert_array_equal(quick().fit(TEXTS, TRUE).predict_proba(NEW), expected)
    for column in (
        pl.Series(NEW),
        pl.Series(NEW, dtype=pl.Categorical),
        pl.DataFrame({"text": NEW}),
        pd.Series(NEW),
        pd.Series(NEW, dtype="category"),
        pd.DataFrame({"text": NEW}),
        np.array(NEW)[:, None],
    ):
        np.testing.assert_array_equal(classifier.predict_proba(column), expected)
    labels = classifier.predict(NEW).tolist()
    assert classifier.predict(pl.Series(NEW)).tolist() == labels
    assert classifier.score(pl.Series(NEW), labels) == 1.0
    assert classifier.model_.evaluate(pl.Series(NEW), labels).accuracy == 1.0
    with pytest.raises(TextError, match="document 2, found a missing value"):
        classifier.predict(pl.Series([*NEW[:2], None]))
    for wrong in (pl.Series([1, 2]), pl.DataFrame({"text": [1, 2]}), pd.Series([1, 2])):
        with pytest.raises(TextError, match="string as document 0, found int"):
            classifier.predict(wrong)
    with pytest.raises(TextError, match="select the text column"):
        classifier.predict(pl.DataFrame({"text": NEW, "other": NEW}))


def test_unknown_words_give_the_prior() -> None:
    texts, labels = corpus(90)
    # The first label holds twice as many documents as either other.
    more, _ = corpus(90, seed=2)
    classifier = quick().fit([*texts, *more[::3]], [*labels, *labels[::3]])
    predictor = classifier.model_.predictor
    unknown = ["zzyzx qwrtp", "", "ксанф"]
    assert predictor.columns(unknown).known.tolist() == [0, 0, 0]
    assert (predictor.columns(NEW).known > 0).all()
    prior = classifier.predict_proba(unknown)
    assert (prior == prior[0]).all()
    assert classifier.predict(unknown).tolist() == [labels[0]] * 3
    assert prior.max() < 0.9


def test_labels_of_any_letters_travel(tmp_path: Path) -> None:
    names = ["a/b\\c", "με κενά", "العربية", "1e3", "NA", "-", "🎒", "quote\"'"]
    texts = [f"w{i} x{i} y{i}" for i in range(len(names))] * 6
    classifier = quick().fit(texts, names * 6)
    assert classifier.predict(texts).tolist() == names * 6
    classifier.save(tmp_path / "m.satchel")
    assert satchel.load(tmp_path / "m.satchel").predict(texts).tolist() == names * 6


def test_a_hundred_and_fifty_classes() -> None:
    names = [f"intent {i:03d}" for i in range(150)]
    texts = [f"alpha{i} beta{i} please and {v}" for v in ("now", "then", "so") for i in range(150)]
    classifier = quick().fit(texts, names * 3)
    assert classifier.predict_proba(texts).shape == (450, 150)
    assert classifier.score(texts, names * 3) > 0.9


def several(n: int, seed: int) -> tuple[list[str], list[tuple[str, ...]]]:
    """Pairs of documents of two topics, and documents of one."""
    texts, labels = corpus(n, seed)
    pairs = [f"{a} {b}" for a, b in zip(texts[::2], texts[1::2], strict=True)]
    both = [tuple(sorted({x, y})) for x, y in zip(labels[::2], labels[1::2], strict=True)]
    return [*texts, *pairs], [*((label,) for label in labels), *both]


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_several_labels_a_document(effort: Effort, tmp_path: Path) -> None:
    classifier = TextClassifier(effort=effort).fit(*several(120, 0))
    texts, labels = several(60, 1)
    answers = classifier.predict(texts)
    assert answers.dtype == object
    assert answers.shape == (90,)
    assert all(isinstance(answer, tuple) for answer in answers)
    probabilities = classifier.predict_proba(texts)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (probabilities.sum(axis=1) > 1.5).any()
    thresholds = classifier.model_.ensemble.thresholds
    assert len(thresholds) == 3
    said = [tuple(np.array(sorted(LABELS))[row >= thresholds].tolist()) for row in probabilities]
    assert said == answers.tolist()
    assert classifier.evaluate(texts, labels).micro_f1 > 0.9
    assert classifier.score(texts, labels) > 0.8
    classifier.save(tmp_path / "m.satchel")
    loaded = satchel.load(tmp_path / "m.satchel")
    assert loaded.predict(texts).tolist() == answers.tolist()


def test_documents_without_any_label_are_fine_among_several() -> None:
    texts, labels = several(60, 0)
    classifier = quick().fit([*texts, "nothing of the kind"], [*labels, ()])
    assert classifier.n_documents_ == len(texts) + 1


def test_two_labels_for_one_text_are_both_heard() -> None:
    texts = ["same words"] * 10 + TEXTS
    labels = ["one", "two"] * 5 + TRUE
    for settings in ({"effort": "fast"}, {"head": default_head(), "hidden": 16, "epochs": 60}):
        classifier = TextClassifier(**settings).fit(texts, labels)
        chances = dict(
            zip(classifier.classes_, classifier.predict_proba(["same words"])[0], strict=True)
        )
        assert min(chances["one"], chances["two"]) > max(chances[name] for name in LABELS)
    # A network learns how often each holds; an SVM only that neither is to be told apart.
    assert abs(chances["one"] - chances["two"]) < 0.2


def test_a_document_of_a_megabyte() -> None:
    long = "puck goalie " * 100_000
    classifier = quick().fit([*TEXTS, long], [*TRUE, "hockey & ice"])
    assert classifier.predict([long]).tolist() == ["hockey & ice"]
