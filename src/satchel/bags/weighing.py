"""From counts to values: term frequency, times the feature's weight, then the row's norm."""

from __future__ import annotations

import numpy as np

from satchel.bags.features import Weighting
from satchel.bags.rows import Rows
from satchel.errors import SettingError

BLOCK = 1 << 19
"""Entries that are weighed together."""
LEAST_LENGTH = 1e-30
"""A row of a smaller Euclidean length is left as it is, like one of 0: one over its length would
leave the range of float32."""
FIELD_LENGTH = 0.5
"""The Euclidean length of a row's field tokens under the norm ``l2_fields``."""


def _row_sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum of each row, float64 [n]; 0 for empty rows."""
    sums = np.zeros(len(offsets) - 1)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(values, offsets[filled], dtype=np.float64)
    return sums


def weigh(
    rows: Rows, weights: np.ndarray, weighting: Weighting, fields: np.ndarray | None = None
) -> Rows:
    """Turn counts into values.

    Args:
        rows: Counts.
        weights: The weight of each column, float32 [columns].
        weighting: The term frequency and the norm.
        fields: bool [columns], which columns are field tokens, for the norm ``l2_fields``; None
            for none.

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
    values = np.empty(len(rows.ids), np.float32)
    # Blocks of whole rows: what a block needs on the way is several times its values.
    bounds = np.searchsorted(rows.offsets, np.arange(0, len(values) + 1, BLOCK)).tolist()
    for first, last in zip(bounds, [*bounds[1:], len(rows)], strict=True):
        if first < last:
            block = slice(int(rows.offsets[first]), int(rows.offsets[last]))
            values[block] = _weigh_block(rows[first:last], weights, weighting, fields)
    return Rows(rows.offsets, rows.ids, values, rows.columns)


def _weigh_block(
    rows: Rows, weights: np.ndarray, weighting: Weighting, fields: np.ndarray | None
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


def _inverse_lengths(squares: np.ndarray, rows: Rows) -> np.ndarray:
    """One over the Euclidean length of each row, float32 [n]; 1 for a row that has hardly one."""
    lengths = np.sqrt(_row_sums(squares, rows.offsets))
    inverse: np.ndarray = np.divide(
        1.0, lengths, out=np.ones_like(lengths), where=lengths > LEAST_LENGTH
    )
    return inverse.astype(np.float32)


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
