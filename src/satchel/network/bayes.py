"""Complement naive Bayes: a linear member in closed form, strong where documents are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from satchel.bags.rows import Rows


def complement_bayes(
    rows: Rows, classes: np.ndarray, n_classes: int, *, smoothing: float = 0.1
) -> np.ndarray:
    """Weights by which a document's class is the one whose complement it resembles least.

    ``-ln((N_jk + a) / sum_j (N_jk + a))``, where ``N_jk`` is feature j's weight in the documents
    outside class k (Rennie and others, ICML 2003, equation 6, on l2-normalised rows), less each
    feature's mean over the classes, which no comparison of classes sees.

    Args:
        rows: The documents' bags, weighed and normalised.
        classes: int [n], the class of each document.
        n_classes: How many classes there are.
        smoothing: The ``a`` of the formula.

    Returns:
        float32 [columns, n_classes]; the bias is zero.
    """
    outside = np.empty((rows.columns, n_classes), np.float32)
    for k in range(n_classes):
        own = rows[np.flatnonzero(classes == k)]
        outside[:, k] = np.bincount(own.ids, own.values, rows.columns)
    total = outside.sum(axis=1, keepdims=True)
    np.subtract(total + np.float32(smoothing), outside, out=outside)
    # Differences of float32 sums can fall below the smoothing by rounding.
    np.maximum(outside, np.float32(smoothing), out=outside)
    outside /= outside.sum(axis=0)
    np.log(outside, out=outside)
    np.negative(outside, out=outside)
    outside -= outside.mean(axis=1, keepdims=True)
    return outside
