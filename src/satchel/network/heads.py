"""Heads: what stands between the bag layer and the class scores."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from satchel.errors import SettingError
from satchel.network.parts import require_layers

Head = Callable[[Any, int], Any] | Any  # the Any is a keras.Model, which carries no types


@contextmanager
def seeded_layers(seed: int) -> Iterator[None]:
    """Give layers made inside, and their dropout, seeds that follow from ``seed`` alone.

    Keras draws the seed of a layer that names none from Python's ``random``, whose state is put
    back afterwards.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def default_head(dropout: float = 0.5) -> Callable[[Any, int], Any]:
    """ReLU, dropout and one dense layer to logits. The first bias is the bag layer's own."""

    def head(bags: Any, n_classes: int) -> Any:
        hidden = keras.layers.Dropout(dropout)(keras.layers.ReLU()(bags))
        return keras.layers.Dense(n_classes)(hidden)

    return head


def tutorial_head(bags: Any, n_classes: int) -> Any:
    """The old tutorial's network after its first dense layer: 512 - 512 - softmax."""
    hidden = keras.layers.Dropout(0.3)(keras.layers.ReLU()(bags))
    hidden = keras.layers.Dense(512, activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.3)(hidden)
    return keras.layers.Dense(n_classes, activation="softmax")(hidden)


def build_head(head: Head | None, width: int, n_classes: int, seed: int) -> keras.Model:
    """Make a head as a Keras model of its own.

    Args:
        head: ``head(bags, n_classes) -> scores`` on Keras tensors; or a ``keras.Model``, taken as a
            plan: it is copied with fresh weights; or None for :func:`default_head`.
        width: Length of the bag layer's answer.
        n_classes: How many scores are wanted.
        seed: Decides every weight and every dropout that has no seed of its own.

    Returns:
        A built model from [b, width] to [b, n_classes].

    Raises:
        SettingError: The head takes or gives another shape.
        UnsupportedHeadError: The head is a model with code of its own.
    """
    with seeded_layers(seed):
        if isinstance(head, keras.Model):
            require_layers(head)
            model = keras.models.clone_model(head)
            if not model.built:
                model.build((None, width))
            if model.input_shape != (None, width):
                raise SettingError(
                    f"the head takes inputs of shape {model.input_shape}, but the bag layer gives "
                    f"(None, {width}): make the head's Input {width} wide, or set hidden to match"
                )
        else:
            bags = keras.Input((width,), name="bags")
            scores = (head or default_head())(bags, n_classes)
            if not isinstance(scores, keras.KerasTensor):
                raise SettingError(
                    "a head must return the Keras tensor of its last layer, "
                    f"not {type(scores).__name__}"
                )
            model = keras.Model(bags, scores, name="head")
    if model.output_shape != (None, n_classes):
        raise SettingError(
            f"the head gives answers of shape {model.output_shape}, but there are {n_classes} "
            f"classes: end it with Dense({n_classes})"
        )
    return model
