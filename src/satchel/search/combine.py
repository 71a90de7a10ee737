"""How members are combined: the factor of each one's logits, chosen on documents held out."""

from __future__ import annotations

import numpy as np

RIDGE = 1e-3
"""Pull of the factors towards equal shares, in nats a document: ties and twins stay stable."""


def fit_scales(
    logits: np.ndarray, targets: np.ndarray, task: str, *, steps: int = 50
) -> np.ndarray:
    """Find the factors that make held-out documents likeliest.

    The negative log-likelihood of ``softmax(Σ s_m · logits_m)`` is convex in ``s``; Newton's
    method on it, with negative factors set to 0, is temperature scaling (Guo et al. 2017) for more
    than one member.

    Args:
        logits: float array of shape ``(members, n, n_classes)``.
        targets: float array of shape ``(n, n_classes)``: 1 where a label holds.
        task: ``single`` (softmax) or ``multiple`` (sigmoid).
        steps: The most Newton steps.

    Returns:
        float64 array of shape ``(members,)``, none negative.
    """
    stack = logits.astype(np.float64)
    spread = stack.std(axis=(1, 2)) + 1e-12
    # Members are put on one footing first, so that the ridge means the same for each.
    stack /= spread[:, None, None]
    members, n, _ = stack.shape
    prior = np.full(members, 2.0 / members)
    scales = prior.copy()
    active = np.ones(members, dtype=bool)
    for _ in range(steps):
        gradient, hessian = _slope(stack, scales, targets, task)
        gradient = gradient / n + RIDGE * (scales - prior)
        hessian = hessian / n + RIDGE * np.eye(members)
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


def _slope(
    stack: np.ndarray, scales: np.ndarray, targets: np.ndarray, task: str
) -> tuple[np.ndarray, np.ndarray]:
    score = np.tensordot(scales, stack, axes=1)
    if task == "multiple":
        probability = 1.0 / (1.0 + np.exp(-score))
        centred = stack
        curvature = probability * (1.0 - probability)
    else:
        score -= score.max(axis=1, keepdims=True)
        probability = np.exp(score)
        probability /= probability.sum(axis=1, keepdims=True)
        centred = stack - (stack * probability).sum(axis=2, keepdims=True)
        curvature = probability
    gradient = np.einsum("mnk,nk->m", stack, probability - targets)
    hessian = np.einsum("ank,nk,bnk->ab", centred, curvature, centred)
    return gradient, hessian


def fit_thresholds(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Find for each label the threshold of the best F1 on documents held out.

    The threshold lies half way between two neighbouring scores. Two documents are added to the
    denominator of F1, so that a rare label's threshold does not hang on one document.

    Args:
        scores: float array of shape ``(n, n_classes)``, logits or probabilities.
        targets: float array of shape ``(n, n_classes)``: 1 where a label holds.

    Returns:
        float64 array of shape ``(n_classes,)``; a label that never holds gets the largest score.
    """
    n, classes = scores.shape
    thresholds: np.ndarray = scores.max(axis=0).astype(np.float64)
    for k in range(classes):
        order = np.argsort(-scores[:, k], kind="stable")
        ranked = scores[order, k].astype(np.float64)
        hits = np.cumsum(targets[order, k])
        if hits[-1] == 0:
            continue
        f1 = 2 * hits / (np.arange(1, n + 1) + hits[-1] + 2.0)
        # A threshold can only fall between different scores.
        possible = np.append(ranked[:-1] > ranked[1:], True)
        best = int(np.argmax(np.where(possible, f1, -1.0)))
        following = ranked[best + 1] if best + 1 < n else ranked[best]
        thresholds[k] = (ranked[best] + following) / 2
    return thresholds
