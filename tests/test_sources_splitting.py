"""Splits and folds: every promise of the module, for any labels and texts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from satchel.errors import LabelError, SettingError
from satchel.sources.splitting import folds, split, text_keys

pytestmark = pytest.mark.fast

# Few labels and few texts, so that copies and classes of one document come often.
rows = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("pqrstuvwxyz")), max_size=60)
many_rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("klmnopqrstuvwxyz")),
    min_size=20,
    max_size=60,
)
multiple_rows = st.lists(
    st.tuples(st.lists(st.sampled_from("abc"), unique=True).map(tuple), st.text(max_size=2)),
    max_size=60,
)
seeds = st.integers(0, 2**32)


def splittable(labels: Sequence[object], texts: list[str]) -> bool:
    """A class has two distinct texts, each text going with its first document's label."""
    first = {text: label for label, text in reversed(list(zip(labels, texts, strict=True)))}
    return max(Counter(first.values()).values(), default=0) > 1


@given(rows, st.floats(0.05, 0.95), seeds)
def test_a_split_is_a_partition_without_a_text_on_both_sides(
    pairs: list[tuple[str, str]], share: float, seed: int
) -> None:
    labels, texts = [label for label, _ in pairs], [text for _, text in pairs]
    assume(splittable(labels, texts))
    result = split(labels, texts, test_share=share, seed=seed)
    assert sorted([*result.train, *result.test]) == list(range(len(texts)))
    assert len(result.held_out) == 0
    assert len(result.test)
    assert not {texts[i] for i in result.train} & {texts[i] for i in result.test}
    for side in (result.train, result.test):
        assert side.dtype == np.int64
        assert np.all(np.diff(side) > 0)


@given(rows, st.floats(0.05, 0.95), seeds)
def test_each_class_of_distinct_texts_gives_its_share_and_keeps_one_in_training(
    pairs: list[tuple[str, str]], share: float, seed: int
) -> None:
    labels = [label for label, _ in pairs]
    texts = [str(i) for i in range(len(labels))]
    assume(splittable(labels, texts))
    result = split(labels, texts, test_share=share, seed=seed)
    tested = Counter(labels[i] for i in result.test)
    for label, size in Counter(labels).items():
        expected = min(share * size, size - 1)
        assert abs(tested[label] - expected) < 1 + 1e-6
        assert tested[label] < size


@given(multiple_rows, seeds)
def test_documents_with_several_labels_are_split_likewise(
    pairs: list[tuple[tuple[str, ...], str]], seed: int
) -> None:
    labels, texts = [labels for labels, _ in pairs], [text for _, text in pairs]
    try:
        result = split(labels, texts, seed=seed)
    except LabelError:
        return
    keys = text_keys(texts)
    assert sorted([*result.train, *result.test]) == list(range(len(texts)))
    assert not set(keys[result.train]) & set(keys[result.test])


@given(many_rows, seeds, st.integers(1, 3))
def test_held_out_documents_are_as_many_as_asked_and_seen_by_no_stage(
    pairs: list[tuple[str, str]], seed: int, number: int
) -> None:
    labels, texts = [label for label, _ in pairs], [text for _, text in pairs]
    try:
        result = split(labels, texts, seed=seed, hold_out=number)
    except (SettingError, LabelError):
        assume(False)
    assert len(result.held_out) == number
    assert len(result.test)
    parts = [{texts[i] for i in part} for part in (result.train, result.test, result.held_out)]
    assert sum(map(len, parts)) == len(set(texts))
    classes = {labels[texts.index(text)] for text in texts}
    assert {labels[texts.index(texts[i])] for i in result.train} == classes


@given(many_rows, st.integers(2, 6), seeds)
def test_folds_validate_each_document_once_and_keep_copies_together(
    pairs: list[tuple[str, str]], count: int, seed: int
) -> None:
    labels, texts = [label for label, _ in pairs], [text for _, text in pairs]
    try:
        result = folds(labels, texts, count=count, seed=seed)
    except SettingError:
        assume(False)
    validated = Counter(int(i) for _, validation in result for i in validation)
    assert max(validated.values()) == 1
    first = {text: label for label, text in reversed(pairs)}
    distinct = Counter(first.values())
    assert set(validated) == {i for i, text in enumerate(texts) if distinct[first[text]] > 1}
    for train, validation in result:
        assert sorted([*train, *validation]) == list(range(len(texts)))
        assert len(validation)
        assert not {texts[i] for i in train} & {texts[i] for i in validation}
        assert {first[texts[i]] for i in train} == set(first.values())


def test_the_seed_decides() -> None:
    labels, texts = ["a", "b"] * 500, [str(i) for i in range(1000)]
    one, same = (split(labels, texts, seed=1, hold_out=9) for _ in range(2))
    for mine, theirs in zip(vars(one).values(), vars(same).values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(one.test, split(labels, texts, seed=2, hold_out=9).test)
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(one.test, split(labels, texts, seed=generator, hold_out=9).test)


def test_a_document_in_a_class_of_its_own_stays_in_training() -> None:
    labels, texts = ["rare", *"ab" * 50], [str(i) for i in range(101)]
    for seed in range(20):
        assert 0 in split(labels, texts, seed=seed, test_share=0.9, hold_out=5).train


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(LabelError, match="found none among 3 documents"):
        split(["a", "b", "a"], ["x", "y", "X "], seed=0)
    with pytest.raises(LabelError, match="2 labels for 1 documents"):
        split(["a", "b"], ["x"], seed=0)
    with pytest.raises(LabelError, match="found none among 0 documents"):
        split([], [], seed=0)
    with pytest.raises(SettingError, match="test_share"):
        split(["a", "a"], ["x", "y"], seed=0, test_share=1.0)
    with pytest.raises(SettingError, match=r"expected 0 to 0 of 2 documents .*, found 1"):
        split(["a", "a"], ["x", "y"], seed=0, hold_out=1)
    with pytest.raises(SettingError, match=r"expected 2 to 2 folds .*, found 3"):
        folds(["a", "a", "b"], ["x", "y", "z"], count=3, seed=0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Hello  world\n", "hello world", True),
        ("ﬁne", "FINE", True),
        ("Straße", "STRASSE", True),
        ("e\u0301", "é", True),
        ("a\u00a0b", "a b", True),
        ("a\x1cb", "a b", True),
        ("ab c", "a bc", False),
        ("abc", "a b c", False),
        ("é f", "éf", False),
        ("", " \n", True),
        ("\ud800", "\ud801", False),
    ],
)
def test_texts_that_read_the_same_have_the_same_key(one: str, other: str, same: bool) -> None:
    keys = text_keys([one, other, "something else"])
    assert (keys[0] == keys[1]) == same
    assert keys[2] not in keys[:2]


@given(st.lists(st.text("aAßﬁ \u00a0\n", max_size=4)))
def test_keys_are_equal_exactly_for_equal_collapsed_texts(texts: list[str]) -> None:
    def collapsed(text: str) -> str:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        return " ".join(folded.split())

    keys = text_keys(texts).tolist()
    pairs = set(zip(keys, map(collapsed, texts), strict=True))
    assert len(pairs) == len(set(keys)) == len(set(map(collapsed, texts)))
