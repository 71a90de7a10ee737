"""What a Keras callback sees: a model that owns the bag layer's weights beside the head's."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from satchel.errors import SettingError
from satchel.network.bag_layer import BagLayer
from satchel.network.parts import array_of


class WatchedModel(keras.Model):  # type: ignore[misc]
    """The network as callbacks know it.

    ``get_weights`` and ``set_weights`` hold the bag layer's table and bias, then the head's
    weights, so ``EarlyStopping(restore_best_weights=True)`` restores all of them, and
    ``save_weights`` and ``load_weights`` (so ``ModelCheckpoint(save_weights_only=True)``) carry
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
        # Keras builds metrics from data; without them callbacks cannot tell that more is better.
        self.compute_metrics(None, np.zeros((1, shape)), np.zeros((1, shape)))
        self.built = True

    def call(self, bags: Any, training: bool = False) -> Any:
        """Run the head on bag sums [b, width]."""
        return self.head(bags, training=training)

    def get_weights(self) -> list[np.ndarray]:
        """Copy the table, the bag's bias and the head's weights."""
        return [self._bag.table.copy(), self._bag.bias.copy(), *map(array_of, self.head.weights)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Put back what :meth:`get_weights` gave."""
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
        """Refuse: a whole Keras file would lack the vocabulary.

        Raises:
            SettingError: Always.
        """
        raise SettingError(
            "a network in training has no whole-model Keras file: give ModelCheckpoint "
            "save_weights_only=True, and save the classifier itself when it is trained"
        )
