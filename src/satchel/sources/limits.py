"""How much Satchel reads before it says no; what keeps a hostile or broken source harmless."""

from __future__ import annotations

import io
from typing import IO

from satchel.errors import SourceError
from satchel.escaping import printable

MAX_DOCUMENT_BYTES = 64 * 2**20
"""The longest document, in bytes; a longer one is skipped and reported."""

MAX_EXPANSION = 200
FREE_EXPANSION_BYTES = 128 * 2**20
"""Compressed data may grow by ``FREE_EXPANSION_BYTES + MAX_EXPANSION × compressed size``.

Text shrinks by 3 to 20 in practice; a decompression bomb claims a thousand and more.
"""


BYTES_PER_ROW = 64
"""What each document of a compressed source counts for beside its text: Python needs as much."""


def expansion_limit(compressed: int) -> int:
    """Return how many bytes a compressed file may hold, from its own size in bytes."""
    return FREE_EXPANSION_BYTES + MAX_EXPANSION * compressed


def bomb(name: str, compressed: int) -> SourceError:
    """Return the error for a file that grows past :func:`expansion_limit`."""
    return SourceError(
        f"{printable(name)}: expected at most {expansion_limit(compressed):,} bytes from "
        f"{compressed:,} compressed ones, found more: it looks like a decompression bomb. "
        f"If it is not, unpack it and name the folder or file."
    )


def too_large(size: int) -> str:
    """Return the reason for skipping a document of ``size`` bytes."""
    return f"{size:,} bytes, more than the {MAX_DOCUMENT_BYTES:,} that a document may have"


class Bounded(io.RawIOBase):
    """A forward-only stream that refuses to go past a limit, however it is asked.

    Args:
        stream: The decompressing stream.
        name: The file's name, for the message.
        compressed: The file's size in bytes, from which the limit follows.

    Attributes:
        last: The bytes of the last read, by which a tar's end mark is checked.

    Raises:
        SourceError: On a read or seek beyond the limit.
    """

    def __init__(self, stream: IO[bytes], name: str, compressed: int) -> None:
        self._stream = stream
        self._name = name
        self._compressed = compressed
        self._limit = expansion_limit(compressed)
        self._position = 0
        self.last = b""

    def readable(self) -> bool:
        """Tell that the stream can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that the stream can move (forward only, by reading on)."""
        return True

    def tell(self) -> int:
        """Return the position in decompressed bytes."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes; all that is left where negative or None."""
        room = self._limit - self._position
        if size is None or size < 0:
            size = room + 1
        data = self._stream.read(min(size, room + 1))
        if len(data) > room:
            raise bomb(self._name, self._compressed)
        self._position += len(data)
        self.last = data
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer; what ``io.BufferedReader`` calls."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move forward to an absolute position.

        Raises:
            io.UnsupportedOperation: The position is behind, or not absolute.
        """
        if whence != io.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation("only forward to an absolute position")
        while self._position < offset and self.read(min(2**20, offset - self._position)):
            pass
        return self._position
