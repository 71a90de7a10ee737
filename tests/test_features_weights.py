"""Counts and weights against scikit-learn and Keras's old definitions."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bags_strategies import KEY, TEXTS
from satchel.errors import SettingError
from satchel.features.counting import count
from satchel.features.csr import CSRMatrix, stack
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import transform
from satchel.features.weighting import class_entropy, inverse_document_frequency, weigh
from satchel.search.dataset import Counted, fit_vocabulary
from satchel.search.recipe import ViewRecipe
from satchel.search.targets import encode

pytestmark = pytest.mark.fast

text_module = pytest.importorskip("sklearn.feature_extraction.text")
WORDS = Features(rules="words", min_length=2, words=1, hash_key=KEY)
DOCUMENTS = [
    "The cat sat on the mat.",
    "A dog, a cat and a bird: the dog barked!",
    "",
    "Birds sing; birds fly. The the the",
    "İstanbul'da ΟΔΟΣ straße naïve cafe\u0301",
]


def dense(rows: CSRMatrix) -> np.ndarray:
    return rows.to_scipy().toarray()


def dense_of(matrix: Any) -> np.ndarray:
    found: np.ndarray = matrix.toarray()
    return found


def in_hash_order(matrix, names, features: Features) -> np.ndarray:
    """The columns of scikit-learn's matrix in the order of our hashes."""
    from satchel.features.hashing import CHARACTER_SALT, WORD_SALT, combine, hash_text

    def number(name: str) -> int:
        if features.characters:
            return hash_text(name, CHARACTER_SALT, features.hash_key)
        first, *rest = name.split(" ")
        value = hash_text(first, WORD_SALT, features.hash_key)
        for order, word in enumerate(rest, start=2):
            value = combine(value, hash_text(word, WORD_SALT, features.hash_key), order)
        return value

    order = np.argsort(np.array([number(name) for name in names], np.uint64))
    return matrix.tocsc()[:, order].tocsr()


@settings(deadline=None, max_examples=150)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(1, 3))
def test_words_are_scikit_learns(texts: list[str], orders: int) -> None:
    theirs = text_module.CountVectorizer(ngram_range=(1, orders))
    features = Features(rules="words", min_length=2, words=orders, hash_key=KEY)
    counts, rows = count(texts, features)
    if not len(counts):
        with pytest.raises(ValueError, match="empty vocabulary"):
            theirs.fit_transform(texts)
        return
    matrix = theirs.fit_transform(texts)
    expected = in_hash_order(matrix, theirs.get_feature_names_out(), features)
    assert (expected != rows.to_scipy()).nnz == 0


@settings(deadline=None, max_examples=150)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from([(1, 1), (2, 2), (1, 4), (3, 5)]))
def test_character_ngrams_are_scikit_learns(texts: list[str], sizes: tuple[int, int]) -> None:
    theirs = text_module.CountVectorizer(analyzer="char_wb", ngram_range=sizes)
    features = Features(words=0, characters=sizes, hash_key=KEY)
    counts, rows = count(texts, features)
    if not len(counts):
        with pytest.raises(ValueError, match="empty vocabulary"):
            theirs.fit_transform(texts)
        return
    matrix = theirs.fit_transform(texts)
    expected = in_hash_order(matrix, theirs.get_feature_names_out(), features)
    assert (expected != rows.to_scipy()).nnz == 0


@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("norm", ["l2", None])
def test_tfidf_is_scikit_learns(sublinear: bool, norm: str | None) -> None:
    theirs = text_module.TfidfVectorizer(sublinear_tf=sublinear, norm=norm)
    expected = in_hash_order(theirs.fit_transform(DOCUMENTS), theirs.get_feature_names_out(), WORDS)
    weighting = Weighting(
        term_frequency="log" if sublinear else "count", norm="l2" if norm else "none"
    )
    counts, rows = count(DOCUMENTS, WORDS)
    weights = inverse_document_frequency(counts.document_frequency, counts.documents)
    weighed = weigh(rows, weights, weighting)
    np.testing.assert_allclose(dense(weighed), dense_of(expected), rtol=2e-6)
    again = weigh(transform(DOCUMENTS, WORDS, counts.hashes), weights, weighting)
    assert np.array_equal(dense(again), dense(weighed))


def texts_to_matrix(texts: list[str], num_words: int | None, mode: str) -> dict:
    """Keras's old ``Tokenizer.texts_to_matrix`` by its definition: {(document, word): value}."""
    sequences = [
        "".join(" " if one in '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n' else one for one in text)
        .lower()
        .split(" ")
        for text in texts
    ]
    sequences = [[word for word in sequence if word] for sequence in sequences]
    total = Counter(word for sequence in sequences for word in sequence)
    documents_with = Counter(word for sequence in sequences for word in set(sequence))
    kept = {word for word, _ in total.most_common(num_words - 1 if num_words else None)}
    found = {}
    for number, sequence in enumerate(sequences):
        sequence = [word for word in sequence if word in kept]
        for word, times in Counter(sequence).items():
            found[number, word] = {
                "binary": 1,
                "count": times,
                "freq": times / len(sequence),
                "tfidf": (1 + math.log(times))
                * math.log(1 + len(texts) / (1 + documents_with[word])),
            }[mode]
    return found


