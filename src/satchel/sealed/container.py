"""The container of a model file: a ZIP file whose records have fixed values.

The writer fills the records from the definitions here, and the reader compares with them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from satchel.errors import ModelFileError


@dataclass(frozen=True)
class Record:
    """One kind of ZIP record: its layout, and the values that never vary.

    Attributes:
        title: Its name in messages.
        layout: Its `struct` format.
        fields: The names of its fields.
        fixed: The fields with a fixed value.
    """

    title: str
    layout: struct.Struct
    fields: tuple[str, ...]
    fixed: Mapping[str, int]

    def pack(self, **values: int) -> bytes:
        """Return the record's bytes, including its fixed fields."""
        merged = {**self.fixed, **values}
        return self.layout.pack(*(merged[name] for name in self.fields))

    def unpack(self, data: bytes, member: str) -> dict[str, int]:
        """Return the record's fields, or refuse it if a fixed one has another value."""
        values = dict(zip(self.fields, self.layout.unpack(data), strict=True))
        self.expect(values, self.fixed, member)
        return values

    def expect(self, values: Mapping[str, int], expected: Mapping[str, int], member: str) -> None:
        """Refuse the record unless each field has its expected value."""
        for name, value in expected.items():
            if values[name] != value:
                raise ModelFileError(
                    f"{self.title}: {name} is {values[name]}, expected {value}",
                    member,
                )


_DATE = 0x0021  # 1 January 1980, the earliest of ZIP: the same training gives the same bytes
_COMMON = {
    "version needed": 10,
    "flags (encryption, data descriptor)": 0,
    "compression method": 0,
    "time": 0,
    "date": _DATE,
    "extra field length": 0,
}
LOCAL = Record(
    "local header",
    struct.Struct("<IHHHHHIIIHH"),
    (
        "signature",
        "version needed",
        "flags (encryption, data descriptor)",
        "compression method",
        "time",
        "date",
        "CRC-32",
        "compressed size",
        "size",
        "name length",
        "extra field length",
    ),
    {"signature": 0x04034B50, **_COMMON},
)
CENTRAL = Record(
    "central directory",
    struct.Struct("<IHHHHHHIIIHHHHHII"),
    (
        "signature",
        "version made by",
        "version needed",
        "flags (encryption, data descriptor)",
        "compression method",
        "time",
        "date",
        "CRC-32",
        "compressed size",
        "size",
        "name length",
        "extra field length",
        "comment length",
        "disk",
        "internal attributes",
        "external attributes",
        "offset",
    ),
    {
        "signature": 0x02014B50,
        "version made by": (3 << 8) | 20,  # Unix, so that the permissions below apply
        **_COMMON,
        "comment length": 0,
        "disk": 0,
        "internal attributes": 0,
        "external attributes": 0o100644 << 16,
    },
)
END = Record(
    "end record",
    struct.Struct("<IHHHHIIH"),
    (
        "signature",
        "disk",
        "directory disk",
        "entries on this disk",
        "entries",
        "directory size",
        "directory offset",
        "comment length",
    ),
    {"signature": 0x06054B50, "disk": 0, "directory disk": 0, "comment length": 0},
)


NAMES = ("manifest.json", "arrays.safetensors", "terms.txt", "card.md")
"""The closed list of members, in the order of a file."""

REQUIRED = frozenset(NAMES) - {"terms.txt"}

MAX_BYTES = 2**32 - 2
"""The largest file: its offsets fit ZIP's 32-bit fields, so ZIP64 is never needed."""

Buffer = bytes | bytearray | memoryview

ReadAt = Callable[[int, int], bytes]
"""``read_at(offset, length)`` returns exactly that many bytes."""


@dataclass(frozen=True)
class Span:
    """Where a member's data lies in the file.

    Attributes:
        offset: First byte.
        size: Number of bytes.
        crc: Their CRC-32, as the container states it.
    """

    offset: int
    size: int
    crc: int


_END_SIZE = END.layout.size
_MAX_DIRECTORY = 4_096  # enough for a useful message about an entry, and harmless


def header_size(name: str) -> int:
    """Return the bytes that stand before a member's data."""
    return LOCAL.layout.size + len(name)


def pieces(members: Mapping[str, Buffer]) -> Iterator[Buffer]:
    """Yield the bytes of a container, piece by piece.

    Args:
        members: Contents by name, in the order of `NAMES`.

    Raises:
        ModelFileError: The file would be larger than `MAX_BYTES`.
    """
    directory = b""
    offset = 0
    total = _END_SIZE + sum(
        header_size(name) + CENTRAL.layout.size + len(name) + memoryview(data).nbytes
        for name, data in members.items()
    )
    if total > MAX_BYTES:
        raise ModelFileError(
            f"expected a model of at most {MAX_BYTES} bytes, found {total}: "
            "train with fewer features, or compress it"
        )
    for name, data in members.items():
        size = memoryview(data).nbytes
        shared = {
            "CRC-32": zlib.crc32(data),
            "compressed size": size,
            "size": size,
            "name length": len(name),
        }
        yield LOCAL.pack(**shared) + name.encode("ascii")
        yield data
        directory += CENTRAL.pack(**shared, offset=offset) + name.encode("ascii")
        offset += header_size(name) + size
    yield directory
    yield END.pack(
        **{
            "entries on this disk": len(members),
            "entries": len(members),
            "directory size": len(directory),
            "directory offset": offset,
        }
    )


