"""Complement naive Bayes: a linear member in closed form, strong where documents are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from satchel.bags.rows import Rows


_SMOOTHING = 0.1


class ComplementBayes:
    """Weights by which a document's class is the one whose complement it resembles least.

    ``-ln((N_jk + a) / sum_j (N_jk + a))`` with ``a = 0.1``, where ``N_jk`` is feature j's weight in
    the documents outside class k (Rennie and others, ICML 2003, equation 6, on l2-normalised rows),
    less each feature's mean over the classes, which no comparison of classes sees. The bias is
    zero.

    What differs between the classes is kept for the features that each class has, so the memory
    is that of the documents, however many classes there are.

    Args:
        rows: The documents' bags, weighed and normalised.
        classes: int [n], the class of each document.
        n_classes: How many classes there are.
        sample_weight: float [n], by which a document counts; None for 1.
    """

    def __init__(
        self,
        rows: Rows,
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
