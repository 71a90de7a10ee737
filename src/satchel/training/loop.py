"""The training loop, epoch by epoch, and the model that Keras's callbacks see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from satchel.errors import SettingError, TrainingError
from satchel.inference.structure import Task
from satchel.progress import Progress
from satchel.training.bag_layer import BagLayer
from satchel.training.heads import array_of
from satchel.training.steps import Step
from satchel.training.targets import correct, target_rows

if TYPE_CHECKING:
    from satchel.features.csr import CSRMatrix


class WatchedModel(keras.Model):  # type: ignore[misc]
    """The network as callbacks see it.

    ``get_weights`` and ``set_weights`` hold the bag layer's table and bias, then the head's
    weights, so ``EarlyStopping(restore_best_weights=True)`` restores all of them, and
    ``save_weights`` and ``load_weights`` (so ``ModelCheckpoint(save_weights_only=True)``) save
    them too. ``stop_training`` and ``optimizer.learning_rate`` work as in ``fit``. Calling it runs
    the head on bag sums.

    Args:
        head: The head.
        bag: The bag layer.
        optimizer: The head's optimiser.
        loss: The head's loss.
    """

    def __init__(self, head: Any, bag: BagLayer, optimizer: Any, loss: Any) -> None:
        super().__init__(name="satchel")
        self.head = head
        self._bag = bag
        self.compile(optimizer=optimizer, loss=loss, metrics=[keras.metrics.Accuracy("accuracy")])
        shape = head.output_shape[-1]
        # Keras builds metrics from data; without them callbacks do not know that more is better.
        self.compute_metrics(None, np.zeros((1, shape)), np.zeros((1, shape)))
        self.built = True

    def call(self, sums: Any, training: bool = False) -> Any:
        """Run the head on bag sums [b, width]."""
        return self.head(sums, training=training)

    def get_weights(self) -> list[np.ndarray]:
        """Copy the table, the bag's bias and the head's weights."""
        return [self._bag.table.copy(), self._bag.bias.copy(), *map(array_of, self.head.weights)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Set the weights that :meth:`get_weights` returned."""
        table, bias, *others = weights
        self._bag.table[:] = table
        self._bag.bias[:] = bias
        self.head.set_weights(others)

    def save_own_variables(self, store: Any) -> None:
        """Let ``save_weights`` write the bag layer."""
        store["table"], store["bias"] = self._bag.table, self._bag.bias

    def load_own_variables(self, store: Any) -> None:
        """Let ``load_weights`` read the bag layer."""
        self._bag.table[:], self._bag.bias[:] = store["table"], store["bias"]

    def save(self, *_: Any, **__: Any) -> None:
        """Refuse to save: a Keras file of the whole model would lack the vocabulary.

        Raises:
            SettingError: Always.
        """
        raise SettingError(
            "a network in training cannot be saved as a Keras file of the whole model: pass "
            "save_weights_only=True to ModelCheckpoint, and save the classifier after training"
        )


Watched = tuple["CSRMatrix", np.ndarray, np.ndarray | None]
"""Features, targets and weights of the validation documents; None for equal weights."""
_EVALUATION_ROWS = 1024
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


