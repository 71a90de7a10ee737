"""Texts as UTF-8 in one array: as a sequence, from Arrow columns, and as what the kernels read."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrow_columns import ArrayColumn, Chunk, Column, Kind, bitmap, utf8_chunk, view_chunk
from bags_strategies import KEYED, TEXTS
from satchel.errors import TextError
from satchel.features import batches, packed
from satchel.features.arrow import ForeignColumnError
from satchel.features.embedding_bag import TextEncoder
from satchel.features.packed import PackedTexts, documents_of
from satchel.features.spec import Features, Weighting
from satchel.features.vocabulary import transform
from small_models import keyed, make_view, vocabulary

SAMPLE = ["a", "long " * 9, "", "é" * 7, "x" * 12, "y" * 13, "\x00", "漢字" * 300, "𐐀"] * 3
LISTS = st.lists(st.one_of(TEXTS, st.sampled_from(SAMPLE)), max_size=20)
LAYOUTS: dict[bytes, Callable[[Sequence[str | None]], Chunk]] = {
    b"u": utf8_chunk,
    b"U": lambda texts: utf8_chunk(texts, large=True),
    b"vu": view_chunk,
}
kinds = pytest.mark.parametrize("kind", LAYOUTS, ids=bytes.decode)


# A sequence.


@given(LISTS, st.data())
def test_packed_texts_are_the_sequence_of_their_strings(texts: list[str], data: Any) -> None:
    whole = PackedTexts.from_texts(texts)
    bounds = st.none() | st.integers(-25, 25)
    cut = slice(data.draw(bounds), data.draw(bounds), data.draw(st.sampled_from([None, 1, 2, -1])))
    some = whole[cut]
    assert isinstance(some, PackedTexts)
    assert list(some) == texts[cut]
    assert len(some) == len(texts[cut])
    assert [some[place] for place in range(-len(some), len(some))] == texts[cut] * 2
    assert some.characters() == sum(map(len, texts[cut]))
    assert some.isascii() == all(text.isascii() for text in texts[cut])
    assert some.nbytes == sum(len(text.encode()) for text in texts[cut])
    with pytest.raises(IndexError):
        some[len(some)]
    if cut.step in (None, 1) and some.nbytes:
        assert np.shares_memory(some.data, whole.data)
    again = copy.deepcopy(some)  # as pickle does, by __reduce__
    assert list(again) == texts[cut]
    assert len(again.data) == some.nbytes


def test_packed_texts_do_not_change() -> None:
    texts = PackedTexts.from_texts(["a", "b"])
    with pytest.raises(AttributeError, match="immutable"):
        texts.data = np.zeros(2, np.uint8)
    with pytest.raises(ValueError, match="read-only"):
        texts.data[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        texts.offsets[0] = 1


@given(LISTS, st.data())
def test_texts_are_taken_in_any_order_and_emptied(texts: list[str], data: Any) -> None:
    whole = PackedTexts.from_texts(["before", *texts])[1:]
    places = st.lists(st.integers(0, len(texts) - 1), max_size=30) if texts else st.just([])
    numbers = data.draw(places)
    assert list(whole.take(np.array(numbers, np.int64))) == [texts[number] for number in numbers]
    emptied = whole.emptied(np.array(numbers, np.int64))
    assert list(emptied) == ["" if i in numbers else text for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("data", "offsets", "message"),
    [
        (np.zeros(3, np.int8), [0, 3], "expected data of texts as uint8"),
        (np.zeros((3, 1), np.uint8), [0, 3], "expected data of texts as uint8"),
        (np.zeros(3, np.uint8), [], "expected n \\+ 1 offsets"),
        (np.zeros(3, np.uint8), [0, 4], "from 0 to 3"),
        (np.zeros(3, np.uint8), [-1, 2], "from 0 to 3"),
        (np.zeros(3, np.uint8), [0, 2, 1, 3], "ascending offsets of texts, found 2 before 1 at"),
        (np.array([65, 0xFF], np.uint8), [0, 1, 2], "UTF-8 as document 1, found the byte 0xFF"),
        (np.array([0xC3, 0xA9], np.uint8), [0, 1, 2], "UTF-8 as document 0, found the byte 0xC3"),
        (np.array([0xED, 0xA0, 0x80], np.uint8), [0, 3], "UTF-8 as document 0"),  # a surrogate
    ],
)
def test_arrays_that_are_not_texts_are_refused(
    data: np.ndarray, offsets: list[int], message: str
) -> None:
    with pytest.raises(TextError, match=message):
        PackedTexts(data, np.array(offsets, np.int64))


@given(st.lists(st.binary(max_size=6), max_size=6), st.integers(1, 9))
def test_exactly_what_python_decodes_is_utf8(parts: list[bytes], piece: int) -> None:
    def decodes(part: bytes) -> bool:
        try:
            part.decode()
        except UnicodeDecodeError:
            return False
        return True

    wrong = [number for number, part in enumerate(parts) if not decodes(part)]
    data = np.frombuffer(b"".join(parts), np.uint8)
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_PIECE", piece)
        if wrong:
            with pytest.raises(TextError, match=f"as document {wrong[0]}, found the byte"):
                PackedTexts(data, offsets)
        else:
            assert list(PackedTexts(data, offsets)) == [part.decode() for part in parts]


def test_strings_that_are_not_text_are_named() -> None:
    with pytest.raises(TextError, match="string as document 1, found NoneType"):
        PackedTexts.from_texts(["a", None])
    with pytest.raises(TextError, match="document 8, found the lone surrogate"):
        PackedTexts.from_texts(["a", "\ud800"], first=7)


# Arrow columns.


@kinds
@given(st.lists(LISTS, max_size=3), st.data())
def test_a_column_is_read_and_released_once(
    kind: bytes, chunks: list[list[str]], data: Any
) -> None:
    cuts = []
    for texts in chunks:
        start = data.draw(st.integers(0, len(texts)))
        cuts.append((texts, start, data.draw(st.integers(start, len(texts)))))
    column = Column(
        Kind(kind),
        [
            replace(LAYOUTS[kind](texts), offset=start, length=stop - start)
            for texts, start, stop in cuts
        ],
    )
    expected = [text for texts, start, stop in cuts for text in texts[start:stop]]
    assert list(PackedTexts.from_arrow(column)) == expected
    names = {"stream", "schema", *(f"chunk {number}" for number in range(len(chunks)))}
    assert column.released == dict.fromkeys(names, 1)


@kinds
def test_an_array_without_a_stream_is_read_and_released_once(kind: bytes) -> None:
    column = Column(Kind(kind), [LAYOUTS[kind](SAMPLE)])
    assert list(PackedTexts.from_arrow(ArrayColumn(column))) == SAMPLE
    assert column.released == {"schema": 1, "chunk 0": 1}


@kinds
@given(st.lists(st.sampled_from(["a", "long " * 9, None]), min_size=1, max_size=40), st.data())
def test_a_missing_value_is_refused_by_its_number(
    kind: bytes, texts: list[str | None], data: Any
) -> None:
    chunk = LAYOUTS[kind](texts)
    start = data.draw(st.integers(0, len(texts) - 1))
    stated = data.draw(st.sampled_from([-1, chunk.null_count]))
    chunk = replace(chunk, offset=start, length=len(texts) - start, null_count=stated)
    column = Column(Kind(kind), [LAYOUTS[kind](["first"]), chunk])
    if None in texts[start:]:
        number = 1 + texts[start:].index(None)
        with pytest.raises(TextError, match=f"as document {number}, found a missing value"):
            PackedTexts.from_arrow(column)
    else:
        assert list(PackedTexts.from_arrow(column)) == ["first", *texts[start:]]
    assert column.released == {"stream": 1, "schema": 1, "chunk 0": 1, "chunk 1": 1}


@kinds
def test_dictionaries_and_tables_of_one_column_are_read(kind: bytes) -> None:
    words = replace(LAYOUTS[kind]([None, "not this", *SAMPLE[:9]]), offset=1, length=10)
    numbers = np.array([9, 9, 1, 4, 3, 7, 7], np.uint16)
    entries = Chunk([None, numbers], 5, offset=2, dictionary=words)
    column = Column(Kind(b"S", dictionary=Kind(kind)), [entries])
    assert list(PackedTexts.from_arrow(column)) == [SAMPLE[i - 1] for i in (1, 4, 3, 7, 7)]
    rows = Chunk([None], 4, offset=2, child=replace(LAYOUTS[kind](SAMPLE), offset=3, length=9))
    table = Column(Kind(b"+s", child=Kind(kind)), [rows])
    assert list(PackedTexts.from_arrow(table)) == SAMPLE[5:9]
    assert table.released == {"stream": 1, "schema": 1, "chunk 0": 1}
    unused = replace(entries, dictionary=replace(words, offset=0, length=11))
    assert len(PackedTexts.from_arrow(Column(column.kind, [unused]))) == 5  # entry 0 is missing
    used = replace(unused, offset=0, buffers=[None, np.array([1, 0], np.uint16)], length=2)
    with pytest.raises(TextError, match="document 1, found a missing value"):
        PackedTexts.from_arrow(Column(column.kind, [used]))
    row = Chunk([bitmap(["a", None])], 2, null_count=1, child=LAYOUTS[kind](["a", "b"]))
    with pytest.raises(TextError, match="document 1, found a missing value"):
        PackedTexts.from_arrow(Column(table.kind, [row]))


def _views(texts: Sequence[str], field: int, value: int) -> Chunk:
    """Views with one field of the second overwritten: size, prefix, buffer or offset."""
    chunk = view_chunk(texts)
    assert chunk.buffers[1] is not None
    chunk.buffers[1][1].view(np.int32)[field] = value
    return chunk


LONG = ["a", "long " * 9, "b"]
BAD = {
    "falling": (b"u", Chunk([None, np.array([0, 3, 1], np.int32), np.zeros(3, np.uint8)], 2)),
    "negative": (b"u", Chunk([None, np.array([-1, 3], np.int32), np.zeros(3, np.uint8)], 1)),
    "immense": (b"U", Chunk([None, np.array([0, 1 << 62]), np.zeros(3, np.uint8)], 1)),
    "length": (b"u", replace(utf8_chunk(["a"]), length=-1)),
    "offset": (b"u", replace(utf8_chunk(["a"]), offset=-1)),
    "no data": (b"u", replace(utf8_chunk(["a"]), buffers=[None, np.array([0, 1], np.int32)])),
    "null data": (b"u", Chunk([None, np.array([0, 1], np.int32), None], 1)),
    "null offsets": (b"u", Chunk([None, None, np.zeros(1, np.uint8)], 1)),
    "view size": (b"vu", _views(LONG, 0, -5)),
    "view too long": (b"vu", _views(LONG, 0, 10_000)),
    "view buffer": (b"vu", _views(LONG, 2, 2)),
    "view negative buffer": (b"vu", _views(LONG, 2, -1)),
    "view offset": (b"vu", _views(LONG, 3, 1)),
    "view negative offset": (b"vu", _views(LONG, 3, -1)),
    "view without sizes": (b"vu", Chunk([None, np.zeros(16, np.uint8)], 1)),
    "utf8": (b"u", Chunk([None, np.array([0, 1], np.int32), np.array([0xFF], np.uint8)], 1)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_column_that_contradicts_itself_is_refused_and_released(name: str) -> None:
    kind, chunk = BAD[name]
    column = Column(Kind(kind), [chunk])
    with pytest.raises(TextError, match="expected"):
        PackedTexts.from_arrow(column)
    assert column.released == {"stream": 1, "schema": 1, "chunk 0": 1}


def test_a_dictionary_or_table_that_contradicts_itself_is_refused() -> None:
    words = utf8_chunk(["a", "b"])
    for number in (-1, 2):
        entries = Chunk([None, np.array([number], np.int8)], 1, dictionary=words)
        with pytest.raises(TextError, match="numbers below 2"):
            PackedTexts.from_arrow(Column(Kind(b"c", dictionary=Kind(b"u")), [entries]))
    absent = Chunk([None, np.array([0], np.int8)], 1)
    with pytest.raises(TextError, match="found none"):
        PackedTexts.from_arrow(Column(Kind(b"c", dictionary=Kind(b"u")), [absent]))
    with pytest.raises(TextError, match="expected 3 rows in the column"):
        PackedTexts.from_arrow(
            Column(Kind(b"+s", child=Kind(b"u")), [Chunk([None], 3, child=words)])
        )


def test_a_failing_producer_is_quoted_and_released() -> None:
    column = Column(Kind(b"u"), [utf8_chunk(["a"])], fails=b"the disk is gone")
    with pytest.raises(TextError, match="failed: the disk is gone"):
        PackedTexts.from_arrow(column)
    assert column.released == {"stream": 1, "schema": 1, "chunk 0": 1}


@given(LISTS)
def test_columns_of_polars_are_read(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    assert list(PackedTexts.from_arrow(column)) == texts
    assert list(PackedTexts.from_arrow(column.reverse())) == texts[::-1]
    assert list(PackedTexts.from_arrow(column[1:4])) == texts[1:4]
    chunked = pl.concat([column, column], rechunk=False)
    assert list(PackedTexts.from_arrow(chunked)) == texts * 2
    assert list(PackedTexts.from_arrow(column.to_frame())) == texts
    assert list(PackedTexts.from_arrow(column.cast(pl.Categorical))) == texts


def test_what_is_no_text_column_stays_what_it_is() -> None:
    assert documents_of(pl.Series([1, 2])) == [1, 2]
    assert documents_of(pd.Series(["a", "b"], dtype=object)) == ["a", "b"]
    assert list(documents_of(pd.Series(["a", "b"]))) == ["a", "b"]
    assert documents_of(np.array(["a", "b"])) == ["a", "b"]
    assert documents_of(text for text in "ab") == ["a", "b"]
    with pytest.raises(TextError, match="put it into a list"):
        documents_of("ab")
    for column in (pl.Series([1]), pl.DataFrame({"a": ["x"], "b": ["y"]}), ["a"]):
        with pytest.raises(ForeignColumnError, match="expected a"):
            PackedTexts.from_arrow(column)


# The kernels and the plain path.


def encoder(features: Sequence[Features], texts: Sequence[str]) -> TextEncoder:
    """An encoder with a view for each of the features, of random rows."""
    random = np.random.default_rng(0)
    views = []
    for each in map(keyed, features):
        hashes, kinds, _ = vocabulary(texts, each)
        rows = random.standard_normal((len(hashes), 3)).astype(np.float32)
        weights = random.random(len(hashes)).astype(np.float32)
        views.append(make_view(each, Weighting(), hashes, weights, rows, kinds=kinds))
    return TextEncoder(views)


def assert_same(first: Any, second: Any) -> None:
    """Both have the same sums to the bit, and the same counts."""
    for own, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(first[1], second[1])


@given(
    LISTS,
    st.lists(KEYED, min_size=1, max_size=2),
    st.sampled_from([(), ("headers",), ("headers", "quotes", "signatures")]),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 3, 1 << 19]),
    st.sampled_from([5, 1 << 21]),
)
def test_packed_texts_are_read_as_their_strings_are_to_the_bit(
    texts: list[str], features: list[Features], strip: Any, threads: int, chunk: int, long: int
) -> None:
    import msgspec

    features = [msgspec.structs.replace(each, strip=strip) for each in features]
    reader = encoder(features, texts[::2])
    own = PackedTexts.from_texts(["before", *texts, "after"])[1:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "CHUNK_CHARACTERS", chunk)
        patch.setattr(batches, "LONG", long)
        assert_same(reader.read_plain(own), reader.read_plain(texts))
        for fused in (True, False):
            assert_same(
                reader._read_block(own, fused, threads), reader._read_block(texts, fused, threads)
            )
        assert_same(reader.read(own, threads), reader.read(texts, threads))
        for block, expected in zip(
            reader.read_in_blocks(own, 4, threads),
            reader.read_in_blocks(texts, 4, threads),
            strict=True,
        ):
            assert_same(block, expected)
        for rows, others in zip(reader.counts(own), reader.counts(texts), strict=True):
            np.testing.assert_array_equal(rows.offsets, others.offsets)
            np.testing.assert_array_equal(rows.ids, others.ids)
            np.testing.assert_array_equal(rows.values, others.values)


def test_the_kernels_make_no_string_of_packed_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    features = keyed(Features(words=2, nfc=True))
    texts = ["an ordinary text of some words"] * 5_000
    reader = encoder([features], texts[:1])
    own = PackedTexts.from_texts(texts)

    def refuse(*_: object) -> str:
        raise AssertionError("a string was made")

    expected = reader.read_fused(texts)
    rows = transform(texts, features, reader.views[0].vocabulary.hashes)
    monkeypatch.setattr(PackedTexts, "__iter__", refuse)
    whole = PackedTexts.__getitem__

    def slices_only(self: PackedTexts, index: Any) -> Any:
        return whole(self, index) if isinstance(index, slice) else refuse()

    monkeypatch.setattr(PackedTexts, "__getitem__", slices_only)
    assert_same(reader._read_block(own, True, 2), expected)
    found = transform(own, features, reader.views[0].vocabulary.hashes)
    np.testing.assert_array_equal(found.ids, rows.ids)


def test_threads_may_read_one_column_at_a_time() -> None:
    own = PackedTexts.from_texts(SAMPLE * 50)
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(list(own))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SAMPLE * 50] * 4
