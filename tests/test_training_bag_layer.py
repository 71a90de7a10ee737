"""The sparse first layer is the dense one, computed where the words are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import SettingError
from satchel.features.csr import CSRMatrix
from satchel.training.bag_layer import BagLayer


@st.composite
def bags(draw: st.DrawFn) -> tuple[CSRMatrix, np.ndarray]:
    """Rows, some of them empty, and the same as a dense matrix."""
    documents, columns = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    dense = generator.normal(size=(documents, columns)).astype(np.float32)
    dense *= generator.random(dense.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    return sparse(dense), dense


def sparse(dense: np.ndarray) -> CSRMatrix:
    places, ids = np.nonzero(dense)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=len(dense)))])
    values = dense[places, ids].astype(np.float32)
    return CSRMatrix(offsets.astype(np.int64), ids.astype(np.int32), values, dense.shape[1])


@settings(deadline=None)
@given(bags(), st.integers(1, 40), st.integers(0, 2**64 - 1))
def test_forward_equals_the_dense_product(bag, width, seed):
    rows, dense = bag
    layer = BagLayer(rows.columns, width, seed)
    layer.bias[:] = np.arange(width)
    expected = dense @ layer.table + layer.bias
    np.testing.assert_allclose(layer.forward(rows), expected, rtol=1e-5, atol=1e-5)
    some = np.arange(len(dense))[::-2]
    np.testing.assert_allclose(layer.forward(rows, some), expected[some], rtol=1e-5, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(bags(), st.integers(1, 20), st.integers(0, 99))
def test_adagrad_equals_the_dense_formula_with_repeated_documents(bag, width, seed):
    rows, dense = bag
    layer = BagLayer(rows.columns, width, seed)
    table, bias = layer.table.astype(np.float64), np.zeros(width)
    squares, bias_squares = np.zeros(table.shape), np.zeros(width)
    generator = np.random.default_rng(seed)
    for _ in range(3):
        chosen = generator.integers(0, len(dense), 5)
        gradient = generator.normal(size=(5, width)).astype(np.float32)
        layer.update(rows, chosen, gradient, 0.05)
        total, bias_total = dense[chosen].T @ gradient, gradient.sum(axis=0)
        squares, bias_squares = squares + total**2, bias_squares + bias_total**2
        table -= 0.05 * total / np.sqrt(squares + 1e-7)
        bias -= 0.05 * bias_total / np.sqrt(bias_squares + 1e-7)
    np.testing.assert_allclose(layer.table, table, atol=1e-5)
    np.testing.assert_allclose(layer.bias, bias, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(bags(), st.integers(1, 20), st.integers(0, 99))
def test_adam_is_keras_adam_on_touched_rows_and_leaves_the_others(bag, width, seed):
    rows, dense = bag
    layer = BagLayer(rows.columns, width, seed, optimizer="adam")
    table = layer.table.astype(np.float64)
    means, squares = np.zeros(table.shape), np.zeros(table.shape)
    generator = np.random.default_rng(seed)
    for step in range(1, 4):
        chosen = generator.integers(0, len(dense), 4)
        gradient = generator.normal(size=(4, width)).astype(np.float32)
        layer.update(rows, chosen, gradient, 1e-2)
        total = dense[chosen].T @ gradient
        touched = (dense[chosen] != 0).any(axis=0)
        means[touched] = 0.9 * means[touched] + 0.1 * total[touched]
        squares[touched] = 0.999 * squares[touched] + 0.001 * total[touched] ** 2
        rate = 1e-2 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        table[touched] -= rate * means[touched] / (np.sqrt(squares[touched]) + 1e-7)
    np.testing.assert_allclose(layer.table, table, atol=2e-5)


@settings(deadline=None)
@given(bags(), st.integers(0, 99))
def test_the_gradient_of_the_table_is_that_of_the_dense_product(bag, seed):
    """A step of Adagrad from zero squares has the gradient's sign: compare with differences."""
    rows, dense = bag
    layer = BagLayer(rows.columns, 3, seed)
    slope = np.random.default_rng(seed).normal(size=(len(dense), 3)).astype(np.float32)
    before = layer.table.copy()
    layer.update(rows, None, slope, 0.01)
    for row in range(rows.columns):
        for column in range(3):
            moved = before.astype(np.float64)
            moved[row, column] += 1.0
            change = ((dense @ moved - dense @ before) * slope).sum()
            if abs(change) > 1e-2:
                step = layer.table[row, column] - before[row, column]
                assert step == pytest.approx(-0.01 * np.sign(change), rel=1e-2)


@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
def test_threads_do_not_change_a_bit(optimizer):
    generator = np.random.default_rng(5)
    dense = (generator.random((300, 400)) * (generator.random((300, 400)) < 0.3)).astype("float32")
    rows, answers = sparse(dense), []
    gradient = generator.normal(size=(300, 64)).astype(np.float32)
    for threads in (1, 2, 5):
        layer = BagLayer(400, 64, 1, optimizer=optimizer, threads=threads)
        layer.update(rows, None, gradient, 0.1)
        answers.append((layer.forward(rows).tobytes(), layer.table.tobytes()))
    assert answers[0] == answers[1] == answers[2]


def test_the_starting_table_is_uniform_within_its_limit():
    limit = np.sqrt(6 / (2000 + 10))
    table = BagLayer(2000, 10, 7).table
    assert np.abs(table).max() <= limit * (1 + 1e-6)
    assert table.mean() == pytest.approx(0.0, abs=0.02 * limit)
    assert table.var() == pytest.approx(limit**2 / 3, rel=0.03)
    assert (table != BagLayer(2000, 10, 8).table).mean() > 0.99


def test_settings_are_checked():
    with pytest.raises(SettingError, match="adagrad"):
        BagLayer(3, 2, 0, optimizer="sgd")
