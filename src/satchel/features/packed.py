"""Texts end to end in one array of UTF-8: what the kernels read, and columns are copied into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Any, overload

import numpy as np

from satchel.errors import TextError
from satchel.features.preprocess import check_text

LARGEST = 1 << 30
"""The most bytes of one document that the kernels read: positions in it have 32 bits, and lower
case may double its bytes."""

_PIECE = 1 << 18
_LISTED = 1 << 12  # documents whose offsets are Python numbers at a time
_WORTH_A_COPY = 256  # bytes from which copying one slice costs less than gathering them


class PackedTexts(Sequence[str]):
    """An immutable sequence of texts that are kept as UTF-8, as Arrow's ``large_utf8`` has them.

    An item is decoded when it is asked for. A slice with step 1 shares the memory. There are no
    missing values: whoever builds the arrays replaces them first.

    Args:
        data: uint8 [bytes]; all texts, valid UTF-8. Not copied: it must not change afterwards.
        offsets: int64 [n + 1], ascending; text i is ``data[offsets[i]:offsets[i + 1]]``. The first
            one need not be 0, nor the last one the end of the data.

    Attributes:
        data: The same, read-only.
        offsets: The same, read-only.

    Raises:
        TextError: The arrays have another type or shape, an offset is smaller than the one before
            it or outside the data, or a text is not UTF-8.
    """

    __slots__ = ("data", "offsets")

    data: np.ndarray
    offsets: np.ndarray

    def __init__(self, data: np.ndarray, offsets: np.ndarray) -> None:
        for name, array, dtype in (("data", data, np.uint8), ("offsets", offsets, np.int64)):
            if array.dtype != dtype or array.ndim != 1:
                raise TextError(
                    f"expected {name} of texts as {np.dtype(dtype).name} [n], found "
                    f"{array.dtype} {array.shape}"
                )
        check_offsets(offsets, len(data))
        self._set(np.ascontiguousarray(data), np.ascontiguousarray(offsets))
        self._check_utf8()

    @classmethod
    def from_texts(cls, texts: Sequence[str], first: int = 0) -> PackedTexts:
        """Encode strings.

        Args:
            texts: Documents.
            first: The number of the first one, for messages.

        Raises:
            TextError: A document is not a string, or holds a lone surrogate.
        """
        try:
            parts = [text.encode() for text in texts]
        except (UnicodeEncodeError, AttributeError):
            parts = [
                check_text(text, number).encode() for number, text in enumerate(texts, start=first)
            ]
        lengths = map(len, parts)
        offsets = np.fromiter(accumulate(lengths, initial=0), np.int64, len(parts) + 1)
        return cls._valid(np.frombuffer(b"".join(parts), np.uint8), offsets)

    @classmethod
    def from_arrow(cls, column: Any) -> PackedTexts:
        """Copy the texts of an Arrow column, without a Python string for each.

        Args:
            column: Any object with ``__arrow_c_stream__`` or ``__arrow_c_array__``, such as a
                column of polars, pyarrow, DuckDB or pandas (there with pyarrow); of the type utf8,
                large_utf8 or utf8_view, or a dictionary of one of them (a polars Categorical); or a
                table with that one column.

        Raises:
            TextError: The column holds no text, or a value is missing or is not UTF-8.
        """
        # ctypes takes a few milliseconds to import, which a short prediction need not pay.
        from satchel.features.arrow import read_column

        texts = concatenated([cls._valid(*chunk) for chunk in read_column(column)])
        texts._check_utf8()
        return texts

    @classmethod
    def _valid(cls, data: np.ndarray, offsets: np.ndarray) -> PackedTexts:
        """Return texts of arrays that are known to be valid."""
        texts = cls.__new__(cls)
        texts._set(data, offsets)
        return texts

    def _set(self, data: np.ndarray, offsets: np.ndarray) -> None:
        for name, array in (("data", data), ("offsets", offsets)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"PackedTexts are immutable: {name} cannot be set")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> PackedTexts: ...

    def __getitem__(self, index: int | slice) -> str | PackedTexts:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            return self._valid(self.data, self.offsets[start : max(start, stop) + 1])
        place = range(len(self))[index]
        start, stop = self.offsets[place : place + 2].tolist()
        return str(self.data[start:stop].data, "utf-8")

    def __iter__(self) -> Iterator[str]:
        data = self.data.data
        for first in range(0, len(self), _LISTED):
            bounds = self.offsets[first : first + _LISTED + 1].tolist()
            for start, stop in pairwise(bounds):
                yield str(data[start:stop], "utf-8")

    def __repr__(self) -> str:
        return f"PackedTexts({len(self):,} texts, {self.nbytes:,} bytes)"

    def __reduce__(self) -> tuple[Any, ...]:
        # A slice takes its own bytes along, not those of the whole.
        return PackedTexts, (self.joined, self.offsets - self.offsets[0])

    @property
    def joined(self) -> np.ndarray:
        """The bytes of these texts alone, uint8; a view."""
        return self.data[self.offsets[0] : self.offsets[-1]]

    @property
    def nbytes(self) -> int:
        """How many bytes the texts have, without their offsets."""
        return int(self.offsets[-1] - self.offsets[0])

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each text, int64 [n]."""
        return np.diff(self.offsets)

    def isascii(self) -> bool:
        """Return whether all texts are ASCII."""
        return all(piece.max() < 0x80 for piece in _pieces(self.joined))

    def characters(self) -> int:
        """Return how many code points the texts have together."""
        # Every byte but those that continue a sequence, 0x80 to 0xBF, starts a code point.
        return sum(
            int(np.count_nonzero(piece.view(np.int8) >= -0x40)) for piece in _pieces(self.joined)
        )

    def take(self, numbers: np.ndarray) -> PackedTexts:
        """Copy some texts.

        Args:
            numbers: int [n]; which texts, in which order; each from 0 to ``len(self) - 1``.
        """
        starts = self.offsets[:-1][numbers]
        return self._valid(*gathered([(self.data, slice(None))], starts, self.sizes[numbers]))

    def emptied(self, numbers: np.ndarray) -> PackedTexts:
        """Return a copy in which some texts are empty.

        Args:
            numbers: int [n]; which texts.
        """
        sizes = self.sizes
        sizes[numbers] = 0
        return self._valid(*gathered([(self.data, slice(None))], self.offsets[:-1], sizes))

    def _check_utf8(self) -> None:
        """Refuse texts that are not UTF-8, naming the first."""
        joined, bounds = self.joined, self.offsets - self.offsets[0]
        if self.isascii():
            return
        # If all of it is UTF-8, then so is each text that does not start within a code point.
        firsts = joined[bounds[:-1][self.sizes > 0]]
        if _is_utf8(joined) and not ((firsts & 0xC0) == 0x80).any():
            return
        for number, (start, stop) in enumerate(pairwise(bounds.tolist())):
            try:
                str(joined[start:stop].data, "utf-8")
            except UnicodeDecodeError as error:
                raise TextError(
                    f"expected UTF-8 as document {number}, found the byte "
                    f"0x{joined[start + error.start]:02X} at byte {error.start} "
                    f"({error.reason}): decode it before it becomes a column of text, or call "
                    "satchel.read, which reads any encoding"
                ) from None