@dataclass
class Loop:
    """What an epoch needs.

    Attributes:
        rows: The documents' features.
        targets: Integer classes [n] or float [n, n_classes].
        weights: float32 [n], each document's weight in the loss.
        validation: Features, targets and weights of the validation documents, or None.
        n_classes: How many classes there are.
        bag: The bag layer.
        step: The head's step.
        watched: The model that callbacks see.
        task: ``single`` or ``multiple``.
        logits: Whether the head returns logits.
        epochs: The most epochs.
        batch_size: Documents per step.
        decay: Whether the learning rate falls to zero over the epochs.
        seed: Decides the order of the documents.
        progress: Called after each epoch.
    """

    rows: CSRMatrix
    targets: np.ndarray
    weights: np.ndarray
    validation: Watched | None
    n_classes: int
    bag: BagLayer
    step: Step
    watched: WatchedModel
    task: Task
    logits: bool
    epochs: int
    batch_size: int
    decay: bool
    seed: int
    progress: Progress

    def run(self, callbacks: Sequence[Any]) -> dict[str, list[float]]:
        """Train until the epochs are done or a callback stops them.

        Args:
            callbacks: Keras callbacks.

        Returns:
            The history: each log's values, one per epoch.

        Raises:
            TrainingError: The loss is no longer finite.
        """
        history = keras.callbacks.History()
        called = keras.callbacks.CallbackList(
            [*callbacks, history],
            model=self.watched,
            epochs=self.epochs,
            steps=self._batches,
            verbose=0,
        )
        # A step holds its weights outside Keras; it stores them after a batch only for hooks.
        each_batch = called if any(_has_batch_hooks(callback) for callback in callbacks) else None
        self.watched.stop_training = False
        called.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(self.epochs):
            called.on_epoch_begin(epoch)
            self.step.load()
            base = float(self.watched.optimizer.learning_rate)
            logs = self._train(epoch, base, each_batch)
            self.step.store()
            self.watched.optimizer.learning_rate = base
            if self.validation is not None:
                logs.update(self._validate(*self.validation))
            note = f"loss {logs['loss']:.3f}"
            if "val_accuracy" in logs:
                note += f", validation accuracy {logs['val_accuracy']:.3f}"
            self.progress("training", epoch + 1, self.epochs, note)
            called.on_epoch_end(epoch, logs)
            if self.watched.stop_training:
                break
        called.on_train_end(logs)
        return {
            name: [float(value) for value in values] for name, values in history.history.items()
        }

    @property
    def _batches(self) -> int:
        return math.ceil(len(self.weights) / self.batch_size)

    def _train(self, epoch: int, base: float, each_batch: Any) -> dict[str, float]:
        """Make one pass over the documents; return its mean loss and accuracy."""
        documents = len(self.weights)
        order = np.random.default_rng([self.seed, epoch]).permutation(documents)
        sums = np.empty((self.batch_size, self.bag.width), np.float32)
        total = right = 0.0
        seen = 0
        for batch in range(self._batches):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            # The last batch is padded with documents of weight zero, so that every step has the
            # same shape; real documents, so as not to distort batch normalisation.
            filled = chosen
            if len(chosen) < self.batch_size:
                filled = np.resize(np.concatenate([chosen, order]), self.batch_size)
            shares = self.weights[filled] / np.float32(len(chosen))
            shares[len(chosen) :] = 0.0
            rows = target_rows(self.targets, filled, self.n_classes)
            passed = (epoch * self._batches + batch) / (self.epochs * self._batches)
            rate = base * (1.0 - passed) if self.decay else base
            if each_batch is not None:
                each_batch.on_train_batch_begin(batch)
                self.step.load()
            self.bag.forward(self.rows, filled, out=sums)
            loss, predictions, gradient = self.step.train(sums, rows, shares, rate)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the loss is {loss} in epoch {epoch + 1}, batch {batch + 1} of "
                    f"{self._batches}: lower the learning rate (now {base}) or check "
                    "the documents' weights for extreme values"
                )
            self.bag.update(self.rows, chosen, gradient, rate)
            seen += len(chosen)
            total += loss * len(chosen)
            right += correct(
                predictions[: len(chosen)], rows[: len(chosen)], self.task, self.logits
            )
            if each_batch is not None:
                self.step.store()
                each_batch.on_train_batch_end(
                    batch, {"loss": total / seen, "accuracy": right / seen}
                )
        return {"loss": total / seen, "accuracy": right / seen}

    def _validate(
        self, rows: CSRMatrix, targets: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Evaluate the network; loss and accuracy are means over the documents, as in training."""
        documents = len(targets)
        size = min(_EVALUATION_ROWS, documents)
        weights = np.ones(documents, np.float32) if weights is None else weights
        sums = np.zeros((size, self.bag.width), np.float32)
        total = right = 0.0
        for start in range(0, documents, size):
            chosen = np.arange(start, min(start + size, documents))
            # Every call has the same shape; the padding has weight zero.
            filled = np.resize(chosen, size)
            self.bag.forward(rows, filled, out=sums)
            batch_targets = target_rows(targets, filled, self.n_classes)
            shares = weights[filled].astype(np.float32) / np.float32(len(chosen))
            shares[len(chosen) :] = 0.0
            loss, predictions = self.step.evaluate(sums, batch_targets, shares)
            own = slice(len(chosen))
            total += loss * len(chosen)
            right += correct(predictions[own], batch_targets[own], self.task, self.logits)
        return {"val_loss": total / documents, "val_accuracy": right / documents}


def _has_batch_hooks(callback: Any) -> bool:
    """Return whether a callback does anything between batches."""
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in _BATCH_HOOKS
    )
