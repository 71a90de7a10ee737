"""The three records of a ZIP file, with the one value that each of their fields may have.

The writer fills them in from here, and the reader compares with it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from satchel.errors import ModelFileError


@dataclass(frozen=True)
class Record:
    """One kind of ZIP record: its layout, and the values that never vary.

    Attributes:
        title: What to call it in a message.
        layout: Its `struct` format.
        fields: The names of its fields.
        fixed: The fields that always have the same value.
    """

    title: str
    layout: struct.Struct
    fields: tuple[str, ...]
    fixed: Mapping[str, int]

    def pack(self, **values: int) -> bytes:
        """Return the record's bytes, its fixed fields filled in."""
        merged = {**self.fixed, **values}
        return self.layout.pack(*(merged[name] for name in self.fields))

    def unpack(self, data: bytes, member: str) -> dict[str, int]:
        """Return the record's fields, or refuse it where a fixed one has another value."""
        values = dict(zip(self.fields, self.layout.unpack(data), strict=True))
        self.expect(values, self.fixed, member)
        return values

    def expect(self, values: Mapping[str, int], wanted: Mapping[str, int], member: str) -> None:
        """Refuse the record unless each wanted field has the value wanted."""
        for name, value in wanted.items():
            if values[name] != value:
                raise ModelFileError(
                    f"{self.title}: {name} is {values[name]}, expected {value}",
                    member,
                )


_DATE = 0x0021  # 1 January 1980, the oldest that ZIP can say: the same training, the same bytes
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
        "version made by": (3 << 8) | 20,  # Unix, so that the permissions below are understood
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
