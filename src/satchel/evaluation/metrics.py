"""Metrics: per class, by pairs of classes, and without leaked documents.

A division by zero gives 0. So a class that is never predicted has a precision of 0, a class without
test documents a recall of 0, and both an F1 of 0. Averages run over the classes that occur among
the true or the predicted labels: a class absent from both says nothing about the model. Both rules
are scikit-learn's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.evaluation.outcomes import Assigned, Outcomes


@dataclass(frozen=True)
class ClassCounts:
    """For each class: correct predictions, documents that have it, documents predicted as it.

    Attributes:
        hits: int64 ``[K]``.
        support: int64 ``[K]``.
        predicted: int64 ``[K]``.
    """

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray


def count_classes(outcomes: Outcomes) -> ClassCounts:
    """Count by class, in time and memory that follow the documents and their labels."""
    classes = len(outcomes.labels)
    return ClassCounts(
        hits=np.bincount(outcomes.hit_keys % max(classes, 1), minlength=classes),
        support=outcomes.true.counts(classes),
        predicted=outcomes.predicted.counts(classes),
    )


def label_tables(counts: ClassCounts, documents: int) -> np.ndarray:
    """Return each label's own two-by-two table, int64 ``[K, 2, 2]``.

    ``[[absent and not given, absent but given], [present but not given, present and given]]``.
    """
    wrongly_given = counts.predicted - counts.hits
    missed = counts.support - counts.hits
    rest = documents - counts.hits - wrongly_given - missed
    return np.stack([rest, wrongly_given, missed, counts.hits], axis=1).reshape(-1, 2, 2)


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide elementwise, with 0 where the denominator is 0; float64 of the same shape."""
    result = np.zeros(np.broadcast(numerator, denominator).shape, dtype=np.float64)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) != 0)
    return result


