"""Linear members: one-vs-rest linear classifiers, and complement naive Bayes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.inference.structure import Task
from satchel.training.linear_kernels import dual_pass
from satchel.training.targets import check_targets

if TYPE_CHECKING:
    from satchel.features.csr import CSRMatrix


BLOCK_BYTES = 256 * 2**20
"""Bytes in which a block of classes is solved, in addition to the documents themselves."""


@dataclass(frozen=True)
class LinearMember:
    """Trained linear classifiers: a bag layer with one column per class, and no head.

    Attributes:
        table: float32 [columns, n_classes].
        bias: float32 [n_classes].
        passes: int64 [n_classes], passes over the documents until each class was solved.
        solved: bool [n_classes], whether each class met the tolerance.
    """

    table: np.ndarray
    bias: np.ndarray
    passes: np.ndarray
    solved: np.ndarray


class LinearProblem:
    """``1/2 |w|^2 + C * sum(loss)`` for each class against the rest, solved in blocks of classes.

    Dual coordinate descent, as in liblinear (Hsieh and others, ICML 2008), with the bias as the
    weight of a constant feature 1 (``intercept_scaling=1``). The classes that are solved together
    share each document's gather; memory is bounded by solving them in :meth:`blocks`. With two
    classes of a ``single`` task one classifier is solved, and the first class mirrors it.

    Args:
        rows: The documents' features.
        targets: Integer classes [n]; float or bool [n, n_classes], 1 for each of its classes; or a
            function that returns bool [n, end - begin] for the classes ``begin`` to ``end``, for
            when all of them would take too much memory.
        n_classes: How many classes there are.
        loss: ``squared_hinge`` (a linear support vector machine) or ``logistic``.
        C: The weight of a document's loss: the inverse strength of the regularisation.
        tolerance: A class is solved when its greatest and least projected gradient in a pass differ
            by less than this (logistic: when no gradient is greater). scikit-learn uses 1e-4.
        max_iter: The most passes over the documents.
        sample_weight: float [n], multiplied into C; None for 1. A document of weight 0 is ignored.
        class_weight: float [n_classes], multiplied into C for a class's own documents; None for 1.
            With two classes it weights both sides, with more only the class against the rest, as
            in liblinear.
        task: ``single`` or ``multiple`` labels per document.
        seed: Decides the order of the documents in each pass.

    Attributes:
        mirrored: Whether there are two classes of a ``single`` task, so that the classifier of the
            second decides both.

    Raises:
        SettingError: A setting is invalid.
        LabelError: The targets do not match the rows or the classes.
    """

    def __init__(
        self,
        rows: CSRMatrix,
        targets: np.ndarray | Callable[[int, int], np.ndarray],
        *,
        n_classes: int,
        loss: Literal["squared_hinge", "logistic"] = "squared_hinge",
        C: float = 1.0,
        tolerance: float = 0.1,
        max_iter: int = 200,
        sample_weight: np.ndarray | None = None,
        class_weight: np.ndarray | None = None,
        task: Task = "single",
        seed: int = 0,
    ) -> None:
        if loss not in ("squared_hinge", "logistic"):
            raise SettingError(f"loss must be 'squared_hinge' or 'logistic', not {loss!r}")
        if not (C > 0 and tolerance > 0 and max_iter >= 1):
            raise SettingError(
                "expected C and tolerance above 0 and max_iter of at least 1; "
                f"found C={C}, tolerance={tolerance}, max_iter={max_iter}"
            )
        documents = len(rows.offsets) - 1
        if isinstance(targets, np.ndarray):
            check_targets(documents, targets, n_classes, task)
        self.mirrored = n_classes == 2 and task == "single"
        self._rows, self._targets, self._n_classes = rows, targets, n_classes
        self._squares = _squared_lengths(rows) + 1.0
        self._costs = C * _document_factors(documents, sample_weight)
        self._factors = (
            np.ones(n_classes) if class_weight is None else np.asarray(class_weight, np.float64)
        )
        self._logistic = loss == "logistic"
        self._tolerance, self._max_iter, self._seed = tolerance, max_iter, seed

    def blocks(self) -> list[tuple[int, int]]:
        """Return ranges of classes, each of which takes about :data:`BLOCK_BYTES` to solve."""
        # The weights in float32, twice since the caller keeps a copy; float64 duals and flags.
        each = 8 * self._rows.columns + 9 * len(self._costs)
        return [(0, 2)] if self.mirrored else class_blocks(self._n_classes, each)

    def solve(self, begin: int, end: int) -> LinearMember:
        """Solve the classes ``begin`` to ``end``; the result does not depend on the block.

        Args:
            begin: The first class; 0 for a mirrored problem.
            end: The class after the last; 2 for a mirrored problem.

        Returns:
            The classifiers of these classes.
        """
        if not self.mirrored:
            return self._solve(begin, end, self._factors[begin:end], np.ones(end - begin))
        second = self._solve(1, 2, self._factors[1:], self._factors[:1])
        return LinearMember(
            np.concatenate([-second.table, second.table], axis=1),
            np.concatenate([-second.bias, second.bias]),
            np.repeat(second.passes, 2),
            np.repeat(second.solved, 2),
        )

    def _solve(self, begin: int, end: int, factors: np.ndarray, others: np.ndarray) -> LinearMember:
        documents, classes = len(self._costs), end - begin
        positive = self._positive(begin, end)
        duals = np.zeros((documents, classes))
        table = np.zeros((self._rows.columns, classes), np.float32)
        bias = np.zeros(classes, np.float32)
        active = np.ones(classes, np.bool_)
        passes = np.zeros(classes, np.int64)
        highest, lowest = np.empty(classes), np.empty(classes)
        for done in range(self._max_iter):
            order = np.random.default_rng([self._seed, done]).permutation(documents)
            dual_pass(
                self._rows.offsets,
                self._rows.ids,
                self._rows.values,
                order,
                self._squares,
                positive,
                self._costs,
                factors,
                others,
                self._logistic,
                active,
                duals,
                table,
                bias,
                highest,
                lowest,
            )
            passes += active
            spread = np.maximum(highest, -lowest) if self._logistic else highest - lowest
            active &= spread > self._tolerance
            if not active.any():
                break
        return LinearMember(table, bias, passes, ~active)

    def _positive(self, begin: int, end: int) -> np.ndarray:
        """Return which documents belong to which of these classes, bool [n, end - begin]."""
        if isinstance(self._targets, np.ndarray):
            if self._targets.ndim == 2:
                return np.ascontiguousarray(self._targets[:, begin:end] > 0.5)
            is_class: np.ndarray = self._targets[:, None] == np.arange(begin, end)
            return is_class
        return self._targets(begin, end)


def class_blocks(n_classes: int, bytes_each: int) -> list[tuple[int, int]]:
    """Divide classes into ranges of at most :data:`BLOCK_BYTES`, at least one class each."""
    count = max(1, BLOCK_BYTES // max(1, bytes_each))
    return [(start, min(start + count, n_classes)) for start in range(0, max(1, n_classes), count)]


def _squared_lengths(rows: CSRMatrix) -> np.ndarray:
    sums = np.zeros(len(rows.values) + 1)
    np.cumsum(np.square(rows.values, dtype=np.float64), out=sums[1:])
    return np.asarray(sums[rows.offsets[1:]] - sums[rows.offsets[:-1]])


def _document_factors(documents: int, sample_weight: np.ndarray | None) -> np.ndarray:
    if sample_weight is None:
        return np.ones(documents)
    factors = np.asarray(sample_weight, np.float64)
    if factors.shape != (documents,) or not (np.isfinite(factors) & (factors >= 0)).all():
        raise LabelError(
            f"expected {documents} finite sample weights of at least 0, one per document; "
            f"found shape {factors.shape}"
        )
    return factors


_SMOOTHING = 0.1


class ComplementBayes:
    """Complement naive Bayes: a document gets the class whose complement it resembles least.

    ``-ln((N_jk + a) / sum_j (N_jk + a))`` with ``a = 0.1``, where ``N_jk`` is feature j's weight in
    the documents outside class k (Rennie and others, ICML 2003, equation 6, on l2-normalised rows),
    less each feature's mean over the classes, which no comparison of classes sees. The bias is
    zero.

    What differs between the classes is kept for the features that each class has, so the memory
    is that of the documents, however many classes there are.

    Args:
        rows: The documents' features, weighted and normalised.
        classes: int [n], the class of each document.
        n_classes: How many classes there are.
        sample_weight: float [n], by which a document counts; None for 1.
    """

    def __init__(
        self,
        rows: CSRMatrix,
        classes: np.ndarray,
        n_classes: int,
        *,
        sample_weight: np.ndarray | None = None,
    ) -> None:
        order = np.argsort(classes, kind="stable")
        by_class = rows[order]
        values = by_class.values
        if sample_weight is not None:
            values = values * np.repeat(sample_weight[order], by_class.lengths)
        ends = by_class.offsets[np.cumsum(np.bincount(classes, minlength=n_classes))]
        starts = np.concatenate([[0], ends[:-1]])
        outside = np.bincount(by_class.ids, values, rows.columns) + _SMOOTHING
        # The logarithm of the complement's weight of a feature that the class does not have.
        self._absent = np.log(outside)
        whole = outside.sum()
        self._own: list[tuple[np.ndarray, np.ndarray]] = []
        self._totals = np.empty(n_classes)
        excess = np.zeros(rows.columns)
        for k in range(n_classes):
            entries = slice(int(starts[k]), int(ends[k]))
            ids, places = np.unique(by_class.ids[entries], return_inverse=True)
            own = np.bincount(places, values[entries], len(ids))
            # Differences of sums can fall below the smoothing by rounding.
            difference = np.log(np.maximum(outside[ids] - own, _SMOOTHING)) - self._absent[ids]
            excess[ids] += difference
            self._own.append((ids, difference.astype(np.float32)))
            self._totals[k] = np.log(whole - own.sum())
        self._mean = self._totals.mean() - self._absent - excess / n_classes

    def columns(self, begin: int, end: int) -> np.ndarray:
        """The weights of the classes ``begin`` to ``end``, float32 [columns, end - begin]."""
        shared = -self._absent - self._mean
        table: np.ndarray = (shared[:, None] + self._totals[None, begin:end]).astype(np.float32)
        for place, (ids, difference) in enumerate(self._own[begin:end]):
            table[ids, place] -= difference
        return table
