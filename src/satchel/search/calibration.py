"""How sure a sum of members is, and from where labels hold: both fitted on held-out documents."""

from __future__ import annotations

import numpy as np

from satchel.inference.activations import softmax
from satchel.inference.structure import Task

CHUNK = 2**22
"""Numbers of logits that are looked at together: with thousands of classes all would not fit."""
RIDGE = 1e-3
"""Pull of the factor towards the usual one, in nats per document: separable data stay finite."""
USUAL = 2.0
"""The standard deviation of scores that the pull is towards."""


def fit_scale(
    scores: np.ndarray, targets: np.ndarray, task: Task, *, weights: np.ndarray | None = None
) -> float:
    """Find the factor of the scores that makes held-out documents likeliest.

    That is temperature scaling (Guo et al. 2017). The negative log-likelihood of
    ``softmax(s · scores)`` is convex in ``s``, so its slope is 0 at one place, which Newton's
    method finds inside a bracket that each step makes smaller.

    Args:
        scores: float array of shape ``(n, n_classes)``.
        targets: For ``single`` (softmax) the class of each document, int array of shape ``(n,)``;
            for ``multiple`` (sigmoid) array of shape ``(n, n_classes)``: 1 where a label holds.
        task: ``single`` or ``multiple``.
        weights: float array of shape ``(n,)``: by how much each document counts; None for 1.

    Returns:
        A factor above 0; where no factor is better than none at all, the one that gives the scores
        a standard deviation of :data:`USUAL`.
    """
    n, classes = scores.shape
    shares = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    # Scores are put on one footing first, so that the ridge means the same for all.
    mean = shares @ scores.mean(axis=1, dtype=np.float64)
    spread = float(np.sqrt(shares @ np.square(scores - mean).mean(axis=1))) + 1e-12
    size = max(1, CHUNK // classes)

    def slope(factor: float) -> tuple[float, float]:
        gradient, curvature = RIDGE * (factor - USUAL), RIDGE
        for start in range(0, n, size):
            own = slice(start, start + size)
            unit = scores[own].astype(np.float64) / spread
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
        # A long step from far away can overshoot on separable data.
        after = min(factor - gradient / curvature, 2 * factor)
        if not low <= after <= high:
            after = (low + high) / 2
        if abs(after - factor) <= 1e-9 * factor:
            break
        factor = after
    return factor / spread


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-scores))`` without overflow, in the type of the scores.

    In another form than `satchel.inference.activations.sigmoid`, from which it differs in the last
    bit: what it chooses is written into model files, and those must stay the same.
    """
    probabilities: np.ndarray = np.exp(-np.logaddexp(0.0, -scores))
    return probabilities


def _slope(
    unit: np.ndarray, factor: float, targets: np.ndarray, shares: np.ndarray, task: Task
) -> tuple[float, float]:
    """First and second derivative of some documents' negative log-likelihood."""
    score = factor * unit
    if task == "multiple":
        probability = sigmoid(score)
        slopes = (unit * (probability - targets)).sum(axis=1)
        bends = (unit * unit * probability * (1.0 - probability)).sum(axis=1)
        return float(shares @ slopes), float(shares @ bends)
    probability = softmax(score)
    expected = (unit * probability).sum(axis=1)
    slopes = expected - unit[np.arange(len(targets)), targets]
    bends = (np.square(unit - expected[:, None]) * probability).sum(axis=1)
    return float(shares @ slopes), float(shares @ bends)


def fit_thresholds(
    scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Find for each label the threshold of the best F1 on documents held out.

    The threshold lies half way between two neighbouring scores. Two documents are added to the
    denominator of F1, so that a rare label's threshold does not hang on one document.

    Args:
        scores: float array of shape ``(n, n_classes)``, logits or probabilities.
        targets: float array of shape ``(n, n_classes)``: 1 where a label holds.
        weights: float array of shape ``(n,)``: by how much each document counts; None for 1.

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
        # A threshold can only fall between different scores.
        possible = np.append(ranked[:-1] > ranked[1:], True)
        best = int(np.argmax(np.where(possible, f1, -1.0)))
        following = ranked[best + 1] if best + 1 < n else ranked[best]
        thresholds[k] = (ranked[best] + following) / 2
    return thresholds
