"""The rows of a table: CSV, TSV, JSONL (each also gzipped) and Parquet.

All cells of CSV and TSV are strings: the labels ``NA``, ``None`` and ``007`` stay as they are.
A row that cannot be used is skipped and noted with its line; if that befalls more rows than not,
the table is refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeAlias, cast

import msgspec

from satchel.errors import MissingDependencyError, SourceError
from satchel.progress import Progress
from satchel.sources.columns import ID_COLUMN, Rows, Wanted, split_labels, undecoded
from satchel.sources.documents import Documents, Remarks, shown
from satchel.sources.encodings import mark
from satchel.sources.folders import reason
from satchel.sources.limits import MAX_DOCUMENT_BYTES, Bounded

_STEP = 4096
_DELIMITERS = ",;\t|"
Tick: TypeAlias = Callable[[int], None]


def read_table(
    path: str, wanted: Wanted, remarks: Remarks, progress: Progress, encoding: str | None = None
) -> Documents:
    """Read a table whose format its suffix names.

    Args:
        path: A file with a suffix of ``suffixes.TABLES``.
        wanted: Which columns to read.
        remarks: Where rejected rows and other encodings are noted.
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
    rows = Rows(name, wanted.labelled, remarks, encoding)

    def tick(done: int) -> None:
        if done % _STEP == 0:
            progress("reading", done, None, name)

    suffix = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    try:
        _READERS[suffix](path, wanted, rows, tick)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{shown(path)}: expected a whole gzip file, found one that is damaged or cut short "
            f"({error}). Fetch it again."
        ) from error
    except OSError as error:
        raise SourceError(f"{shown(path)}: expected a readable file: {reason(error)}.") from error
    return rows.finish()


@contextmanager
def _open_text(path: str, rows: Rows, newline: str) -> Iterator[IO[str]]:
    """Open a table as text; bytes that are not UTF-8 pass as surrogate escapes."""
    with open(path, "rb") as file:
        stream: io.BufferedReader = file
        if path.lower().endswith(".gz"):
            unzipped = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
            stream = io.BufferedReader(Bounded(unzipped, path, os.path.getsize(path)), 2**18)
        encoding, length = mark(stream.peek(4)[:4])
        stream.read(length)
        if encoding in ("", "utf-8"):
            yield io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline=newline)
        else:
            rows.recoded(encoding)
            yield io.TextIOWrapper(stream, encoding, "replace", newline=newline)


def _read_jsonl(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    decode = msgspec.json.Decoder().decode
    columns: tuple[str, str | None] | None = None
    kept: list[str] = []
    missing: SourceError | None = None
    with _open_text(path, rows, newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            tick(number)
            if line.isspace():
                continue
            try:
                # msgspec refuses bytes that are not UTF-8; json lets their escapes pass.
                record = decode(line) if undecoded(line) is None else json.loads(line)
            except (ValueError, RecursionError) as error:
                rows.reject(number, f"no valid JSON: {error}")
                continue
            if not isinstance(record, dict):
                rows.reject(number, "expected a JSON object")
                continue
            try:
                if columns is None:
                    found = wanted.choose(list(record), os.path.basename(path))
                    kept = _kept(wanted, list(record), os.path.basename(path), found[0])
                    columns = found
                text, label = columns
                if wanted.keep == "all":
                    kept += [name for name in record if name not in kept and name != text]
                rows.add(
                    number,
                    record[text],
                    record[label] if label is not None else None,
                    {name: record.get(name) for name in kept},
                )
            except SourceError as error:
                missing = missing or error
                rows.reject(number, "the text or label is missing")
            except KeyError as error:
                rows.reject(number, f"{error} is missing")
    if columns is None and missing is not None:
        raise missing


def _read_csv(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    before = csv.field_size_limit(MAX_DOCUMENT_BYTES)
    try:
        with _open_text(path, rows, newline="") as stream:
            _read_csv_rows(stream, path, wanted, rows, tick)
    finally:
        csv.field_size_limit(before)


def _delimiter(header: str, path: str, wanted: Wanted) -> str:
    """Return the delimiter at which the header has a column for the text."""
    likely = "\t" if path.lower().removesuffix(".gz").endswith(".tsv") else ","
    for delimiter in dict.fromkeys(likely + _DELIMITERS):
        if wanted.text in next(csv.reader([header], delimiter=delimiter), []):
            return delimiter
    return likely


def _read_csv_rows(stream: IO[str], path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    name = os.path.basename(path)
    header = stream.readline()
    reader = csv.reader(
        itertools.chain([header], stream), delimiter=_delimiter(header, path, wanted), strict=True
    )
    columns: list[str] | None = None
    text_at, label_at, several = 0, None, False
    kept: list[tuple[str, int]] = []
    for number in itertools.count(1):
        tick(number)
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if "end of data" in str(error):
                raise SourceError(
                    f"{name}:{line}: expected a closing quote, found none: a cell that starts "
                    f"here would swallow the rest of the file. Close the quote, or double a quote "
                    f"that belongs to the text."
                ) from error
            through = f", through line {reader.line_num}" if reader.line_num > line else ""
            rows.reject(line, f"{error}{through}")
            continue
        if cells is None:
            break
        if not cells:
            continue
        if columns is None:
            columns = cells
            text, label = wanted.choose(columns, name)
            text_at = columns.index(text)
            label_at = None if label is None else columns.index(label)
            kept = [(each, columns.index(each)) for each in _kept(wanted, columns, name, text)]
            several = label == "labels"
        elif len(cells) != len(columns):
            rows.reject(line, f"expected {len(columns)} cells, found {len(cells)}")
        else:
            label_cell = None if label_at is None else cells[label_at]
            rows.add(
                line,
                cells[text_at],
                split_labels(label_cell or "") if several else label_cell,
                {each: cells[at] for each, at in kept},
            )


def _read_parquet(path: str, wanted: Wanted, rows: Rows, tick: Tick) -> None:
    name = os.path.basename(path)
    with open(path, "rb") as file:
        if (found := file.read(4)) != b"PAR1":
            raise SourceError(
                f"{name}: expected Parquet, whose first bytes are PAR1, found {found!r}."
            )
    try:
        import polars
    except ImportError as error:
        raise MissingDependencyError("polars", "train", "reading Parquet") from error
    try:
        table = polars.scan_parquet(path, glob=False)
        columns = table.collect_schema().names()
        text, label = wanted.choose(columns, name)
        kept = _kept(wanted, columns, name, text)
        chosen = dict.fromkeys([text, *([] if label is None else [label]), *kept])
        frame = table.select(list(chosen)).collect()
    # A panic of polars is no Exception, but comes of the file all the same.
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise SourceError(f"{name}: expected whole Parquet, found damage: {error}.") from error
    texts: list[Any] = frame[text].to_list()
    labels: list[Any] = [None] * len(texts) if label is None else frame[label].to_list()
    others = {each: frame[each].to_list() for each in kept}
    for number, (each, its_label) in enumerate(zip(texts, labels, strict=True), 1):
        tick(number)
        rows.add(
            number, each, its_label, {key: values[number - 1] for key, values in others.items()}
        )


def _kept(wanted: Wanted, columns: list[str], source: str, text: str) -> list[str]:
    """Return the columns that go along with a document: its id, and those asked for."""
    ids = [ID_COLUMN] if columns.count(ID_COLUMN) == 1 and text != ID_COLUMN else []
    return [*ids, *wanted.kept(columns, source, text)]


_READERS: dict[str, Callable[[str, Wanted, Rows, Tick], None]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
