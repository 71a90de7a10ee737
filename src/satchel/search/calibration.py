"""Probability calibration and decision thresholds, both fitted on held-out documents."""

from __future__ import annotations

import numpy as np

from satchel.inference.activations import softmax
from satchel.inference.structure import Task

CHUNK = 2**22
"""Logits processed at a time: with thousands of classes, all of them would not fit in memory."""
RIDGE = 1e-3
"""Strength of the ridge penalty towards `USUAL`, in nats per document: keeps the factor finite on
separable data."""
USUAL = 2.0
"""The standard deviation of the logits that the penalty pulls towards."""


def fit_scale(
    logits: np.ndarray, targets: np.ndarray, task: Task, *, weights: np.ndarray | None = None
) -> float:
    """Find the factor of the logits that maximises the likelihood of held-out documents.

    This is temperature scaling (Guo et al. 2017). The negative log-likelihood of
    ``softmax(s · logits)`` is convex in ``s``, so its derivative has one root, which Newton's
    method finds inside a shrinking bracket.

    Args:
        logits: float array of shape ``(n, n_classes)``.
        targets: For ``single`` (softmax) the class of each document, int array of shape ``(n,)``;
            for ``multiple`` (sigmoid) array of shape ``(n, n_classes)``: 1 where a label holds.
        task: ``single`` or ``multiple``.
        weights: float array of shape ``(n,)``: the weight of each document; None for 1.

    Returns:
        A factor above 0; where the likelihood only falls with the factor, the one that gives the
        logits a standard deviation of :data:`USUAL`.
    """
    n, classes = logits.shape
    shares = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    # Logits are standardised first, so that the ridge has the same strength on every scale.
    mean = shares @ logits.mean(axis=1, dtype=np.float64)
    spread = float(np.sqrt(shares @ np.square(logits - mean).mean(axis=1))) + 1e-12
    size = max(1, CHUNK // classes)

    def slope(factor: float) -> tuple[float, float]:
        gradient, curvature = RIDGE * (factor - USUAL), RIDGE
        for start in range(0, n, size):
            own = slice(start, start + size)
            unit = logits[own].astype(np.float64) / spread
            first, second = _slope(unit, factor, targets[own], shares[own], task)
            gradient += first
            curvature += second
        return gradient, curvature

    if slope(0.0)[0] >= 0:
        return USUAL / spread
    low, high, factor = 0.0, np.inf, USUAL
    for _ in range(100):
        gradient, curvature = slope(factor)
        if gradient > 0:
            high = factor
        else:
            low = factor
        # A Newton step from far away can overshoot on separable data.
        after = min(factor - gradient / curvature, 2 * factor)
        if not low <= after <= high:
            after = (low + high) / 2
        if abs(after - factor) <= 1e-9 * factor:
            break
        factor = after
    return factor / spread


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-logits))`` without overflow, in the dtype of the logits.

    It differs in the last bit from `satchel.inference.activations.sigmoid`. The values fitted with
    it are written into model files, which must stay identical byte for byte.
    """
    probabilities: np.ndarray = np.exp(-np.logaddexp(0.0, -logits))
    return probabilities


def _slope(
    unit: np.ndarray, factor: float, targets: np.ndarray, shares: np.ndarray, task: Task
) -> tuple[float, float]:
    """First and second derivative of some documents' negative log-likelihood."""
    scaled = factor * unit
    if task == "multiple":
        probability = sigmoid(scaled)
        gradients = (unit * (probability - targets)).sum(axis=1)
        curvatures = (unit * unit * probability * (1.0 - probability)).sum(axis=1)
        return float(shares @ gradients), float(shares @ curvatures)
    probability = softmax(scaled)
    expected = (unit * probability).sum(axis=1)
    gradients = expected - unit[np.arange(len(targets)), targets]
    curvatures = (np.square(unit - expected[:, None]) * probability).sum(axis=1)
    return float(shares @ gradients), float(shares @ curvatures)


def fit_thresholds(
    scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Find for each label the threshold with the best F1 on held-out documents.

    The threshold lies half way between two adjacent scores. Two documents are added to the
    denominator of F1, so that the threshold of a rare label does not depend on a single document.

    Args:
        scores: float array of shape ``(n, n_classes)``, logits or probabilities.
        targets: float array of shape ``(n, n_classes)``: 1 where a label holds.
        weights: float array of shape ``(n,)``: the weight of each document; None for 1.

    Returns:
        float64 array of shape ``(n_classes,)``; a label that never holds gets the largest score.
    """
    n, classes = scores.shape
    weights = np.ones(n) if weights is None else weights
    thresholds: np.ndarray = scores.max(axis=0).astype(np.float64)
    for k in range(classes):
        order = np.argsort(-scores[:, k], kind="stable")
        ranked = scores[order, k].astype(np.float64)
        hits = np.cumsum(weights[order] * targets[order, k])
        if hits[-1] == 0:
            continue
        f1 = 2 * hits / (np.cumsum(weights[order]) + hits[-1] + 2.0)
        # A threshold can only lie between two different scores.
        possible = np.append(ranked[:-1] > ranked[1:], True)
        best = int(np.argmax(np.where(possible, f1, -1.0)))
        following = ranked[best + 1] if best + 1 < n else ranked[best]
        thresholds[k] = (ranked[best] + following) / 2
    return thresholds
