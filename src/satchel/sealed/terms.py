r"""The readable text of the vocabulary: one term per line, all views in order.

UTF-8, every line ended by a line feed. Within a term a backslash is written ``\\``, a line feed
``\n`` and a carriage return ``\r``; nothing else is escaped, and no other escape is read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import overload

import numpy as np

from satchel.errors import ModelFileError
from satchel.sealed.container import Buffer

NAME = "terms.txt"

MAX_TERM_BYTES = 4_096
"""The longest line, so that no single term can fill a screen or the memory."""

_CHUNK = 1 << 18
_LINE_FEED = ord("\n")
_ESCAPES = {"\\": r"\\", "\n": r"\n", "\r": r"\r"}
_ORIGINALS = {escape: original for original, escape in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\(.)")


class TermLines(Sequence[Sequence[str]]):
    """The terms of a model file, one list per view, decoded on first use.

    Args:
        data: The bytes of ``terms.txt``, checked by `check`.
        sizes: How many terms each view has.
    """

    def __init__(self, data: Buffer, sizes: Sequence[int]) -> None:
        self.data = data
        self._sizes = tuple(sizes)
        self._views: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> list[str]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[str]]: ...

    def __getitem__(self, index: int | slice) -> list[str] | list[list[str]]:
        if self._views is None:
            self._views = _decode(self.data, self._sizes)
        return self._views[index]


def encode(terms: Sequence[Sequence[str]], sizes: Sequence[int]) -> Buffer:
    """Return the bytes of ``terms.txt``.

    Args:
        terms: One sequence of terms per view.
        sizes: How many terms each view has.

    Raises:
        ModelFileError: There are more or fewer terms than vocabulary entries, or a term cannot be
            written as UTF-8.
    """
    if isinstance(terms, TermLines):
        return terms.data
    if [len(view) for view in terms] != list(sizes):
        raise ModelFileError(
            f"expected {list(sizes)} terms for the views, found {[len(view) for view in terms]}",
            NAME,
        )
    every = [term for view in terms for term in view]
    text = "".join(term + "\n" for term in every)
    if "\\" in text or "\r" in text or text.count("\n") != len(every):
        table = str.maketrans(_ESCAPES)  # rarely needed, and slow
        text = "".join(term.translate(table) + "\n" for term in every)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelFileError(f"a term cannot be written as UTF-8: {error}", NAME) from error


def check(data: Buffer, sizes: Sequence[int]) -> None:
    """Refuse bytes that `TermLines` could not decode, in bounded memory.

    Raises:
        ModelFileError: The bytes are not UTF-8, have another number of lines than the views have
            entries, a line that is too long, or an unknown escape.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    start = 0  # of the line that a piece begins in
    previous = b""
    for offset in range(0, len(data), _CHUNK):
        piece = bytes(data[offset : offset + _CHUNK])
        try:
            decoder.decode(piece, final=offset + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            raise ModelFileError(f"not UTF-8 near byte {offset}: {error.reason}", NAME) from error
        ends = offset + np.flatnonzero(np.frombuffer(piece, np.uint8) == _LINE_FEED)
        lines += ends.size
        starts = np.concatenate(([start], ends + 1))
        stops = np.append(ends, offset + len(piece))
        if (stops - starts).max() > MAX_TERM_BYTES:
            raise ModelFileError(
                f"expected lines of at most {MAX_TERM_BYTES} bytes, found a longer one", NAME
            )
        start = int(starts[-1])
        previous = _check_escapes(previous + piece)
    if start != len(data):
        raise ModelFileError("expected a line feed at the end, found none", NAME)
    if lines != sum(sizes):
        raise ModelFileError(
            f"expected {sum(sizes)} terms, one per vocabulary entry, found {lines}", NAME
        )


def _check_escapes(piece: bytes) -> bytes:
    """Refuse an unescaped carriage return or an unknown escape.

    Returns:
        A backslash at the end, to be completed by the next piece, or nothing.
    """
    if b"\r" in piece:
        raise ModelFileError(
            r"expected an escaped carriage return (\r), found an unescaped one", NAME
        )
    if b"\\" not in piece:
        return b""
    for escape in _ORIGINALS:  # the escaped backslash first: pairs are read from the left
        piece = piece.replace(escape.encode("ascii"), b"")
    if b"\\" in piece[:-1]:
        raise ModelFileError(r"expected the escape \\, \n or \r, found an unknown escape", NAME)
    return piece[-1:] if piece.endswith(b"\\") else b""


def _decode(data: Buffer, sizes: Sequence[int]) -> list[list[str]]:
    """Return the terms of each view."""
    text = str(data, "utf-8")
    lines = text.split("\n")
    if "\\" in text:
        lines = [_ESCAPED.sub(lambda match: _ORIGINALS[match[0]], line) for line in lines]
    views = []
    start = 0
    for size in sizes:
        views.append(lines[start : start + size])
        start += size
    return views
