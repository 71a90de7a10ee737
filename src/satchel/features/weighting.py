"""From counts to values: term frequency, times the feature's weight, then the row's norm.

The weights of features come from document frequencies, or from how features spread over classes.
"""

from __future__ import annotations

import numpy as np

from satchel.errors import SettingError
from satchel.features.csr import CSRMatrix
from satchel.features.spec import Weighting

BLOCK = 1 << 19
"""Entries that are weighted at once."""
LEAST_LENGTH = 1e-30
"""A row of a smaller Euclidean length is not normalised, like one of length 0: the inverse would
leave the range of float32."""
FIELD_LENGTH = 0.5
"""The Euclidean length of a row's field tokens under the norm ``l2_fields``."""


def weigh(
    rows: CSRMatrix, weights: np.ndarray, weighting: Weighting, fields: np.ndarray | None = None
) -> CSRMatrix:
    """Turn counts into values.

    Args:
        rows: Counts.
        weights: The weight of each column, float32 [columns].
        weighting: The term frequency and the norm.
        fields: bool [columns], which columns are field tokens, for the norm ``l2_fields``; None
            for none.

    Returns:
        Rows of the same shape: term frequency times weight, divided by the norm. A row without
        entries, or with only zeros, is not changed.

    Raises:
        SettingError: ``weights`` does not have one entry per column.
    """
    if weights.shape != (rows.columns,):
        raise SettingError(
            f"expected {rows.columns} weights, one per column, found shape {weights.shape}"
        )
    values = np.empty(len(rows.ids), np.float32)
    # Blocks of whole rows, since the temporary arrays are several times as large as the values.
    bounds = np.searchsorted(rows.offsets, np.arange(0, len(values) + 1, BLOCK)).tolist()
    for first, last in zip(bounds, [*bounds[1:], len(rows)], strict=True):
        if first < last:
            block = slice(int(rows.offsets[first]), int(rows.offsets[last]))
            values[block] = _weigh_block(rows[first:last], weights, weighting, fields)
    return CSRMatrix(rows.offsets, rows.ids, values, rows.columns)


def _weigh_block(
    rows: CSRMatrix, weights: np.ndarray, weighting: Weighting, fields: np.ndarray | None
) -> np.ndarray:
    values = term_frequencies(rows, weighting)
    values *= weights[rows.ids]
    if weighting.norm == "none":
        return values
    squares = values.astype(np.float64) ** 2
    if weighting.norm == "l2_fields" and fields is not None:
        apart = fields[rows.ids]
        plain = np.repeat(_inverse_lengths(np.where(apart, 0.0, squares), rows), rows.lengths)
        field = np.repeat(_inverse_lengths(np.where(apart, squares, 0.0), rows), rows.lengths)
        values *= np.where(apart, np.float32(FIELD_LENGTH) * field, plain)
    else:
        values *= np.repeat(_inverse_lengths(squares, rows), rows.lengths)
    return values


def _inverse_lengths(squares: np.ndarray, rows: CSRMatrix) -> np.ndarray:
    """Return the inverse Euclidean length of each row, float32 [n]; 1 for very short rows."""
    lengths = np.sqrt(_row_sums(squares, rows.offsets))
    inverse: np.ndarray = np.divide(
        1.0, lengths, out=np.ones_like(lengths), where=lengths > LEAST_LENGTH
    )
    return inverse.astype(np.float32)


def _row_sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the sum of each row, float64 [n]; 0 for empty rows."""
    sums = np.zeros(len(offsets) - 1)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[filled], dtype=np.float64)
    return sums


def term_frequencies(rows: CSRMatrix, weighting: Weighting) -> np.ndarray:
    """Return the values of the rows before weights and norm, a new float32 array [nnz]."""
    if weighting.term_frequency == "binary":
        return np.ones_like(rows.values)
    if weighting.term_frequency == "log":
        return np.asarray(np.log(rows.values, dtype=np.float64) + 1.0, np.float32)
    if weighting.term_frequency == "freq":
        sums = _row_sums(rows.values, rows.offsets)
        return np.asarray(rows.values / np.repeat(sums, rows.lengths), np.float32)
    return rows.values.copy()


_SMOOTHING = 0.02


def inverse_document_frequency(document_frequency: np.ndarray, documents: int) -> np.ndarray:
    """Return scikit-learn's smooth inverse document frequency.

    Args:
        document_frequency: How many documents have each feature, integer [V].
        documents: The number of documents n.

    Returns:
        ``ln((1 + n) / (1 + df)) + 1``, float32 [V].
    """
    frequency = document_frequency.astype(np.float64)
    return (np.log((1.0 + documents) / (1.0 + frequency)) + 1.0).astype(np.float32)


def keras_inverse_document_frequency(document_frequency: np.ndarray, documents: int) -> np.ndarray:
    """Return the inverse document frequency of Keras's old ``Tokenizer``.

    Args:
        document_frequency: How many documents have each feature, integer [V].
        documents: The number of documents n.

    Returns:
        ``ln(1 + n / (1 + df))``, float32 [V].
    """
    frequency = document_frequency.astype(np.float64)
    return np.log(1.0 + documents / (1.0 + frequency)).astype(np.float32)


def class_entropy(
    rows: CSRMatrix, classes: np.ndarray, n_classes: int, *, base: float
) -> np.ndarray:
    """Return a feature's information on the class: ``base`` if it occurs in one, 1 less if in all.

    Args:
        rows: The counts of the training documents.
        classes: The class of each document, integer [n] in 0 … n_classes − 1.
        n_classes: The number of classes K.
        base: The weight of a feature that occurs in one class only.

    Returns:
        ``base − H(class | feature) / ln K``, float32 [V]; all ``base`` where K is 1. H is the
        entropy of the classes' rates, 0.02 added to each: the share of each class's documents that
        have the feature, times the mean size of a class, so that a large class is not mistaken for
        information.

    Raises:
        SettingError: ``classes`` does not match the rows.
    """
    classes = np.asarray(classes)
    if classes.shape != (len(rows),):
        raise SettingError(
            f"expected one class per document ({len(rows)}), found shape {classes.shape}"
        )
    if len(classes) and not 0 <= classes.min() <= classes.max() < n_classes:
        raise SettingError(
            f"expected classes from 0 to {n_classes - 1}, found {classes.min()} to {classes.max()}"
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
