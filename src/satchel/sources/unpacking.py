"""Compressed tables: gzip, bzip2, xz and Zstandard as a stream of bytes with a limit.

Each may consist of several members, one after another, as ``cat a.gz b.gz`` makes them. Python's
own classes for files end in silence at what follows a member of bzip2 and xz if it is none, and so
lose the rest of a damaged file; here all that is there is read or refused.
"""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable
from typing import IO, Any, Final, Protocol, cast

from satchel.errors import MissingDependencyError, SourceError
from satchel.escaping import printable
from satchel.sources.documents import Bounded

PACKED: Final = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}
"""Suffix of a compressed file → the name of its format."""

_STARTS: Final = {
    b"\x1f\x8b": ".gz",
    # The second is how a file of nothing goes on.
    **{
        b"BZh%d%b" % (level, block): ".bz2"
        for level in range(1, 10)
        for block in (b"1AY&SY", b"\x17rE8P\x90")
    },
    b"\xfd7zXZ\0": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
_MEMORY_XZ: Final = 256 << 20  # xz -9 takes 65 MiB; a file may ask for up to 4 GiB
_WINDOW_ZSTANDARD: Final = 27  # two to this power: 128 MiB, what zstd itself accepts unasked
_CHUNK: Final = 1 << 15
_BUFFER: Final = 1 << 18


def packing(path: str) -> str:
    """Return the suffix by which a file is compressed, such as ``.gz``; empty if it is not."""
    suffix = os.path.splitext(path.lower())[1]
    return suffix if suffix in PACKED else ""


def packing_of(start: bytes) -> str:
    """Return the suffix of the compression that a file's first bytes show; empty if none."""
    return next((suffix for mark, suffix in _STARTS.items() if start.startswith(mark)), "")


def unpack(file: IO[bytes], suffix: str, name: str, size: int) -> io.BufferedReader:
    """Return the decompressed bytes of a file as a stream.

    Args:
        file: The compressed file, at its start.
        suffix: How it is compressed: a key of :data:`PACKED`.
        name: Its name, for messages.
        size: Its size in bytes, from which the limit of what it may hold follows.

    Returns:
        A stream whose reading raises SourceError where the file is damaged or truncated, needs
        too much memory, or holds more than :func:`documents.expansion_limit` allows.

    Raises:
        MissingDependencyError: Zstandard needs a package before Python 3.14.
    """
    return io.BufferedReader(
        Bounded(cast("IO[bytes]", _Members(file, suffix, name)), name, size), _BUFFER
    )


class _Decompressor(Protocol):
    """What ``bz2``, ``lzma`` and ``compression.zstd`` offer for one member."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """One member of gzip; ``zlib`` checks its sum and length."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        tail = self._stream.unconsumed_tail
        out = self._stream.decompress(tail + data if tail else data, max_length)
        self.needs_input = len(out) < max_length and not self._stream.unconsumed_tail
        return out


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_XZ)


def zstandard(purpose: str = "reading .zst files") -> Any:
    """Return the module for Zstandard: Python's own, or the package that brings it to older ones.

    Args:
        purpose: What needs it, for the message.

    Raises:
        MissingDependencyError: That package is not installed.
    """
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(name, "tables", purpose) from error


class _Members(io.RawIOBase):
    """The decompressed bytes of all members of a file.

    Args:
        file: The compressed file.
        suffix: How it is compressed.
        name: Its name, for messages.

    Raises:
        SourceError: On reading what is damaged or truncated.
    """

    def __init__(self, file: IO[bytes], suffix: str, name: str) -> None:
        self._file = file
        self._name = name
        self._suffix = suffix
        self._format = PACKED[suffix]
        self._faults: tuple[type[Exception], ...] = (EOFError, OSError, lzma.LZMAError, zlib.error)
        self._new: Callable[[], _Decompressor]
        if suffix == ".zst":
            zstd = zstandard()
            self._faults += (zstd.ZstdError,)
            options = {zstd.DecompressionParameter.window_log_max: _WINDOW_ZSTANDARD}
            self._new = lambda: zstd.ZstdDecompressor(options=options)
        else:
            makers: dict[str, Callable[[], _Decompressor]] = {
                ".gz": _Gzip,
                ".bz2": bz2.BZ2Decompressor,
                ".xz": _xz,
            }
            self._new = makers[suffix]
        self._member: _Decompressor | None = None
        self._members = 0
        self._waiting = b""
        # tar and dd pad a file with zeros, and xz allows them between its members.
        self._padded = suffix in (".gz", ".xz")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size:
            if self._member is None and not self._next():
                break
            assert self._member is not None
            data = self._advance(self._member, size)
            if self._member.eof:
                self._waiting = self._member.unused_data or self._waiting
                self._member = None
            if data:
                return data
        return b""

    def _next(self) -> bool:
        """Start the next member; return whether there is one."""
        while True:
            self._waiting = self._waiting or self._file.read(_CHUNK)
            if self._padded and self._members:
                self._waiting = self._waiting.lstrip(b"\0") or b""
                if not self._waiting:
                    self._waiting = self._file.read(_CHUNK)
                    if self._waiting:
                        continue
            break
        if not self._waiting:
            if not self._members:
                raise self._damaged("it is empty")
            return False
        self._member = self._new()
        self._members += 1
        return True

    def _advance(self, member: _Decompressor, size: int) -> bytes:
        """Return some more bytes of a member; none while more input is needed."""
        given = b""
        ended = False
        if member.needs_input:
            given, self._waiting = self._waiting or self._file.read(_CHUNK), b""
            ended = not given
        try:
            data = member.decompress(given, size)
        except self._faults as error:
            if "memory" in str(error).lower():
                raise self._too_demanding() from error
            raise self._damaged(str(error).rstrip(".")) from error
        if ended and not data and not member.eof:
            raise self._damaged("it ends too early")
        return data

    def _too_demanding(self) -> SourceError:
        most = 1 << _WINDOW_ZSTANDARD if self._suffix == ".zst" else _MEMORY_XZ
        return SourceError(
            f"{printable(self._name)}: expected a {self._format} file that is unpacked in at most "
            f"{most >> 20:,} MiB of memory, found one that needs more. Compress it again with the "
            f"usual settings (no --long, no larger dictionary)."
        )

    def _damaged(self, why: str) -> SourceError:
        place = f" in its part {self._members:,}" if self._members > 1 else ""
        return SourceError(
            f"{printable(self._name)}: expected an intact {self._format} file, found a damaged or "
            f"truncated one ({printable(why)}{place}). Get a fresh copy."
        )
