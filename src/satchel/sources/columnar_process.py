"""The process that unpacks a Parquet or Arrow file, under limits of memory and time.

It receives its task as JSON on standard input, and writes messages to standard output: a
kind (``F``: rows as an Arrow stream; ``B``: more than the limit; ``E``: damage, with details;
``Z``: end of the rows), the length as eight bytes, and the data.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

import polars

from satchel.sources.documents import BYTES_PER_ROW

_PIECE_BYTES = 8 << 20
_END = b"\xff\xff\xff\xff" + bytes(4)  # of an Arrow stream


class _TooLargeError(Exception):
    """The file holds more than it may."""


def main() -> None:
    """Unpack the file named on standard input."""
    task = json.load(sys.stdin)
    _confine(task["memory"], task["seconds"])
    output = sys.stdout.buffer
    try:
        for frame in _frames(task):
            data = io.BytesIO()
            # The oldest level writes out every text instead of references to shared ones.
            frame.write_ipc_stream(data, compat_level=polars.CompatLevel.oldest())
            _send(output, b"F", data.getvalue())
    except _TooLargeError:
        _send(output, b"B", b"")
    # A panic of polars is not an Exception, but the file causes it all the same.
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        _send(output, b"E", str(error).encode("utf-8", "replace"))
    else:
        _send(output, b"Z", b"")


def _confine(memory: int, seconds: int) -> None:
    """Limit the address space and the processor's time, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


def _send(output: IO[bytes], kind: bytes, data: bytes) -> None:
    output.write(struct.pack("<cQ", kind, len(data)))
    output.write(data)
    output.flush()


def _frames(task: dict[str, Any]) -> Iterator[polars.DataFrame]:
    """Yield the rows, some megabytes at a time.

    Raises:
        _TooLargeError: The texts and rows take more than the limit.
        ValueError: A piece has another number of rows than the file's metadata says.
    """
    left = task["limit"]
    for rows, frame in _stream(task) if task["schema"] else _slices(task):
        if len(frame) != rows:
            raise ValueError(f"expected {rows:,} rows in a batch, found {len(frame):,}")
        frame = polars.DataFrame([_written_out(each) for each in frame.iter_columns()])
        size = rows * BYTES_PER_ROW + sum(map(_size, frame.iter_columns()))
        left -= size
        if left < 0:
            raise _TooLargeError
        yield from frame.iter_slices(max(1, rows * _PIECE_BYTES // size))


def _slices(task: dict[str, Any]) -> Iterator[tuple[int, polars.DataFrame]]:
    """Yield the pieces of a Parquet or Arrow file, and how many rows each should have."""
    if task["format"] == "parquet":
        table = polars.scan_parquet(task["path"], glob=False, hive_partitioning=False)
    else:
        table = polars.scan_ipc(task["path"], glob=False, hive_partitioning=False)
    # A plain select would read names as patterns.
    chosen = table.select(polars.selectors.by_name(*task["columns"]))
    start = 0
    for rows, *_ in task["pieces"]:
        yield rows, chosen.slice(start, rows).collect()
        start += rows


def _stream(task: dict[str, Any]) -> Iterator[tuple[int, polars.DataFrame]]:
    """Yield the pieces of an Arrow stream, each read as a short stream of its own."""
    dictionaries: dict[int, bytes] = {}
    with open(task["path"], "rb") as file:

        def message(start: int, end: int) -> bytes:
            file.seek(start)
            return file.read(end - start)

        schema = message(*task["schema"])
        for rows, changed, batches in task["pieces"]:
            dictionaries |= {number: message(start, end) for number, start, end in changed}
            parts = (schema, *dictionaries.values(), *(message(*each) for each in batches), _END)
            stream = io.BytesIO(b"".join(parts))
            yield rows, polars.read_ipc_stream(stream, columns=task["columns"])


def _written_out(values: polars.Series) -> polars.Series:
    """Return a column with the texts themselves where it refers to those of a dictionary."""
    dtype = values.dtype
    if isinstance(dtype, polars.Categorical | polars.Enum):
        return values.cast(polars.String)
    if isinstance(dtype, polars.List | polars.Array) and isinstance(
        dtype.inner, polars.Categorical | polars.Enum
    ):
        return values.cast(polars.List(polars.String))
    return values


def _size(values: polars.Series) -> int:
    """Return the bytes that values take once each is written out."""
    dtype = values.dtype
    if dtype == polars.String:
        return int(values.str.len_bytes().sum())
    if dtype == polars.Binary:
        return int(values.bin.size().sum())
    if isinstance(dtype, polars.List | polars.Array):
        return 8 * len(values) + _size(values.explode())
    if isinstance(dtype, polars.Struct):
        return sum(map(_size, values.struct.unnest().iter_columns()))
    return 16 * len(values)