def precision(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the share of the documents given it that have it."""
    return divide(counts.hits, counts.predicted)


def recall(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the share of its documents that were given it."""
    return divide(counts.hits, counts.support)


def f1(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the harmonic mean of precision and recall."""
    return divide(2 * counts.hits, counts.support + counts.predicted)


def macro_f1(counts: ClassCounts) -> float:
    """Return the plain mean of F1 over the classes that occur."""
    occurs = (counts.support + counts.predicted) > 0
    return float(divide((f1(counts) * occurs).sum(), occurs.sum()))


def micro_f1(counts: ClassCounts) -> float:
    """Return F1 of all decisions pooled; with one label per document this is the accuracy."""
    total = counts.support.sum() + counts.predicted.sum()
    return float(divide(2 * counts.hits.sum(), total))


def weighted_f1(counts: ClassCounts) -> float:
    """Return the mean of F1 weighted by how many test documents each class has."""
    return float(divide((f1(counts) * counts.support).sum(), counts.support.sum()))


LARGEST_MATRIX = 2_000
"""Classes up to which a square array is made: 32 MB of int64."""

_MOST_PAIRED = 25  # pairs per document; beyond, the pairing would be a guess


@dataclass(frozen=True)
class Confusion:
    """The cells of the confusion matrix that are not zero, by true and then by predicted class.

    With several labels per document an error is a pair of a label that was missed and one that was
    predicted in its place. Where there is only one of the two, the other is position ``classes``,
    "no label". Such pairs are those of M. Heydarian, T. E. Doyle and R. Samavi (2022), "MLCM:
    multi-label confusion matrix", IEEE Access 10:19083-19095, except for labels that were given
    besides all the right ones, which they count against these and we count against "no label".

    Attributes:
        true: int64 ``[cells]`` positions in ``labels``.
        predicted: int64 ``[cells]`` positions in ``labels``.
        count: int64 ``[cells]``, above 0.
        classes: Number of classes K.
        unpaired: Documents left out because so many of their labels are wrong that pairs of them
            would be a guess (several labels per document only).
    """

    true: np.ndarray
    predicted: np.ndarray
    count: np.ndarray
    classes: int
    unpaired: int = 0

    def __len__(self) -> int:
        return len(self.count)

    def errors(self) -> Confusion:
        """Return the cells off the diagonal."""
        return self.where(self.true != self.predicted)

    def where(self, kept: np.ndarray) -> Confusion:
        """Return the cells selected by a bool array ``[cells]`` or, in order, by positions."""
        return Confusion(
            self.true[kept], self.predicted[kept], self.count[kept], self.classes, self.unpaired
        )

    def largest(self, top: int) -> Confusion:
        """Return the cells with the highest counts, highest first; equal ones in class order."""
        order = np.argsort(-self.count, kind="stable")[:top]
        return self.where(order)

    def matrix(self) -> np.ndarray:
        """Return the square array, int64 ``[K, K]``: rows are true classes, columns predicted ones.

        Raises:
            InputError: There are more than 2,000 classes.
        """
        if self.classes > LARGEST_MATRIX:
            raise InputError(
                f"expected at most {LARGEST_MATRIX:,} classes for a square confusion matrix, found "
                f"{self.classes:,}, which would take {self.classes**2 * 8 / 1e9:.1f} GB: "
                "use evaluation.confusion, the pairs of classes that occur with their counts"
            )
        return self.square(np.arange(self.classes))

    def square(self, places: np.ndarray) -> np.ndarray:
        """Return the cells of some classes in a given order, int64 ``[m, m]``."""
        index = np.full(self.classes + 1, -1)
        index[places] = np.arange(len(places))
        true, predicted = index[self.true], index[self.predicted]
        inside = (true >= 0) & (predicted >= 0)
        square = np.zeros((len(places), len(places)), dtype=np.int64)
        square[true[inside], predicted[inside]] = self.count[inside]
        return square


def count_confusion(outcomes: Outcomes) -> Confusion:
    """Count which class was predicted as which."""
    classes = len(outcomes.labels)
    if not outcomes.multiple:
        return _counted(outcomes.true.label, outcomes.predicted.label, classes)
    hits = outcomes.hit_keys % max(classes, 1)
    true, predicted, unpaired = _substitutes(outcomes, classes)
    return _counted(
        np.concatenate([hits, true]), np.concatenate([hits, predicted]), classes, unpaired
    )


def _counted(true: np.ndarray, predicted: np.ndarray, classes: int, unpaired: int = 0) -> Confusion:
    keys, counts = np.unique(true * (classes + 1) + predicted, return_counts=True)
    return Confusion(keys // (classes + 1), keys % (classes + 1), counts, classes, unpaired)


def _substitutes(outcomes: Outcomes, none: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Pair, in every document, each missed label with each wrongly given one.

    Args:
        outcomes: What was true and what was predicted.
        none: The position that stands for "no label".

    Returns:
        The missed label and the wrongly given one of each pair, both int64 ``[pairs]``, and the
        number of documents left out because they have too many pairs.
    """
    missed, given = outcomes.missed(), outcomes.wrongly_given()
    many = missed.lengths() * given.lengths() > _MOST_PAIRED
    missed, given = (_or_none(_kept(side, ~many), none) for side in (missed, given))
    rows = given.lengths()[missed.document]
    first = np.searchsorted(given.document, missed.document)
    starts = np.cumsum(rows) - rows
    place = np.repeat(first - starts, rows) + np.arange(rows.sum())
    true, predicted = np.repeat(missed.label, rows), given.label[place]
    wrong = (true != none) | (predicted != none)
    return true[wrong], predicted[wrong], int(many.sum())


def _kept(side: Assigned, documents: np.ndarray) -> Assigned:
    kept = documents[side.document]
    return Assigned(side.document[kept], side.label[kept], side.documents)


def _or_none(side: Assigned, none: int) -> Assigned:
    """Give "no label" to the documents that have none."""
    empty = np.flatnonzero(side.lengths() == 0)
    document = np.concatenate([side.document, empty])
    order = np.argsort(document, kind="stable")
    label = np.concatenate([side.label, np.full(len(empty), none)])
    return Assigned(document[order], label[order], side.documents)


@dataclass(frozen=True)
class Leaks:
    """How documents seen in training affect the accuracy.

    Attributes:
        count: Test documents that were seen in training.
        share: Their share of the test documents.
        accuracy_without: Accuracy on the other documents; None if none are left.
    """

    count: int
    share: float
    accuracy_without: float | None


def without_leaked(outcomes: Outcomes, leaked: object) -> Leaks:
    """Measure again without the leaked documents.

    Args:
        outcomes: What was true and what was predicted.
        leaked: bool ``[n]``, test documents that were seen in training.

    Raises:
        InputError: ``leaked`` is not one boolean per document.
    """
    mask = np.asarray(leaked)
    if mask.shape != (len(outcomes),) or mask.dtype != bool:
        raise InputError(
            f"expected leaked to be {len(outcomes)} booleans, one per test document, "
            f"found shape {mask.shape} of {mask.dtype}"
        )
    kept = ~mask
    return Leaks(
        count=int(mask.sum()),
        share=float(mask.mean()),
        accuracy_without=float(outcomes.right[kept].mean()) if kept.any() else None,
    )
