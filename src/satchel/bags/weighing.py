"""From counts to values: term frequency, times the feature's weight, then the row's norm."""

from __future__ import annotations

import numpy as np

from satchel.bags.features import Weighting
from satchel.bags.rows import Rows
from satchel.errors import SettingError


def _row_sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum of each row, float64 [n]; 0 for empty rows."""
    sums = np.zeros(len(offsets) - 1)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[filled], dtype=np.float64)
    return sums


def weigh(rows: Rows, weights: np.ndarray, weighting: Weighting) -> Rows:
    """Turn counts into values.

    Args:
        rows: Counts.
        weights: The weight of each column, float32 [columns].
        weighting: The term frequency and the norm.

    Returns:
        Rows of the same shape: term frequency, times weight, over the norm. A row without entries,
        or of zeros alone, stays as it is.

    Raises:
        SettingError: ``weights`` has not one entry a column.
    """
    if weights.shape != (rows.columns,):
        raise SettingError(
            f"expected {rows.columns} weights, one a column, but found shape {weights.shape}"
        )
    values = term_frequencies(rows, weighting)
    values *= weights[rows.ids]
    if weighting.norm == "l2":
        lengths = np.sqrt(_row_sums(values.astype(np.float64) ** 2, rows.offsets))
        inverse = np.divide(1.0, lengths, out=np.ones_like(lengths), where=lengths > 0)
        values *= np.repeat(inverse.astype(np.float32), rows.lengths)
    return Rows(rows.offsets, rows.ids, values, rows.columns)


def term_frequencies(rows: Rows, weighting: Weighting) -> np.ndarray:
    """The values of the rows before weights and norm, a new float32 array [nnz]."""
    if weighting.term_frequency == "binary":
        return np.ones_like(rows.values)
    if weighting.term_frequency == "log":
        return np.asarray(np.log(rows.values, dtype=np.float64) + 1.0, np.float32)
    if weighting.term_frequency == "freq":
        sums = _row_sums(rows.values, rows.offsets)
        return np.asarray(rows.values / np.repeat(sums, rows.lengths), np.float32)
    return rows.values.copy()
