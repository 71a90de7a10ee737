"""The members of a tar, read strictly forward.

Python's own tarfile takes time that grows with the square of a long name or of a header of digits
(CVE-2024-6232 in Python up to 3.11.9), and others of its versions loop over crafted sizes. Reading
needs little of it: names (ustar, GNU and PAX), sizes and types. Each header is looked at once, and
what names it may hold is limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from satchel.sources.limits import Bounded

BLOCK: Final = 512
MAX_NAME_BYTES: Final = 4096
"""The longest name of a member; no file system takes a longer path."""

MAX_HEADER_BYTES: Final = 1 << 20
"""The longest extended header."""

_REGULAR: Final = frozenset(b"07\0")
_KINDS: Final = {ord("1"): "link", ord("2"): "link", ord("5"): "folder"}
_GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"LKS"
_PAX, _PAX_SOLARIS, _PAX_GLOBAL = b"xXg"
# Types whose size tells how much data follows; of links, devices and folders it does not.
_WITHOUT_DATA: Final = frozenset(b"123456")


@dataclass(frozen=True)
class Member:
    """A member, whose data the stream stands before.

    Attributes:
        name: Its path; bytes that are not UTF-8 are surrogate escapes.
        kind: ``file``, ``folder``, ``link`` or ``not an ordinary file``.
        size: Bytes of data that follow.
        fault: Why it cannot be named, and so not be read; empty where it can.
    """

    name: str
    kind: str
    size: int
    fault: str = ""


@dataclass
class _Extended:
    """What extended headers say of the member after them."""

    name: str | None = None
    size: int | None = None
    sparse: bool = False
    fault: str = ""


def read_members(stream: Bounded) -> Iterator[Member]:
    """Yield the members of a tar.

    Whoever takes a member may read its data from the stream before asking for the next.

    Args:
        stream: The tar, decompressed.

    Raises:
        ValueError: A header is damaged.
        EOFError: The tar is cut short.
    """
    for_all = _Extended()
    extended = _Extended()
    while True:
        header = stream.read(BLOCK)
        if not header.strip(b"\0"):
            if len(header) < BLOCK and (header or stream.tell() == 0):
                raise EOFError("no end mark")
            return
        if len(header) < BLOCK:
            raise EOFError("no end mark")
        _check(header)
        kind, size = header[156], _number(header[124:136])
        if kind in (_PAX, _PAX_SOLARIS, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            target = for_all if kind == _PAX_GLOBAL else extended
            _extend(stream, kind, size, target)
            continue
        sparse = extended.sparse or for_all.sparse
        if kind == _GNU_SPARSE:
            sparse, more = True, header[482]
            while more:
                block = stream.read(BLOCK)
                if len(block) < BLOCK:
                    raise EOFError("a header ends early")
                more = block[504]
        size = next((each.size for each in (extended, for_all) if each.size is not None), size)
        name = next((each.name for each in (extended, for_all) if each.name is not None), None)
        if name is None:
            name = _own_name(header)
        if kind in _WITHOUT_DATA:
            size = 0
        if kind == 0 and name.endswith("/"):  # how the oldest programs mark a folder
            what = "folder"
        elif kind in _REGULAR and not sparse:
            what = "file"
        else:
            what = _KINDS.get(kind, "not an ordinary file")
        start = stream.tell()
        yield Member(name, what, size, extended.fault or for_all.fault)
        stream.seek(start + _padded(size))
        if stream.tell() < start + size:
            raise EOFError("a member ends early")
        extended = _Extended()


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _check(header: bytes) -> None:
    """Raise where a header's checksum is wrong."""
    rest = header[:148] + b" " * 8 + header[156:]
    found = _number(header[148:156])
    # Some old programs took bytes for signed numbers.
    if found not in (sum(rest), sum(rest) - 256 * sum(byte > 127 for byte in rest)):
        raise ValueError("a header's checksum is wrong")


def _number(field: bytes) -> int:
    """Return a number: octal digits, or binary where the first bit is set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise ValueError("a number in a header is damaged")
    return int(digits or b"0", 8)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _own_name(header: bytes) -> str:
    """Return the name in the header itself."""
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return _text(name)


def _extend(stream: Bounded, kind: int, size: int, extended: _Extended) -> None:
    """Take what an extended header says, or note why not."""
    start = stream.tell()
    limit = MAX_HEADER_BYTES if kind in (_PAX, _PAX_SOLARIS, _PAX_GLOBAL) else MAX_NAME_BYTES + 1
    if size > limit:
        what = "name" if kind == _GNU_NAME else "header"
        if kind != _GNU_LINK:
            extended.fault = f"its {what} takes {size:,} bytes, more than {limit:,}"
    else:
        data = stream.read(size)
        if len(data) < size:
            raise EOFError("a header ends early")
        if kind == _GNU_NAME:
            extended.name = _text(data.split(b"\0")[0])
        elif kind != _GNU_LINK:
            _take_pax(data, extended)
    stream.seek(start + _padded(size))


def _take_pax(data: bytes, extended: _Extended) -> None:
    """Take the records of a PAX header: a length, a blank, a key, ``=``, a value, a line feed."""
    place = 0
    while place < len(data) and data[place]:
        blank = data.find(b" ", place, place + 20)
        digits = data[place:blank] if blank >= 0 else b""
        if not digits.isdigit():
            raise ValueError("a PAX header is damaged")
        end = place + int(digits)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= blank + 1 or data[end - 1 : end] != b"\n" or not equals:
            raise ValueError("a PAX header is damaged")
        if key == b"path":
            if len(value) > MAX_NAME_BYTES:
                extended.fault = (
                    f"its name takes {len(value):,} bytes, more than {MAX_NAME_BYTES:,}"
                )
            extended.name = _text(value[:MAX_NAME_BYTES])
        elif key == b"size":
            if not value.isdigit() or len(value) > 20:
                raise ValueError("a size in a PAX header is damaged")
            extended.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            extended.sparse = True
        place = end
