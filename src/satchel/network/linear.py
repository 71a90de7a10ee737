"""The linear member: one-vs-rest max-margin (or logistic) machines, all classes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.network import dual_kernels
from satchel.network.judging import Task, check_targets
from satchel.network.threads import processors
from satchel.progress import Progress, silent

if TYPE_CHECKING:
    from satchel.bags.rows import Rows


@dataclass(frozen=True)
class LinearMember:
    """Trained linear machines: a bag layer as wide as the classes, with no head.

    Attributes:
        table: float32 [columns, n_classes].
        bias: float32 [n_classes].
        passes: int64 [n_classes], passes over the documents that each class took.
        solved: bool [n_classes], whether each class met the tolerance.
    """

    table: np.ndarray
    bias: np.ndarray
    passes: np.ndarray
    solved: np.ndarray


def train_linear(
    rows: Rows,
    targets: np.ndarray,
    *,
    n_classes: int,
    loss: Literal["squared_hinge", "logistic"] = "squared_hinge",
    C: float = 1.0,
    tolerance: float = 0.1,
    max_passes: int = 200,
    sample_weight: np.ndarray | None = None,
    class_weight: np.ndarray | None = None,
    task: Task = "single",
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = silent,
) -> LinearMember:
    """Solve ``1/2 |w|^2 + C * sum(loss)`` for each class against the rest.

    Dual coordinate descent, as in liblinear (Hsieh and others, ICML 2008), with the bias as the
    weight of a constant feature 1 (``intercept_scaling=1``). The classes share each document's
    gather; threads share the classes. So the result depends on the seed, never on the threads.
    With two classes of a ``single`` task one machine is solved, and the first class mirrors it.

    Args:
        rows: The documents' bags.
        targets: Integer classes [n]; or float or bool [n, n_classes], 1 for each of its classes.
        n_classes: How many classes there are.
        loss: ``squared_hinge`` (a linear support vector machine) or ``logistic``.
        C: The price of a document's loss.
        tolerance: A class is solved when its greatest and least projected gradient in a pass differ
            by less (logistic: when no gradient is greater). Scikit-learn's is 1e-4.
        max_passes: Passes over the documents, at most.
        sample_weight: float [n], multiplied into C; None for 1. A document of weight 0 is ignored.
        class_weight: float [n_classes], multiplied into C for a class's own documents; None for 1.
            With two classes it weighs each side, with more only the class against the rest, as in
            liblinear.
        task: ``single`` or ``multiple`` labels a document.
        seed: Decides the order of the documents in each pass.
        threads: None for one a processor.
        progress: Told of each pass of the first thread's classes.

    Returns:
        The machines.

    Raises:
        SettingError: A setting has a value that it cannot have.
        LabelError: The targets do not fit the bags or the classes.
    """
    if loss not in ("squared_hinge", "logistic"):
        raise SettingError(f"loss must be 'squared_hinge' or 'logistic', not {loss!r}")
    if not (C > 0 and tolerance > 0 and max_passes >= 1):
        raise SettingError(
            "C and tolerance must be above 0 and max_passes at least 1; "
            f"found C={C}, tolerance={tolerance}, max_passes={max_passes}"
        )
    documents = len(rows.offsets) - 1
    check_targets(documents, targets, n_classes, task)
    positive = targets > 0.5 if targets.ndim == 2 else targets[:, None] == np.arange(n_classes)
    factors = np.ones(n_classes) if class_weight is None else np.asarray(class_weight, np.float64)
    others = np.ones(n_classes)
    mirrored = n_classes == 2 and task == "single"
    if mirrored:
        positive, factors, others = positive[:, 1:], factors[1:], factors[:1]
    problem = _Problem(
        rows,
        positive,
        squares=_squared_lengths(rows) + 1.0,
        costs=C * _document_factors(documents, sample_weight),
        factors=factors,
        others=others,
        logistic=loss == "logistic",
        tolerance=tolerance,
        max_passes=max_passes,
        seed=seed,
    )
    classes = positive.shape[1]
    count = min(threads or processors(), classes)
    bounds = [classes * part // count for part in range(count + 1)]
    with ThreadPoolExecutor(count, thread_name_prefix="satchel-linear") as pool:
        futures = [
            pool.submit(problem.solve, bounds[part], bounds[part + 1], silent if part else progress)
            for part in range(count)
        ]
        solved = [future.result() for future in futures]
    table, bias, passes, done = (
        np.concatenate(arrays, axis=-1) for arrays in zip(*solved, strict=True)
    )
    if mirrored:
        table, bias = np.concatenate([-table, table], axis=1), np.concatenate([-bias, bias])
        passes, done = np.repeat(passes, 2), np.repeat(done, 2)
    return LinearMember(table, bias, passes, done)


@dataclass(frozen=True)
class _Problem:
    rows: Rows
    positive: np.ndarray
    squares: np.ndarray
    costs: np.ndarray
    factors: np.ndarray
    others: np.ndarray
    logistic: bool
    tolerance: float
    max_passes: int
    seed: int

    def solve(
        self, begin: int, end: int, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Solve the classes ``begin`` to ``end``; give table, bias, passes and who is solved."""
        documents, classes = len(self.costs), end - begin
        positive = np.ascontiguousarray(self.positive[:, begin:end])
        duals = np.zeros((documents, classes))
        table = np.zeros((self.rows.columns, classes), np.float32)
        bias = np.zeros(classes, np.float32)
        active = np.ones(classes, np.bool_)
        passes = np.zeros(classes, np.int64)
        highest, lowest = np.empty(classes), np.empty(classes)
        for done in range(self.max_passes):
            order = np.random.default_rng([self.seed, done]).permutation(documents)
            dual_kernels.dual_pass(
                self.rows.offsets,
                self.rows.ids,
                self.rows.values,
                order,
                self.squares,
                positive,
                self.costs,
                self.factors[begin:end],
                self.others[begin:end],
                self.logistic,
                active,
                duals,
                table,
                bias,
                highest,
                lowest,
            )
            passes += active
            spread = np.maximum(highest, -lowest) if self.logistic else highest - lowest
            active &= spread > self.tolerance
            progress("linear", done + 1, None, f"{classes - active.sum()} of {classes} solved")
            if not active.any():
                break
        return table, bias, passes, ~active


def _squared_lengths(rows: Rows) -> np.ndarray:
    sums = np.zeros(len(rows.values) + 1)
    np.cumsum(np.square(rows.values, dtype=np.float64), out=sums[1:])
    return np.asarray(sums[rows.offsets[1:]] - sums[rows.offsets[:-1]])


def _document_factors(documents: int, sample_weight: np.ndarray | None) -> np.ndarray:
    if sample_weight is None:
        return np.ones(documents)
    factors = np.asarray(sample_weight, np.float64)
    if factors.shape != (documents,) or not (np.isfinite(factors) & (factors >= 0)).all():
        raise LabelError(
            f"expected {documents} finite sample weights of at least 0, one a document; found "
            f"shape {factors.shape}"
        )
    return factors
