"""The weight of each feature, from its counts in the training documents."""

from __future__ import annotations

import numpy as np

from satchel.bags.rows import Rows
from satchel.errors import SettingError

_BLOCK = 1 << 22


def inverse_document_frequency(document_frequency: np.ndarray, documents: int) -> np.ndarray:
    """scikit-learn's smooth inverse document frequency.

    Args:
        document_frequency: How many documents have each feature, integer [V].
        documents: The number of documents n.

    Returns:
        ``ln((1 + n) / (1 + df)) + 1``, float32 [V].
    """
    frequency = document_frequency.astype(np.float64)
    return (np.log((1.0 + documents) / (1.0 + frequency)) + 1.0).astype(np.float32)


def keras_inverse_document_frequency(document_frequency: np.ndarray, documents: int) -> np.ndarray:
    """The inverse document frequency of Keras's old ``Tokenizer``.

    Args:
        document_frequency: How many documents have each feature, integer [V].
        documents: The number of documents n.

    Returns:
        ``ln(1 + n / (1 + df))``, float32 [V].
    """
    frequency = document_frequency.astype(np.float64)
    return np.log(1.0 + documents / (1.0 + frequency)).astype(np.float32)


def class_entropy(
    rows: Rows,
    classes: np.ndarray,
    n_classes: int,
    *,
    base: float = 1.5,
    smoothing: float = 0.02,
) -> np.ndarray:
    """How much a feature tells of the class: ``base`` if it lives in one, less 1 if in all alike.

    Args:
        rows: The counts of the training documents.
        classes: The class of each document, integer [n] in 0 … n_classes − 1.
        n_classes: The number of classes K.
        base: The weight of a feature that lives in one class.
        smoothing: Added to each class's rate.

    Returns:
        ``base − H(class | feature) / ln K``, float32 [V]; all ``base`` where K is 1. H is the
        entropy of the smoothed rates: the share of each class's documents that have the feature,
        times the mean size of a class, so that a large class does not look like a meaning.

    Raises:
        SettingError: ``classes`` does not fit the rows.
    """
    classes = np.asarray(classes)
    if classes.shape != (len(rows),):
        raise SettingError(
            f"expected one class a document ({len(rows)}), but found shape {classes.shape}"
        )
    if len(classes) and not 0 <= classes.min() <= classes.max() < n_classes:
        raise SettingError(
            f"classes must lie in 0 … {n_classes - 1}, "
            f"but they span {classes.min()} … {classes.max()}"
        )
    if n_classes < 2:
        return np.full(rows.columns, base, np.float32)
    sizes = np.bincount(classes, minlength=n_classes)
    balance = sizes.mean() / np.maximum(sizes, 1)
    # Σ p ln p = (Σ c ln c) / t − ln t, and Σ c ln c differs from that of an absent feature only
    # in the classes that occur, so that one pass over the distinct (feature, class) pairs does.
    entry_balance = np.repeat(balance[classes], rows.lengths)
    total = np.bincount(rows.ids, entry_balance, rows.columns) + n_classes * smoothing
    absent = smoothing * np.log(smoothing)
    weighted = np.full(rows.columns, n_classes * absent)
    span = max(1, _BLOCK // n_classes)
    by_column, members = _entries_by_column(rows, classes)
    for first in range(0, rows.columns, span):
        last = min(first + span, rows.columns)
        ids = np.repeat(np.arange(last - first), np.diff(by_column[first : last + 1]))
        pairs = ids * n_classes + members[by_column[first] : by_column[last]]
        counts = np.bincount(pairs, minlength=(last - first) * n_classes).reshape(-1, n_classes)
        seen_row, seen_class = np.nonzero(counts)
        smooth = counts[seen_row, seen_class] * balance[seen_class] + smoothing
        weighted[first:last] += np.bincount(
            seen_row, weights=smooth * np.log(smooth) - absent, minlength=last - first
        )
    entropy = np.log(total) - weighted / total
    return np.asarray(base - entropy / np.log(n_classes), np.float32)


def _entries_by_column(rows: Rows, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each column's entries start, int64 [V + 1], and the class of each, in that order."""
    order = np.argsort(rows.ids, kind="stable")
    starts = np.zeros(rows.columns + 1, np.int64)
    np.cumsum(rows.column_counts(), out=starts[1:])
    return starts, np.repeat(classes, rows.lengths)[order]
