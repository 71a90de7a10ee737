"""Parquet and Arrow files: sizes are checked first, then a limited process unpacks the rows.

What a file claims to hold is read here by our own code (``parquet``, ``arrow``), which never takes
more memory than the metadata. polars does the rest in a process of its own
(``columnar_process``), since a damaged file can make it fail in ways that Python cannot catch.
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
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from satchel.errors import MissingDependencyError, SourceError
from satchel.escaping import printable
from satchel.sources.arrow import Batches, read_batches
from satchel.sources.collecting import Collector
from satchel.sources.columns import MAX_COLUMNS, Columns, unique_names
from satchel.sources.documents import BYTES_PER_ROW, Taken, bomb, expansion_limit, quoted
from satchel.sources.parquet import read_footer

if TYPE_CHECKING:
    import polars

ColumnarFormat = Literal["parquet", "arrow"]
_NAMES: Final = {"parquet": "Parquet", "arrow": "Arrow"}

# The process looks for modules where this one does, and nowhere else (-I).
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from satchel.sources import columnar_process; columnar_process.main()"
)
_BASE_MEMORY = 2 << 30  # polars with a thread or two reserves a third of this
_BASE_SECONDS = 30
_BYTES_PER_SECOND = 4 << 20  # a slow machine unpacks ten times as fast
_PIECE_BYTES = 8 << 20


class Piece(NamedTuple):
    """Rows that are unpacked at once.

    Attributes:
        rows: How many they are.
        dictionaries: Of an Arrow stream, the dictionaries that come before them: number, start and
            end in the file.
        batches: Of an Arrow stream, where their batches start and end.
    """

    rows: int
    dictionaries: Sequence[tuple[int, int, int]] = ()
    batches: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Contents:
    """What a file claims to hold, and what the process that unpacks it must know of that.

    Attributes:
        format: Its format.
        columns: Names of the top-level columns.
        pieces: The row groups of Parquet, or some batches of Arrow each.
        unpacked: Column → bytes that it claims to take, decompressed; under the empty name what
            belongs to no one column.
        most: The largest piece in bytes, decompressed; 0 where only the sum is known.
        schema: Of an Arrow stream, where the message of the schema starts and ends.
    """

    format: ColumnarFormat
    columns: list[str]
    pieces: list[Piece]
    unpacked: dict[str, int]
    most: int = 0
    schema: tuple[int, int] | None = None

    def declared(self, names: Sequence[str]) -> int:
        """Return the bytes that some columns claim to take."""
        return sum(self.unpacked.get(name, 0) for name in (*names, ""))


def contents(path: str, source: str, format: ColumnarFormat, notes: list[str]) -> Contents:
    """Read what a file claims to hold.

    Args:
        path: The file.
        source: Its name, for messages.
        format: Its format.
        notes: Where it is noted that an Arrow stream has no end.

    Raises:
        SourceError: It is not of this format, is damaged, or has too many columns.
        OSError: It cannot be read.
    """
    if format == "parquet":
        footer = read_footer(path, source)
        found = Contents("parquet", footer.columns, list(map(Piece, footer.rows)), footer.unpacked)
    else:
        batches = read_batches(path, source)
        found = _arrow_contents(batches)
        if not batches.ended:
            notes.append(
                f"{printable(source)}: the stream has no mark of its end: if its writer was "
                f"stopped, rows are missing."
            )
    if len(found.columns) > MAX_COLUMNS:
        raise SourceError(
            f"{printable(source)}: expected at most {MAX_COLUMNS:,} columns, found "
            f"{len(found.columns):,}: it does not look like a table of documents."
        )
    _, repeated = unique_names(found.columns)
    if repeated:
        names = ", ".join(quoted(name) for name in sorted(repeated)[:5])
        raise SourceError(
            f"{printable(source)}: expected columns with different names, found several called "
            f"{names}. Rename them."
        )
    return found


def _arrow_contents(found: Batches) -> Contents:
    """Join small batches into pieces of some megabytes, as unpacking has a cost per piece."""
    pieces: list[Piece] = []
    dictionaries: list[tuple[int, int, int]] = []
    waiting: list[tuple[int, int]] = []
    rows = size = most = shared = 0

    def end_piece() -> None:
        nonlocal dictionaries, waiting, rows, size
        if waiting:
            pieces.append(Piece(rows, dictionaries, waiting))
            dictionaries, waiting, rows, size = [], [], 0, 0

    for batch in found.batches:
        if batch.dictionary is not None:
            end_piece()
            dictionaries.append((batch.dictionary, batch.start, batch.end))
            shared += batch.unpacked
            continue
        if size + batch.unpacked > _PIECE_BYTES:
            end_piece()
        waiting.append((batch.start, batch.end))
        rows += batch.rows
        size += batch.unpacked + batch.end - batch.start
        most = max(most, size)
    end_piece()
    if found.schema is None:
        pieces = [Piece(each.rows) for each in pieces]
    claimed = {"": sum(each.unpacked for each in found.batches)}
    return Contents("arrow", found.columns, pieces, claimed, most + shared, found.schema)


def read_columnar(
    path: str,
    format: ColumnarFormat,
    wanted: Columns,
    rows: Collector,
    tick: Callable[[int], None],
) -> Generator[None, None, None]:
    """Read a Parquet or Arrow file's rows.

    Args:
        path: The file.
        format: Its format.
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
    found = contents(path, rows.source, format, rows.report.notes)
    rows.taken = taken = wanted.choose(found.columns, rows.source, rows.report.notes)
    total = sum(piece.rows for piece in found.pieces)
    number = 0
    rows.share = lambda: number / total if total else 0.0
    with contextlib.closing(read_frames(path, rows.source, found, taken)) as frames:
        for frame in frames:
            if not number:
                check_types(frame, taken, rows.source)
            if rows.by_column and _has_columns(frame, taken):
                for part in frame.iter_slices(rows.by_column):
                    rows.add_columns(
                        number + 1,
                        part[taken.text[0]],
                        part[taken.id] if taken.id is not None else None,
                        {name: part[name] for name in taken.kept},
                    )
                    number += len(part)
                    tick(number)
                    yield
                continue
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
    path: str, source: str, found: Contents, taken: Taken
) -> Generator[polars.DataFrame, None, None]:
    """Yield the chosen columns, some rows at a time.

    Args:
        path: The file.
        source: Its name, for messages.
        found: What it claims to hold.
        taken: Which columns to read.

    Raises:
        SourceError: The file is damaged, or larger than :func:`documents.expansion_limit` allows.
        MissingDependencyError: polars is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise MissingDependencyError(
            "polars", "tables", f"reading {_NAMES[found.format]}"
        ) from error
    names = list(dict.fromkeys([*taken.text, *filter(None, (taken.label, taken.id)), *taken.kept]))
    size = os.path.getsize(path)
    limit = expansion_limit(size)
    declared = found.declared(names)
    if declared > limit or sum(each.rows for each in found.pieces) * BYTES_PER_ROW > limit:
        raise bomb(source, size)
    seconds = _BASE_SECONDS + (size + declared) // _BYTES_PER_SECOND
    # polars maps an Arrow file, and Parquet's row groups may be as large as the file.
    memory = _BASE_MEMORY + 4 * (found.most or declared) + 2 * size
    task = {
        "format": found.format,
        "path": os.path.abspath(path),
        "columns": names,
        "pieces": [each for each in found.pieces if each.rows],
        "schema": found.schema,
        "limit": limit,
        "memory": memory,
        "seconds": seconds,
    }
    name = _NAMES[found.format]
    with _process(task) as process:
        for kind, data in _messages(process, 3 * seconds):
            if kind == b"F":
                yield polars.read_ipc_stream(io.BytesIO(data))
            elif kind == b"B":
                raise bomb(source, size)
            elif kind == b"E":
                raise SourceError(
                    f"{printable(source)}: expected an intact {name} file, found a damaged one "
                    f"({printable(data.decode()[:500])}). Get a fresh copy."
                )
            else:
                return
    raise SourceError(
        f"{printable(source)}: expected an intact {name} file, found one that made polars fail or "
        f"exceed {memory >> 20:,} MiB or {seconds:,} s: it is damaged or a decompression bomb. "
        f"Get a fresh copy, or convert it to JSON lines."
    )


@contextmanager
def _process(task: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process that unpacks a file, and end it in any case."""
    if not sys.executable:
        raise SourceError(
            "expected sys.executable to name Python, which reads Parquet and Arrow in a separate "
            "process, found it empty: convert the file to JSON lines or CSV"
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
    try:
        given, output = process.stdin, process.stdout
        assert given is not None
        assert output is not None
        with output:
            # Where the process has ended already, its output says so.
            with contextlib.suppress(BrokenPipeError), given:
                given.write(json.dumps(task).encode())
            yield process
    finally:
        process.kill()
        process.wait()


def _messages(process: subprocess.Popen[bytes], seconds: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the messages of the process until it ends: kind and data.

    It is given up if a message takes too long; the time in which nobody waits for one is not
    counted. The process limits its own processor time for all of them.
    """
    output = process.stdout
    assert output is not None
    while True:
        timer = threading.Timer(seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            head = output.read(9)
            if len(head) < 9:
                return
            kind, length = struct.unpack("<cQ", head)
            data = output.read(length)
        finally:
            timer.cancel()
        if len(data) < length:
            return
        yield kind, data


def _has_columns(frame: polars.DataFrame, taken: Taken) -> bool:
    """Return whether text and ids are of types that need no look at each cell."""
    import polars

    def plain(name: str) -> bool:
        return frame.schema[name] == polars.String or frame.schema[name].is_integer()

    text_is_one = len(taken.text) == 1 and frame.schema[taken.text[0]] == polars.String
    return text_is_one and (taken.id is None or plain(taken.id))


def check_types(frame: polars.DataFrame, taken: Taken, source: str) -> None:
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
        known = isinstance(dtype, (*texts, polars.Boolean))
        if not (known or dtype.is_numeric() or dtype.is_temporal()):
            what = "text, numbers, truth values, dates, or lists of those"
            reject(taken.label, "label", what)


def _text(cell: Any) -> Any:
    """Return a cell of text or an id; a cell of bytes is text in an unknown encoding."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell


def _label(cell: Any) -> Any:
    return [_text(each) for each in cell] if isinstance(cell, list) else _text(cell)
