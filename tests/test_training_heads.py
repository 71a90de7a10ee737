"""Heads: built from a seed, taken apart into plain parts, refused by name."""

from __future__ import annotations

import random

import numpy as np
import pytest

from satchel.errors import SettingError, UnsupportedHeadError
from satchel.inference.activations import ACTIVATIONS
from satchel.training.backends import use_backend

use_backend()
import keras  # noqa: E402

from satchel.training.heads import array_of, build_head, default_head, head_layers, tutorial_head  # noqa: E402

layers = keras.layers


def forward(parts, x):
    """Compute the layers as the model file's format describes them."""
    for layer in parts.layers:
        if layer.kind == "dense":
            x = x @ layer.weight + layer.offset
        elif layer.kind == "batch_normalization":
            x = x * layer.weight + layer.offset
        elif layer.kind == "layer_normalization":
            x = x - x.mean(axis=1, keepdims=True)
            x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + layer.epsilon)
            x = x * layer.weight + layer.offset
        assert x.shape[1] == layer.units
        x = ACTIVATIONS[layer.activation](x)
    return x


def everything(bags, n_classes):
    x = layers.BatchNormalization()(bags)
    x = layers.Dropout(0.3)(layers.LeakyReLU(negative_slope=0.2)(x))
    x = layers.Dense(12, use_bias=False, activation="gelu")(x)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    x = layers.GaussianDropout(0.1)(layers.ELU()(x))
    x = layers.BatchNormalization(scale=False, center=False)(layers.ReLU(max_value=6)(x))
    x = layers.ActivityRegularization(l2=0.1)(layers.Activation("mish")(x))
    x = layers.Dense(9)(layers.Softmax()(x))
    return layers.Dense(n_classes)(layers.Identity()(x))


def nested(bags, n_classes):
    inner = keras.Sequential([layers.Dense(6, "tanh"), layers.Dropout(0.2), layers.Dense(5)])
    return layers.Activation("softmax")(layers.Dense(n_classes)(inner(bags)))


@pytest.mark.parametrize(
    "head", [default_head(), tutorial_head, everything, nested, lambda h, _: h]
)
def test_parts_give_what_keras_gives(head):
    model = build_head(head, 8, 8, seed=3)
    generator = np.random.default_rng(0)
    # Weights as after training: moving means that are not zero, variances above zero, and scores
    # that do not grow with the width of a layer.
    model.set_weights(
        [
            (np.abs(generator.normal(size=w.shape)) / max(1, w[..., 0].size) ** 0.5).astype(w.dtype)
            for w in map(array_of, model.weights)
        ]
    )
    x = generator.normal(size=(20, 8)).astype(np.float32)
    expected = array_of(model(x, training=False))
    parts = head_layers(model)
    answer = ACTIVATIONS[parts.final](forward(parts, x))
    np.testing.assert_allclose(answer, expected, atol=2e-5)
    arrays = [array for layer in parts.layers for array in (layer.weight, layer.offset)]
    assert {array.dtype for array in arrays if array is not None} <= {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("head", "final", "count"),
    [
        (lambda h, k: layers.Dense(k, "softmax")(h), "softmax", 1),
        (lambda h, k: layers.Activation("sigmoid")(layers.Dense(k)(h)), "sigmoid", 1),
        (lambda h, k: layers.Softmax()(layers.Dropout(0.1)(layers.Dense(k)(h))), "softmax", 1),
        (lambda h, _: layers.Softmax()(h), "softmax", 0),
        (lambda h, k: layers.Dense(k, "relu")(h), "linear", 1),
    ],
)
def test_a_final_probability_is_left_out(head, final, count):
    parts = head_layers(build_head(head, 4, 4, seed=0))
    assert (parts.final, len(parts.layers)) == (final, count)
    assert all(layer.activation in ("linear", "relu") for layer in parts.layers)


def merging(h, k):
    return layers.Dense(k)(layers.Add(name="meeting")([h, layers.Dense(4)(h)]))


def branching(h, k):
    layers.Dense(3, name="unused")(h)
    return layers.Dense(k)(layers.Concatenate(name="pair")([layers.Dense(2)(h), h]))


def shared(h, k):
    again = layers.Dense(4, name="again")
    return layers.Dense(k)(again(again(h)))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            lambda h, k: layers.Dense(k)(layers.UnitNormalization(name="unit")(h)),
            "'unit'.*use Dense",
        ),
        (lambda h, k: layers.Dense(k)(layers.LeakyReLU(name="leak")(h)), "'leak'.*slope=0.2"),
        (lambda h, k: layers.Dense(k)(layers.ELU(alpha=2.0, name="bent")(h)), "'bent'.*alpha=1"),
        (lambda h, k: layers.Dense(k, "exponential", name="up")(h), "'up'.*exponential"),
        (lambda h, k: layers.Dense(k)(keras.ops.sin(h)), "Sin"),
        (merging, "'meeting'.*average"),
        (branching, "pair"),
        (shared, "'again'"),
    ],
)
def test_what_cannot_be_carried_is_named(head, message):
    with pytest.raises(UnsupportedHeadError, match=message):
        head_layers(build_head(head, 4, 3, seed=0))


def test_a_model_with_code_of_its_own_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UnsupportedHeadError, match="its own code"):
        build_head(Own(name="mine"), 4, 3, seed=0)


def test_a_keras_model_is_a_plan_and_stays_as_it_was():
    plan = keras.Sequential([keras.Input((4,)), layers.Dense(5, "relu"), layers.Dense(3)])
    before = [array_of(w) for w in plan.weights]
    first, second = build_head(plan, 4, 3, seed=1), build_head(plan, 4, 3, seed=1)
    third = build_head(plan, 4, 3, seed=2)
    assert first is not plan
    weights = ([array_of(w) for w in model.weights] for model in (first, second, third))
    for a, b, c, d in zip(*weights, before, strict=True):
        assert (a == b).all()
        if a.ndim == 2:
            assert (a != c).any()
            assert (a != d).any()
    for a, b in zip(plan.weights, before, strict=True):
        assert (array_of(a) == b).all()


def test_weights_follow_from_the_seed_and_pythons_random_is_left_alone():
    random.seed(11)
    expected = random.random()
    random.seed(11)
    first = build_head(None, 4, 3, seed=5)
    assert random.random() == expected
    second = build_head(None, 4, 3, seed=5)
    for a, b in zip(first.weights, second.weights, strict=True):
        assert (array_of(a) == array_of(b)).all()


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda h, k: layers.Dense(k + 1)(h), r"Dense\(3\)"),
        (lambda _, k: layers.Dense(k), "must return the Keras tensor"),
        (keras.Sequential([keras.Input((9,)), layers.Dense(3)]), "Input 4 wide"),
    ],
)
def test_a_head_of_another_shape_is_refused(head, message):
    with pytest.raises(SettingError, match=message):
        build_head(head, 4, 3, seed=0)
