"""Views against the same sums written out in NumPy over a dense table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from satchel.features.csr import CSRMatrix
from satchel.features.hashing import CHARACTER_KIND, FIELD_KIND
from satchel.features.spec import Features, Weighting
from satchel.search.dataset import Counted, fit_vocabulary, strongest
from satchel.search.recipe import ViewRecipe
from satchel.search.targets import encode

pytestmark = pytest.mark.fast

SMOOTHING = 0.02

tables = hnp.arrays(
    np.int64, st.tuples(st.integers(4, 9), st.integers(3, 8)), elements=st.integers(0, 3)
)


def counted_of(table: np.ndarray, kinds: np.ndarray | None = None) -> Counted:
    rows, ids = np.nonzero(table)
    offsets = np.r_[0, np.cumsum(np.bincount(rows, minlength=len(table)))].astype(np.int64)
    values = table[rows, ids].astype(np.float32)
    return Counted(
        CSRMatrix(offsets, ids.astype(np.int32), values, table.shape[1]),
        np.arange(table.shape[1], dtype=np.uint64) * 7 + 3,
        np.ones(table.shape[1], np.uint8) if kinds is None else kinds,
    )


def dense(rows: CSRMatrix) -> np.ndarray:
    table = np.zeros((len(rows), rows.columns))
    table[np.repeat(np.arange(len(rows)), rows.lengths), rows.ids] = rows.values
    return table


def restated_entropy(table: np.ndarray, classes: np.ndarray, k: int, base: float) -> np.ndarray:
    """``base - H(class | feature) / ln K`` from the rate of each class's documents."""
    sizes = np.bincount(classes, minlength=k)
    rates = np.zeros((table.shape[1], k))
    for c in range(k):
        own = table[classes == c]
        rates[:, c] = (own > 0).sum(axis=0) / max(sizes[c], 1) * sizes.mean() + SMOOTHING
    shares = rates / rates.sum(axis=1, keepdims=True)
    return base + (shares * np.log(shares)).sum(axis=1) / np.log(k)


@given(tables, st.sampled_from([1.2, 1.5, None]), st.integers(1, 2))
def test_weights_and_rows_equal_their_definition(
    table: np.ndarray, base: float | None, minimum: int
) -> None:
    if not (table > 0).any():
        return
    n = len(table)
    targets = encode([("a", "b", "c")[i % 3] for i in range(n)])
    recipe = ViewRecipe(entropy=base, minimum_documents=minimum)
    counted = counted_of(table)
    view = fit_vocabulary(counted, targets, recipe)
    documents = (table > 0).sum(axis=0)
    kept = documents >= minimum
    kept = kept if kept.any() else documents >= 1
    np.testing.assert_array_equal(view.hashes, counted.hashes[kept])
    expected = np.log((1 + n) / (1 + documents[kept])) + 1
    if base is not None:
        expected *= restated_entropy(table[:, kept], targets.classes, 3, base)
    np.testing.assert_allclose(view.weights, expected, rtol=1e-5)
    assert view.weights.dtype == np.float32
    values = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0)[:, kept] * expected
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    np.testing.assert_allclose(
        dense(counted.weighed(view)), values / np.where(lengths > 0, lengths, 1), atol=1e-5
    )


def test_a_large_class_does_not_look_like_a_meaning() -> None:
    # The one feature is in half of each class's documents, and one class is four times as large.
    table = np.ones((20, 2), int)
    table[::2, 0] = 0
    targets = encode(["large"] * 16 + ["small"] * 4)
    view = fit_vocabulary(counted_of(table), targets, ViewRecipe(entropy=1.5, minimum_documents=1))
    idf = np.log(21 / (1 + (table > 0).sum(axis=0))) + 1
    np.testing.assert_allclose(view.weights, idf * 0.5, rtol=1e-3)


