"""A Keras head as plain parts: numbers and names that any reader can compute with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import keras
import numpy as np

from satchel.errors import SettingError, UnsupportedHeadError
from satchel.inference.activations import ActivationName
from satchel.inference.structure import Layer, LayerKind

# By identity: Keras's own way from a function to its name would import TensorFlow if it can.
_ACTIVATIONS: dict[Any, ActivationName] = {
    getattr(keras.activations, name): name
    for name in get_args(ActivationName)
    if name != "gelu_tanh"  # gelu with an argument, for which no layer has room
}
_VANISHING = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
)
_CARRIED = (
    "Dense, Activation, ReLU, LeakyReLU, ELU, Softmax, BatchNormalization, LayerNormalization and "
    "layers that only train (Dropout, GaussianDropout, GaussianNoise, ActivityRegularization)"
)


class HeadLayers(NamedTuple):
    """What a head computes in inference mode, down to its logits.

    Attributes:
        layers: In order.
        final: The activation that turned logits into probabilities and was left out: ``softmax``,
            ``sigmoid``, or ``linear`` where the head ends in logits.
    """

    layers: tuple[Layer, ...]
    final: str


def head_layers(model: keras.Model) -> HeadLayers:
    """Take a head apart. Works before training too, so that a fault is found before the work.

    Args:
        model: A built head: a Sequential or Functional model whose layers form one chain.

    Returns:
        Its layers. Batch normalisation is folded to scale and shift; dropout and its like vanish;
        a final softmax or sigmoid is left out.

    Raises:
        UnsupportedHeadError: A layer, an activation or a shape of graph that a model file cannot
            carry, named with what to do instead.
    """
    layers: list[Layer] = []
    for layer in _chain(model):
        if isinstance(layer, _VANISHING):
            continue
        kind, activation = _kind(layer)
        if kind == "activation":
            if activation == "linear":
                continue
            if layers and layers[-1].activation == "linear":
                layers[-1] = replace(layers[-1], activation=activation)
                continue
        weight, offset = _weights(layer, kind)
        layers.append(
            Layer(
                kind=kind,
                units=int(layer.units if kind == "dense" else layer.output.shape[-1]),
                activation=activation,
                weight=weight,
                offset=offset,
                epsilon=float(layer.epsilon) if kind == "layer_normalization" else 1e-3,
            )
        )
    final = layers[-1].activation if layers else "linear"
    if final not in ("softmax", "sigmoid"):
        return HeadLayers(tuple(layers), "linear")
    last = layers.pop()
    if last.kind != "activation":
        layers.append(replace(last, activation="linear"))
    return HeadLayers(tuple(layers), final)


def require_layers(model: Any) -> None:
    """Check that a model is made of layers alone.

    Args:
        model: A ``keras.Model``.

    Raises:
        UnsupportedHeadError: It is a subclass with code of its own.
    """
    if not (isinstance(model, keras.Sequential) or hasattr(model, "operations")):
        raise UnsupportedHeadError(
            f"the head {model.name!r} ({type(model).__name__}) has code of its own, which a model "
            "file must not carry: build it from layers, as keras.Sequential or as a function "
            "head(bags, n_classes) that returns the last layer's tensor"
        )


def array_of(variable: Any) -> np.ndarray:
    """Copy a Keras variable or a backend's tensor to a float32 array."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    # asarray first: a plain np.array, as in Keras's convert_to_numpy, warns under NumPy 2.
    return np.array(np.asarray(value), np.float32)


def _chain(model: Any) -> list[Any]:
    """List a model's layers in order, nested models opened."""
    if isinstance(model, keras.Sequential):
        return [layer for child in model.layers for layer in _opened(child)]
    require_layers(model)
    chain: list[Any] = []
    previous = None
    for operation in model.operations:
        # Only the nodes tell what a layer was called on; a nested model's own input is another.
        nodes = operation._inbound_nodes
        inputs = [] if isinstance(operation, keras.layers.InputLayer) else nodes[0].input_tensors
        if len(nodes) > 1 or (inputs and (len(inputs) > 1 or inputs[0] is not previous)):
            raise UnsupportedHeadError(
                f"the head branches, merges or comes back at {operation.name!r} "
                f"({type(operation).__name__}): a satchel carries one chain of layers; use "
                "keras.Sequential, or average several models instead"
            )
        previous = nodes[0].output_tensors[0]
        chain.extend(_opened(operation))
    return chain