def documents_of(texts: Any) -> Sequence[str]:
    """Return documents as a sequence, those of an Arrow column without a string for each.

    Args:
        texts: Documents: a list, a column with the Arrow interface, or any other iterable.

    Returns:
        A list as it is; ``PackedTexts`` of an Arrow column; else a list of the items, which need
        not be text.

    Raises:
        TextError: ``texts`` is one string; or a value of an Arrow column is missing or not UTF-8.
    """
    if isinstance(texts, (str, bytes)):
        raise TextError("expected a list of texts, found a single one: put it into a list")
    if isinstance(texts, (list, PackedTexts)):
        return texts
    if hasattr(texts, "__arrow_c_stream__") or hasattr(texts, "__arrow_c_array__"):
        from satchel.features.arrow import ForeignColumnError

        # pandas has the interface even where pyarrow, which does the work, is not installed, and
        # for columns of Python objects, which are strings already.
        if not isinstance(getattr(texts, "dtype", None), np.dtype):
            with suppress(ForeignColumnError, ImportError):
                return PackedTexts.from_arrow(texts)
    return texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)


def concatenated(parts: Sequence[PackedTexts]) -> PackedTexts:
    """Return the texts of several parts as one; a single part is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.zeros(sum(map(len, parts)) + 1, np.int64)
    if parts:
        np.cumsum(np.concatenate([part.sizes for part in parts]), out=offsets[1:])
    data = np.concatenate([np.zeros(0, np.uint8), *(part.joined for part in parts)])
    return PackedTexts._valid(data, offsets)


def check_offsets(offsets: np.ndarray, size: int) -> None:
    """Refuse offsets that would leave their data.

    Args:
        offsets: int [n + 1].
        size: Bytes of the data.

    Raises:
        TextError: There is none, one is smaller than the one before it, or outside the data.
    """
    if not len(offsets):
        raise TextError("expected n + 1 offsets for n texts, found none")
    if int(offsets[0]) < 0 or int(offsets[-1]) > size:
        raise TextError(
            f"expected offsets of texts from 0 to {size}, the size of their data, found "
            f"{int(offsets[0])} to {int(offsets[-1])}"
        )
    falling = offsets[1:] < offsets[:-1]
    if falling.any():
        number = int(falling.argmax())
        raise TextError(
            f"expected ascending offsets of texts, found {int(offsets[number])} before "
            f"{int(offsets[number + 1])} at document {number}"
        )


def gathered(
    sources: Sequence[tuple[np.ndarray, np.ndarray | slice]],
    starts: np.ndarray,
    sizes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Copy pieces of some arrays end to end.

    Neighbours that are neighbours in their source too are copied at once.

    Args:
        sources: Arrays of uint8, each with the numbers of the pieces that lie in it, ascending (or
            a slice of them).
        starts: int64 [n]; where each piece starts in its source.
        sizes: int64 [n]; the bytes of each piece.

    Returns:
        The pieces, uint8, and where each one starts, int64 [n + 1].
    """
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    target = np.empty(int(offsets[-1]), np.uint8)
    for source, numbers in sources:
        begins, lengths, places = starts[numbers], sizes[numbers], offsets[:-1][numbers]
        filled = lengths > 0
        begins, lengths, places = begins[filled], lengths[filled], places[filled]
        if len(begins):
            _copy(source, begins, lengths, target, places)
    return target, offsets


