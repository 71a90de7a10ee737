"""Measures of right and wrong answers, in plain NumPy.

The rule for a division by zero: the figure is 0. So a class that is never predicted has a
precision of 0, a class without test documents a recall of 0, and both an F1 of 0. Averages run
over the classes that occur among the true or the predicted labels: a class that the test part
never touches says nothing about the model. Both rules are scikit-learn's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassCounts:
    """For each class: right answers, documents that have it, documents that were given it.

    Attributes:
        hits: int64 ``[..., K]``.
        support: int64 ``[..., K]``.
        predicted: int64 ``[..., K]``.
    """

    hits: np.ndarray
    support: np.ndarray
    predicted: np.ndarray


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide elementwise, with 0 where the denominator is 0; float64 of the same shape."""
    result = np.zeros(np.broadcast(numerator, denominator).shape, dtype=np.float64)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) != 0)
    return result


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count each pair of true and predicted class.

    Args:
        true: int ``[n]``, positions below ``classes``.
        predicted: int ``[n]``, positions below ``classes``.
        classes: Number of classes K.

    Returns:
        int64 ``[K, K]``: rows are true classes, columns predicted ones.
    """
    pairs = np.bincount(true * classes + predicted, minlength=classes * classes)
    return pairs.astype(np.int64).reshape(classes, classes)


def label_confusion(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count, for several labels a document, each label's own two-by-two table.

    Args:
        true: bool ``[n, K]``.
        predicted: bool ``[n, K]``.

    Returns:
        int64 ``[K, 2, 2]``: ``[[absent and not given, absent but given],
        [present but not given, present and given]]`` for each label.
    """
    hits = (true & predicted).sum(axis=0)
    wrongly_given = predicted.sum(axis=0) - hits
    missed = true.sum(axis=0) - hits
    rest = len(true) - hits - wrongly_given - missed
    return np.stack([rest, wrongly_given, missed, hits], axis=1).astype(np.int64).reshape(-1, 2, 2)


def counts_of_matrix(matrix: np.ndarray) -> ClassCounts:
    """Count by class from a ``[K, K]`` confusion matrix."""
    return ClassCounts(np.diagonal(matrix).copy(), matrix.sum(axis=1), matrix.sum(axis=0))


def counts_of_label_tables(tables: np.ndarray) -> ClassCounts:
    """Count by label from the ``[K, 2, 2]`` tables of several labels a document."""
    return ClassCounts(tables[:, 1, 1], tables[:, 1].sum(axis=1), tables[:, :, 1].sum(axis=1))


def accuracy(true: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of documents whose answer is wholly right.

    For several labels a document (bool ``[n, K]``) every label must be right: subset accuracy.
    """
    right = true == predicted
    return float(np.mean(right if right.ndim == 1 else right.all(axis=1)))


def precision(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the share of the documents given it that have it."""
    return divide(counts.hits, counts.predicted)


def recall(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the share of its documents that were given it."""
    return divide(counts.hits, counts.support)


def f1(counts: ClassCounts) -> np.ndarray:
    """Return, for each class, the harmonic mean of precision and recall."""
    return divide(2 * counts.hits, counts.support + counts.predicted)


def macro_f1(counts: ClassCounts) -> np.ndarray:
    """Return the plain mean of F1 over the classes that occur; one figure for each leading axis."""
    occurs = (counts.support + counts.predicted) > 0
    return divide((f1(counts) * occurs).sum(axis=-1), occurs.sum(axis=-1))


def micro_f1(counts: ClassCounts) -> float:
    """Return F1 of all decisions pooled; with one label a document this is the accuracy."""
    total = counts.support.sum() + counts.predicted.sum()
    return float(divide(2 * counts.hits.sum(), total))


def weighted_f1(counts: ClassCounts) -> float:
    """Return the mean of F1 weighted by how many test documents each class has."""
    return float(divide((f1(counts) * counts.support).sum(), counts.support.sum()))