def _opened(layer: Any) -> list[Any]:
    return _chain(layer) if isinstance(layer, keras.Model) else [layer]


def _kind(layer: Any) -> tuple[LayerKind, ActivationName]:
    """Tell which kind of part a layer is, and its activation."""
    if type(layer) is keras.layers.Dense:
        return "dense", _activation(layer)
    if type(layer) is keras.layers.Activation:
        return "activation", _activation(layer)
    if type(layer) is keras.layers.ReLU:
        settings = (layer.max_value, float(layer.negative_slope), float(layer.threshold))
        known: dict[Any, ActivationName] = {
            (None, 0.0, 0.0): "relu",
            (6, 0.0, 0.0): "relu6",
            (None, 0.2, 0.0): "leaky_relu",
        }
        return "activation", _known(layer, known.get(settings), "ReLU() or ReLU(max_value=6)")
    if type(layer) is keras.layers.LeakyReLU:
        name: ActivationName | None = (
            "leaky_relu" if abs(layer.negative_slope - 0.2) < 1e-7 else None
        )
        return "activation", _known(layer, name, "LeakyReLU(negative_slope=0.2)")
    if type(layer) is keras.layers.ELU:
        name = "elu" if float(layer.alpha) == 1.0 else None
        return "activation", _known(layer, name, "ELU(alpha=1.0)")
    if type(layer) is keras.layers.Softmax:
        name = "softmax" if layer.axis in (-1, 1) else None
        return "activation", _known(layer, name, "Softmax(axis=-1)")
    if type(layer) is keras.layers.BatchNormalization:
        name = "linear" if layer.axis in (-1, 1) else None
        return "batch_normalization", _known(layer, name, "BatchNormalization(axis=-1)")
    if type(layer) is keras.layers.LayerNormalization:
        plain = layer.axis in (-1, 1, [-1], [1]) and not getattr(layer, "rms_scaling", False)
        name = "linear" if plain else None
        return "layer_normalization", _known(layer, name, "LayerNormalization(axis=-1)")
    raise UnsupportedHeadError(
        f"the head's layer {layer.name!r} ({type(layer).__name__}) cannot be carried in a satchel: "
        f"use {_CARRIED}"
    )


def _known(layer: Any, name: ActivationName | None, instead: str) -> ActivationName:
    if name is None:
        raise UnsupportedHeadError(
            f"the head's layer {layer.name!r} ({type(layer).__name__}) has settings that cannot be "
            f"carried in a satchel: use {instead}"
        )
    return name


def _activation(layer: Any) -> ActivationName:
    name = _ACTIVATIONS.get(layer.activation)
    if name is None:
        found = getattr(layer.activation, "__name__", layer.activation)
        raise UnsupportedHeadError(
            f"the activation of the head's layer {layer.name!r} ({type(layer).__name__}), {found}, "
            f"cannot be carried in a satchel: use one of {', '.join(_ACTIVATIONS.values())}"
        )
    return name


def _weights(layer: Any, kind: LayerKind) -> tuple[np.ndarray | None, np.ndarray | None]:
    """A layer's two arrays, float32: kernel and bias, or scale and shift."""

    def array(variable: Any, otherwise: np.ndarray) -> np.ndarray:
        if variable is None:
            return otherwise
        return array_of(variable)

    if kind == "dense":
        bias = array(layer.bias, np.zeros(layer.units, np.float32))
        return _stored(array(layer.kernel, bias)), _stored(bias)
    if kind == "activation":
        return None, None
    width = layer.output.shape[-1]
    scale = array(layer.gamma, np.ones(width, np.float32))
    shift = array(layer.beta, np.zeros(width, np.float32))
    if kind == "batch_normalization":
        variance = array(layer.moving_variance, scale).astype(np.float64)
        mean = array(layer.moving_mean, shift).astype(np.float64)
        folded = scale / np.sqrt(variance + layer.epsilon)
        return _stored(folded), _stored(shift - mean * folded)
    return _stored(scale), _stored(shift)


def _stored(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


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