def locate(total: int, read_at: ReadAt) -> dict[str, Span]:
    """Find the members of a container, or refuse it.

    Reads the records only, a few hundred bytes, whatever size the file claims.

    Args:
        total: Bytes of the file.
        read_at: Reads from it.

    Returns:
        Where each member lies, by name. Together with the records they fill the file exactly.

    Raises:
        ModelFileError: The file is not a container, or differs from what `pieces` writes.
    """
    if total > MAX_BYTES:
        raise ModelFileError(
            f"expected at most {MAX_BYTES} bytes, found {total}: this is not a model file"
        )
    directory_offset, directory = _directory(total, read_at)
    spans: dict[str, Span] = {}
    cursor = 0
    while directory:
        name, values, directory = _entry(directory)
        if name in spans:
            raise ModelFileError("the member is a duplicate", name)
        CENTRAL.expect(values, {"offset": cursor, "compressed size": values["size"]}, name)
        if cursor + header_size(name) + values["size"] > directory_offset:
            raise ModelFileError("the member overlaps the central directory", name)
        _check_local(read_at(cursor, header_size(name)), values, name)
        spans[name] = Span(cursor + header_size(name), values["size"], values["CRC-32"])
        cursor += header_size(name) + values["size"]
    if cursor != directory_offset:
        raise ModelFileError(
            f"the members end at byte {cursor}, the central directory starts at {directory_offset}"
        )
    if list(spans) != [name for name in NAMES if name in spans]:
        raise ModelFileError(f"expected the members in the order {NAMES}, found {list(spans)}")
    for name in NAMES:
        if name in REQUIRED and name not in spans:
            raise ModelFileError("the member is missing", name)
    return spans


def _directory(total: int, read_at: ReadAt) -> tuple[int, bytes]:
    """Return the offset and the bytes of the central directory."""
    if total < _END_SIZE:
        raise ModelFileError(
            f"expected a model file, found {total} bytes: the file is empty or truncated"
        )
    tail = read_at(total - _END_SIZE, _END_SIZE)
    if not tail.startswith(b"PK\x05\x06"):
        raise ModelFileError(
            "expected an end record at the end of the file, found none: it is not a model file, is "
            "truncated, or has a comment or data after its end"
        )
    end = END.unpack(tail, "")
    size, offset = end["directory size"], end["directory offset"]
    if size > _MAX_DIRECTORY:
        raise ModelFileError(
            f"expected a central directory of at most {_MAX_DIRECTORY} bytes, found {size}"
        )
    if offset + size + _END_SIZE != total:
        raise ModelFileError(
            f"directory offset {offset} and size {size} do not add up to the file's {total} bytes: "
            "it is truncated, or has data before or between its records"
        )
    directory = read_at(offset, size)
    count = _count_entries(directory)
    END.expect(end, {"entries": count, "entries on this disk": count}, "")
    return offset, directory


def _count_entries(directory: bytes) -> int:
    """Return the number of entries of a central directory."""
    count = 0
    while directory:
        directory = _entry(directory)[2]
        count += 1
    return count


def _entry(directory: bytes) -> tuple[str, dict[str, int], bytes]:
    """Take one entry off a central directory: its name, its fields, and what follows it."""
    fixed = CENTRAL.layout.size
    if len(directory) < fixed:
        raise ModelFileError(
            f"central directory: {len(directory)} surplus bytes, or it is truncated"
        )
    length = int.from_bytes(directory[28:30], "little")
    raw = directory[fixed : fixed + length]
    name = raw.decode("ascii", "backslashreplace")
    if name not in NAMES or len(raw) != length:
        raise ModelFileError(
            f"central directory: {name!r} is not a member of a model file; those are "
            f"{', '.join(NAMES)}"
        )
    return name, CENTRAL.unpack(directory[:fixed], name), directory[fixed + length :]


def _check_local(header: bytes, entry: Mapping[str, int], name: str) -> None:
    """Refuse a local header that differs from the central directory's entry."""
    values = LOCAL.unpack(header[: LOCAL.layout.size], name)
    shared = ("CRC-32", "compressed size", "size", "name length")
    LOCAL.expect(values, {field: entry[field] for field in shared}, name)
    if header[LOCAL.layout.size :] != name.encode("ascii"):
        found = header[LOCAL.layout.size :].decode("ascii", "backslashreplace")
        raise ModelFileError(f"local header: the name is {found!r}, expected {name!r}", name)
