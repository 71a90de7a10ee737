"""What distinguishes a row of a table from a line inside a cell: the cells beside the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from satchel.sources.documents import Taken

ENOUGH_ROWS: Final = 20
"""So many good rows must have been read before a row is recognised by them."""

_SHAPED_ROWS: Final = 1_000  # from which the shapes of cells are learned
_MOST_SHAPES: Final = 3
_MOST_VALUES: Final = 10_000
_MOST_CHARACTERS: Final = 64
_CONSTANT_LENGTH: Final = 8  # the least length by which identifiers such as hashes are recognised
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")


def _shape(cell: str) -> str:
    """Return ``9`` for each run of digits and ``a`` for each of letters; the rest as it is.

    A cell that is long, or has a space or no digit, as words may have, has no shape.
    """
    if len(cell) > _MOST_CHARACTERS:
        return ""
    shape = _LETTERS.sub("a", _DIGITS.sub("9", cell))
    return shape if "9" in shape and not any(map(str.isspace, shape)) else ""


class _Column:
    """The cells of one column in the rows so far.

    Args:
        at: Its place.
        separator: What separates several values in one cell; None where there is one.
        per_value: How many rows there must be per distinct value for the values to be evidence.
    """

    def __init__(self, at: int, separator: str | None, per_value: int) -> None:
        self.at = at
        self._separator = separator
        self._per_value = per_value
        self._values: set[str] | None = set()  # None: too many
        self._shapes: set[str] | None = set()
        self._lengths: set[int] | None = set()

    def learn(self, cell: str, number: int) -> None:
        """Take the cell of the row of a number, from 0."""
        if number < _SHAPED_ROWS:
            if self._shapes is not None:
                self._shapes.add(_shape(cell))
                if "" in self._shapes or len(self._shapes) > _MOST_SHAPES:
                    self._shapes = None
            if self._lengths is not None:
                blank = len(cell) > _MOST_CHARACTERS or any(map(str.isspace, cell))
                self._lengths.add(0 if blank else len(cell))
                if len(self._lengths) > 1 or min(self._lengths) < _CONSTANT_LENGTH:
                    self._lengths = None
        if self._values is not None and cell not in self._values and cell.strip():
            self._values.update(self._parts(cell))
            if len(self._values) > _MOST_VALUES:
                self._values = None

    def _parts(self, cell: str) -> list[str]:
        return [cell] if self._separator is None else cell.split(self._separator)

    def is_evidence(self, rows: int) -> bool:
        """Return whether the cells of so many rows are alike in values or in shape."""
        return bool(self._shapes or self._lengths) or self.is_closed(rows)

    def is_closed(self, rows: int) -> bool:
        """Return whether few values recur."""
        return bool(self._values) and len(self._values or ()) * self._per_value <= rows

    def has(self, cell: str) -> bool:
        """Return whether a cell has a value that was there before."""
        if self._values is None:
            return False
        return cell in self._values or (
            self._separator is not None and all(part in self._values for part in self._parts(cell))
        )

    def fits(self, cell: str, rows: int) -> bool:
        """Return whether a cell is like those of the rows so far, so many."""
        return self.has_shape(cell) or (self.is_closed(rows) and self.has(cell))

    def has_shape(self, cell: str) -> bool:
        """Return whether a cell has a shape, or a length, that those before it have."""
        if self._shapes:
            return _shape(cell) in self._shapes
        return bool(self._lengths) and len(cell) in (self._lengths or ())


class Evidence:
    """The cells of the columns that hold no text, in the good rows so far.

    A column is evidence if all its cells have a shape in common, as numbers, dates and identifiers
    have, or if few values recur, as labels do.

    Args:
        names: The names of all columns.
        taken: Which role each has.
        separator: What separates several labels in one cell.
    """

    def __init__(self, names: Sequence[str], taken: Taken, separator: str) -> None:
        self._columns = []
        for at, name in enumerate(names):
            is_label = name == taken.label
            if is_label or name not in taken.text:
                several = separator if is_label and taken.multi_label else None
                self._columns.append(_Column(at, several, 2 if is_label else 4))
        self._rows = 0
        self._known: list[_Column] = []  # the columns that are evidence
        self._recurring: list[_Column] = []  # those of them where values recur

    def learn(self, cells: Sequence[str]) -> None:
        """Take a good row."""
        rows = self._rows
        for column in self._columns if rows < _SHAPED_ROWS else self._recurring:
            column.learn(cells[column.at], rows)
        self._rows = rows = rows + 1
        if ENOUGH_ROWS <= rows <= _SHAPED_ROWS:
            self._known = [column for column in self._columns if column.is_evidence(rows)]
            self._recurring = [column for column in self._known if column.is_closed(rows)]

    def takes(self, cells: Sequence[str]) -> bool:
        """Take a row like those before it, of which there are many; return whether it is one."""
        if self._rows < _SHAPED_ROWS:
            return False
        for column in self._recurring:
            if not column.has(cells[column.at]):
                return False
        self._rows += 1
        return True

    @property
    def is_enough(self) -> bool:
        """Whether a row can be recognised."""
        return bool(self._known)

    def has_seen(self, cells: Sequence[str]) -> bool:
        """Return whether a row is like those before it in each column that is evidence."""
        known = self._known
        return bool(known) and all(column.fits(cells[column.at], self._rows) for column in known)

    def has_news(self, cells: Sequence[str]) -> bool:
        """Return whether a row has another value in a column where values recur."""
        return any(
            not column.has(cells[column.at]) and not column.has_shape(cells[column.at])
            for column in self._recurring
        )

    def are_alike(self, rows: Collection[Sequence[str]]) -> bool:
        """Return whether rows with other values are like each other, and have the shapes known.

        This is how a new label is recognised where the rows are sorted by label.
        """
        for column in self._known:
            cells = [row[column.at] for row in rows]
            values = set(cells)
            if not all(map(column.has_shape, cells)) and (
                "" in values or len(values) * 4 > len(cells)
            ):
                return False
        return bool(self._known)
