"""Training a network: build the bag layer and the head, train both, and return them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from satchel.errors import SettingError
from satchel.inference.structure import Task
from satchel.progress import Progress, silent
from satchel.training.bag_layer import BagLayer
from satchel.training.heads import (
    Head,
    HeadLayers,
    build_head,
    default_head,
    head_layers,
    tutorial_head,
)
from satchel.training.loop import Loop, Watched, WatchedModel
from satchel.training.steps import deterministic, make_step
from satchel.training.targets import check_targets, document_weights

if TYPE_CHECKING:
    from satchel.features.csr import CSRMatrix

EPSILON = 1e-7
Loss = str | Callable[..., Any]
Optimizer = Literal["adagrad", "adam"] | Any  # the Any is a Keras optimizer, which has no types

TUTORIAL: Mapping[str, Any] = {
    "head": tutorial_head,
    "hidden": 512,
    "epochs": 30,
    "batch_size": 100,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
}
"""Settings of :func:`train_network` that reproduce the tutorial's 512-512 network."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network.

    Attributes:
        table: float32 [columns, width], the bag layer's rows.
        bias: float32 [width], added to the bag sum before the head.
        head: The Keras head, from bag sums to logits or probabilities.
        history: Each log's values, one per epoch: ``loss``, ``accuracy``, and with validation
            documents ``val_loss``, ``val_accuracy``.
    """

    table: np.ndarray
    bias: np.ndarray
    head: keras.Model
    history: dict[str, list[float]]

    def layers(self) -> HeadLayers:
        """Return the head's layers, as a model file holds them."""
        return head_layers(self.head)


