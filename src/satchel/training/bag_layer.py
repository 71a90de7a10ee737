"""The first layer, outside the Keras graph: sparse forward sums and row-sparse updates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from satchel.errors import SettingError
from satchel.training.backends import Threads
from satchel.training.bag_kernels import (
    adagrad_rows,
    adam_rows,
    bag_sum,
    batch_columns,
    fill_uniform,
)

if TYPE_CHECKING:
    from satchel.features.csr import CSRMatrix


_MASK_64 = (1 << 64) - 1
_BETA_1, _BETA_2 = np.float32(0.9), np.float32(0.999)


class BagLayer:
    """``h = bias + sum_j value_j * table[id_j]``, with its own optimiser.

    The table is initialised uniformly in ±``sqrt(6 / (columns + width))`` (Glorot), the bias with
    zeros. An update touches only the rows of its batch, and a row's gradient is summed over the
    whole batch before the optimiser is applied, as in a dense layer. So ``adagrad`` equals Keras's
    dense Adagrad, and ``adam`` is lazy: the moments of rows outside the batch do not decay.

    Args:
        columns: Size of the vocabulary.
        width: Length of a row.
        seed: Decides the initial table.
        optimizer: ``adagrad`` or ``adam``.
        epsilon: Added by the optimiser to avoid division by zero.
        threads: How many to use; None for one per processor. It does not change the result.

    Attributes:
        table: float32 [columns, width].
        bias: float32 [width].

    Raises:
        SettingError: An unknown optimiser.
    """

    def __init__(
        self,
        columns: int,
        width: int,
        seed: int,
        *,
        optimizer: Literal["adagrad", "adam"] = "adagrad",
        epsilon: float = 1e-7,
        threads: int | None = None,
    ) -> None:
        if optimizer not in ("adagrad", "adam"):
            raise SettingError(f"optimizer must be 'adagrad' or 'adam', not {optimizer!r}")
        self.bias = np.zeros(width, np.float32)
        self.table = np.empty((columns, width), np.float32)
        self._optimizer = optimizer
        self._epsilon = np.float32(epsilon)
        self._threads = Threads(threads)
        self._steps = 0
        self._squares = np.zeros((columns, width), np.float32)
        self._bias_squares = np.zeros(width, np.float32)
        self._means = np.zeros((columns, width) if optimizer == "adam" else (0, width), np.float32)
        self._bias_means = np.zeros(width, np.float32)
        self._slot = np.full(columns, -1, np.int32)
        self._scratch = _scratch(0)
        start = np.uint64(int(seed) & _MASK_64)
        bound = np.float32(math.sqrt(6.0 / (columns + width)))
        self._threads.run(
            lambda begin, end: fill_uniform(start, bound, self.table, begin, end),
            columns,
            columns * width,
        )

    @property
    def width(self) -> int:
        """The length of a row, and of each sum."""
        return len(self.bias)

    def forward(
        self,
        rows: CSRMatrix,
        documents: np.ndarray | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Sum the rows of each document.

        Args:
            rows: The documents' features.
            documents: int [b], which of them; None for all.
            out: float32 [>= b, width] to write to; its remaining rows are not changed.

        Returns:
            float32 [b, width], or ``out``.
        """
        places = _places(rows, documents)
        if out is None:
            out = np.empty((len(places), self.width), np.float32)
        target = out
        self._threads.run(
            lambda begin, end: bag_sum(
                rows.offsets,
                rows.ids,
                rows.values,
                places,
                self.table,
                self.bias,
                target,
                begin,
                end,
            ),
            len(places),
            self._work(rows, places),
        )
        return out

    def update(
        self,
        rows: CSRMatrix,
        documents: np.ndarray | None,
        gradient: np.ndarray,
        rate: float,
    ) -> None:
        """Take one optimiser step.

        Args:
            rows: The features given to :meth:`forward`.
            documents: The documents given to it.
            gradient: float32 [>= b, width], the gradient of the loss with respect to the sums.
            rate: The learning rate.
        """
        places = _places(rows, documents)
        gradient = np.ascontiguousarray(gradient, np.float32)
        entries = int((rows.offsets[places + 1] - rows.offsets[places]).sum())
        if entries > len(self._scratch[0]):
            self._scratch = _scratch(2 * entries)
        found = batch_columns(
            rows.offsets,
            rows.ids,
            rows.values,
            places,
            self._slot,
            *self._scratch,
        )
        self._steps += 1
        step: Callable[..., None]
        if self._optimizer == "adagrad":
            step = adagrad_rows
            state: tuple[Any, ...] = (self.table, self._squares, np.float32(rate), self._epsilon)
        else:
            step = adam_rows
            correction = math.sqrt(1.0 - 0.999**self._steps) / (1.0 - 0.9**self._steps)
            state = (
                self.table,
                self._means,
                self._squares,
                np.float32(rate * correction),
                _BETA_1,
                _BETA_2,
                self._epsilon,
            )
        self._threads.run(
            lambda begin, end: step(*self._scratch, gradient, *state, begin, end),
            found,
            entries * self.width,
        )
        self._update_bias(gradient[: len(places)].sum(axis=0), rate)

    def _update_bias(self, total: np.ndarray, rate: float) -> None:
        if self._optimizer == "adagrad":
            self._bias_squares += total * total
            self.bias -= np.float32(rate) * total / np.sqrt(self._bias_squares + self._epsilon)
            return
        correction = math.sqrt(1.0 - 0.999**self._steps) / (1.0 - 0.9**self._steps)
        self._bias_means += (total - self._bias_means) * (1 - _BETA_1)
        self._bias_squares += (total * total - self._bias_squares) * (1 - _BETA_2)
        step = self._bias_means / (np.sqrt(self._bias_squares) + self._epsilon)
        self.bias -= np.float32(rate * correction) * step

    def _work(self, rows: CSRMatrix, places: np.ndarray) -> int:
        return self.width * int((rows.offsets[places + 1] - rows.offsets[places]).sum())


def _places(rows: CSRMatrix, documents: np.ndarray | None) -> np.ndarray:
    if documents is None:
        return np.arange(len(rows.offsets) - 1, dtype=np.int64)
    return np.ascontiguousarray(documents, np.int64)


def _scratch(entries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return buffers for a batch by rows of the table; see :func:`bag_kernels.batch_columns`."""
    return (
        np.empty(entries, np.int32),
        np.empty(entries + 1, np.int64),
        np.empty(entries, np.int32),
        np.empty(entries, np.float32),
    )
