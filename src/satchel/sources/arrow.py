"""Arrow IPC files: what they hold, by their metadata, before any of it is unpacked.

A footer says where the batches of the file format are (``.arrow``, Feather version 2); those of the
stream format follow one another. Each begins with a structure of FlatBuffers, of which only the few
fields that are needed are read, each checked against the bytes that are there. See
https://arrow.apache.org/docs/format/Columnar.html and https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import IO, Any, Final

from satchel.errors import SourceError
from satchel.escaping import printable

MARK: Final = b"ARROW1"
CONTINUATION: Final = b"\xff\xff\xff\xff"
MAX_METADATA_BYTES: Final = 1 << 24
MAX_BATCHES: Final = 1_000_000

# Numbers of the fields that are read, and of the kinds of message.
_HEADER_KIND, _HEADER, _BODY = 1, 2, 3  # of a message
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3  # kinds
_FOOTER_SCHEMA, _FOOTER_DICTIONARIES, _FOOTER_BATCHES = 1, 2, 3
_FIELDS, _NAME = 1, 0  # of a schema, of a field
_ROWS, _BUFFERS, _COMPRESSION = 0, 2, 3  # of a record batch
_ID, _DATA, _IS_DELTA = 0, 1, 2  # of a dictionary batch


@dataclass(frozen=True)
class Batch:
    """One message with data.

    Attributes:
        start: Where it starts in the file.
        end: Where it ends.
        rows: The number of rows; of a dictionary, that of its values.
        unpacked: Bytes that it claims to take, decompressed.
        dictionary: The dictionary's number; None for rows.
    """

    start: int
    end: int
    rows: int
    unpacked: int
    dictionary: int | None = None


@dataclass
class Batches:
    """The contents of an Arrow IPC file.

    Attributes:
        columns: Names of the top-level columns.
        batches: The messages with data; of a stream, in its order.
        schema: Where the message of the schema starts and ends in a stream; None in a file.
        ended: Whether the end is marked; a stream may also just stop.
    """

    columns: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    schema: tuple[int, int] | None = None
    ended: bool = True

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(each.rows for each in self.batches if each.dictionary is None)


def read_batches(path: str, source: str) -> Batches:
    """Find the batches of an Arrow IPC file.

    Args:
        path: The file, in the file format or the stream format.
        source: Its name, for messages.

    Raises:
        SourceError: It is not such a file, or is damaged or truncated.
        OSError: It cannot be read.
    """
    name = printable(source)
    with open(path, "rb") as file:
        start = file.read(8)
        size = file.seek(0, os.SEEK_END)
        if start[:4] == b"FEA1":
            raise SourceError(
                f"{name}: expected an Arrow IPC file, found Feather version 1. Write it again by "
                f"polars or pyarrow.feather.write_feather, which write version 2."
            )
        if not start.startswith(MARK) and start[:4] != CONTINUATION:
            raise SourceError(
                f"{name}: expected an Arrow IPC file, which starts with ARROW1, or a stream, which "
                f"starts with ff ff ff ff, found {start!r}. Check the file's suffix, or convert it."
            )
        try:
            return _file(file, size, name) if start.startswith(MARK) else _stream(file, size)
        except SourceError:
            raise
        except (ValueError, struct.error) as error:
            raise SourceError(
                f"{name}: expected an intact Arrow IPC file, found a damaged or truncated one "
                f"({printable(str(error))}). Get a fresh copy."
            ) from error


def _file(file: IO[bytes], size: int, name: str) -> Batches:
    """Read the footer of the file format, which says where the batches are."""
    file.seek(max(0, size - 10))
    end = file.read(10)
    length = int.from_bytes(end[:4], "little", signed=True)
    if size < 18 or end[4:] != MARK or not 0 < length <= size - 18:
        raise SourceError(
            f"{name}: expected a complete Arrow IPC file, which ends with ARROW1, found a "
            f"truncated one. Get a fresh copy."
        )
    if length > MAX_METADATA_BYTES:
        raise SourceError(
            f"{name}: expected an Arrow footer of at most {MAX_METADATA_BYTES:,} bytes, found "
            f"one of {length:,}. Write the file with larger batches."
        )
    size -= 10 + length
    file.seek(size)
    footer = _Table.root(file.read(length))
    found = Batches(_columns(footer.table(_FOOTER_SCHEMA)))
    for number in (_FOOTER_DICTIONARIES, _FOOTER_BATCHES):
        for start, _, _ in footer.structures(number, "<qi4xq"):
            message = _message(file, start, size)
            if message is None or message.kind != (
                _BATCH if number == _FOOTER_BATCHES else _DICTIONARY
            ):
                raise ValueError(f"no batch at byte {start:,}")
            found.batches.append(_data(file, message))
    return found


def _stream(file: IO[bytes], size: int) -> Batches:
    """Read the metadata of each message up to the end."""
    found = Batches(ended=False)
    place = 0
    while place < size:
        message = _message(file, place, size)
        if message is None:
            found.ended = True
            break
        if found.schema is None and message.kind == _SCHEMA:
            found.columns = _columns(message.header)
            found.schema = (place, message.end)
        elif found.schema is not None and message.kind in (_DICTIONARY, _BATCH):
            found.batches.append(_data(file, message))
            if len(found.batches) > MAX_BATCHES:
                raise ValueError(f"more than {MAX_BATCHES:,} batches: write larger ones")
        else:
            raise ValueError(f"an unexpected message of kind {message.kind} at byte {place:,}")
        place = message.end
    if found.schema is None:
        raise ValueError("no schema")
    return found


def _columns(schema: _Table) -> list[str]:
    columns = [each.text(_NAME) for each in schema.tables(_FIELDS)]
    if not columns:
        raise ValueError("a schema without columns")
    return columns


@dataclass(frozen=True)
class _Message:
    """Where a message is, its kind and what it says of its body."""

    start: int
    body: int
    end: int
    kind: int
    header: _Table


def _message(file: IO[bytes], start: int, size: int) -> _Message | None:
    """Read the metadata of the message at a place; None for the mark of the end."""
    if not 0 <= start <= size - 8:
        raise ValueError(f"no room for a message at byte {start:,}")
    file.seek(start)
    head = file.read(8)
    prefix = 8 if head[:4] == CONTINUATION else 4  # before Arrow 0.15 there was only the length
    (length,) = struct.unpack_from("<i", head, prefix - 4)
    if length == 0:
        return None
    if not 0 < length <= min(MAX_METADATA_BYTES, size - start - prefix):
        raise ValueError(f"metadata of {length:,} bytes at byte {start:,}")
    body = start + prefix + length
    file.seek(start + prefix)
    message = _Table.root(file.read(length))
    body_bytes = message.number(_BODY, "<q")
    if not 0 <= body_bytes <= size - body:
        raise ValueError(f"a message of {body_bytes:,} bytes at byte {start:,}")
    kind = message.number(_HEADER_KIND, "<B")
    return _Message(start, body, body + body_bytes, kind, message.table(_HEADER))


def _data(file: IO[bytes], message: _Message) -> Batch:
    """Return what a message with data claims to hold."""
    header, start, body, end = message.header, message.start, message.body, message.end
    batch = header.table(_DATA) if message.kind == _DICTIONARY else header
    rows = batch.number(_ROWS, "<q")
    if rows < 0:
        raise ValueError(f"a batch of {rows:,} rows at byte {start:,}")
    unpacked = 0
    compressed = batch.there(_COMPRESSION)
    for offset, length in batch.structures(_BUFFERS, "<qq"):
        if offset < 0 or length < 0 or offset + length > end - body:
            raise ValueError(f"data outside its message at byte {start:,}")
        claimed = length
        if compressed and length:
            # Each buffer starts with its size when decompressed; -1: it is not compressed.
            file.seek(body + offset)
            claimed = struct.unpack("<q", file.read(8))[0]
            if claimed == -1:
                claimed = length
            elif claimed < 0:
                raise ValueError(f"data of {claimed:,} bytes at byte {start:,}")
        unpacked += claimed
    if message.kind == _BATCH:
        return Batch(start, end, rows, unpacked)
    if header.number(_IS_DELTA, "<B"):
        raise ValueError("a dictionary that grows, which polars cannot read: write it in one piece")
    return Batch(start, end, rows, unpacked, header.number(_ID, "<q"))


class _Table:
    """A table of FlatBuffers: fields found by their number; an absent one is zero or empty.

    Args:
        data: The whole buffer.
        place: Where the table starts in it.
    """

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place
        self._fields = place - self._read("<i", place)
        self._size = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """Return the table that a buffer begins with."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def _read(self, form: str, place: int) -> Any:
        if place < 0:  # struct would count from the end
            raise ValueError("an offset before the start")
        return struct.unpack_from(form, self._data, place)[0]

    def _field(self, number: int) -> int:
        """Return where a field is; 0 where it is absent."""
        entry = 4 + 2 * number
        offset = self._read("<H", self._fields + entry) if entry + 2 <= self._size else 0
        return self._place + offset if offset else 0

    def there(self, number: int) -> bool:
        """Return whether a field is there."""
        return self._field(number) > 0

    def number(self, number: int, form: str) -> int:
        """Return a field that is a number."""
        place = self._field(number)
        return int(self._read(form, place)) if place else 0

    def _target(self, number: int) -> int:
        place = self._field(number)
        if not place:
            raise ValueError(f"field {number} is missing")
        return place + int(self._read("<I", place))

    def table(self, number: int) -> _Table:
        """Return a field that is a table."""
        return _Table(self._data, self._target(number))

    def _vector(self, number: int, width: int) -> tuple[int, int]:
        """Return where a vector's elements start, and their number."""
        if not self.there(number):
            return 0, 0
        place = self._target(number)
        count = self._read("<I", place)
        if count * width > len(self._data) - place - 4:
            raise ValueError("a list is longer than its message")
        return place + 4, count

    def text(self, number: int) -> str:
        """Return a field that is a string."""
        place, length = self._vector(number, 1)
        return self._data[place : place + length].decode()

    def tables(self, number: int) -> list[_Table]:
        """Return a field that is a list of tables."""
        place, count = self._vector(number, 4)
        return [
            _Table(self._data, at + self._read("<I", at))
            for at in range(place, place + 4 * count, 4)
        ]

    def structures(self, number: int, form: str) -> list[tuple[int, ...]]:
        """Return a field that is a list of structures."""
        width = struct.calcsize(form)
        place, count = self._vector(number, width)
        return [struct.unpack_from(form, self._data, place + width * at) for at in range(count)]
