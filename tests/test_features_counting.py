"""Counting: pieces make the whole, bad input is refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bags_strategies import FEATURES, KEY, TEXTS
from satchel.errors import SettingError, TextError
from satchel.features.counting import Counts, count, merge_ranked
from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import transform

pytestmark = pytest.mark.fast


def same(one: Counts, other: Counts) -> bool:
    return (
        np.array_equal(one.hashes, other.hashes)
        and np.array_equal(one.kinds, other.kinds)
        and np.array_equal(one.document_frequency, other.document_frequency)
        and one.documents == other.documents
    )


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), st.integers(0, 6), st.integers(0, 6), FEATURES)
def test_pieces_make_the_whole(texts: list[str], one: int, two: int, features: Features) -> None:
    first, last = sorted((one, two))
    pieces = [texts[:first], texts[first:last], texts[last:]]
    whole = count(texts, features)[0]
    for order in (pieces, pieces[::-1]):
        parts = [count(piece, features)[0] for piece in order]
        merged, ranks = merge_ranked(parts)
        assert same(whole, merged)
        for part, rank in zip(parts, ranks, strict=True):
            assert np.array_equal(merged.hashes[rank], part.hashes)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4), FEATURES)
def test_known_vocabulary_gives_the_counted_rows(texts: list[str], features: Features) -> None:
    counts, rows = count(texts, features)
    again = transform(texts, features, counts.hashes)
    assert np.array_equal(rows.offsets, again.offsets)
    assert np.array_equal(rows.ids, again.ids)
    assert np.array_equal(rows.values, again.values)


def test_dtypes_and_shapes() -> None:
    counts, rows = count(["a b", "", "b"], Features(words=1))
    assert (counts.hashes.dtype, counts.kinds.dtype) == (np.uint64, np.uint8)
    assert counts.document_frequency.dtype == np.int64
    assert (rows.offsets.dtype, rows.ids.dtype, rows.values.dtype) == (
        np.int64,
        np.int32,
        np.float32,
    )
    assert rows.offsets.tolist() == [0, 2, 2, 3]
    assert rows.columns == len(counts) == 2
    empty, no_rows = count([], Features())
    assert len(empty) == len(no_rows) == 0


CALLS: dict[str, Callable] = {
    "count": lambda texts: count(texts, Features()),
    "lookup": lambda texts: transform(texts, Features(), np.zeros(0, np.uint64)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None], "a string as document 1, found NoneType"),
        (["a", float("nan")], "a string as document 1, found float"),
        (["a", b"b"], "a string as document 1, found bytes"),
        (["a", "b", "c\ud800"], r"document 2, found the lone surrogate U\+D800 at character 1"),
        ("one text", "put it into a list"),
    ],
)
def test_what_is_not_text_is_refused(call: Callable, texts, message: str) -> None:
    with pytest.raises(TextError, match=message):
        call(texts)


def test_reference_refuses_surrogates_too() -> None:
    with pytest.raises(TextError, match="lone surrogate"):
        tokenize("\udfff", Features())


def test_hashes_must_ascend() -> None:
    with pytest.raises(SettingError, match="ascend"):
        transform(["a"], Features(), np.array([2, 1], np.uint64))
    with pytest.raises(SettingError, match="uint64"):
        transform(["a"], Features(), np.array([1, 2]))


def test_threads_must_be_positive() -> None:
    with pytest.raises(SettingError, match="threads"):
        count(["a"], Features(), threads=0)


def test_progress_reaches_the_end() -> None:
    told: list[tuple[int, int | None]] = []
    count(
        ["a"] * 5000,
        Features(),
        progress=lambda *told_now: told.append(told_now[1:3]),
    )
    assert told[-1] == (5000, 5000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("key", "expected"),
    [(0, "c261c8c4e3bef99aa0f02775cd02234a"), (KEY, "5efd308d47a87bc7ef17e5a89dc4c91f")],
)
@pytest.mark.parametrize("seed", ["1", "77"])
def test_hash_seed_changes_nothing(seed: str, key: int, expected: str) -> None:
    program = (
        "import hashlib; from satchel.features import count, Features;"
        f"features = Features(words=2, characters=(2, 3), hash_key={key});"
        "counts, rows = count(['Ab c d漢字', 'd b: e@f.g'], features);"
        "print(hashlib.sha256(counts.hashes.tobytes() + rows.ids.tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    # A change here makes every saved model deaf: the hashes are a part of the file format.
    assert done.stdout.startswith(expected)
