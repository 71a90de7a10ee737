"""What is taken for what, as the pairs that occur: tens of thousands of classes cost no square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.evaluation.outcomes import Assigned, Outcomes

LARGEST_MATRIX = 2_000
"""Classes up to which a square array is made: 32 MB of int64."""

_MOST_PAIRED = (
    25  # pairs of one document; where a document has more, what stood for what is a guess
)


@dataclass(frozen=True)
class Confusion:
    """The cells of the confusion matrix that are not zero, by true and then by predicted class.

    With several labels a document a wrong answer is a pair of a label that was missed and one that
    was given in its place. Where there is only one of the two, the other is position ``classes``,
    "no label". Such pairs are those of M. Heydarian, T. E. Doyle and R. Samavi (2022), "MLCM:
    multi-label confusion matrix", IEEE Access 10:19083-19095, but for labels that were given beside
    all the right ones, which they count against these and we count against "no label".

    Attributes:
        true: int64 ``[cells]`` positions in ``labels``.
        predicted: int64 ``[cells]`` positions in ``labels``.
        count: int64 ``[cells]``, above 0.
        classes: Number of classes K.
        unpaired: Documents left out because so many of their labels are wrong that pairs of them
            would be a guess (several labels a document only).
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
        """Return the cells that a bool array ``[cells]`` keeps."""
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
    """Count which class was taken for which."""
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
    """Pair, in every document, each missed label with each wrongly given one."""
    missed, given = outcomes.missed(), outcomes.wrongly_given()
    many = missed.lengths() * given.lengths() > _MOST_PAIRED
    missed, given = (_or_none(_kept(side, ~many), none) for side in (missed, given))
    rows = given.lengths()[
        missed.document
    ]  # each missed label meets all given ones of its document
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
