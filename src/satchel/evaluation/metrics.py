"""Measures of right and wrong answers, in plain NumPy.

The rule for a division by zero: the figure is 0. So a class that is never predicted has a
precision of 0, a class without test documents a recall of 0, and both an F1 of 0. Averages run
over the classes that occur among the true or the predicted labels: a class that the test part
never touches says nothing about the model. Both rules are scikit-learn's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.evaluation.outcomes import Outcomes


@dataclass(frozen=True)
class ClassCounts:
    """For each class: right answers, documents that have it, documents that were given it.

    Attributes:
        hits: int64 ``[K]``.
        support: int64 ``[K]``.
        predicted: int64 ``[K]``.
    """

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray


def count_classes(outcomes: Outcomes) -> ClassCounts:
    """Count by class, in time and memory of documents and their labels."""
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
    """Return F1 of all decisions pooled; with one label a document this is the accuracy."""
    total = counts.support.sum() + counts.predicted.sum()
    return float(divide(2 * counts.hits.sum(), total))


def weighted_f1(counts: ClassCounts) -> float:
    """Return the mean of F1 weighted by how many test documents each class has."""
    return float(divide((f1(counts) * counts.support).sum(), counts.support.sum()))
