"""Validation folds: no text is on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.search.targets import encode
from satchel.search.validation import Fold, make_folds

pytestmark = pytest.mark.fast


def divide(texts: list[str], labels: list, *, count: int = 3, most: int = 1000, seed: int = 0):
    return make_folds(texts, encode(labels), count=count, max_train=most, max_test=most, seed=seed)


def sides(fold: Fold) -> tuple[list[int], list[int]]:
    return fold.train.tolist(), fold.test.tolist()


keys = st.lists(st.integers(0, 12), min_size=12, max_size=60).filter(
    lambda found: len({key for place, key in enumerate(found)}) > 6
)
shapes = st.sampled_from(
    [
        "text {key}",
        "From: a{place}@b.org\nSubject: topic {key}\n\nbody {place}",
        "From: a{place}@b.org\nSubject: {re}Topic {key} \nLines: 3\n\nbody {place}",
        "subject:   {re}{re}TOPIC {key}\n\nbody {place}",
    ]
)


@given(keys, shapes, st.integers(1, 4), st.integers(0, 5))
def test_copies_and_conversations_stay_on_one_side(
    found: list[int], shape: str, count: int, seed: int
) -> None:
    texts = [
        shape.format(key=key, place=place, re="Re: " * (place % 2))
        for place, key in enumerate(found)
    ]
    labels = ["a" if key % 2 else "b" for key in found]
    if len(set(labels)) < 2:
        return
    for fold in divide(texts, labels, count=count, seed=seed):
        train, test = sides(fold)
        assert not {found[i] for i in train} & {found[i] for i in test}
        assert not set(train) & set(test)


@given(st.integers(3, 40), st.integers(2, 4), st.integers(0, 5))
def test_each_document_is_held_out_once_where_all_can_be(n: int, count: int, seed: int) -> None:
    texts = [f"document {i}" for i in range(3 * n)]
    labels = ["xyz"[i % 3] for i in range(3 * n)]
    folds = divide(texts, labels, count=count, seed=seed)
    assert len(folds) == count
    assert sorted(i for fold in folds for i in sides(fold)[1]) == list(range(3 * n))
    for fold in folds:
        train, test = sides(fold)
        assert sorted(train + test) == list(range(3 * n))


@given(keys, st.lists(st.integers(-1, 5), min_size=60, max_size=60), st.integers(1, 4))
def test_groups_stay_on_one_side(found: list[int], numbers: list[int], count: int) -> None:
    texts = [f"text {key}" for key in found]
    labels = ["ab"[place % 2] for place in range(len(found))]
    groups = np.array(numbers[: len(found)])
    folds = make_folds(
        texts, encode(labels), count=count, max_train=99, max_test=99, seed=0, groups=groups
    )
    for fold in folds:
        train, test = sides(fold)
        assert test
        assert not {groups[i] for i in train} & {groups[i] for i in test} - {-1}
        assert not {texts[i] for i in train} & {texts[i] for i in test}


def test_one_fold_holds_out_a_fifth() -> None:
    texts = [f"document {i}" for i in range(100)]
    (fold,) = divide(texts, ["ab"[i % 2] for i in range(100)], count=1)
    assert len(fold.test) == 20
    assert len(fold.train) == 80


def test_the_seed_decides() -> None:
    texts = [f"document {i}" for i in range(60)]
    labels = ["ab"[i % 2] for i in range(60)]
    first, again, other = (
        [sides(fold) for fold in divide(texts, labels, seed=seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("count", [1, 3])
def test_no_fold_is_larger_than_asked(count: int) -> None:
    texts = [f"document {i}" for i in range(90)]
    for fold in divide(texts, ["ab"[i % 2] for i in range(90)], count=count, most=10):
        train, test = sides(fold)
        assert len(train) == 10
        assert len(test) <= 10
        assert train == sorted(train)


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_texts_make_no_folds(count: int) -> None:
    assert divide(["one", "two"], ["a", "b"], count=count) == []
    assert divide(["same"] * 6, ["a", "b"] * 3, count=count) == []


def test_several_labels_a_document_are_divided_too() -> None:
    texts = [f"document {i}" for i in range(60)]
    labels = [("a",), ("a", "b"), ("c",)] * 20
    folds = divide(texts, labels, count=3)
    assert len(folds) == 3
    for fold in folds:
        held_out = {label for i in sides(fold)[1] for label in labels[i]}
        assert held_out == {"a", "b", "c"}


def test_no_folds_are_made_where_none_are_asked() -> None:
    assert divide(["one", "two", "three", "four"], ["a", "b", "a", "b"], count=0) == []
