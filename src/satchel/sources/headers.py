"""Whether the first row of a table of delimited cells names its columns, or is data already."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.columns import Taken, Wanted, recognised, unique_names
from satchel.sources.encodings import decode_name


@dataclass(frozen=True)
class Header:
    """What the first row turned out to be.

    Attributes:
        names: The names of the columns, each its own; ``1``, ``2`` … where there is no header.
        taken: Which of them are read.
        is_data: Whether the first row is a document.
    """

    names: list[str]
    taken: Taken
    is_data: bool


def find_header(
    sample: Sequence[Sequence[str]],
    wanted: Wanted,
    source: str,
    notes: list[str],
    encoding: str | None,
) -> Header:
    """Decide whether the first row is a header, and which columns to read.

    It is one if the columns that are wanted are found among its cells. Where they are not, it is
    evidently data if one of its cells comes again in the same column, as a label does and a name
    does not, or if columns were asked for by number.

    Args:
        sample: The first rows, of the same length.
        wanted: Which columns to read.
        source: The table, for messages.
        notes: Where a guess is noted.
        encoding: Encoding of names that are not UTF-8; None takes windows-1252.

    Raises:
        SourceError: A wanted column is missing, or several would do.
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
            f"{printable(source)}: the first row is data, not the names of columns; took column "
            f"{' and '.join(chosen.text)} for the text{label}."
        )
        return Header(numbers, chosen.choose(numbers, source, []), is_data=True)
    notes += found
    return Header(names, taken, is_data=False)


def _hint(first: Sequence[str]) -> str:
    """Return what to do if the first row is data after all."""
    if len(first) < 2:
        return ""
    return (
        " If the first row is data already, name the columns by number, such as --text 2 --label 1."
    )


def _headless(
    sample: Sequence[Sequence[str]], wanted: Wanted, numbers: list[str], source: str
) -> Wanted | None:
    """Return the numbers of the columns to read, or None where the first row may be a header.

    Raises:
        SourceError: The first row is data, but the columns cannot be told apart.
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
            f"{printable(source)}: the first row is data, not the names of columns, and it is not "
            f"plain which column is which: {shape}. Name them by number, such as --text 2 "
            f"--label 1."
        )
    return dataclasses.replace(wanted, text=text, label=label if wanted.labelled else None)
