"""Complement naive Bayes is scikit-learn's, up to what no comparison of classes sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import ComplementNB

from satchel.training.linear import ComplementBayes
from test_training_bag_layer import sparse

seeds = st.integers(0, 2**32 - 1)


def problem(seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dense rows of 40 documents over 30 columns, their classes, and a weight for each."""
    random = np.random.default_rng(seed)
    dense = (random.random((40, 30)) * (random.random((40, 30)) < 0.3)).astype(np.float32)
    truth = random.integers(0, classes, 40)
    truth[:classes] = np.arange(classes)
    return dense, truth, random.integers(0, 3, 40).astype(float)


@settings(max_examples=20)
@given(seeds, st.integers(2, 6), st.booleans())
def test_it_is_scikit_learns_less_the_mean(seed: int, classes: int, weighted: bool) -> None:
    dense, truth, weights = problem(seed, classes)
    weights[:classes] = 1
    given_weights = weights if weighted else None
    ours = ComplementBayes(sparse(dense), truth, classes, sample_weight=given_weights).columns(
        0, classes
    )
    theirs = ComplementNB(alpha=0.1).fit(dense, truth, sample_weight=given_weights)
    expected = theirs.feature_log_prob_.T
    expected = expected - expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, expected, atol=2e-5)


@given(seeds, st.integers(1, 5))
def test_some_columns_are_columns_of_all(seed: int, split: int) -> None:
    dense, truth, _ = problem(seed, 6)
    bayes = ComplementBayes(sparse(dense), truth, 6)
    parts = [bayes.columns(0, split), bayes.columns(split, 6)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), bayes.columns(0, 6))


@pytest.mark.parametrize("missing", [0, 2])
def test_a_class_without_documents_has_finite_weights(missing: int) -> None:
    dense, truth, _ = problem(3)
    truth[truth == missing] = 1
    assert np.isfinite(ComplementBayes(sparse(dense), truth, 4).columns(0, 4)).all()
