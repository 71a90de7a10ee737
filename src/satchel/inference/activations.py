"""The activations that a model file may hold, each equal to Keras's definition of the same name.

A function takes a float array [..., n] and returns one of the same shape and dtype; all but softmax
work on each number alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np

Activation = Callable[[np.ndarray], np.ndarray]

ActivationName = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "softplus",
    "softsign",
    "softmax",
]

LEAKY_SLOPE: Final = 0.2  # keras.activations.leaky_relu's default
SELU_SCALE: Final = 1.0507009873554805
SELU_ALPHA: Final = 1.6732632423543772

# A rational fit of erf on [-4, 4], as XLA and Eigen use it: NumPy has no erf, and SciPy is not
# part of a prediction install. The error is below 1e-7 everywhere.
_ERF_NUMERATOR: Final = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_ERF_DENOMINATOR: Final = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


def error_function(x: np.ndarray) -> np.ndarray:
    """Return erf(x), to 1e-7."""
    clipped = np.clip(x, -4.0, 4.0)
    square = clipped * clipped
    top = np.full_like(square, _ERF_NUMERATOR[0])
    for coefficient in _ERF_NUMERATOR[1:]:
        top = top * square + coefficient
    bottom = np.full_like(square, _ERF_DENOMINATOR[0])
    for coefficient in _ERF_DENOMINATOR[1:]:
        bottom = bottom * square + coefficient
    result: np.ndarray = clipped * top / bottom
    return result


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-x), without overflow at either end."""
    small = np.exp(-np.abs(x))
    result: np.ndarray = np.where(x >= 0, 1.0, small) / (1.0 + small)
    return result


def softplus(x: np.ndarray) -> np.ndarray:
    """Return ln(1 + e^x), without overflow."""
    result: np.ndarray = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return result


def elu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, e^x - 1 elsewhere."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def softmax(x: np.ndarray) -> np.ndarray:
    """Return e^x over its sum along the last axis, without overflow."""
    result: np.ndarray = np.exp(x - x.max(axis=-1, keepdims=True))
    result /= result.sum(axis=-1, keepdims=True)
    return result


ACTIVATIONS: Final[dict[str, Activation]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x: np.where(x >= 0, x, LEAKY_SLOPE * x),
    "elu": elu,
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: 0.5 * x * (1.0 + error_function(x * 0.7071067811865476)),
    "gelu_tanh": lambda x: (
        0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    ),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "softmax": softmax,
}
