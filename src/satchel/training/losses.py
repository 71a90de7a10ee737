"""Targets, weights of documents, loss and optimizer: what a network is trained towards."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.sealed.schema import Task


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


EPSILON = 1e-7
Loss = str | Callable[..., Any]
Optimizer = Literal["adagrad", "adam"] | Any  # the Any is a Keras optimizer, which has no types


def make_loss(asked: Loss | None, *, task: Task, logits: bool, label_smoothing: float) -> Any:
    """Make the loss of a head: a weighted sum over the documents of a batch.

    Args:
        asked: The name of a Keras loss, a ``keras.losses.Loss``, or a function of targets and
            answers that gives one number per document; None for the cross-entropy of the task.
            Targets come as rows of one number per class.
        task: ``single`` or ``multiple`` labels per document.
        logits: Whether the head answers logits; a loss that has ``from_logits`` is set to it.
        label_smoothing: Of the cross-entropy of the task; a loss of one's own brings its own.

    Raises:
        SettingError: The name is none of a Keras loss, or its targets would be class numbers.
    """
    if asked is None:
        losses = keras.losses
        kind = losses.CategoricalCrossentropy if task == "single" else losses.BinaryCrossentropy
        return kind(from_logits=logits, label_smoothing=label_smoothing, reduction="sum")
    loss = asked
    if isinstance(loss, str):
        if loss.lower().startswith("sparse"):
            raise SettingError(
                f"the loss {loss!r} wants class numbers, but targets are rows of one number per "
                f"class: use {loss[6:].lstrip('_')!r}"
            )
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            raise SettingError(f"expected the name of a Keras loss, found {asked!r}") from None
    if not isinstance(loss, keras.losses.Loss):
        takes_logits = "from_logits" in inspect.signature(loss).parameters
        return _ByFunction(loss, {"from_logits": logits} if takes_logits else {})
    config = loss.get_config()
    if "from_logits" in config:
        return type(loss).from_config(config | {"from_logits": logits, "reduction": "sum"})
    return _ByFunction(loss.call, {})


class _ByFunction(keras.losses.Loss):  # type: ignore[misc]
    """A loss that is a function of targets and answers."""

    def __init__(self, function: Callable[..., Any], settings: dict[str, Any]) -> None:
        super().__init__(name="own_loss", reduction="sum")
        self._function, self._settings = function, settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred, **self._settings)


def make_optimizer(asked: Optimizer, rate: float) -> tuple[Any, Literal["adagrad", "adam"]]:
    """Make a fresh optimizer for the head, and say which one the bag layer follows with.

    Args:
        asked: ``adagrad``, ``adam`` or a Keras optimizer, which is copied without its state. The
            bag layer has row-sparse updates of its own: Adam's for an optimizer of that family,
            Adagrad's for any other.
        rate: The learning rate of both.

    Raises:
        SettingError: It is none of these.
    """
    optimizers = keras.optimizers
    if asked == "adagrad":
        start = {"initial_accumulator_value": 0.0}
        return optimizers.Adagrad(rate, **start, epsilon=EPSILON), "adagrad"
    if asked == "adam":
        return optimizers.Adam(rate, epsilon=EPSILON), "adam"
    if not isinstance(asked, optimizers.Optimizer):
        raise SettingError(
            f"optimizer must be 'adagrad', 'adam' or a Keras optimizer, not {asked!r}"
        )
    family = (optimizers.Adam, optimizers.Adamax, optimizers.Nadam)
    fresh = type(asked).from_config(asked.get_config() | {"learning_rate": rate})
    return fresh, "adam" if isinstance(asked, family) else "adagrad"
