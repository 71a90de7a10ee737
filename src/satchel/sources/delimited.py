"""Tables of delimited cells: the delimiter, whether the first row is a header, and the rows."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TypeAlias

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.columns import Columns, recognised, unique_names
from satchel.sources.documents import Taken
from satchel.sources.encodings import decode_name
from satchel.sources.evidence import Evidence
from satchel.sources.records import QuotedRows, Row, after, long_cells, with_width


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


OpenText: TypeAlias = Callable[[], AbstractContextManager[IO[str]]]
"""Opens a table as text from its start, line ends untouched."""


class DelimitedRows:
    """The rows of a table of delimited cells, including the header but not empty lines.

    Args:
        open_text: Opens the table.
        tabs: Whether the file name indicates tab-separated cells.
        wanted: Which columns to read; their names help to find the delimiter.
        source: The table's name, for messages.
        start: Where its first line starts, in bytes, once it is open; None where lines have no such
            place.

    """

    def __init__(
        self,
        open_text: OpenText,
        tabs: bool,
        wanted: Columns,
        source: str,
        start: Callable[[], int | None],
    ) -> None:
        self._open_text = open_text
        self._tabs = tabs
        self._wanted = wanted
        self._source = source
        self._start = start
        self._width = 0
        self._quoted_rows: QuotedRows | None = None

    def expect(self, width: int, evidence: Evidence | None) -> None:
        """Say how many cells a row must have, and what rows are recognised by.

        Args:
            width: The number of cells.
            evidence: What rows are recognised by where lines are damaged; None while the columns
                are not known.
        """
        self._width = width
        if self._quoted_rows is not None:
            self._quoted_rows.width = width
            self._quoted_rows.evidence = evidence

    def __iter__(self) -> Generator[Row, None, None]:
        """Yield the rows, also those that cannot be used.

        Raises:
            SourceError: A row is damaged, and it cannot be told which lines after it are rows.
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

    def _after(self, skipped: Sequence[str]) -> int | None:
        """Return where the line after those skipped starts, in bytes."""
        byte = self._start()
        for line in skipped:
            byte = after(byte, line)
        return byte

    def _literal(self, lines: Iterable[str], skipped: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of a file of tabs where every line is one."""
        end = self._after(skipped)
        for number, line in enumerate(lines, len(skipped) + 1):
            byte = end
            end = after(byte, line)
            cells = [_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]
            if not line.isspace() and (
                row := with_width(Row(number, byte, line, cells), self._width)
            ):
                yield row

    def _quoted(
        self, lines: Iterator[str], delimiter: str, skipped: Sequence[str]
    ) -> Iterator[Row]:
        """Yield the rows of a file whose cells may be quoted."""
        self._quoted_rows = QuotedRows(
            lines, delimiter, self._source, len(skipped) + 1, self._after(skipped)
        )
        yield from self._quoted_rows


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
        with long_cells():
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
            with long_cells():
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
