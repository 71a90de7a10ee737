"""The quick plain path gives the features of the reference, for any text, a window at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bags_strategies import FEATURES, TEXTS
from satchel.features import plain, windows
from satchel.features.plain import feature_counts, hash_counts
from satchel.features.preprocess import prepare
from satchel.features.spec import Features
from satchel.features.tokenizer import lower, tokenize
from satchel.features.windows import Found, Window, character_windows, word_windows

pytestmark = pytest.mark.fast

SIZES = st.sampled_from([1, 2, 3, 5, 8, 20, 1 << 17])
"""Sizes of a window: the smallest cut a text at every place where it can be cut."""


@contextmanager
def cut_small(window: int, held: int = 1 << 21) -> Iterator[None]:
    with mock.patch.object(windows, "WINDOW", window), mock.patch.object(plain, "_HELD", held):
        yield


def all_windows(lowered: str, features: Features, placed: bool) -> list[list[Window]]:
    found = []
    if features.words:
        found.append(list(word_windows(lowered, features, placed)))
    if features.characters:
        found.append(list(character_windows(lowered, features, placed)))
    return found


def places(part: Found) -> tuple[list[int], list[int]]:
    assert part.starts is not None
    assert part.ends is not None
    return part.starts.tolist(), part.ends.tolist()


@settings(deadline=None, max_examples=300)
@given(TEXTS, FEATURES, SIZES)
def test_windows_hold_the_features_of_the_reference(
    text: str, features: Features, size: int
) -> None:
    low = lower(prepare(text, features))
    expected = tokenize(text, features)
    with cut_small(size):
        placed = all_windows(low.text, features, True)
        unplaced = all_windows(low.text, features, False)
    found = Counter(
        (number, part.kind, *low.span(start, end))
        for stream in placed
        for window in stream
        for part in window.parts
        for number, start, end in zip(part.hashes.tolist(), *places(part), strict=True)
    )
    assert found == Counter((token.hash, token.kind, token.start, token.end) for token in expected)
    without_places = Counter(
        (number, part.kind)
        for stream in unplaced
        for window in stream
        for part in window.parts
        for number in part.hashes.tolist()
    )
    assert without_places == Counter((token.hash, token.kind) for token in expected)


@settings(deadline=None, max_examples=100)
@given(TEXTS, FEATURES, SIZES)
def test_later_windows_end_behind_earlier_ones(text: str, features: Features, size: int) -> None:
    lowered = prepare(text, features).lower()
    with cut_small(size):
        streams = all_windows(lowered, features, True)
    for stream in streams:
        end = -1
        for window in stream:
            for part in window.parts:
                assert all(place > end for place in places(part)[1])
            end = window.end
        assert end == len(lowered)


@settings(deadline=None, max_examples=100)
@given(TEXTS, FEATURES, SIZES, st.sampled_from([0, 3, 30, 1 << 21]))
def test_counts_are_those_of_the_reference(
    text: str, features: Features, size: int, held: int
) -> None:
    expected = Counter((token.hash, token.kind) for token in tokenize(text, features))
    prepared = prepare(text, features)
    with cut_small(size, held):
        hashes, kinds, counts = feature_counts(prepared, features)
        bare, bare_counts = hash_counts(prepared, features)
        odd, odd_counts = hash_counts(prepared, features, lambda numbers: numbers % 2 == 1)
    assert np.all(hashes[1:] > hashes[:-1])
    assert dict(
        zip(zip(hashes.tolist(), kinds.tolist(), strict=True), counts.tolist(), strict=True)
    ) == dict(expected)
    assert np.array_equal(bare, hashes)
    assert np.array_equal(bare_counts, counts)
    # What is not wanted may be there or not; what is wanted is there, counted.
    wanted = odd % 2 == 1
    assert np.array_equal(odd[wanted], hashes[hashes % 2 == 1])
    assert np.array_equal(odd_counts[wanted], counts[hashes % 2 == 1])


@pytest.mark.parametrize("rules", ["satchel", "words", "keras"])
@given(text=TEXTS)
@settings(deadline=None, max_examples=100)
def test_places_hold_the_token(text: str, rules) -> None:
    for token in tokenize(text, Features(rules=rules, words=1)):
        assert 0 <= token.start < token.end <= len(text)
        stretch = text[token.start : token.end]
        # A token may hold one half of what İ becomes; a stretch alone may end in another sigma.
        assert token.text.replace("ς", "σ") in stretch.lower().replace("ς", "σ")


def test_short_chunks_beside_a_very_long_one_are_counted_whole() -> None:
    features = Features(words=0, characters=(6, 9), hash_key=1)
    long = "b" * 600_000
    found = set(feature_counts(f"aaa {long} cc", features)[0].tolist())
    for part in ("aaa", "cc", long):
        own = feature_counts(part, features)[0].tolist()
        assert own
        assert found.issuperset(own)
