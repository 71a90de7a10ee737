"""Parquet files: their unpacked size is checked first, then a limited process unpacks them.

The footer is a structure in Thrift's compact protocol; only the few fields that are needed are
kept. See https://parquet.apache.org/docs/file-format/metadata/ and the Thrift specification.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from satchel.errors import MissingDependencyError, SourceError
from satchel.escaping import printable
from satchel.sources.collecting import Collector
from satchel.sources.columns import MAX_COLUMNS, Columns
from satchel.sources.documents import BYTES_PER_ROW, Taken, bomb, expansion_limit, quoted

if TYPE_CHECKING:
    import polars


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


# The process looks for modules where this one does, and nowhere else (-I).
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from satchel.sources import parquet_process; parquet_process.main()"
)
_BASE_MEMORY = 2 << 30  # polars with a thread or two reserves a third of this
_BASE_SECONDS = 30
_BYTES_PER_SECOND = 4 << 20  # a slow machine unpacks ten times as fast


def read_parquet(
    path: str, wanted: Columns, rows: Collector, tick: Callable[[int], None]
) -> Generator[None, None, None]:
    """Read a Parquet file's rows.

    Args:
        path: The file.
        wanted: Which columns to read.
        rows: Takes the rows, numbered from 1.
        tick: Called with each row's number.

    Yields:
        None, whenever the batch of ``rows`` is full.

    Raises:
        SourceError: The file is damaged or looks like a decompression bomb, or a column is missing
            or holds neither text nor labels.
        MissingDependencyError: polars is not installed.
    """
    footer = read_footer(path, rows.source)
    if len(footer.columns) > MAX_COLUMNS:
        raise SourceError(
            f"{printable(rows.source)}: expected at most {MAX_COLUMNS:,} columns, found "
            f"{len(footer.columns):,}: it does not look like a table of documents."
        )
    rows.taken = taken = wanted.choose(footer.columns, rows.source, rows.report.notes)
    number = 0
    with contextlib.closing(read_frames(path, rows.source, footer, taken)) as frames:
        for frame in frames:
            if not number:
                _check_types(frame, taken, rows.source)
            columns = {name: frame[name].to_list() for name in frame.columns}
            for place in range(len(frame)):
                number += 1
                tick(number)
                rows.add(
                    number,
                    [_text(columns[name][place]) for name in taken.text],
                    _label(columns[taken.label][place]) if taken.label is not None else None,
                    _text(columns[taken.id][place]) if taken.id is not None else None,
                    {name: columns[name][place] for name in taken.kept} if taken.kept else None,
                )
                if rows.full:
                    yield


def read_frames(
    path: str, source: str, footer: Footer, taken: Taken
) -> Generator[polars.DataFrame, None, None]:
    """Yield the chosen columns, some rows at a time.

    Args:
        path: The file.
        source: Its name, for messages.
        footer: Its footer.
        taken: Which columns to read.

    Raises:
        SourceError: The file is damaged, or larger than :func:`documents.expansion_limit` allows.
        MissingDependencyError: polars is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise MissingDependencyError("polars", "train", "reading Parquet") from error
    names = list(dict.fromkeys([*taken.text, *filter(None, (taken.label, taken.id)), *taken.kept]))
    size = os.path.getsize(path)
    limit = expansion_limit(size)
    declared = sum(footer.unpacked[name] for name in names)
    if declared > limit or sum(footer.rows) * BYTES_PER_ROW > limit:
        raise bomb(source, size)
    seconds = _BASE_SECONDS + (size + declared) // _BYTES_PER_SECOND
    memory = _BASE_MEMORY + 4 * declared + 2 * size
    task = {
        "path": os.path.abspath(path),
        "columns": names,
        "rows": footer.rows,
        "limit": limit,
        "memory": memory,
        "seconds": seconds,
    }
    with _process(task, 3 * seconds) as output:
        for kind, data in _messages(output):
            if kind == b"F":
                yield polars.read_ipc_stream(io.BytesIO(data))
            elif kind == b"B":
                raise bomb(source, size)
            elif kind == b"E":
                raise SourceError(
                    f"{printable(source)}: expected an intact Parquet file, found a damaged one "
                    f"({printable(data.decode()[:500])}). Get a fresh copy."
                )
            else:
                return
    raise SourceError(
        f"{printable(source)}: expected an intact Parquet file, found one that made polars fail or "
        f"exceed {memory >> 20:,} MiB or {seconds:,} s: it is damaged or a decompression bomb. "
        f"Get a fresh copy, or convert it to JSON lines."
    )


@contextmanager
def _process(task: dict[str, Any], seconds: int) -> Iterator[IO[bytes]]:
    """Start the process that unpacks a file; give what it writes, and end it in any case."""
    if not sys.executable:
        raise SourceError(
            "expected sys.executable to name Python, which reads Parquet in a separate process, "
            "found it empty: convert the file to JSON lines or CSV"
        )
    search = json.dumps([place for place in sys.path if isinstance(place, str)])
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _START, search],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
        # A signal to the group is for this process, which ends the other; polars heeds SIGINT even
        # where this process ignores it, as in the background of a shell.
        start_new_session=True,
    )
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        given, output = process.stdin, process.stdout
        assert given is not None
        assert output is not None
        with output:
            # Where the process has ended already, its output says so.
            with contextlib.suppress(BrokenPipeError), given:
                given.write(json.dumps(task).encode())
            yield output
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def _messages(output: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the messages of the process until it ends: kind and data."""
    while len(head := output.read(9)) == 9:
        kind, length = struct.unpack("<cQ", head)
        data = output.read(length)
        if len(data) < length:
            return
        yield kind, data


def _check_types(frame: polars.DataFrame, taken: Taken, source: str) -> None:
    """Reject columns whose type cannot be text or a label.

    Raises:
        SourceError: A column has another type.
    """
    import polars

    def reject(name: str, role: str, expected: str) -> None:
        raise SourceError(
            f"{printable(source)}: expected {expected} in the column {quoted(name)} for the "
            f"{role}, found the type {frame.schema[name]}. Name the right one with {role}= "
            f"(--{role}), or convert the column."
        )

    texts = (polars.String, polars.Binary, polars.Null)
    for name in taken.text:
        if not isinstance(frame.schema[name], texts):
            reject(name, "text", "text")
    if taken.label is not None:
        dtype = frame.schema[taken.label]
        if isinstance(dtype, polars.List | polars.Array):
            dtype = dtype.inner  # type: ignore[assignment]
        if not (isinstance(dtype, (*texts, polars.Boolean)) or dtype.is_integer()):
            reject(taken.label, "label", "text, whole numbers, truth values, or lists of those")


def _text(cell: Any) -> Any:
    """Return a cell of text or an id; a Parquet cell of bytes is text in an unknown encoding."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell


def _label(cell: Any) -> Any:
    return [_text(each) for each in cell] if isinstance(cell, list) else _text(cell)
