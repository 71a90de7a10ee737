"""Parquet: bounded by what its footer declares, and again by what unpacking really gives.

polars unpacks the file in a process of its own, row group by row group. A dictionary of one long
text and a million references to it takes no memory there until it is written out, so its true size
is known first; and where a file makes polars crash, hang or take memory without end, only that
process is lost.
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
from typing import IO, TYPE_CHECKING, Any

from satchel.errors import MissingDependencyError, SourceError
from satchel.escaping import printable
from satchel.sources.columns import Taken, Wanted
from satchel.sources.documents import quoted
from satchel.sources.limits import BYTES_PER_ROW, bomb, expansion_limit
from satchel.sources.parquet_footer import Footer, read_footer
from satchel.sources.rows import MAX_COLUMNS, Rows

if TYPE_CHECKING:
    import polars

# The process looks for modules where this one does, and nowhere else (-I).
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from satchel.sources import parquet_process; parquet_process.main()"
)
_BASE_MEMORY = 2 << 30  # polars with a thread or two reserves a third of this
_BASE_SECONDS = 30
_BYTES_PER_SECOND = 4 << 20  # a slow machine unpacks ten times as fast


def read_parquet(path: str, wanted: Wanted, rows: Rows, tick: Callable[[int], None]) -> None:
    """Read a Parquet file's rows.

    Args:
        path: The file.
        wanted: Which columns to read.
        rows: Takes the rows, numbered from 1.
        tick: Told of each row's number.

    Raises:
        SourceError: The file is damaged or looks like a decompression bomb, or a column is missing
            or holds neither text nor labels.
        MissingDependencyError: polars is not installed.
    """
    footer = read_footer(path, rows.source)
    if len(footer.columns) > MAX_COLUMNS:
        raise SourceError(
            f"{printable(rows.source)}: expected at most {MAX_COLUMNS:,} columns, found "
            f"{len(footer.columns):,}: it looks like no table of documents."
        )
    rows.taken = taken = wanted.choose(footer.columns, rows.source, rows.remarks.notes)
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


def read_frames(
    path: str, source: str, footer: Footer, taken: Taken
) -> Generator[polars.DataFrame, None, None]:
    """Yield the columns that are taken, a piece of the rows at a time.

    Args:
        path: The file.
        source: Its name, for messages.
        footer: Its footer.
        taken: Which columns to read.

    Raises:
        SourceError: The file is damaged, or larger than :func:`limits.expansion_limit` says.
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
                    f"{printable(source)}: expected whole Parquet, found damage: "
                    f"{printable(data.decode()[:500])}."
                )
            else:
                return
    raise SourceError(
        f"{printable(source)}: expected whole Parquet, found a file that made polars fail, or take "
        f"more than {memory >> 20:,} MiB or {seconds:,} s: it is damaged, or a decompression bomb."
    )


@contextmanager
def _process(task: dict[str, Any], seconds: int) -> Iterator[IO[bytes]]:
    """Start the process that unpacks a file; give what it writes, and end it in any case."""
    if not sys.executable:
        raise SourceError(
            "reading Parquet starts Python as a process of its own, and this program does not know "
            "where Python is: convert the file to JSON lines or CSV"
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
    """Yield what the process says, until it ends: a kind and data."""
    while len(head := output.read(9)) == 9:
        kind, length = struct.unpack("<cQ", head)
        data = output.read(length)
        if len(data) < length:
            return
        yield kind, data


def _check_types(frame: polars.DataFrame, taken: Taken, source: str) -> None:
    """Refuse columns that can be no text or no label.

    Raises:
        SourceError: A column has another type.
    """
    import polars

    def refuse(name: str, role: str, expected: str) -> None:
        raise SourceError(
            f"{printable(source)}: expected {expected} in the column {quoted(name)} for the "
            f"{role}, found the type {frame.schema[name]}. Name the right one with {role}= "
            f"(--{role}), or convert the column."
        )

    texts = (polars.String, polars.Binary, polars.Null)
    for name in taken.text:
        if not isinstance(frame.schema[name], texts):
            refuse(name, "text", "text")
    if taken.label is not None:
        dtype = frame.schema[taken.label]
        if isinstance(dtype, polars.List | polars.Array):
            dtype = dtype.inner  # type: ignore[assignment]
        if not (isinstance(dtype, (*texts, polars.Boolean)) or dtype.is_integer()):
            refuse(taken.label, "label", "text, whole numbers, truth values, or lists of those")


def _text(cell: Any) -> Any:
    """Return a cell of text or an id; what Parquet holds as bytes is text in whatever encoding."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell


def _label(cell: Any) -> Any:
    return [_text(each) for each in cell] if isinstance(cell, list) else _text(cell)
