"""Parquet files: what they hold, by their footer, before any of it is unpacked.

The footer is a structure in Thrift's compact protocol; only the few fields that are needed are
kept. See https://parquet.apache.org/docs/file-format/metadata/ and the Thrift specification.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from satchel.errors import SourceError
from satchel.escaping import printable

MAX_FOOTER_BYTES: Final = 1 << 24
_MAX_DEPTH: Final = 16
_MAX_INTEGER_BYTES: Final = 10

# Numbers of the fields that are read.
_SCHEMA, _GROUPS = 2, 4  # of the file
_NAME, _CHILDREN = 4, 5  # of an element of the schema
_COLUMNS, _ROWS = 1, 3  # of a row group
_FILE_PATH, _META = 1, 3  # of a column in a row group
_PATH, _UNPACKED = 3, 6  # of its metadata


@dataclass(frozen=True)
class Footer:
    """The contents of a Parquet file.

    Attributes:
        columns: Names of the top-level columns.
        rows: The number of rows of each row group.
        unpacked: Column → bytes that its pages claim to take, decompressed.
    """

    columns: list[str]
    rows: list[int]
    unpacked: dict[str, int]


def read_footer(path: str, source: str) -> Footer:
    """Read a Parquet file's footer.

    Args:
        path: The file.
        source: Its name, for messages.

    Raises:
        SourceError: It is not a Parquet file, or its footer is damaged.
        OSError: It cannot be read.
    """
    name = printable(source)
    with open(path, "rb") as file:
        start = file.read(4)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        end = file.read(8)
        if start == b"PARE" or end[4:] == b"PARE":
            raise SourceError(
                f"{name}: expected an unencrypted Parquet file, found an encrypted one. "
                f"Decrypt it first."
            )
        if start != b"PAR1":
            raise SourceError(
                f"{name}: expected a Parquet file, which starts with PAR1, found {start!r}. "
                f"Check the file's suffix, or convert it."
            )
        length = int.from_bytes(end[:4], "little")
        if size < 12 or end[4:] != b"PAR1" or length > size - 12:
            raise SourceError(
                f"{name}: expected a complete Parquet file, which ends with PAR1, found a "
                f"truncated one. Get a fresh copy."
            )
        if length > MAX_FOOTER_BYTES:
            raise SourceError(
                f"{name}: expected a Parquet footer of at most {MAX_FOOTER_BYTES:,} bytes, found "
                f"one of {length:,}. Write the file with fewer row groups."
            )
        file.seek(size - 8 - length)
        data = file.read(length)
    try:
        return _footer(_Compact(data).structure(0))
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{name}: expected an intact Parquet file, found a damaged footer. Get a fresh copy."
        ) from error


def _footer(fields: dict[int, Any]) -> Footer:
    schema = fields[_SCHEMA]
    columns: list[str] = []
    place = 1
    for _ in range(_whole(schema[0].get(_CHILDREN, 0), len(schema))):
        columns.append(schema[place][_NAME].decode())
        # Skip what is within a nested column.
        open_elements = 1
        while open_elements:
            open_elements += _whole(schema[place].get(_CHILDREN, 0), len(schema)) - 1
            place += 1
    rows: list[int] = []
    unpacked: dict[str, int] = dict.fromkeys(columns, 0)
    for group in fields.get(_GROUPS, []):
        rows.append(_whole(group[_ROWS]))
        for chunk in group[_COLUMNS]:
            if _FILE_PATH in chunk:
                raise ValueError("data in another file")
            meta = chunk[_META]
            unpacked[meta[_PATH][0].decode()] += _whole(meta[_UNPACKED])
    return Footer(columns, rows, unpacked)


def _whole(number: Any, limit: int = 2**62) -> int:
    if not isinstance(number, int) or not 0 <= number <= limit:
        raise ValueError(f"a count of {number}")
    return number


class _Compact:
    """Parses structures of Thrift's compact protocol.

    A structure becomes a dictionary from field numbers to values: whole numbers, bytes, lists,
    structures. Sets read as lists; maps and floating-point numbers as None.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def structure(self, depth: int) -> dict[int, Any]:
        """Parse the structure at the current place."""
        if depth > _MAX_DEPTH:
            raise ValueError("structures nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _byte(self) -> int:
        self._place += 1
        return self._data[self._place - 1]

    def _unsigned(self) -> int:
        number = 0
        for shift in range(0, 7 * _MAX_INTEGER_BYTES, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("a number is too long")

    def _signed(self) -> int:
        number = self._unsigned()
        return number >> 1 ^ -(number & 1)

    def _bytes(self, length: int) -> bytes:
        data = self._data[self._place : self._place + length]
        if len(data) < length:
            raise ValueError("truncated")
        self._place += length
        return data

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):  # in lists, truth values are bytes
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            self._bytes(8)
            return None
        if kind == 8:
            return self._bytes(self._unsigned())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._element(head & 15, depth) for _ in range(self._count(count))]
        if kind == 11:
            count = self._count(self._unsigned())
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._element(kinds >> 4, depth)
                self._element(kinds & 15, depth)
            return None
        return self._element(kind, depth)

    def _element(self, kind: int, depth: int) -> Any:
        if kind == 12:
            return self.structure(depth + 1)
        if depth >= _MAX_DEPTH or not 1 <= kind <= 11:
            raise ValueError(f"a value of kind {kind}")
        return self._value(kind, depth + 1)

    def _count(self, count: int) -> int:
        # Each element takes a byte or more.
        if count > len(self._data) - self._place:
            raise ValueError("a list is longer than the footer")
        return count
