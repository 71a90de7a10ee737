"""The weight of each feature, from its counts in the training documents."""

from __future__ import annotations

import numpy as np

from satchel.bags.rows import Rows
from satchel.errors import SettingError

_SMOOTHING = 0.02


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


def class_entropy(rows: Rows, classes: np.ndarray, n_classes: int, *, base: float) -> np.ndarray:
    """How much a feature tells of the class: ``base`` if it lives in one, less 1 if in all alike.

    Args:
        rows: The counts of the training documents.
        classes: The class of each document, integer [n] in 0 … n_classes − 1.
        n_classes: The number of classes K.
        base: The weight of a feature that lives in one class.

    Returns:
        ``base − H(class | feature) / ln K``, float32 [V]; all ``base`` where K is 1. H is the
        entropy of the classes' rates, 0.02 added to each: the share of each class's documents that
        have the feature, times the mean size of a class, so that a large class does not look like a
        meaning.

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
    # in the classes that occur.
    absent = _SMOOTHING * np.log(_SMOOTHING)
    total = np.full(rows.columns, n_classes * _SMOOTHING)
    weighted = np.full(rows.columns, n_classes * absent)
    by_class = rows[np.argsort(classes, kind="stable")]
    ends = np.cumsum(sizes)
    for k in range(n_classes):
        first, last = by_class.offsets[ends[k] - sizes[k]], by_class.offsets[ends[k]]
        counts = np.bincount(by_class.ids[first:last], minlength=rows.columns)
        seen = np.flatnonzero(counts)
        rate = counts[seen] * balance[k]
        smooth = rate + _SMOOTHING
        total[seen] += rate
        weighted[seen] += smooth * np.log(smooth) - absent
    entropy = np.log(total) - weighted / total
    return np.asarray(base - entropy / np.log(n_classes), np.float32)