def test_several_labels_weigh_a_document_once_for_each() -> None:
    table = np.array([[1, 0], [1, 1], [0, 2], [1, 1]])
    targets = encode([("a",), ("a", "b"), ("b",), ()])
    view = fit_vocabulary(counted_of(table), targets, ViewRecipe(minimum_documents=1))
    copies, classes = np.nonzero(targets.table())
    expected = np.log(5 / (1 + (table > 0).sum(axis=0))) + 1
    expected *= restated_entropy(table[copies], classes, 2, 1.5)
    np.testing.assert_allclose(view.weights, expected, rtol=1e-5)


def test_keras_idf_and_none() -> None:
    table = np.array([[1, 2, 0], [1, 0, 0], [3, 1, 1]])
    targets = encode(["a", "b", "a"])
    keras = fit_vocabulary(
        counted_of(table),
        targets,
        ViewRecipe(weights="keras_idf", entropy=None, minimum_documents=1),
    )
    np.testing.assert_allclose(keras.weights, np.log(1 + 3 / (1 + np.array([3, 2, 1]))), rtol=1e-6)
    plain = fit_vocabulary(
        counted_of(table),
        targets,
        ViewRecipe(
            weights="none",
            minimum_documents=1,
            weighting=Weighting(term_frequency="count", norm="none"),
        ),
    )
    np.testing.assert_array_equal(dense(counted_of(table).weighed(plain)), table)


def test_only_the_recipes_kinds_are_kept_and_field_tokens_whatever_their_number() -> None:
    kinds = np.array([1, 2, 3, CHARACTER_KIND, FIELD_KIND], np.uint8)
    table = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 1, 0]])
    targets = encode(["a", "b", "a"])

    def kept(only_fields: bool = False, **changes: Any) -> list[int]:
        recipe = ViewRecipe(
            features=Features(**changes), only_fields=only_fields, minimum_documents=2
        )
        counted = counted_of(table, kinds)
        view = fit_vocabulary(counted, targets, recipe)
        return kinds[np.isin(counted.hashes, view.hashes)].tolist()

    assert kept(words=1) == [1]
    assert kept(words=2) == [1, 2]
    assert kept(words=3) == [1, 2, 3]
    assert kept(words=1, characters=(2, 4)) == [1, CHARACTER_KIND]
    assert kept(words=1, fields=True) == [1, FIELD_KIND]
    characters: dict[str, Any] = {"words": 1, "characters": (2, 4), "fields": True}
    assert kept(**characters, only_fields=True) == [CHARACTER_KIND, FIELD_KIND]


@given(tables, st.integers(1, 4), st.sampled_from(["documents", "occurrences"]))
def test_the_most_frequent_stay_and_ties_go_to_the_smaller_hash(
    table: np.ndarray, most: int, by: Any
) -> None:
    if not (table > 0).any():
        return
    recipe = ViewRecipe(minimum_documents=1, maximum_features=most, keep_by=by)
    counted = counted_of(table)
    view = fit_vocabulary(counted, encode(["a", "b"] + ["a"] * (len(table) - 2)), recipe)
    worth = (table > 0).sum(axis=0) if by == "documents" else table.sum(axis=0)
    candidates = [j for j in range(table.shape[1]) if worth[j] > 0]
    expected = sorted(sorted(candidates, key=lambda j: (-worth[j], j))[:most])
    assert np.flatnonzero(np.isin(counted.hashes, view.hashes)).tolist() == expected


def test_strongest_looks_at_candidates_alone() -> None:
    kept = np.array([True, False, True, True, True])
    worth = np.array([1.0, 9.0, 5.0, 5.0, 7.0])
    assert strongest(kept, worth, 2).tolist() == [False, False, True, False, True]
    assert strongest(kept, worth, 9).tolist() == kept.tolist()


@pytest.mark.parametrize("minimum", [2, 5])
def test_documents_that_share_no_word_keep_their_rare_words(minimum: int) -> None:
    counted = counted_of(np.eye(4, dtype=int))
    view = fit_vocabulary(
        counted,
        encode(["a", "b", "a", "b"]),
        ViewRecipe(minimum_documents=minimum),
    )
    assert len(view) == len(counted.hashes)