@pytest.mark.parametrize("mode", ["binary", "count", "freq", "tfidf"])
@pytest.mark.parametrize("num_words", [None, 4])
def test_the_four_modes_of_keras(mode: str, num_words: int | None) -> None:
    texts = [
        "the the the the cat's mat-mat mat\nsat",
        "THE (mat) sat: one TWO",
        "",
        "sat mat the one\tthe sat",
    ]
    recipe = ViewRecipe(
        features=Features(rules="keras", words=1, hash_key=KEY),
        weighting=Weighting(term_frequency="log" if mode == "tfidf" else mode, norm="none"),
        weights="keras_idf" if mode == "tfidf" else "none",
        entropy=None,
        minimum_documents=1,
        maximum_features=num_words - 1 if num_words else None,
        keep_by="occurrences",
    )
    counts, rows = count(texts, recipe.features)
    counted = Counted(rows, counts.hashes, counts.kinds)
    view = fit_vocabulary(counted, encode(["a", "b", "a", "b"]), recipe)
    rows = counted.weighed(view)
    names = {token.hash: token.text for text in texts for token in tokenize(text, recipe.features)}
    found = {
        (document, names[int(view.hashes[column])]): rows.values[entry]
        for document in range(len(texts))
        for entry in range(rows.offsets[document], rows.offsets[document + 1])
        for column in [rows.ids[entry]]
    }
    expected = texts_to_matrix(texts, num_words, mode)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-6)


@settings(deadline=None)
@given(st.data(), st.integers(1, 12), st.integers(1, 5), st.integers(1, 6))
def test_class_entropy_by_its_definition(
    data, documents: int, n_classes: int, columns: int
) -> None:
    matrix = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 3), min_size=columns, max_size=columns),
                min_size=documents,
                max_size=documents,
            )
        )
    )
    classes = np.array(
        data.draw(st.lists(st.integers(0, n_classes - 1), min_size=documents, max_size=documents))
    )
    from scipy.sparse import csr_matrix

    sparse = csr_matrix(matrix)
    rows = CSRMatrix(
        sparse.indptr.astype(np.int64),
        sparse.indices.astype(np.int32),
        sparse.data.astype(np.float32),
        columns,
    )
    found = class_entropy(rows, classes, n_classes, base=1.5)
    assert found.dtype == np.float32
    sizes = np.bincount(classes, minlength=n_classes)
    for column in range(columns):
        seen = classes[matrix[:, column] > 0]
        rates = np.bincount(seen, minlength=n_classes) / np.maximum(sizes, 1)
        share = rates * sizes.mean() + 0.02
        share = share / share.sum()
        entropy = -(share * np.log(share)).sum() / (math.log(n_classes) if n_classes > 1 else 1)
        assert found[column] == pytest.approx(1.5 - entropy, abs=1e-5)


def test_class_entropy_needs_fitting_classes() -> None:
    rows = count(["a", "b"], Features(words=1, hash_key=KEY))[1]
    with pytest.raises(SettingError, match="one class per document"):
        class_entropy(rows, np.array([0]), 2, base=1.5)
    with pytest.raises(SettingError, match="expected classes from"):
        class_entropy(rows, np.array([0, 2]), 2, base=1.5)


def test_unknown_weightings_are_refused() -> None:
    with pytest.raises(SettingError):
        Weighting(norm="l1")
    with pytest.raises(SettingError):
        Weighting(term_frequency="other")


@given(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=6), st.data())
def test_rows_are_taken_as_scipy_takes_them(columns: list[list[int]], data) -> None:
    parts = [
        CSRMatrix(
            np.array([0, len(set(row))]),
            np.array(sorted(set(row)), np.int32),
            np.arange(1, len(set(row)) + 1, dtype=np.float32),
            6,
        )
        for row in columns
    ]
    rows = stack(parts, 6)
    matrix = rows.to_scipy()
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if len(rows) else []
    chosen = np.array(index, np.int64)
    assert np.array_equal(dense(rows[chosen]), matrix[chosen].toarray())
    cut = slice(data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6)))
    assert np.array_equal(dense(rows[cut]), matrix[cut].toarray())
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    assert np.array_equal(dense(rows[mask]), matrix[mask].toarray())
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=6, max_size=6)))
    assert np.array_equal(dense(rows.select_columns(kept)), matrix.toarray()[:, kept])
    assert np.array_equal(rows.column_sums(), matrix.toarray().sum(axis=0))
    assert np.array_equal(rows.column_counts(), (matrix.toarray() > 0).sum(axis=0))


def test_empty_rows_stay_empty() -> None:
    rows = count(["a", "", "a a"], Features(words=1, hash_key=KEY))[1]
    weights = np.zeros(1, np.float32)
    for term_frequency in ("binary", "count", "freq", "log"):
        weighed = weigh(rows, weights, Weighting(term_frequency=term_frequency))
        assert weighed.offsets.tolist() == [0, 1, 1, 2]
        assert weighed.values.tolist() == [0.0, 0.0]
    with pytest.raises(SettingError, match="one per column"):
        weigh(rows, np.ones(2, np.float32), Weighting())
