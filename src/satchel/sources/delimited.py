"""Tables of delimited cells: the delimiter, whether the first row is a header, and the rows."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, NamedTuple, TypeAlias

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.collecting import Collector
from satchel.sources.columns import Columns, recognised, unique_names
from satchel.sources.documents import MAX_DOCUMENT_BYTES, Taken
from satchel.sources.encodings import decode_name


@dataclass(frozen=True)
class Header:
    """What the first row holds.

    Attributes:
        names: The unique names of the columns; ``1``, ``2`` … where there is no header.
        taken: Which of them are read.
        is_data: Whether the first row is a document.
    """

    names: list[str]
    taken: Taken
    is_data: bool


def find_header(
    sample: Sequence[Sequence[str]],
    wanted: Columns,
    source: str,
    notes: list[str],
    encoding: str | None,
) -> Header:
    """Decide whether the first row is a header, and which columns to read.

    It is one if the requested columns are found among its cells. Where they are not, it is
    considered data if one of its cells recurs in the same column, as a label does and a name
    does not, or if columns were asked for by number.

    Args:
        sample: The first rows, of the same length.
        wanted: Which columns to read.
        source: The table, for messages.
        notes: Where a guess is noted.
        encoding: Encoding of names that are not UTF-8; None takes windows-1252.

    Raises:
        SourceError: A requested column is missing, or several columns match.
    """
    first = [decode_name(cell, encoding).strip() for cell in sample[0]]
    names, repeated = unique_names(first)
    found: list[str] = []
    try:
        taken = wanted.choose(names, source, found, repeated)
    except SourceError as missing:
        numbers = [str(number) for number in range(1, len(first) + 1)]
        chosen = None
        # Some programs name columns by their number.
        if first not in (numbers, [str(number) for number in range(len(first))]):
            chosen = _headless(sample, wanted, numbers, source)
        if chosen is None:
            hint = "" if wanted.named or any(map(recognised, first)) else _hint(first)
            raise SourceError(f"{missing}{hint}") from missing
        label = f" and column {chosen.label} for the label" if chosen.label else ""
        notes.append(
            f"{printable(source)}: the first row is data, not column names; took column "
            f"{' and '.join(chosen.text)} for the text{label}."
        )
        return Header(numbers, chosen.choose(numbers, source, []), is_data=True)
    notes += found
    return Header(names, taken, is_data=False)


def _hint(first: Sequence[str]) -> str:
    """Return advice for the case that the first row is data."""
    if len(first) < 2:
        return ""
    return " If the first row is data, name the columns by number, such as --text 2 --label 1."


def _headless(
    sample: Sequence[Sequence[str]], wanted: Columns, numbers: list[str], source: str
) -> Columns | None:
    """Return the numbers of the columns to read, or None where the first row may be a header.

    Raises:
        SourceError: The first row is data, but the roles of the columns are unclear.
    """
    columns = list(zip(*sample, strict=True))
    again = [bool(column[0].strip()) and column[0] in column[1:] for column in columns]
    names_there = any(
        recognised(cell) and not twice for cell, twice in zip(sample[0], again, strict=True)
    )
    if wanted.named and (names_there or not set(wanted.named) <= set(numbers)):
        return None
    if not wanted.named and not any(again):
        return None
    text, label = wanted.text, wanted.label if wanted.labelled else None
    if len(columns) == 2 and (not text or (wanted.labelled and label is None)):
        if text or label:
            other = "2" if (*text, label)[0] == "1" else "1"
            text, label = text or (other,), label or other
        else:
            distinct = [len(set(column)) for column in columns]
            few = 0 if distinct[0] < distinct[1] else 1
            if distinct[0] != distinct[1] and again[few] and 2 * distinct[few] <= len(sample) + 2:
                text, label = (numbers[1 - few],), numbers[few]
    if len(columns) == 1 and not wanted.labelled:
        text = ("1",)
    if not text or (wanted.labelled and label is None):
        shape = ", ".join(
            f"{number} ({printable(cell[:30])})"
            for number, cell in zip(numbers[:20], sample[0][:20], strict=True)
        )
        raise SourceError(
            f"{printable(source)}: the first row is data, not column names, and it is not "
            f"clear which column is which: {shape}. Name them by number, such as --text 2 "
            f"--label 1."
        )
    return dataclasses.replace(wanted, text=text, label=label if wanted.labelled else None)


_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
# Excel's own first line, which names the delimiter.
_EXCEL = re.compile(r'"?sep=([^\w\s"]|\t)"?\r?\n?', re.IGNORECASE)


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: Its first line, from 1.
        byte: Where that line starts; None where lines have no such place.
        raw: The row as it stands in the file.
        cells: Its cells; none where it was rejected, which whoever collects must hear of.
    """

    line: int
    byte: int | None
    raw: str
    cells: list[str]


