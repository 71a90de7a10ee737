"""Keras heads: building them, and converting them to the layers of a model file."""

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
    if name != "gelu_tanh"  # gelu with an argument, which no layer of a model file holds
}
_TRAINING_ONLY = (
    keras.layers.InputLayer,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
)
_SUPPORTED = (
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
    """Convert a head to layers. Works before training too, so that errors appear early.

    Args:
        model: A built head: a Sequential or Functional model whose layers form one chain.

    Returns:
        Its layers. Batch normalisation is folded to scale and shift; dropout and the like are
        dropped; a final softmax or sigmoid is left out.

    Raises:
        UnsupportedHeadError: A model file cannot hold a layer, an activation or the graph; the
            message says which, and what to use instead.
    """
    layers: list[Layer] = []
    for layer in _chain(model):
        if isinstance(layer, _TRAINING_ONLY):
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
    """Check that a model consists of layers only.

    Args:
        model: A ``keras.Model``.

    Raises:
        UnsupportedHeadError: It is a subclass with its own code.
    """
    if not (isinstance(model, keras.Sequential) or hasattr(model, "operations")):
        raise UnsupportedHeadError(
            f"the head {model.name!r} ({type(model).__name__}) has its own code, which a model "
            "file cannot hold: build it from layers, as keras.Sequential or as a function "
            "head(sums, n_classes) that returns the last layer's tensor"
        )


def array_of(variable: Any) -> np.ndarray:
    """Copy a Keras variable or a backend's tensor to a float32 array."""
    value = variable.value if isinstance(variable, keras.Variable) else variable
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    # asarray first: a plain np.array, as in Keras's convert_to_numpy, warns under NumPy 2.
    return np.array(np.asarray(value), np.float32)


def _chain(model: Any) -> list[Any]:
    """Return a model's layers in order, those of nested models included."""
    if isinstance(model, keras.Sequential):
        return [layer for child in model.layers for layer in _opened(child)]
    require_layers(model)
    chain: list[Any] = []
    previous = None
    for operation in model.operations:
        # Only the nodes record what a layer was called on; a nested model has another input.
        nodes = operation._inbound_nodes
        inputs = [] if isinstance(operation, keras.layers.InputLayer) else nodes[0].input_tensors
        if len(nodes) > 1 or (inputs and (len(inputs) > 1 or inputs[0] is not previous)):
            raise UnsupportedHeadError(
                f"the head branches, merges or reuses a layer at {operation.name!r} "
                f"({type(operation).__name__}): a model file holds one chain of layers; use "
                "keras.Sequential, or average several models instead"
            )
        previous = nodes[0].output_tensors[0]
        chain.extend(_opened(operation))
    return chain


def _opened(layer: Any) -> list[Any]:
    return _chain(layer) if isinstance(layer, keras.Model) else [layer]


def _kind(layer: Any) -> tuple[LayerKind, ActivationName]:
    """Return the kind of a layer and its activation."""
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
        f"the head's layer {layer.name!r} ({type(layer).__name__}) is not supported by model "
        f"files: use {_SUPPORTED}"
    )


def _known(layer: Any, name: ActivationName | None, instead: str) -> ActivationName:
    if name is None:
        raise UnsupportedHeadError(
            f"the head's layer {layer.name!r} ({type(layer).__name__}) has settings that model "
            f"files do not support: use {instead}"
        )
    return name


def _activation(layer: Any) -> ActivationName:
    name = _ACTIVATIONS.get(layer.activation)
    if name is None:
        found = getattr(layer.activation, "__name__", layer.activation)
        raise UnsupportedHeadError(
            f"the activation of the head's layer {layer.name!r} ({type(layer).__name__}), {found}, "
            f"is not supported by model files: use one of {', '.join(_ACTIVATIONS.values())}"
        )
    return name


def _weights(layer: Any, kind: LayerKind) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return a layer's two arrays, float32: kernel and bias, or scale and shift."""

    def array(variable: Any, default: np.ndarray) -> np.ndarray:
        if variable is None:
            return default
        return array_of(variable)

    if kind == "dense":
        bias = array(layer.bias, np.zeros(layer.units, np.float32))
        return _contiguous(array(layer.kernel, bias)), _contiguous(bias)
    if kind == "activation":
        return None, None
    width = layer.output.shape[-1]
    scale = array(layer.gamma, np.ones(width, np.float32))
    shift = array(layer.beta, np.zeros(width, np.float32))
    if kind == "batch_normalization":
        variance = array(layer.moving_variance, scale).astype(np.float64)
        mean = array(layer.moving_mean, shift).astype(np.float64)
        folded = scale / np.sqrt(variance + layer.epsilon)
        return _contiguous(folded), _contiguous(shift - mean * folded)
    return _contiguous(scale), _contiguous(shift)


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


Head = Callable[[Any, int], Any] | Any  # the Any is a keras.Model, which carries no types


@contextmanager
def seeded_layers(seed: int) -> Iterator[None]:
    """Give layers built inside, and their dropout, seeds that depend on ``seed`` alone.

    Keras draws the seed of a layer without one from Python's ``random``, whose state is restored
    afterwards.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def default_head(dropout: float = 0.5) -> Callable[[Any, int], Any]:
    """ReLU, dropout and one dense layer to logits. The bag layer has the first bias."""

    def head(sums: Any, n_classes: int) -> Any:
        hidden = keras.layers.Dropout(dropout)(keras.layers.ReLU()(sums))
        return keras.layers.Dense(n_classes)(hidden)

    return head


def tutorial_head(sums: Any, n_classes: int) -> Any:
    """The tutorial's network after its first dense layer: 512 - 512 - softmax."""
    hidden = keras.layers.Dropout(0.3)(keras.layers.ReLU()(sums))
    hidden = keras.layers.Dense(512, activation="relu")(hidden)
    hidden = keras.layers.Dropout(0.3)(hidden)
    return keras.layers.Dense(n_classes, activation="softmax")(hidden)


def build_head(head: Head | None, width: int, n_classes: int, seed: int) -> keras.Model:
    """Build a head as a separate Keras model.

    Args:
        head: ``head(sums, n_classes) -> logits`` on Keras tensors; or a ``keras.Model``, which is
            copied with new weights; or None for :func:`default_head`.
        width: The width of the bag layer.
        n_classes: How many logits the head returns.
        seed: Decides every weight and every dropout without a seed.

    Returns:
        A built model from [b, width] to [b, n_classes].

    Raises:
        SettingError: The head has another input or output shape.
        UnsupportedHeadError: The head is a model with its own code.
    """
    with seeded_layers(seed):
        if isinstance(head, keras.Model):
            require_layers(head)
            model = keras.models.clone_model(head)
            if not model.built:
                model.build((None, width))
            if model.input_shape != (None, width):
                raise SettingError(
                    f"the head takes inputs of shape {model.input_shape}, but the bag layer has "
                    f"(None, {width}): make the head's Input {width} wide, or set hidden to match"
                )
        else:
            sums = keras.Input((width,), name="bags")
            logits = (head or default_head())(sums, n_classes)
            if not isinstance(logits, keras.KerasTensor):
                raise SettingError(
                    "a head must return the Keras tensor of its last layer, "
                    f"not {type(logits).__name__}"
                )
            model = keras.Model(sums, logits, name="head")
    if model.output_shape != (None, n_classes):
        raise SettingError(
            f"the head returns outputs of shape {model.output_shape}, but there are {n_classes} "
            f"classes: end it with Dense({n_classes})"
        )
    return model
