"""How members are combined: the factor of each one's logits, chosen on documents held out."""

from __future__ import annotations

import numpy as np

CHUNK = 2**22
"""Numbers of logits that are looked at together: with thousands of classes all would not fit."""
RIDGE = 1e-3
"""Pull of the factors towards equal shares, in nats a document: ties and twins stay stable."""


def fit_scales(
    logits: np.ndarray,
    targets: np.ndarray,
    task: str,
    *,
    weights: np.ndarray | None = None,
    steps: int = 50,
) -> np.ndarray:
    """Find the factors that make held-out documents likeliest.

    The negative log-likelihood of ``softmax(Σ s_m · logits_m)`` is convex in ``s``; Newton's
    method on it, with negative factors set to 0, is temperature scaling (Guo et al. 2017) for more
    than one member.

    Args:
        logits: float array of shape ``(members, n, n_classes)``.
        targets: For ``single`` (softmax) the class of each document, int array of shape ``(n,)``;
            for ``multiple`` (sigmoid) array of shape ``(n, n_classes)``: 1 where a label holds.
        task: ``single`` or ``multiple``.
        weights: float array of shape ``(n,)``: by how much each document counts; None for 1.
        steps: The most Newton steps.

    Returns:
        float64 array of shape ``(members,)``, none negative.
    """
    members, n, classes = logits.shape
    weights = np.ones(n) if weights is None else weights
    shares = weights / weights.sum()
    mean = np.einsum("n,mnk->m", shares, logits) / classes
    squares = [
        shares @ np.square(logits[member] - mean[member]).sum(axis=1) for member in range(members)
    ]
    spread = np.sqrt(np.array(squares) / classes) + 1e-12
    size = max(1, CHUNK // (members * classes))
    chunks = [slice(start, start + size) for start in range(0, n, size)]
    prior = np.full(members, 2.0 / members)
    scales = prior.copy()
    active = np.ones(members, dtype=bool)
    for _ in range(steps):
        gradient = RIDGE * (scales - prior)
        hessian = RIDGE * np.eye(members)
        for chunk in chunks:
            # Members are put on one footing first, so that the ridge means the same for each.
            stack = logits[:, chunk].astype(np.float64) / spread[:, None, None]
            slope, curvature = _slope(stack, scales, targets[chunk], shares[chunk], task)
            gradient += slope
            hessian += curvature
        # A factor at 0 stays there only while the slope would push it below.
        active = (scales > 0) | (gradient < 0)
        move = np.zeros(members)
        move[active] = np.linalg.solve(hessian[np.ix_(active, active)], gradient[active])
        # A long step from far away can overshoot on separable data.
        move *= min(1.0, 2.0 / (np.abs(move).max() + 1e-12))
        scales = scales - move
        if (scales < 0).any():
            active &= scales > 0
            scales = np.maximum(scales, 0.0)
            if not active.any():
                scales, active = prior.copy(), np.ones(members, dtype=bool)
                break
        if np.abs(move).max() < 1e-6:
            break
    found: np.ndarray = scales / spread
    return found


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-scores))`` without overflow, in the type of the scores."""
    probabilities: np.ndarray = np.exp(-np.logaddexp(0.0, -scores))
    return probabilities


def _slope(
    stack: np.ndarray, scales: np.ndarray, targets: np.ndarray, shares: np.ndarray, task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of the likelihood of some documents, each weighed by its share."""
    score = np.tensordot(scales, stack, axes=1)
    if task == "multiple":
        probability = sigmoid(score)
        centred = stack
        curvature = probability * (1.0 - probability)
        gradient = np.einsum("n,mnk,nk->m", shares, stack, probability - targets)
    else:
        score -= score.max(axis=1, keepdims=True)
        probability = np.exp(score)
        probability /= probability.sum(axis=1, keepdims=True)
        expected = (stack * probability).sum(axis=2)
        centred = stack - expected[:, :, None]
        curvature = probability
        right = stack[:, np.arange(len(targets)), targets]
        gradient = (expected - right) @ shares
    hessian = np.einsum("ank,nk,bnk->ab", centred, curvature * shares[:, None], centred)
    return gradient, hessian


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
