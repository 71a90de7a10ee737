"""Layers in NumPy: Keras's definitions, restated or asked of Keras."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from satchel.inference.activations import ACTIVATIONS, ActivationName, error_function, softmax
from satchel.sealed.assembly import ensemble_of
from small_models import NETWORK, NORMED, make_contents

SINGLE = ensemble_of(make_contents())
MULTIPLE = ensemble_of(make_contents(task="multiple"))
FLOATS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(2, 5)),
    elements=st.floats(-80, 80, width=32),
)


def test_every_activation_of_the_schema_is_there() -> None:
    assert set(ACTIVATIONS) == set(get_args(ActivationName))


# Keras's torch and TensorFlow backends call NumPy 2 so.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_equal_keras(name: str) -> None:
    keras = pytest.importorskip("keras")
    x = np.concatenate([np.linspace(-12, 12, 991), [-90, 90, 0.0]]).astype(np.float32)[None]
    if name == "gelu_tanh":
        expected = keras.ops.gelu(x, approximate=True)
    else:
        expected = keras.activations.get(name)(keras.ops.convert_to_tensor(x))
    np.testing.assert_allclose(
        ACTIVATIONS[name](x), keras.ops.convert_to_numpy(expected), atol=2e-6, rtol=2e-6
    )


@given(FLOATS)
def test_activations_keep_dtype_and_stay_finite(x: np.ndarray) -> None:
    for name, function in ACTIVATIONS.items():
        answer = function(x)
        assert answer.dtype == np.float32, name
        assert answer.shape == x.shape, name
        assert np.isfinite(answer).all(), name


def test_erf_is_erf() -> None:
    x = np.linspace(-6, 6, 4001)
    expected = np.array([math.erf(one) for one in x])
    np.testing.assert_allclose(error_function(x), expected, atol=1e-7)


@given(FLOATS)
def test_probabilities_of_one_label_sum_to_one(score: np.ndarray) -> None:
    answer = SINGLE.probabilities(score * 1e3)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)
    assert (answer >= 0).all()


@given(FLOATS)
def test_probabilities_of_several_labels_are_odds(score: np.ndarray) -> None:
    answer = MULTIPLE.probabilities(score).astype(np.float64)
    expected = 1 / (1 + np.exp(-score.astype(np.float64)))
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_softmax_does_not_see_a_shift() -> None:
    x = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(softmax(x), softmax(x + 1e4), rtol=1e-9)


def test_a_member_computes_its_layers_in_order() -> None:
    parts = make_contents([NETWORK], seed=3)
    arrays = {name: array.astype(np.float64) for name, array in parts.arrays.items()}
    bag = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)
    z = np.maximum(bag + arrays["member0.bias"], 0)
    z = z @ arrays["member0.layer1.kernel"] + arrays["member0.layer1.bias"]
    z = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)(z)
    z = z * arrays["member0.layer2.scale"] + arrays["member0.layer2.shift"]
    z = z @ arrays["member0.layer3.kernel"] + arrays["member0.layer3.bias"]
    (member,) = ensemble_of(parts).members
    answer = member(bag)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, z, atol=1e-5)


def test_layer_normalisation_is_that_of_the_row() -> None:
    parts = make_contents([NORMED], seed=4)
    (member,) = ensemble_of(parts).members
    bag = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)
    step, z = member.layers[0], (bag + member.bias).astype(np.float64)
    normal = (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-3)
    expected = normal * step.weight + step.offset
    np.testing.assert_allclose(step.before_activation(z), expected, atol=1e-9)