def train_network(
    rows: CSRMatrix,
    targets: np.ndarray,
    *,
    n_classes: int,
    validation: Watched | None = None,
    head: Head | None = None,
    hidden: int = 128,
    epochs: int = 5,
    batch_size: int = 64,
    optimizer: Optimizer = "adagrad",
    loss: Loss | None = None,
    learning_rate: float = 0.1,
    schedule: Literal["linear", "constant"] = "linear",
    dropout: float = 0.5,
    label_smoothing: float = 0.0,
    sample_weight: np.ndarray | None = None,
    class_weight: np.ndarray | None = None,
    task: Task = "single",
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    threads: int | None = None,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Train a bag layer and a head.

    The order of the documents follows from ``seed`` and the epoch alone. The same seed on the same
    machine, versions and backend gives the same weights, bit for bit.

    Args:
        rows: The documents' features.
        targets: Integer classes [n]; or float32 [n, n_classes]: several labels per document (0 or
            1) or, with one label per document, a distribution (soft targets).
        n_classes: How many classes there are.
        validation: Features, targets and weights (or None) of the validation documents, which are
            evaluated after each epoch; None for none.
        head: See :func:`satchel.training.heads.build_head`; None for ReLU, dropout and one dense
            layer.
        hidden: Width of the bag layer.
        epochs: The most passes over the documents.
        batch_size: Documents per step.
        optimizer: ``adagrad`` or ``adam``, of bag layer and head alike; or a Keras optimizer of the
            head, see :func:`make_optimizer`.
        loss: See :func:`make_loss`; None for the task's cross-entropy.
        learning_rate: At the start.
        schedule: ``linear``: falls to zero at the end of the last epoch; ``constant``.
        dropout: The rate of the default head; any other head defines its own.
        label_smoothing: Share of each target spread over all classes.
        sample_weight: float [n], each document's weight in the loss; None for 1.
        class_weight: float [n_classes], multiplied into the weights of documents of that class
            (several labels: the mean of its labels' weights); None for 1.
        task: ``single``: one label per document; ``multiple``: any number.
        seed: Decides initial weights, order and dropout.
        callbacks: Keras callbacks; :class:`satchel.training.loop.WatchedModel` is their model.
        threads: For the bag layer; None for one per processor. It does not change the result.
        progress: Called after each epoch, with its loss and validation accuracy.

    Returns:
        The trained network.

    Raises:
        SettingError: A setting is invalid.
        LabelError: The targets do not match the features or the classes.
        UnsupportedHeadError: A model file cannot hold the head; raised before any training.
        TrainingError: The loss is no longer finite.
    """
    _check_settings(schedule, epochs=epochs, batch_size=batch_size, hidden=hidden)
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise SettingError(f"the learning rate must be a number above 0, not {learning_rate}")
    check_targets(len(rows.offsets) - 1, targets, n_classes, task)
    if validation is not None:
        check_targets(len(validation[0].offsets) - 1, validation[1], n_classes, task)
    model = build_head(head or default_head(dropout), hidden, n_classes, seed)
    final = head_layers(model).final
    if final == ("sigmoid" if task == "single" else "softmax"):
        kind, expected = (
            ("single-label", "softmax") if task == "single" else ("multi-label", "sigmoid")
        )
        raise SettingError(
            f"the head ends in {final}, but a {kind} task needs {expected} or no activation: "
            "change the activation of its last layer"
        )
    own_loss = make_loss(loss, task=task, logits=final == "linear", label_smoothing=label_smoothing)
    head_optimizer, bag_optimizer = make_optimizer(optimizer, learning_rate)
    bag = BagLayer(
        rows.columns,
        hidden,
        seed,
        optimizer=bag_optimizer,
        epsilon=EPSILON,
        threads=threads,
    )
    loop = Loop(
        rows=rows,
        targets=targets,
        weights=document_weights(targets, sample_weight, class_weight),
        validation=validation,
        n_classes=n_classes,
        bag=bag,
        step=make_step(model, own_loss, head_optimizer),
        watched=WatchedModel(model, bag, head_optimizer, own_loss),
        task=task,
        logits=final == "linear",
        epochs=epochs,
        batch_size=min(batch_size, len(targets)),
        decay=schedule == "linear",
        seed=seed,
        progress=progress,
    )
    with deterministic(seed):
        history = loop.run(callbacks)
    return TrainedNetwork(bag.table, bag.bias, model, history)


def _check_settings(schedule: str, **counts: int) -> None:
    if schedule not in ("linear", "constant"):
        raise SettingError(f"schedule must be 'linear' or 'constant', not {schedule!r}")
    for name, value in counts.items():
        if value < 1:
            raise SettingError(f"{name} must be at least 1, not {value}")


def make_loss(requested: Loss | None, *, task: Task, logits: bool, label_smoothing: float) -> Any:
    """Make the loss of a head: a weighted sum over the documents of a batch.

    Args:
        requested: The name of a Keras loss, a ``keras.losses.Loss``, or a function of targets and
            predictions that returns one number per document; None for the task's cross-entropy.
            Targets come as rows of one number per class.
        task: ``single`` or ``multiple`` labels per document.
        logits: Whether the head returns logits; sets ``from_logits`` of a loss that has it.
        label_smoothing: For the cross-entropy of the task; a custom loss defines its own.

    Raises:
        SettingError: The name is not that of a Keras loss, or the loss needs class numbers.
    """
    if requested is None:
        losses = keras.losses
        kind = losses.CategoricalCrossentropy if task == "single" else losses.BinaryCrossentropy
        return kind(from_logits=logits, label_smoothing=label_smoothing, reduction="sum")
    loss = requested
    if isinstance(loss, str):
        if loss.lower().startswith("sparse"):
            raise SettingError(
                f"the loss {loss!r} needs class numbers, but targets are rows of one number per "
                f"class: use {loss[6:].lstrip('_')!r}"
            )
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            raise SettingError(f"expected the name of a Keras loss, found {requested!r}") from None
    if not isinstance(loss, keras.losses.Loss):
        takes_logits = "from_logits" in inspect.signature(loss).parameters
        return _FunctionLoss(loss, {"from_logits": logits} if takes_logits else {})
    config = loss.get_config()
    if "from_logits" in config:
        return type(loss).from_config(config | {"from_logits": logits, "reduction": "sum"})
    return _FunctionLoss(loss.call, {})


class _FunctionLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss that is a function of targets and predictions."""

    def __init__(self, function: Callable[..., Any], settings: dict[str, Any]) -> None:
        super().__init__(name="own_loss", reduction="sum")
        self._function, self._settings = function, settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred, **self._settings)


def make_optimizer(requested: Optimizer, rate: float) -> tuple[Any, Literal["adagrad", "adam"]]:
    """Make a new optimizer for the head, and return which one the bag layer uses.

    Args:
        requested: ``adagrad``, ``adam`` or a Keras optimizer, which is copied without its state.
            The bag layer has its own row-sparse updates: Adam's for an optimizer of that family,
            Adagrad's for any other.
        rate: The learning rate of both.

    Raises:
        SettingError: The optimizer is not one of these.
    """
    optimizers = keras.optimizers
    if requested == "adagrad":
        start = {"initial_accumulator_value": 0.0}
        return optimizers.Adagrad(rate, **start, epsilon=EPSILON), "adagrad"
    if requested == "adam":
        return optimizers.Adam(rate, epsilon=EPSILON), "adam"
    if not isinstance(requested, optimizers.Optimizer):
        raise SettingError(
            f"optimizer must be 'adagrad', 'adam' or a Keras optimizer, not {requested!r}"
        )
    family = (optimizers.Adam, optimizers.Adamax, optimizers.Nadam)
    fresh = type(requested).from_config(requested.get_config() | {"learning_rate": rate})
    return fresh, "adam" if isinstance(requested, family) else "adagrad"
