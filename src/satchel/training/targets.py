"""Training targets: checks, dense rows, the weights of documents, and accuracy."""

from __future__ import annotations

import numpy as np

from satchel.errors import LabelError
from satchel.inference.structure import Task


def check_targets(documents: int, targets: np.ndarray, n_classes: int, task: Task) -> None:
    """Check that targets match the documents, the classes and the task.

    Args:
        documents: How many documents there are.
        targets: Integer classes [n], or float [n, n_classes].
        n_classes: How many classes there are.
        task: ``single`` or ``multiple``.

    Raises:
        LabelError: The targets do not match.
    """
    if n_classes < 2 and task == "single":
        raise LabelError(
            f"expected at least 2 classes, found {n_classes}: add documents of another class"
        )
    if len(targets) != documents or documents == 0:
        raise LabelError(
            f"expected one target per document and at least one document; found {documents} "
            f"documents and {len(targets)} targets"
        )
    if targets.ndim == 2 and targets.shape[1] == n_classes:
        return
    is_integer = targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer)
    if task == "multiple" or not is_integer:
        raise LabelError(
            f"expected targets of shape ({documents}, {n_classes})"
            + (f" or integers of shape ({documents},)" if task == "single" else "")
            + f"; found {targets.dtype} of shape {targets.shape}"
        )
    if targets.min() < 0 or targets.max() >= n_classes:
        raise LabelError(
            f"expected classes from 0 to {n_classes - 1}; found {targets.min()} to {targets.max()}"
        )


def target_rows(targets: np.ndarray, documents: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the targets of some documents as dense rows.

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
        class_weight: float [n_classes]; None for 1. A document with several labels
            gets the mean of their weights.

    Returns:
        float32 [n].

    Raises:
        LabelError: A weight is negative or not finite, or there are too many or too few.
    """
    weights = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, float)
    if weights.shape != (len(targets),) or not (weights >= 0).all() or np.isinf(weights).any():
        raise LabelError(
            f"expected {len(targets)} finite sample weights of at least 0, one per document; "
            f"found shape {weights.shape}"
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


def correct(predictions: np.ndarray, targets: np.ndarray, task: Task, logits: bool) -> float:
    """Add up how correct the predictions are.

    Args:
        predictions: float [b, n_classes], logits or probabilities.
        targets: float [b, n_classes].
        task: ``single``: a document counts 1 if its most probable class is correct; ``multiple``:
            the share of its labels that are correct at a threshold of one half (Keras's binary
            accuracy).
        logits: Whether the predictions are logits.

    Returns:
        The sum over the documents.
    """
    if task == "single":
        return float((predictions.argmax(axis=1) == targets.argmax(axis=1)).sum())
    return float(((predictions > (0.0 if logits else 0.5)) == (targets > 0.5)).mean(axis=1).sum())
