"""The loss and the optimizer of a head, from what the user asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

import keras

from satchel.errors import SettingError
from satchel.sealed.schema import Task

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
