"""Documents as sparse rows: the ids of each document's features, and their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from satchel.errors import SettingError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class CSRMatrix:
    """Sparse rows (CSR): one row per document, ids ascending within a row.

    Attributes:
        offsets: int64 [n + 1]; row i holds the entries ``offsets[i]:offsets[i + 1]``.
        ids: int32 [nnz]; the column of each entry.
        values: float32 [nnz]; the value of each entry.
        columns: The number of columns, which is the size of the vocabulary.
    """

    offsets: np.ndarray
    ids: np.ndarray
    values: np.ndarray
    columns: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """The number of entries of each row, int64 [n]."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int | slice | np.ndarray) -> CSRMatrix:
        """Return some rows, in the order of the index.

        Args:
            index: A slice, an array of row numbers or of booleans, or one row number.

        Returns:
            The rows; one row number gives one row.
        """
        chosen = np.atleast_1d(np.arange(len(self))[index])
        starts = self.offsets[chosen]
        lengths = self.offsets[chosen + 1] - starts
        offsets = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        if (
            len(chosen)
            and int(offsets[-1]) == self.offsets[chosen[-1] + 1] - starts[0]
            and np.all(np.diff(chosen) == 1)
        ):
            entries: slice | np.ndarray = slice(int(starts[0]), int(starts[0] + offsets[-1]))
        else:
            entries = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return CSRMatrix(offsets, self.ids[entries], self.values[entries], self.columns)

    def select_columns(self, kept: np.ndarray) -> CSRMatrix:
        """Keep some columns and renumber them, in the same order.

        Args:
            kept: bool [columns]; True for each column that stays.

        Returns:
            The same rows with ``kept.sum()`` columns.

        Raises:
            SettingError: ``kept`` does not have one entry per column.
        """
        if kept.shape != (self.columns,) or kept.dtype != np.bool_:
            raise SettingError(
                f"expected a bool array with {self.columns} entries, one per column, "
                f"found {kept.dtype} {kept.shape}"
            )
        number = np.cumsum(kept, dtype=np.int64).astype(np.int32) - np.int32(1)
        stays = kept[self.ids]
        before = np.zeros(len(stays) + 1, np.int64)
        np.cumsum(stays, out=before[1:])
        return CSRMatrix(
            before[self.offsets],
            number[self.ids[stays]],
            self.values[stays],
            int(np.count_nonzero(kept)),
        )

    def column_sums(self) -> np.ndarray:
        """Return the sum of each column's values, float64 [columns]."""
        return np.bincount(self.ids, weights=self.values, minlength=self.columns)

    def column_counts(self) -> np.ndarray:
        """Return the number of rows that have each column, int64 [columns]."""
        return np.bincount(self.ids, minlength=self.columns).astype(np.int64, copy=False)

    def to_scipy(self) -> csr_matrix:
        """Return the same rows as a SciPy ``csr_matrix`` that shares the arrays."""
        from scipy.sparse import csr_matrix

        return csr_matrix(
            (self.values, self.ids, self.offsets), shape=(len(self), self.columns), copy=False
        )


def stack(parts: Iterable[CSRMatrix], columns: int) -> CSRMatrix:
    """Stack rows vertically.

    Args:
        parts: Rows over the same columns.
        columns: The number of columns, needed if there are no parts.

    Returns:
        All rows, in the order of the parts.
    """
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    lengths = [part.lengths for part in parts]
    offsets = np.zeros(sum(map(len, lengths)) + 1, np.int64)
    if not parts:
        return CSRMatrix(offsets, np.zeros(0, np.int32), np.zeros(0, np.float32), columns)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return CSRMatrix(
        offsets,
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.values for part in parts]),
        columns,
    )
