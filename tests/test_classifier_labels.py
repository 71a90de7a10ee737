"""Labels that are numbers or booleans stay so, through training, the file and evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import satchel
from corpora import LABELS, corpus
from satchel import TextClassifier
from satchel.sealed.labels import text_of

TEXTS, TRUE = corpus(90)
NEW, NEW_TRUE = corpus(45, seed=1)


@pytest.mark.parametrize(
    ("given_labels", "dtype"),
    [
        ([7, -1, 10], "int64"),
        (np.array([7, 1, 10], np.uint8), "int64"),
        ([0.0, 1.0, 2.0], "float64"),
        (["7", "8", "9"], "<U1"),
        ([False, True, True], "bool"),
    ],
)
def test_labels_come_back_from_the_file_in_their_type(
    given_labels: list, dtype: str, tmp_path: Path
) -> None:
    labels = [given_labels[LABELS.index(label)] for label in TRUE]
    fitted = TextClassifier(effort="fast").fit(TEXTS, labels)
    fitted.save(tmp_path / "model.satchel")
    again = satchel.load(tmp_path / "model.satchel")
    assert again.classes_.dtype == dtype
    assert again.classes_.tolist() == fitted.classes_.tolist() == sorted(set(labels))
    answers = again.predict([*NEW, ""])
    assert answers.dtype == dtype
    assert answers.tolist() == fitted.predict([*NEW, ""]).tolist()
    truth = [given_labels[LABELS.index(label)] for label in NEW_TRUE]
    texts = [str(label) for label in truth]  # as a table holds them
    evaluation = again.evaluate(NEW, truth)
    assert evaluation.accuracy == again.score(NEW, texts) == fitted.score(NEW, truth)
    assert list(evaluation.labels) == again.classes_.tolist()
    assert again.explain(NEW[0], label=truth[0]).label == text_of(truth[0])


def test_several_labels_come_back_from_the_file_in_their_type(tmp_path: Path) -> None:
    labels = [(LABELS.index(label), 10) for label in TRUE]
    fitted = TextClassifier(effort="fast").fit(TEXTS, labels)
    fitted.save(tmp_path / "model.satchel")
    again = satchel.load(tmp_path / "model.satchel")
    assert again.classes_.dtype == np.int64
    assert again.classes_.tolist() == [0, 1, 2, 10]
    answers = again.predict(NEW)
    assert answers.tolist() == fitted.predict(NEW).tolist()
    assert {type(label) for row in answers for label in row} == {int}
    truth = [(LABELS.index(label), 10) for label in NEW_TRUE]
    assert again.score(NEW, truth) == fitted.score(NEW, truth) > 0.9
