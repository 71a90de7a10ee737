"""Tables in every format (CSV, TSV, JSON, fastText, Parquet, data frames) to documents.

JSON is read here, strictly and one object at a time; other modules read delimited cells and
Parquet.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import re
from collections.abc import Callable, Generator, Iterator
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import msgspec

from satchel.errors import SatchelError, SourceError
from satchel.escaping import printable
from satchel.progress import Progress
from satchel.sources.collecting import SEPARATOR, Collector, Reading, undecoded
from satchel.sources.columns import MAX_COLUMNS, Columns, unique_names
from satchel.sources.delimited import DelimitedRows, Header, find_header
from satchel.sources.documents import (
    BYTES_PER_ROW,
    FASTTEXT_LABEL,
    Documents,
    ReadReport,
    Taken,
    brief,
    expansion_limit,
    quoted,
)
from satchel.sources.encodings import decode_name, mark
from satchel.sources.evidence import Evidence
from satchel.sources.files import reason
from satchel.sources.opening import TableFile
from satchel.sources.recognition import Format
from satchel.sources.records import Row, after

if TYPE_CHECKING:
    from satchel.sources.columnar import ColumnarFormat


_decode = msgspec.json.Decoder().decode
# Every key ends with a quote and a colon; so may a part of a text.
_KEY = re.compile(r'"\s*:')
_SURROGATE = re.compile("[\ud800-\udfff]")
# What Python writes for numbers that JSON has not; a string is matched whole, and so left alone.
_NO_NUMBER = re.compile(r'("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b')
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonRow(NamedTuple):
    """An object of a file of JSON.

    Attributes:
        line: Its line, from 1; its number where an array holds the objects.
        byte: Where it starts; None in an array.
        raw: The object as it stands in the file.
        record: The object; None where there was none, and the line was rejected.
    """

    line: int
    byte: int | None
    raw: str
    record: dict[str, Any] | None


class JsonRows:
    """Reads the objects of one file.

    Args:
        rows: Where lines that hold no object are rejected.
    """

    def __init__(self, rows: Collector) -> None:
        self._rows = rows
        self._source = printable(rows.source)
        self._noted = False

    def _no_numbers(self, line: int) -> None:
        if not self._noted:
            self._noted = True
            self._rows.report.notes.append(
                f"{self._source}: it holds NaN or Infinity, which JSON has not, from line {line:,} "
                f"on: they were read as null."
            )

    def read(self, stream: IO[str]) -> Iterator[JsonRow]:
        """Yield each object, and each line that was rejected.

        Raises:
            SourceError: An array, or an object of several lines, is damaged.
        """
        first = True
        end = self._rows.start
        for line, text in enumerate(stream, 1):
            byte = end
            end = after(byte, text)
            if text.isspace():
                continue
            if first and text.lstrip().startswith("["):
                yield from self._array(text + stream.read(), line)
                return
            if first and text.strip() == "{":
                yield from self._spread(text + stream.read(), line)
                return
            first = False
            yield JsonRow(line, byte, text, self._object(line, byte, text))

    def _spread(self, text: str, line: int) -> Iterator[JsonRow]:
        """Read objects of several lines each, as ``jq`` writes them."""
        place = _end_of_space(text, 0)
        line += text.count("\n", 0, place)
        first = line
        number = 0
        while place < len(text):
            number += 1
            end = self._end(text, first, place, number)
            raw = text[place:end]
            yield JsonRow(line, None, raw, self._object(line, None, raw))
            place = _end_of_space(text, end)
            line += raw.count("\n") + text.count("\n", end, place)

    def _end(self, text: str, line: int, place: int, number: int) -> int:
        """Return where the value ends that starts at a place."""
        try:
            return json.JSONDecoder().raw_decode(text, place)[1]
        except json.JSONDecodeError as error:
            why = f"{error.msg.removesuffix(' starting at')} at character {error.pos + 1:,}"
            raise self._damaged(text, line, error.pos, f"{why}, in record {number:,}") from error
        except (ValueError, RecursionError) as error:
            raise self._damaged(text, line, place, f"{error} in record {number:,}") from error

    def _array(self, text: str, line: int) -> Iterator[JsonRow]:
        place = text.index("[") + 1
        number = 0
        while True:
            place = _end_of_space(text, place)
            if number == 0 and text[place : place + 1] == "]":
                break
            number += 1
            end = self._end(text, line, place, number)
            raw = text[place:end]
            yield JsonRow(number, None, raw, self._object(number, None, raw))
            place = _end_of_space(text, end)
            if text[place : place + 1] == "]":
                break
            if text[place : place + 1] != ",":
                why = f"no comma and no ] after record {number:,}"
                raise self._damaged(text, line, place, why)
            place += 1
        place = _end_of_space(text, place + 1)
        if place < len(text):
            raise self._damaged(text, line, place, "more text after the end of the array")

    def _damaged(self, text: str, line: int, place: int, why: str) -> SourceError:
        return SourceError(
            f"{self._source}:{line + text.count(chr(10), 0, place)}: expected JSON objects, "
            f"found {brief(why, 200)}. Fix the line, or get a fresh copy."
        )

    def _object(self, line: int, byte: int | None, text: str) -> dict[str, Any] | None:
        """Return an object, or None after rejecting what is not one."""
        try:
            try:
                record = _parse(text)
            except msgspec.DecodeError:
                plain = _NO_NUMBER.sub(lambda found: found[1] or "null", text)
                if plain == text:
                    raise
                record = _parse(plain)
                self._no_numbers(line)
        except (ValueError, RecursionError) as error:
            why = str(error).removeprefix("JSON is malformed: ")
            self._rows.reject(line, f"invalid JSON: {brief(why, 200)}", byte, text)
            return None
        if isinstance(record, dict):
            return record
        found = f"found a value of type {type(record).__name__}"
        self._rows.reject(line, f"expected a JSON object, {found}", byte, text)
        return None


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _parse(text: str) -> Any:
    """Parse one JSON value strictly; bytes that are not UTF-8 stay surrogate escapes in its texts.

    Raises:
        ValueError: It is not valid JSON, or has a duplicate key.
        RecursionError: It is nested too deeply.
    """
    bare = text if text.isascii() or undecoded(text) is None else _SURROGATE.sub("?", text)
    # Validates all but duplicate keys: json would accept NaN and lone surrogates.
    record = _decode(bare)
    if bare is not text or (isinstance(record, dict) and _keys(text) != len(record)):
        return json.loads(text, object_pairs_hook=_object_of)
    return record


def _keys(text: str) -> int:
    """Return how many keys an object has, repeated and nested ones included, or more."""
    if " :" in text or "\t:" in text or "\r:" in text or "\n:" in text:
        return len(_KEY.findall(text))
    return text.count('":')


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"duplicate key {quoted(key)}")
            seen.add(key)
    return record


_STEP = 4096
_SAMPLE_ROWS = 1_000
_SAMPLE_CHARACTERS = 2**22
Tick: TypeAlias = Callable[[int], None]


def read_table(
    table: TableFile, reading: Reading, report: ReadReport, progress: Progress
) -> Generator[Documents, None, None]:
    """Read a table.

    Args:
        table: Where it is, and its format.
        reading: Which columns are read, in which encoding, in batches of which size.
        report: Where rejected rows, guesses and other encodings are noted.
        progress: Receives the number of rows read so far, and that of bytes copied.

    Yields:
        Batches of one document per row, in the table's order, named ``file:line``.

    Raises:
        SourceError: The file is truncated or not such a table, a column is missing, or too many
            rows cannot be used.
        MissingDependencyError: The format, compression or address needs a package.
    """
    name = table.name
    rows = Collector(name, reading, report)
    if table.unlike:
        report.notes.append(
            f"{printable(name)}: it holds {table.unlike}, unlike what its suffix says, and was "
            f"read as that."
        )

    told = 0

    def tick(done: int) -> None:
        nonlocal told
        if done - told >= _STEP:
            told = done
            share = rows.share()
            progress("reading", done, max(done, round(done / share)) if share else None, name)

    with contextlib.ExitStack() as stack:
        try:
            if table.format in _READERS:
                full = _READERS[table.format](table, reading.columns, rows, tick)
            else:
                path = stack.enter_context(table.local(progress))
                full = _read_local(path, table, reading.columns, rows, tick)
            # The file is closed here, not when the iterator is garbage-collected.
            stack.enter_context(contextlib.closing(full))
            for _ in full:
                rows.check(at_end=False)
                yield rows.take()
        except OSError as error:
            if isinstance(error, SatchelError):
                raise
            raise SourceError(
                f"{printable(name)}: expected a readable file, found that it cannot be read: "
                f"{reason(error)}."
            ) from error
    rows.check()
    yield rows.take()


Full: TypeAlias = Generator[None, None, None]
"""What a reader yields whenever the batch is full; whoever reads takes it then."""


@contextlib.contextmanager
def _open_text(table: TableFile, rows: Collector, newline: str) -> Iterator[IO[str]]:
    """Open a table as text; bytes that are not UTF-8 pass as surrogate escapes."""
    with table.open() as opened:
        stream = opened.stream
        if table.packing:
            rows.max_rows = expansion_limit(opened.size or 0) // BYTES_PER_ROW
        if size := opened.size:
            rows.share = lambda: opened.position() / size
        encoding, length = mark(stream.peek(4)[:4])
        stream.read(length)
        if encoding in ("", "utf-8"):
            rows.start = length
            yield io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline=newline)
        else:
            rows.recoded(encoding)
            rows.start = None
            yield io.TextIOWrapper(stream, encoding, "replace", newline=newline)


def _read_delimited(table: TableFile, wanted: Columns, rows: Collector, tick: Tick) -> Full:
    open_text = functools.partial(_open_text, table, rows, "")
    cells_of = DelimitedRows(
        open_text, table.format == "tsv", wanted, rows.source, lambda: rows.start
    )
    with contextlib.closing(iter(cells_of)) as records:
        first = next(records, None)
        if first is None:
            return
        width = len(first.cells)
        if width > MAX_COLUMNS:
            raise SourceError(
                f"{printable(rows.source)}: expected at most {MAX_COLUMNS:,} columns, found "
                f"{width:,}: it does not look like a table of documents."
            )
        evidence = _evidence(first.cells, wanted, rows)
        cells_of.expect(width, evidence)
        sample = [first, *_some(records)]
        cells = [row.cells for row in sample if row.cells]
        header = find_header(cells, wanted, rows.source, rows.report.notes, rows.encoding)
        if evidence is None:
            evidence = Evidence(header.names, header.taken, SEPARATOR)
            for each in cells:
                evidence.learn(each)
            cells_of.expect(width, evidence)
        if not header.is_data:
            del sample[0]
        yield from _add_cells(itertools.chain(sample, records), header, rows, tick)


def _evidence(first: list[str], wanted: Columns, rows: Collector) -> Evidence | None:
    """Return what rows are recognised by; None where the first row may be data."""
    names, repeated = unique_names([decode_name(cell, rows.encoding).strip() for cell in first])
    try:
        return Evidence(names, wanted.choose(names, rows.source, [], repeated), SEPARATOR)
    except SourceError:
        return None


def _add_cells(records: Iterator[Row], header: Header, rows: Collector, tick: Tick) -> Full:
    rows.taken = taken = header.taken
    rows.splits = True
    at = {name: place for place, name in enumerate(header.names)}
    text_at = [at[name] for name in taken.text]
    label_at, id_at = (at.get(name or "", -1) for name in (taken.label, taken.id))
    kept_at = [(name, at[name]) for name in taken.kept]
    for number, (line, byte, raw, cells, fault) in enumerate(records, 1):
        tick(number)
        if fault:
            rows.reject(line, fault, byte, raw)
        elif cells:
            rows.add(
                line,
                [cells[place] for place in text_at],
                cells[label_at] if label_at >= 0 else None,
                cells[id_at] if id_at >= 0 else None,
                {name: cells[place] for name, place in kept_at} if kept_at else None,
                byte,
                raw,
            )
        if rows.full:
            yield


def _some(records: Iterator[Row]) -> Iterator[Row]:
    """Yield the first rows, enough to distinguish a header from data."""
    characters = 0
    for record in itertools.islice(records, _SAMPLE_ROWS):
        yield record
        characters += sum(map(len, record.cells))
        if characters > _SAMPLE_CHARACTERS:
            return


def _read_json(table: TableFile, wanted: Columns, rows: Collector, tick: Tick) -> Full:
    with _open_text(table, rows, newline="\n") as stream:
        taken: Taken | None = None
        missing: SourceError | None = None
        only: dict[str, Any] | None = None
        for number, row in enumerate(JsonRows(rows).read(stream), 1):
            tick(number)
            if row.record is not None and taken is None:
                try:
                    columns = list(row.record)
                    taken = rows.taken = wanted.choose(columns, rows.source, rows.report.notes)
                except SourceError as error:
                    missing = missing or error
                    rows.reject(row.line, "the text or label is missing", row.byte, row.raw)
            if row.record is not None and taken is not None:
                _add_object(row, row.record, wanted, taken, rows)
            if rows.full:
                yield
            only = row.record if number == 1 else None
    if only is not None and not rows.used and (fault := _one_for_all(only, taken)):
        raise SourceError(
            f"{printable(rows.source)}: expected one JSON object per document, {fault}"
        )
    if taken is None and missing is not None:
        raise missing


def _one_for_all(record: dict[str, Any], taken: Taken | None) -> str:
    """Return how the only object of a file holds all documents; empty where it does not."""
    for name, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return f"found one object whose {quoted(name)} holds a list of them. Save that list."
    used = record if taken is None else [name for name in (*taken.text, taken.label) if name]
    if record and all(isinstance(record.get(name), dict | list) for name in used):
        return (
            "found one object of columns. Save a list of records, with pandas by "
            'to_json(orient="records").'
        )
    return ""


def _add_object(
    row: JsonRow, record: dict[str, Any], wanted: Columns, taken: Taken, rows: Collector
) -> None:
    label, text = taken.label, taken.text
    if label is not None and label not in record:
        rows.reject(row.line, f"{quoted(label)} is missing", row.byte, row.raw)
        return
    if len(text) == 1 and text[0] not in record:
        rows.reject(row.line, f"{quoted(text[0])} is missing", row.byte, row.raw)
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
        row.line,
        [record.get(name) for name in text],
        record[label] if label is not None else None,
        record.get(taken.id) if taken.id is not None else None,
        kept,
        row.byte,
        row.raw,
    )


def _read_fasttext(table: TableFile, wanted: Columns, rows: Collector, tick: Tick) -> Full:  # noqa: ARG001
    """Read lines of words, of which those that begin with ``__label__`` are labels."""
    rows.report.notes.append(
        f"{printable(rows.source)}: read as fastText; labels begin with {FASTTEXT_LABEL}."
    )
    with _open_text(table, rows, newline="\n") as stream:
        end = rows.start
        for number, line in enumerate(stream, 1):
            tick(number)
            byte = end
            end = after(byte, line)
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
            found = labels[0] if len(labels) == 1 else labels or None
            rows.add(number, [text], found, byte=byte, raw=line)
            if rows.full:
                yield


def _read_local(path: str, table: TableFile, wanted: Columns, rows: Collector, tick: Tick) -> Full:
    """Read a table in a format that is not read from start to end."""
    if table.format == "sqlite":
        from satchel.sources.database import read_database

        return read_database(path, table.query, wanted, rows, tick)
    from satchel.sources.columnar import read_columnar

    return read_columnar(path, cast("ColumnarFormat", table.format), wanted, rows, tick)


_READERS: dict[Format, Callable[[TableFile, Columns, Collector, Tick], Full]] = {
    "csv": _read_delimited,
    "tsv": _read_delimited,
    "jsonl": _read_json,
    "fasttext": _read_fasttext,
}
