"""Targets of training: checked, as rows, with the weights of documents, and scored."""

from __future__ import annotations

import numpy as np

from satchel.errors import LabelError
from satchel.inference.structure import Task


def check_targets(documents: int, targets: np.ndarray, n_classes: int, task: Task) -> None:
    """Check that targets fit the documents, the classes and the task.

    Args:
        documents: How many documents there are.
        targets: Integer classes [n], or float [n, n_classes].
        n_classes: How many classes there are.
        task: ``single`` or ``multiple``.

    Raises:
        LabelError: They do not.
    """
    if n_classes < 2 and task == "single":
        raise LabelError(f"a task needs at least 2 classes, found {n_classes}: add another class")
    if len(targets) != documents or documents == 0:
        raise LabelError(
            f"expected one target for each document, and at least one; found {documents} documents "
            f"and {len(targets)} targets"
        )
    if targets.ndim == 2 and targets.shape[1] == n_classes:
        return
    whole = targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)
    if task == "multiple" or not whole:
        raise LabelError(
            f"expected targets of shape ({documents}, {n_classes})"
            + (f" or whole numbers of shape ({documents},)" if task == "single" else "")
            + f"; found {targets.dtype} of shape {targets.shape}"
        )
    if targets.min() < 0 or targets.max() >= n_classes:
        raise LabelError(
            f"expected classes from 0 to {n_classes - 1}; found {targets.min()} to {targets.max()}"
        )


def target_rows(targets: np.ndarray, documents: np.ndarray, n_classes: int) -> np.ndarray:
    """Give the targets of some documents as rows.

    Args:
        targets: Integer classes [n], or float [n, n_classes].
        documents: int [b].
        n_classes: How many classes there are.

    Returns:
        float32 [b, n_classes].
    """
    if targets.ndim == 2:
        return np.ascontiguousarray(targets[documents], np.float32)
    rows = np.zeros((len(documents), n_classes), np.float32)
    rows[np.arange(len(documents)), targets[documents]] = 1.0
    return rows


def document_weights(
    targets: np.ndarray,
    sample_weight: np.ndarray | None,
    class_weight: np.ndarray | None,
) -> np.ndarray:
    """Combine the weights of documents and of their classes.

    Args:
        targets: Integer classes [n], or float [n, n_classes].
        sample_weight: float [n]; None for 1.
        class_weight: float [n_classes]; None for 1. Several labels count by their mean.

    Returns:
        float32 [n].

    Raises:
        LabelError: A weight is negative, not finite, or their number is wrong.
    """
    weights = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, float)
    if weights.shape != (len(targets),) or not (weights >= 0).all() or np.isinf(weights).any():
        raise LabelError(
            f"expected {len(targets)} finite sample weights of at least 0, one a document; found "
            f"shape {weights.shape}"
        )
    if class_weight is not None:
        by_class = np.asarray(class_weight, float)
        if targets.ndim == 1:
            weights = weights * by_class[targets]
        else:
            total = targets.sum(axis=1)
            mean = (targets @ by_class) / np.maximum(total, 1e-12)
            weights = weights * np.where(total > 0, mean, 1.0)
    return weights.astype(np.float32)


def correct(answers: np.ndarray, targets: np.ndarray, task: Task, logits: bool) -> float:
    """Sum over documents how right the answers are.

    Args:
        answers: float [b, n_classes], logits or probabilities.
        targets: float [b, n_classes].
        task: ``single``: a document counts 1 where its best class is right; ``multiple``: it counts
            the share of its labels decided rightly at one half (Keras's binary accuracy).
        logits: Whether answers are logits.

    Returns:
        The sum.
    """
    if task == "single":
        return float((answers.argmax(axis=1) == targets.argmax(axis=1)).sum())
    return float(((answers > (0.0 if logits else 0.5)) == (targets > 0.5)).mean(axis=1).sum())