OpenText: TypeAlias = Callable[[], AbstractContextManager[IO[str]]]
"""Opens a table as text from its start, line ends untouched."""


class DelimitedRows:
    """The rows of a table of delimited cells, including the header but not empty lines.

    Args:
        open_text: Opens the table.
        tabs: Whether the file name indicates tab-separated cells.
        wanted: Which columns to read; their names help to find the delimiter.
        rows: Where rows that cannot be used are rejected.

    Attributes:
        width: The number of cells that a row must have; 0 until the first row is known.
    """

    def __init__(self, open_text: OpenText, tabs: bool, wanted: Columns, rows: Collector) -> None:
        self.width = 0
        self._open_text = open_text
        self._tabs = tabs
        self._wanted = wanted
        self._rows = rows
        self._quotes = 0  # in the row that is being read
        self._lines: list[str] = []  # of the row that is being read
        self._quoting = False  # whether a cell began with a quote
        # The last row with quotes, where they enclose what should lie between cells: then there is
        # a quote too few or too many before it.
        self._inverted: tuple[int, str] | None = None
        self._suspect: tuple[int, str] | None = None

    def __iter__(self) -> Generator[Row, None, None]:
        """Yield the rows.

        Raises:
            SourceError: A quote never closes, or quotes are out of place in several lines.
        """
        with self._open_text() as stream:
            lines = iter(stream)
            sample = list(itertools.islice(lines, _SAMPLE_LINES))
            excel = _EXCEL.fullmatch(sample[0]) if sample else None
            skipped = sample[:1] if excel else []
            if excel:
                delimiter = excel[1]
            else:
                delimiter = _delimiter(sample, "\t" if self._tabs else ",", self._wanted)
            lines = itertools.chain(sample[len(skipped) :], lines)
            if delimiter != "\t":
                yield from self._quoted(lines, delimiter, skipped)
                return
            literal = _may_be_literal(lines)
        if literal:
            with self._open_text() as stream:
                literal = not _is_quoted_throughout(itertools.islice(stream, len(skipped), None))
        with self._open_text() as stream:
            lines = itertools.islice(stream, len(skipped), None)
            if literal:
                yield from self._literal(lines, skipped)
            else:
                yield from self._quoted(lines, "\t", skipped)

    def _start(self, skipped: Sequence[str]) -> int | None:
        """Return where the line after those skipped starts, in bytes."""
        byte = self._rows.start
        for line in skipped:
            byte = after(byte, line)
        return byte

    def _literal(self, lines: Iterable[str], skipped: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of a file of tabs where every line is one."""
        end = self._start(skipped)
        for number, line in enumerate(lines, len(skipped) + 1):
            byte = end
            end = after(byte, line)
            row = Row(
                number, byte, line, [_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]
            )
            if not line.isspace():
                yield row if self._fits(row) else row._replace(cells=[])

    def _quoted(
        self, lines: Iterable[str], delimiter: str, skipped: Sequence[str]
    ) -> Iterator[Row]:
        """Yield the rows of a file whose cells may be quoted."""
        reader = csv.reader(self._watching(lines, delimiter), delimiter=delimiter, strict=True)
        end = self._start(skipped)
        while True:
            self._quotes = 0
            self._lines.clear()
            line = len(skipped) + reader.line_num + 1
            byte = end
            cells, error = _next_row(reader)
            raw = self._lines[0] if len(self._lines) == 1 else "".join(self._lines)
            end = after(byte, raw)
            if error is not None:
                self._misplaced(line, byte, raw, len(skipped) + reader.line_num, error)
                yield Row(line, byte, raw, [])
                continue
            if cells is None:
                return
            # Cells that are quoted as they should be have an even number of quotes.
            if (
                self._quotes % 2
                and (self._suspect or self._quoting)
                and any(cell.endswith('"') for cell in cells)
            ):
                raise self._stop(line, "a closing quote has no opening quote")
            if self._quotes:
                odd = any(_is_between_cells(cell.strip('"'), delimiter) for cell in cells)
                self._inverted = (line, "quotes enclose the ends of cells") if odd else None
            row = Row(line, byte, raw, cells)
            if cells:
                yield row if self._fits(row) else row._replace(cells=[])

    def _watching(self, lines: Iterable[str], delimiter: str) -> Iterator[str]:
        for line in lines:
            self._lines.append(line)
            self._quotes += line.count('"')
            if not self._quoting and '"' in line:
                self._quoting = line[0] == '"' or f'{delimiter}"' in line
            yield line

    def _fits(self, row: Row) -> bool:
        """Return whether a row has the right number of cells; reject it if not."""
        cells = row.cells
        found = len(cells)
        if not self.width or found == self.width:
            return True
        if all(map(_is_blank, cells)):
            return False
        reason = f"expected {self.width:,} cells, found {found:,}"
        # A cell of several lines may begin here that should be quoted.
        self._suspect = self._suspect or (row.line, reason)
        if found > self.width and all(map(_is_blank, cells[self.width :])):
            del cells[self.width :]
            return True
        self._rows.reject(row.line, reason, row.byte, row.raw)
        return False

    def _misplaced(self, line: int, byte: int | None, raw: str, last: int, error: str) -> None:
        """Reject a row whose quotes are out of place, or stop."""
        source = printable(self._rows.source)
        if "end of data" in error:
            raise SourceError(
                f"{source}:{line}: expected a closing quote, found none: the cell that starts "
                f"here would take in the rest of the file. Close the quote, or double a quote "
                f"that belongs to the text."
            )
        reason = "a quote inside a cell is not doubled"
        if "field limit" in error:
            reason = f"a cell has more than {MAX_DOCUMENT_BYTES:,} characters"
        # A cell that runs over line ends may have started in the wrong place.
        if self._suspect or self._inverted or (last > line and self.width):
            self._suspect = self._suspect or self._inverted
            raise self._stop(line, reason)
        if not self.width:
            raise SourceError(
                f"{source}:{line}: expected column names, found that {reason}. Fix the line."
            )
        self._suspect = (line, reason)
        self._rows.reject(line, reason, byte, raw)

    def _stop(self, line: int, reason: str) -> SourceError:
        first, why = self._suspect or (line, reason)
        both = f" and one in line {line} ({reason})" if first != line else ""
        lines = "the lines between may be the inside" if both else "the line may be the end"
        return SourceError(
            f"{printable(self._rows.source)}:{first}: expected each quote inside a cell to be "
            f"doubled, found a fault there ({why}){both}: {lines} of a cell, not rows. "
            f"Quote each cell that contains quotes or line breaks, and double each quote inside "
            f'("" for ").'
        )


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Allow cells as long as documents; the limit belongs to the whole process, so only here."""
    before = csv.field_size_limit(MAX_DOCUMENT_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _next_row(reader: Iterator[list[str]]) -> tuple[list[str] | None, str | None]:
    """Return the next row, None at the end, or what is wrong with it."""
    try:
        with _long_cells():
            return next(reader, None), None
    except csv.Error as error:
        return None, str(error)


def after(byte: int | None, line: str) -> int | None:
    """Return where the next line starts, in bytes; None where this one's place is unknown."""
    if byte is None:
        return None
    return byte + (len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape")))


def _is_between_cells(cell: str, delimiter: str) -> bool:
    """Return whether text begins and ends as what lies between two quoted cells does."""
    edges = f"{delimiter}\r\n"
    return bool(cell) and cell[0] in edges and cell[-1] in edges


def _is_blank(cell: str) -> bool:
    return not cell or cell.isspace()


def _unquoted(cell: str) -> str:
    """Return a cell without the quotes around it, where they enclose it as they should."""
    return cell[1:-1].replace('""', '"') if _is_quoted(cell) else cell


def _is_quoted(cell: str) -> bool:
    inside = cell[1:-1]
    return (
        len(cell) > 1
        and cell[0] == cell[-1] == '"'
        and ('"' not in inside or '"' not in inside.replace('""', ""))
    )


def _may_be_literal(lines: Iterable[str]) -> bool:
    """Return whether every line of a tab-separated file is a row and some quotes are literal."""
    width, odd = -1, False
    for line in lines:
        if line.isspace():
            continue
        tabs = line.count("\t")
        if tabs != width:
            if width >= 0:
                return False
            width = tabs
        if not odd and '"' in line:
            cells = line.rstrip("\r\n").split("\t")
            odd = any(cell[:1] == '"' and not _is_quoted(cell) for cell in cells)
    return odd


def _is_quoted_throughout(lines: Iterable[str]) -> bool:
    """Return whether a file of tabs can be read with quoted cells without any fault."""
    widths: set[int] = set()
    try:
        with _long_cells():
            for cells in csv.reader(lines, delimiter="\t", strict=True):
                if cells:
                    widths.add(len(cells))
    except csv.Error:
        return False
    return len(widths) < 2


def _delimiter(sample: list[str], likely: str, wanted: Columns) -> str:
    """Return what separates the cells.

    It is the one that gives the first row the most requested or recognised names; without any,
    what splits the first rows into equally many cells, preferring more cells.
    """
    lines = [line for line in sample if not line.isspace()]
    asked = {name.casefold() for name in wanted.named}
    best, most = likely, (0, 1)
    for delimiter in dict.fromkeys(likely + _DELIMITERS):
        try:
            with _long_cells():
                table = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        if not table:
            return likely
        names = sum(name.casefold() in asked or recognised(name) for name in table[0])
        # The sample may end within the last row.
        widths = {len(cells) for cells in (table[:-1] or table)}
        score = (names, len(table[0]) if len(widths) == 1 else 1)
        if score > most:
            best, most = delimiter, score
    return best
