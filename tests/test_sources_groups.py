"""Splits by group and by time: what stays together, which side is the newer, and how large."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from satchel.errors import LabelError, SettingError
from satchel.sources.splitting import folds, group_numbers, split, split_by_time

pytestmark = pytest.mark.fast

# Few texts and groups, so that copies, links through several groups and documents of no group
# come often.
grouped_rows = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 40).map(str),
        st.sampled_from(["", *"klmnopqrstuvwxyz"]),
    ),
    min_size=10,
    max_size=60,
)
timed_rows = st.lists(
    st.tuples(st.integers(0, 40).map(str), st.sampled_from(["", *"klmnop"]), st.integers(0, 30)),
    min_size=4,
    max_size=60,
)
seeds = st.integers(0, 2**32)


def numbered(groups: list[str]) -> np.ndarray:
    return group_numbers(groups, len(groups))


def undivided(parts: list[np.ndarray], values: list[str]) -> bool:
    """No value is in two parts."""
    sides = [{values[i] for i in part.tolist()} - {""} for part in parts]
    return sum(map(len, sides)) == len(set().union(*sides))


@given(grouped_rows, st.floats(0.1, 0.9), seeds)
def test_no_group_and_no_text_is_on_both_sides(
    rows: list[tuple[str, str, str]], share: float, seed: int
) -> None:
    labels, texts, groups = (list(column) for column in zip(*rows, strict=True))
    try:
        result = split(labels, texts, test_share=share, seed=seed, groups=numbered(groups))
    except LabelError:
        assume(False)
    assert sorted([*result.train, *result.test, *result.copies]) == list(range(len(texts)))
    assert len(result.test)
    assert undivided([result.train, np.r_[result.test, result.copies]], groups)
    assert undivided([result.train, result.test], texts)
    assert {texts[i] for i in result.copies} <= {texts[i] for i in result.train}
    assert {labels[i] for i in result.train} == set(labels)


@given(grouped_rows, st.floats(0.1, 0.9), seeds)
def test_the_share_is_met_within_one_groups_size(
    rows: list[tuple[str, str, str]], share: float, seed: int
) -> None:
    groups = [group or str(place) for place, (_, _, group) in enumerate(rows)]
    texts = [str(place) for place in range(len(rows))]
    labels = ["a"] * len(rows)
    largest = max(Counter(groups).values())
    assume(largest <= share * len(rows) and largest <= (1 - share) * len(rows))
    result = split(labels, texts, test_share=share, seed=seed, groups=numbered(groups))
    assert abs(len(result.test) - share * len(rows)) <= largest
    assert len(result.too_large) == 0


@given(grouped_rows, seeds, seeds)
def test_the_order_of_rows_does_not_matter(
    rows: list[tuple[str, str, str]], seed: int, shuffle: int
) -> None:
    order = np.random.default_rng(shuffle).permutation(len(rows)).tolist()
    sides: list[Any] = []
    for some in (rows, [rows[i] for i in order]):
        labels, texts, groups = (list(column) for column in zip(*some, strict=True))
        try:
            result = split(labels, texts, seed=seed, groups=numbered(groups))
        except LabelError:
            sides.append(None)
            continue
        sides.append(sorted(some[i] for i in result.test))
    assert sides[0] == sides[1]


@given(grouped_rows, st.integers(2, 5), seeds)
def test_no_group_is_in_two_folds(rows: list[tuple[str, str, str]], count: int, seed: int) -> None:
    labels, texts, groups = (list(column) for column in zip(*rows, strict=True))
    try:
        result = folds(labels, texts, count=count, seed=seed, groups=numbered(groups))
    except SettingError:
        assume(False)
    validated = Counter(int(i) for _, validation in result for i in validation)
    # All that a fold holds out may be copies of texts in training, and is then left out.
    assert max(validated.values(), default=1) == 1
    names = [group or f"text {text}" for text, group in zip(texts, groups, strict=True)]
    holders = {label: {names[i] for i, own in enumerate(labels) if own == label} for label in "abc"}
    only = {name for held in holders.values() if len(held) == 1 for name in held}
    unique = {i for i in range(len(rows)) if texts.count(texts[i]) == 1}
    assert set(validated) & unique == {i for i in unique if names[i] not in only}
    for train, validation in result:
        assert not set(train.tolist()) & set(validation.tolist())
        assert undivided([train, validation], groups)
        assert undivided([train, validation], texts)
        left_out = set(range(len(rows))) - set(train.tolist()) - set(validation.tolist())
        assert {texts[i] for i in left_out} <= {texts[i] for i in train}


def test_folds_of_groups_that_differ_in_size_are_about_equal() -> None:
    groups = [f"g{size}" for size in range(1, 40) for _ in range(size)]
    texts, labels = [str(i) for i in range(len(groups))], ["ab"[g > "g2"] for g in groups]
    sizes = [
        len(held) for _, held in folds(labels, texts, count=5, seed=0, groups=numbered(groups))
    ]
    assert max(sizes) - min(sizes) < 40


def test_the_seed_decides_and_every_group_may_be_tested() -> None:
    groups = [str(i // 5) for i in range(500)]
    texts, labels = [str(i) for i in range(500)], ["ab"[i // 250] for i in range(500)]
    one, same, other = (
        split(labels, texts, seed=seed, groups=numbered(groups)).test.tolist() for seed in (1, 1, 2)
    )
    assert one == same != other
    assert len(one) == 100
    tested = {groups[i] for seed in range(60) for i in split(
        labels, texts, seed=seed, groups=numbered(groups)).test}  # fmt: skip
    assert tested == set(groups)


def test_each_class_gives_its_share_of_documents() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 400, 4000).astype(str).tolist()
    labels = ["abcd"[int(group) % 4] for group in groups]
    texts = [str(i) for i in range(4000)]
    for seed in range(10):
        tested = Counter(
            labels[i] for i in split(labels, texts, seed=seed, groups=numbered(groups)).test
        )
        for label, size in Counter(labels).items():
            assert tested[label] == pytest.approx(0.2 * size, abs=20)


def test_a_group_larger_than_the_test_stays_in_training_and_is_named() -> None:
    groups = ["big"] * 60 + [f"g{i}" for i in range(40)]
    texts, labels = [str(i) for i in range(100)], ["ab"[i % 2] for i in range(100)]
    for seed in range(20):
        result = split(labels, texts, seed=seed, groups=numbered(groups))
        assert result.too_large.tolist() == [0]
        assert set(range(60)) <= set(result.train.tolist())
        assert 19 <= len(result.test) <= 21


def test_held_out_documents_are_alone_in_their_group() -> None:
    groups = ["x"] * 10 + ["y"] * 10 + [None] * 40
    texts, labels = [str(i) for i in range(60)], ["ab"[i % 2] for i in range(60)]
    result = split(labels, texts, seed=0, groups=numbered(groups), hold_out=7)
    assert len(result.held_out) == 7
    assert min(result.held_out) >= 20


def test_a_text_that_every_group_has_joins_none_of_them() -> None:
    groups = [str(i // 10) for i in range(500)]
    texts = ["Thank you!" if i % 10 == 0 else str(i) for i in range(500)]
    labels = ["ab"[i % 2] for i in range(500)]
    result = split(labels, texts, seed=0, groups=numbered(groups))
    assert (len(result.train), len(result.test), len(result.copies)) == (400, 90, 10)
    with pytest.raises(LabelError, match="all of the 10 documents to test on have the text of"):
        split(
            ["a", "b"] * 25, ["x"] * 50, seed=0, groups=numbered([str(i // 5) for i in range(50)])
        )


def test_impossible_groups_are_refused() -> None:
    texts, labels = [str(i) for i in range(10)], ["ab"[i % 2] for i in range(10)]
    with pytest.raises(LabelError, match="found none among 1 group of 10 documents"):
        split(labels, texts, seed=0, groups=numbered(["x"] * 10))
    with pytest.raises(LabelError, match="the largest of 5"):
        split(labels, texts, seed=0, groups=numbered(labels))
    with pytest.raises(SettingError, match="found 2 groups for 10 documents"):
        group_numbers(["x", "y"], 10)
    with pytest.raises(SettingError, match=r"expected 2 to 0 folds \(the number of groups"):
        folds(labels, texts, count=2, seed=0, groups=numbered(["x"] * 10))


def test_groups_are_compared_as_text_and_nothing_is_no_group() -> None:
    found = group_numbers(["a", None, 1, "1 ", float("nan"), "", " ", "A"], 8)
    assert found.tolist() == [2, -1, 0, 0, -1, -1, -1, 1]


@given(timed_rows, st.floats(0.05, 0.95))
def test_the_test_is_newer_than_training_but_for_what_belongs_together(
    rows: list[tuple[str, str, int]], share: float
) -> None:
    texts, groups, times = (list(column) for column in zip(*rows, strict=True))
    try:
        result = split_by_time(
            texts, np.array(times, float), test_share=share, groups=numbered(groups)
        )
    except LabelError:
        assume(False)
    tested = np.r_[result.test, result.copies]
    assert sorted([*result.train, *tested]) == list(range(len(rows)))
    assert len(result.train)
    assert len(result.test)
    assert undivided([result.train, tested], groups)
    assert undivided([result.train, result.test], texts)
    names = [group or f"text {text}" for text, group in zip(texts, groups, strict=True)]
    oldest = {
        name: min(t for n, t in zip(names, times, strict=True) if n == name) for name in names
    }
    start = min(times[i] for i in tested)
    assert all(oldest[names[i]] < start for i in result.train)
    tied = Counter(oldest[name] for name in names)
    assert abs(len(tested) - share * len(rows)) <= max(tied.values())


@given(timed_rows, st.integers(0, 99))
def test_by_time_the_order_of_rows_does_not_matter(
    rows: list[tuple[str, str, int]], shuffle: int
) -> None:
    order = np.random.default_rng(shuffle).permutation(len(rows)).tolist()
    sides: list[Any] = []
    for some in (rows, [rows[i] for i in order]):
        texts, groups, times = (list(column) for column in zip(*some, strict=True))
        try:
            result = split_by_time(texts, np.array(times, float), groups=numbered(groups))
        except LabelError:
            return
        sides.append(sorted(some[i] for i in result.test))
    assert sides[0] == sides[1]


def test_without_ties_and_copies_the_newest_fifth_is_tested_and_the_very_newest_held_out() -> None:
    times = np.random.default_rng(0).permutation(100).astype(float)
    result = split_by_time([str(i) for i in range(100)], times)
    assert sorted(times[result.test]) == list(range(80, 100))
    result = split_by_time([str(i) for i in range(100)], times, hold_out=10)
    assert sorted(times[result.held_out]) == list(range(90, 100))
    assert sorted(times[result.test]) == list(range(72, 90))


def test_impossible_times_are_refused() -> None:
    with pytest.raises(LabelError, match="found one time for all of 3 documents"):
        split_by_time(list("xyz"), np.ones(3))
    with pytest.raises(LabelError, match="those with the same text or group taken together"):
        split_by_time(list("xyz"), np.arange(3.0), groups=numbered(["g"] * 3))
    with pytest.raises(SettingError, match="found 2 times for 3 documents"):
        split_by_time(list("xyz"), np.ones(2))
    with pytest.raises(SettingError, match=r"expected 0 to 1 of 3 documents .*, found 2"):
        split_by_time(list("xyz"), np.arange(3.0), hold_out=2)
    with pytest.raises(SettingError, match="test_share"):
        split_by_time(list("xyz"), np.arange(3.0), test_share=0)