def _copy(
    source: np.ndarray,
    begins: np.ndarray,
    lengths: np.ndarray,
    target: np.ndarray,
    places: np.ndarray,
) -> None:
    """Copy the pieces of one source, all of them longer than 0, to their places."""
    new = np.ones(len(begins), np.bool_)
    np.logical_or(
        begins[1:] != begins[:-1] + lengths[:-1],
        places[1:] != places[:-1] + lengths[:-1],
        out=new[1:],
    )
    firsts = np.flatnonzero(new)
    lengths = np.add.reduceat(lengths, firsts)
    begins, places = begins[firsts], places[firsts]
    large = lengths >= _WORTH_A_COPY
    for begin, length, place in zip(
        begins[large].tolist(), lengths[large].tolist(), places[large].tolist(), strict=True
    ):
        target[place : place + length] = source[begin : begin + length]
    begins, lengths, places = begins[~large], lengths[~large], places[~large]
    step = _PIECE // _WORTH_A_COPY  # so that the index takes a bounded part of memory
    for first in range(0, len(begins), step):
        some = slice(first, first + step)
        own = lengths[some]
        before = np.cumsum(own) - own
        within = np.arange(int(own.sum()), dtype=np.int64)
        from_source = within + np.repeat(begins[some] - before, own)
        target[within + np.repeat(places[some] - before, own)] = source[from_source]


def _pieces(data: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in pieces that stay in the processor's cache."""
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


def _is_utf8(data: np.ndarray) -> bool:
    """Return whether bytes are UTF-8, in bounded memory."""
    start = 0
    while start < len(data):
        stop = min(start + _PIECE, len(data))
        # A piece ends before a code point, whose first byte is among the last four.
        while stop < len(data) and stop > start and data[stop] & 0xC0 == 0x80:
            stop -= 1
        if stop == start:
            return False
        try:
            str(data[start:stop].data, "utf-8")
        except UnicodeDecodeError:
            return False
        start = stop
    return True
