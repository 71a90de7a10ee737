"""The rows of a table: CSV, TSV, JSON, JSON lines (each also gzipped), fastText and Parquet.

All cells of CSV and TSV are strings: the labels ``NA``, ``None`` and ``007`` stay as they are.
A row that cannot be used is skipped and noted with its line; if that befalls more rows than not,
the table is refused.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeAlias, cast

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.progress import Progress
from satchel.sources.columns import Taken, Wanted
from satchel.sources.delimited import DelimitedRows, Row
from satchel.sources.documents import Documents, Remarks, quoted
from satchel.sources.encodings import mark
from satchel.sources.folders import reason
from satchel.sources.headers import Header, find_header
from satchel.sources.limits import BYTES_PER_ROW, MAX_DOCUMENT_BYTES, Bounded, expansion_limit
from satchel.sources.rows import MAX_COLUMNS, Rows
from satchel.sources.suffixes import FASTTEXT_LABEL

_STEP = 4096
_SAMPLE_ROWS = 1_000
_SAMPLE_CHARACTERS = 2**22
Tick: TypeAlias = Callable[[int], None]


def read_table(
    path: str, wanted: Wanted, remarks: Remarks, progress: Progress, encoding: str | None = None
) -> Documents:
    """Read a table whose format its suffix names; a file without such a suffix is fastText's.

    Args:
        path: The file.
        wanted: Which columns to read.
        remarks: Where rejected rows, guesses and other encodings are noted.
        progress: Told of rows read.
        encoding: Encoding of rows that are not UTF-8; None decides from their bytes.

    Returns:
        One document a row, in the table's order, named ``file:line``.

    Raises:
        SourceError: The file is cut short or no such table, a column is missing, or most rows
            cannot be used.
        MissingDependencyError: Parquet needs polars.
    """
    name = os.path.basename(path)
    rows = Rows(name, wanted, remarks, encoding)

    def tick(done: int) -> None:
        if done % _STEP == 0:
            progress("reading", done, None, name)

    suffix = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    try:
        _READERS.get(suffix, _read_fasttext)(path, wanted, rows, tick)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{printable(path)}: expected a whole gzip file, found one that is damaged or cut "
            f"short ({error}). Fetch it again."
        ) from error
    except OSError as error:
        raise SourceError(
            f"{printable(path)}: expected a readable file: {reason(error)}."
        ) from error
    return rows.finish()


@contextlib.contextmanager
def _open_text(path: str, rows: Rows, newline: str) -> Iterator[IO[str]]:
    """Open a table as text; bytes that are not UTF-8 pass as surrogate escapes."""
    with open(path, "rb") as file:
        stream: io.BufferedReader = file
        if path.lower().endswith(".gz"):
            unzipped = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
            rows.max_rows = expansion_limit(os.path.getsize(path)) // BYTES_PER_ROW
            stream = io.BufferedReader(Bounded(unzipped, path, os.path.getsize(path)), 2**18)
        encoding, length = mark(stream.peek(4)[:4])
        stream.read(length)
        if encoding in ("", "utf-8"):
            yield io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline=newline)
        else:
            rows.recoded(encoding)
            yield io.TextIOWrapper(stream, encoding, "replace", newline=newline)


def _read_delimited(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    before = csv.field_size_limit(MAX_DOCUMENT_BYTES)
    try:
        _read_cells(path, wanted, rows, tick)
    finally:
        csv.field_size_limit(before)


def _read_cells(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    tabs = path.lower().removesuffix(".gz").endswith(".tsv")
    table = DelimitedRows(functools.partial(_open_text, path, rows, ""), tabs, wanted, rows)
    # The file is closed here, and not when the iterator happens to be collected.
    with contextlib.closing(iter(table)) as records:
        first = next(records, None)
        if first is None:
            return
        table.width = len(first[1])
        if table.width > MAX_COLUMNS:
            raise SourceError(
                f"{printable(rows.source)}: expected at most {MAX_COLUMNS:,} columns, found "
                f"{table.width:,}: it looks like no table of documents."
            )
        sample = [first, *_some(records)]
        cells = [cells for _, cells in sample]
        header = find_header(cells, wanted, rows.source, rows.remarks.notes, rows.encoding)
        if not header.is_data:
            del sample[0]
        _add_cells(itertools.chain(sample, records), header, rows, tick)


def _add_cells(records: Iterator[Row], header: Header, rows: Rows, tick: Tick) -> None:
    rows.taken = taken = header.taken
    rows.splits = True
    at = {name: place for place, name in enumerate(header.names)}
    text_at = [at[name] for name in taken.text]
    label_at, id_at = (at.get(name or "", -1) for name in (taken.label, taken.id))
    kept_at = [(name, at[name]) for name in taken.kept]
    for number, (line, cells) in enumerate(records, 1):
        tick(number)
        rows.add(
            line,
            [cells[place] for place in text_at],
            cells[label_at] if label_at >= 0 else None,
            cells[id_at] if id_at >= 0 else None,
            {name: cells[place] for name, place in kept_at} if kept_at else None,
        )


def _some(records: Iterator[Row]) -> Iterator[Row]:
    """Yield the first rows, enough to tell a header from data."""
    characters = 0
    for record in itertools.islice(records, _SAMPLE_ROWS):
        yield record
        characters += sum(map(len, record[1]))
        if characters > _SAMPLE_CHARACTERS:
            return


def _read_json(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    from satchel.sources.json_rows import JsonRows

    with _open_text(path, rows, newline="\n") as stream:
        objects = JsonRows(rows.source, rows.reject)
        taken: Taken | None = None
        missing: SourceError | None = None
        for number, (line, record) in enumerate(objects.read(stream), 1):
            tick(number)
            if taken is None:
                try:
                    taken = rows.taken = wanted.choose(
                        list(record), rows.source, rows.remarks.notes
                    )
                except SourceError as error:
                    missing = missing or error
                    rows.reject(line, "the text or label is missing")
                    continue
            _add_object(line, record, wanted, taken, rows)
    if taken is None and missing is not None:
        raise missing


def _add_object(
    line: int, record: dict[str, Any], wanted: Wanted, taken: Taken, rows: Rows
) -> None:
    label, text = taken.label, taken.text
    if label is not None and label not in record:
        rows.reject(line, f"{quoted(label)} is missing")
        return
    if len(text) == 1 and text[0] not in record:
        rows.reject(line, f"{quoted(text[0])} is missing")
        return
    kept = None
    if wanted.whole:
        kept = dict(record)
    elif wanted.keep == "all":
        used = (*taken.text, taken.label, taken.id)
        kept = {name: value for name, value in record.items() if name not in used}
    elif taken.kept:
        kept = {name: record.get(name) for name in taken.kept}
    rows.add(
        line,
        [record.get(name) for name in text],
        record[label] if label is not None else None,
        record.get(taken.id) if taken.id is not None else None,
        kept,
    )


def _read_fasttext(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:  # noqa: ARG001
    """Read lines of words, of which those that begin with ``__label__`` are labels."""
    rows.remarks.notes.append(
        f"{printable(rows.source)}: read as lines of fastText; labels begin with {FASTTEXT_LABEL}."
    )
    with _open_text(path, rows, newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            tick(number)
            text = line.strip()
            if not text:
                continue
            labels = []
            while text.startswith(FASTTEXT_LABEL):
                first, *rest = text.split(maxsplit=1)
                labels.append(first.removeprefix(FASTTEXT_LABEL))
                text = rest[0] if rest else ""
            if FASTTEXT_LABEL in text:
                words = text.split()
                labels += [
                    word.removeprefix(FASTTEXT_LABEL)
                    for word in words
                    if word.startswith(FASTTEXT_LABEL)
                ]
                text = " ".join(word for word in words if not word.startswith(FASTTEXT_LABEL))
            rows.add(number, [text], labels[0] if len(labels) == 1 else labels or None)


def _read_parquet(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    from satchel.sources.parquet import read_parquet

    read_parquet(path, wanted, rows, tick)


_READERS: dict[str, Callable[[str, Wanted, Rows, Tick], None]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".json": _read_json,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".parquet": _read_parquet,
}
