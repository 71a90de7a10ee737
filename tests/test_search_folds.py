"""Validation folds: nothing of the judged side is known to the learning side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.search.targets import encode
from satchel.search.validation import Fold, make_folds

pytestmark = pytest.mark.fast


def divide(texts: list[str], labels: list, *, count: int = 3, most: int = 1000, seed: int = 0):
    return make_folds(
        texts, encode(labels), count=count, most_learnt=most, most_judged=most, seed=seed
    )


def sides(fold: Fold) -> tuple[list[int], list[int]]:
    return fold.learn.tolist(), fold.judge.tolist()


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
        learn, judge = sides(fold)
        assert not {found[i] for i in learn} & {found[i] for i in judge}
        assert not set(learn) & set(judge)


@given(st.integers(3, 40), st.integers(2, 4), st.integers(0, 5))
def test_each_document_is_judged_once_where_all_can_be(n: int, count: int, seed: int) -> None:
    texts = [f"document {i}" for i in range(3 * n)]
    labels = ["xyz"[i % 3] for i in range(3 * n)]
    folds = divide(texts, labels, count=count, seed=seed)
    assert len(folds) == count
    assert sorted(i for fold in folds for i in sides(fold)[1]) == list(range(3 * n))
    for fold in folds:
        learn, judge = sides(fold)
        assert sorted(learn + judge) == list(range(3 * n))


def test_one_fold_holds_out_a_fifth() -> None:
    texts = [f"document {i}" for i in range(100)]
    (fold,) = divide(texts, ["ab"[i % 2] for i in range(100)], count=1)
    assert len(fold.judge) == 20
    assert len(fold.learn) == 80


def test_the_seed_decides() -> None:
    texts = [f"document {i}" for i in range(60)]
    labels = ["ab"[i % 2] for i in range(60)]
    first, again, other = (
        [sides(fold) for fold in divide(texts, labels, seed=seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_is_learnt_or_judged_than_asked(count: int) -> None:
    texts = [f"document {i}" for i in range(90)]
    for fold in divide(texts, ["ab"[i % 2] for i in range(90)], count=count, most=10):
        learn, judge = sides(fold)
        assert len(learn) == 10
        assert len(judge) <= 10
        assert learn == sorted(learn)


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
        judged = {label for i in sides(fold)[1] for label in labels[i]}
        assert judged == {"a", "b", "c"}


def test_no_folds_are_made_where_none_are_asked() -> None:
    assert divide(["one", "two", "three", "four"], ["a", "b", "a", "b"], count=0) == []
