"""The rows of a table whose cells may be quoted, and how reading goes on after a damaged one.

A quote too many or too few makes the rest of a file ambiguous: a line may be a row, or lie inside a
cell. A damaged row is rejected from its first line, and so is each line after it, until one
is recognised as a row by the cells beside its text (``evidence``). Where rows cannot be recognised,
as in the first rows of a file, the reading stops.

Cost is linear. Each line is read once in the usual way. Of a row that turns out to be damaged, all
lines but the first are read again; there, a row of several lines must begin and end with lines that
have an odd number of quotes, so that attempts do not overlap.
"""

from __future__ import annotations

import contextlib
import csv
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import MAX_DOCUMENT_BYTES
from satchel.sources.evidence import ENOUGH_ROWS, Evidence


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: Its first line, from 1.
        byte: Where that line starts; None where lines have no such place.
        raw: The row as it stands in the file.
        cells: Its cells; none where it cannot be used.
        fault: Why it cannot be used.
    """

    line: int
    byte: int | None
    raw: str
    cells: list[str]
    fault: str = ""


def after(byte: int | None, line: str) -> int | None:
    """Return where the next line starts, in bytes; None where this one's place is unknown."""
    if byte is None:
        return None
    return byte + (len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape")))


def with_width(row: Row, width: int) -> Row | None:
    """Return a row that has as many cells as it must; a faulty one if not; None if it is blank.

    Args:
        row: The row.
        width: How many; 0 where any number will do.
    """
    cells = row.cells
    if not cells or not width or len(cells) == width:
        return row if cells else None
    if all(map(_is_blank, cells)):
        return None
    if len(cells) > width and all(map(_is_blank, cells[width:])):
        return row._replace(cells=cells[:width])
    return row._replace(cells=[], fault=f"expected {width:,} cells, found {len(cells):,}")


def _is_blank(cell: str) -> bool:
    return not cell or cell.isspace()


@contextlib.contextmanager
def long_cells() -> Iterator[None]:
    """Allow cells as long as documents; the limit belongs to the whole process, so only here."""
    before = csv.field_size_limit(MAX_DOCUMENT_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


_NOT_DOUBLED = "a quote inside a cell is not doubled"
_NOT_OPENED = "a closing quote has no opening quote"
_NOT_CLOSED = "a quote is not closed"
_TOO_LONG = f"a cell has more than {MAX_DOCUMENT_BYTES:,} characters"
_SWALLOWS = "a cell holds lines that are rows"
_AFTER_DAMAGE = "follows a damaged row, and may lie inside a cell of it"
_BEFORE_DAMAGE = "comes before a closing quote without an opening one, and may lie inside a cell"


class _Record(NamedTuple):
    """Lines that are read as one row.

    Attributes:
        lines: The lines.
        cells: The cells; None at the end of the file, or where there is an error.
        error: What is wrong.
        odd: Whether the number of quotes is odd.
        quotes: Whether there may be quotes.
    """

    lines: list[str]
    cells: list[str] | None
    error: str = ""
    odd: bool = False
    quotes: bool = True


class QuotedRows:
    """Reads rows whose cells may be quoted.

    Args:
        lines: The lines, with their ends.
        delimiter: What separates the cells.
        source: The table's name, for messages.
        line: The number of the first line.
        byte: Where it starts.

    Attributes:
        width: The number of cells that a row must have; 0 until the first row is known.
        evidence: What rows are recognised by; None until the columns are known.
    """

    def __init__(
        self, lines: Iterator[str], delimiter: str, source: str, line: int, byte: int | None
    ) -> None:
        self.width = 0
        self.evidence: Evidence | None = None
        self._fresh = lines
        self._delimiter = delimiter
        self._source = source
        self._line = line
        self._byte = byte
        self._again: deque[str] = deque()  # lines to be read again
        self._lines: list[str] = []  # of the record that is being read
        self._reader = csv.reader(self._watched(), delimiter=delimiter, strict=True)
        self._quoting = False  # whether a cell began with a quote
        # The first fault after which lines may have been taken for rows.
        self._suspect: tuple[int, str] | None = None
        # The last row with quotes, where they enclose what should lie between cells: then there is
        # a quote too few or too many before it.
        self._inverted: tuple[int, str] | None = None
        self._damage: _Damage | None = None
        self._held: list[Row] = []  # rows with a new value, and what came after them

    def __iter__(self) -> Generator[Row, None, None]:
        """Yield the rows, the damaged ones as well, but not empty lines.

        Raises:
            SourceError: A row is damaged, and it cannot be told which lines after it are rows.
        """
        while True:
            record = self._next()
            if record.cells is None and not record.error:
                break
            if self._damage is not None:
                yield from self._resume(self._damage, record)
            elif self._is_plain(record):
                lines = record.lines
                raw = lines[0] if len(lines) == 1 else "".join(lines)
                yield Row(self._line, self._byte, raw, record.cells or [])
                self._line += len(lines)
                self._byte = after(self._byte, raw)
            else:
                yield from self._take(record)
        if self._damage is not None:
            yield from self._damage.end()
        yield from self._release()

    def _is_plain(self, record: _Record) -> bool:
        """Return whether a record is a row like those before it, as nearly all are; take it."""
        cells, evidence = record.cells, self.evidence
        if (
            evidence is None
            or cells is None
            or len(cells) != self.width
            or (record.quotes and (record.odd or not evidence.is_enough))
            or self._again
            or self._held
            or self._suspect
            or (len(record.lines) > 1 and self._swallows(record.lines))
        ):
            return False
        return evidence.takes(cells)

    def _watched(self) -> Iterator[str]:
        for line in self._fresh:
            self._lines.append(line)
            yield line

    def _next(self) -> _Record:
        """Read a record; the lines that belong to it are not yet passed."""
        if self._again:
            return self._next_again()
        lines: list[str] = []
        self._lines = lines
        cells: list[str] | None = None
        fault = ""
        try:
            with long_cells():
                cells = next(self._reader, None)
        except csv.Error as error:
            fault = _explained(error)
        quotes = 0
        for line in lines:
            if '"' in line:
                quotes += line.count('"')
                self._quoting = self._quoting or line[0] == '"' or f'{self._delimiter}"' in line
        return _Record(lines, cells, fault, quotes % 2 == 1, quotes > 0)

    def _next_again(self) -> _Record:
        """Read a record of lines that were read before, as far as their quotes reach."""
        first = self._again.popleft()
        odd = first.count('"') % 2 == 1
        record = self._parsed([first], odd)
        if not odd or record.error != _NOT_CLOSED:
            return record
        lines = [first]
        size = len(first)
        while size <= MAX_DOCUMENT_BYTES:
            line = self._again.popleft() if self._again else next(self._fresh, "")
            if not line:
                break
            lines.append(line)
            size += len(line)
            if line.count('"') % 2:
                return self._parsed(lines, odd=False)
        return _Record(lines, None, _NOT_CLOSED, odd=True)

    def _parsed(self, lines: list[str], odd: bool) -> _Record:
        """Read lines as one record."""
        try:
            with long_cells():
                found = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            return _Record(lines, None, _explained(error), odd)
        if len(found) > 1:
            return _Record(lines, None, _NOT_CLOSED, odd)
        return _Record(lines, found[0] if found else [], odd=odd)

    def _pass(self, lines: list[str], number: int) -> Row:
        """Pass the first lines of a record, and return them as a row; read the others again."""
        if number < len(lines):
            self._again.extendleft(reversed(lines[number:]))
            lines = lines[:number]
        row = Row(self._line, self._byte, lines[0] if len(lines) == 1 else "".join(lines), [])
        self._line += len(lines)
        self._byte = after(self._byte, row.raw)
        return row

    def _take(self, record: _Record) -> Iterator[Row]:
        """Yield a row, or begin the damaged lines with it."""
        enough = self.evidence is not None and self.evidence.is_enough
        if record.error:
            if enough:
                yield from self._damaged(record, record.error)
                return
            self._check_misplaced(record)
            row = self._pass(record.lines, len(record.lines))._replace(fault=record.error)
            self._suspect = (row.line, row.fault)
            yield from self._give(row)
            return
        cells = record.cells or []
        # Cells that are quoted as they should be have an even number of quotes.
        if (
            record.odd
            and (self._suspect or self._quoting)
            and any(cell.endswith('"') for cell in cells)
        ):
            if not enough or self._suspect:
                raise self._stop(self._line, _NOT_OPENED)
            yield from self._damaged(record, _NOT_OPENED)
            return
        fitting = with_width(Row(self._line, self._byte, "", cells), self.width)
        if enough and len(record.lines) > 1:
            fault = fitting.fault if fitting is not None else ""
            if not fault and self._swallows(record.lines):
                fault = _SWALLOWS
            if fault:
                yield from self._damaged(record, fault)
                return
        if record.quotes:
            odd = any(_is_between_cells(cell.strip('"'), self._delimiter) for cell in cells)
            self._inverted = (self._line, "quotes enclose the ends of cells") if odd else None
        raw = self._pass(record.lines, len(record.lines)).raw
        if fitting is None:
            return
        if self.width and len(cells) != self.width and not enough:
            # A cell of several lines may begin here that should be quoted.
            reason = f"expected {self.width:,} cells, found {len(cells):,}"
            self._suspect = self._suspect or (fitting.line, reason)
        yield from self._give(fitting._replace(raw=raw))

    def _give(self, row: Row) -> Iterator[Row]:
        """Yield a row; keep it back while it, or one before it, has a new value."""
        evidence = self.evidence
        if evidence is None:
            yield row
            return
        if row.cells and not evidence.has_news(row.cells):
            yield from self._release()
            evidence.learn(row.cells)
            if self._suspect and evidence.has_seen(row.cells):
                self._suspect = None
            yield row
        elif row.cells or self._held:
            self._held.append(row)
            if len(self._held) >= ENOUGH_ROWS or sum(len(each.raw) for each in self._held) > 2**20:
                yield from self._release()
        else:
            yield row

    def _release(self) -> Iterator[Row]:
        for row in self._held:
            if row.cells and self.evidence is not None:
                self.evidence.learn(row.cells)
            yield row
        self._held = []

    def _swallows(self, lines: list[str]) -> bool:
        """Return whether most lines of a record are rows: then a quote in the first is wrong."""
        if 2 * sum(self._delimiter in line for line in lines) <= len(lines):
            return False
        # The quotes at both ends are what makes one record of the lines.
        bare = [lines[0].replace('"', ""), *lines[1:-1], lines[-1].replace('"', "")]
        rows = sum(self._is_row(self._parsed([line], line.count('"') % 2 == 1)) for line in bare)
        return 2 * rows > len(lines)

    def _is_row(self, record: _Record) -> bool:
        """Return whether a record is recognised as a row."""
        cells = record.cells
        return (
            self.evidence is not None
            and not record.odd
            and cells is not None
            and len(cells) == self.width
            and self.evidence.has_seen(cells)
        )

    def _damaged(self, record: _Record, fault: str) -> Iterator[Row]:
        """Begin the damaged lines."""
        if fault == _NOT_OPENED:
            # The cell may have begun in a row before it that looks like none of the others.
            self._held = [
                row._replace(cells=[], fault=_BEFORE_DAMAGE) if row.cells else row
                for row in self._held
            ]
        yield from self._release()
        lines = record.lines
        if len(lines) == 1 and not record.odd:
            # Quotes in pairs leave the lines after it as they are.
            yield self._pass(lines, 1)._replace(fault=fault)
            return
        self._damage = _Damage(self._pass(lines, 1)._replace(fault=fault))
        self._suspect = self._inverted = None

    def _resume(self, damage: _Damage, record: _Record) -> Iterator[Row]:
        """Take a record for a row if it is recognised as one, or else reject its first line."""
        evidence = self.evidence
        assert evidence is not None, "there was evidence when the damage began"
        fits = record.cells is not None and len(record.cells) == self.width and not record.odd
        if not fits or (len(record.lines) > 1 and self._swallows(record.lines)):
            yield from damage.extend(self._pass(record.lines, 1))
            return
        recognised = self._is_row(record)
        row = self._pass(record.lines, len(record.lines))._replace(cells=record.cells or [])
        if recognised:
            yield from damage.end()
            self._damage = None
            yield from self._give(row)
            return
        rows = damage.wait(row)
        if len(rows) == ENOUGH_ROWS:
            if evidence.are_alike([each.cells for each in rows]):
                yield damage.current()
                self._damage = None
                self._held = rows
                yield from self._release()
            else:
                # Half of them, so that each is compared twice at most.
                for _ in range(ENOUGH_ROWS // 2):
                    yield damage.shift()

    def _check_misplaced(self, record: _Record) -> None:
        """Stop where it cannot be told which of the lines after a damaged row are rows.

        Raises:
            SourceError: It cannot be told.
        """
        source = printable(self._source)
        if record.error == _NOT_CLOSED:
            raise SourceError(
                f"{source}:{self._line}: expected a closing quote, found none: the cell that "
                f"starts here would take in the rest of the file. Close the quote, or double a "
                f"quote that belongs to the text."
            )
        # A cell that runs over line ends may have started in the wrong place.
        if self._suspect or self._inverted or (len(record.lines) > 1 and self.width):
            self._suspect = self._suspect or self._inverted
            raise self._stop(self._line, record.error)
        if not self.width:
            raise SourceError(
                f"{source}:{self._line}: expected column names, found that {record.error}. "
                f"Fix the line."
            )

    def _stop(self, line: int, reason: str) -> SourceError:
        first, why = self._suspect or (line, reason)
        both = f" and one in line {line} ({reason})" if first != line else ""
        lines = "the lines between may be the inside" if both else "the line may be the end"
        return SourceError(
            f"{printable(self._source)}:{first}: expected each quote inside a cell to be "
            f"doubled, found a fault there ({why}){both}: {lines} of a cell, not rows. "
            f"Quote each cell that contains quotes or line breaks, and double each quote inside "
            f'("" for ").'
        )


class _Damage:
    """Damaged lines: a row that is rejected, and then lines that may be rows.

    Lines that are no rows by themselves are rejected with the row before them.

    Args:
        row: The damaged row.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._more: list[str] = []
        self._size = 0
        self._waiting: list[Row] = []

    def current(self) -> Row:
        """Return the row that is rejected, with the lines that follow it."""
        return self._row._replace(cells=[], raw="".join([self._row.raw, *self._more]))

    def _next(self, row: Row) -> None:
        self._row = row._replace(cells=[], fault=_AFTER_DAMAGE)
        self._more = []
        self._size = 0

    def extend(self, line: Row) -> Iterator[Row]:
        """Take a line that is no row by itself; yield what is complete before it."""
        while self._waiting:
            yield self.shift()
        if self._size > MAX_DOCUMENT_BYTES:
            yield self.current()
            self._next(line)
        else:
            self._more.append(line.raw)
            self._size += len(line.raw)

    def wait(self, row: Row) -> list[Row]:
        """Take a row that is not recognised; return all of them that follow one another."""
        self._waiting.append(row)
        return self._waiting

    def shift(self) -> Row:
        """Return the row that is rejected; the first of those not recognised takes its place."""
        row = self.current()
        self._next(self._waiting.pop(0))
        return row

    def end(self) -> Iterable[Row]:
        """Yield all as rejected."""
        while self._waiting:
            yield self.shift()
        yield self.current()


def _explained(error: csv.Error) -> str:
    """Return what is wrong with a row."""
    said = str(error)
    if "end of data" in said:
        return _NOT_CLOSED
    return _TOO_LONG if "field limit" in said else _NOT_DOUBLED


def _is_between_cells(cell: str, delimiter: str) -> bool:
    """Return whether text begins and ends as what lies between two quoted cells does."""
    edges = f"{delimiter}\r\n"
    return bool(cell) and cell[0] in edges and cell[-1] in edges
