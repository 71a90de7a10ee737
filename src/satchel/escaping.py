"""Untrusted text, made safe and short enough to display or open.

Labels, file names, documents and the metadata of a model file may contain anything. A terminal
would obey control characters in them, a line-breaking character would forge a row, and a
spreadsheet would evaluate a cell that looks like a formula.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

Cell = str | int | float | bool | None
"""The value of a table cell; None leaves it empty."""

# Scripts that need joiners have no ASCII letters; between ASCII letters they only deceive.
_JOINER_AT_WORK = re.compile(r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])")

# OWASP, "CSV Injection": the characters that start a formula, some in their full-width form too.
# Spreadsheets skip white space before them; tabs and carriage returns may start a new cell.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[ \n]*[\t\r]")
# Numbers are not formulas, and neither is "-" or "-:12": standard input and its twelfth line.
_NO_FORMULA = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-(:\d+)?", re.ASCII)
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def printable(text: object) -> str:
    r"""Return text that fits on one line and cannot affect the program that displays it.

    Control and format characters, which could control a terminal or reverse text, line breaks,
    lone surrogates and unassigned code points appear as escapes such as ``\x1b``.
    Everything else stays, including joiners inside words of a script that needs them.

    Args:
        text: The text, or another object, which is shown as its ``str``.
    """
    line = str(text)
    if line.isprintable():
        return line
    joined = {found.start() for found in _JOINER_AT_WORK.finditer(line)}
    return "".join(
        character
        if character.isprintable() or place in joined or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode("ascii")
        for place, character in enumerate(line)
    )


def printable_lines(text: str) -> list[str]:
    """Return the lines of a text, each as `printable` gives it; only line feeds end a line."""
    return [printable(line) for line in text.replace("\r\n", "\n").split("\n")]


def columns(text: str) -> int:
    """Return how many character cells a text takes, East Asian wide characters taking two."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def abbreviate(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` cells by leaving out its middle: names differ at their ends.

    Marks that take no cell are bounded too: at most four characters are kept per cell.
    """
    most = 4 * limit
    if len(text) <= most and columns(text) <= limit:
        return text
    room, taken = [limit - 1 - limit // 2, limit // 2], ["", ""]
    ends: tuple[Iterable[str], Iterable[str]] = (text[:most], reversed(text[-most:]))
    for side, characters in enumerate(ends):
        for character in characters:
            room[side] -= columns(character)
            if room[side] < 0 or len(taken[side]) >= most // 2 - 1:
                break
            taken[side] += character
    return f"{taken[0]}…{taken[1][::-1]}"


def short_names(
    labels: Sequence[object], limit: int, numbers: Sequence[int] | None = None
) -> list[str]:
    """Return printable, shortened, distinct names: duplicates get their number.

    Args:
        labels: The labels.
        limit: Longest name in character cells.
        numbers: The number of each label; None counts from 1. Where only some of the labels are
            shown, give the numbers that they have among all, so that a number means the same
            class everywhere.
    """
    if numbers is None:
        numbers = range(1, len(labels) + 1)
    names = [abbreviate(printable(label), limit) for label in labels]
    seen = Counter(names)
    return [
        f"{name} #{number}" if seen[name] > 1 else name
        for name, number in zip(names, numbers, strict=True)
    ]


def inert(cell: str) -> str:
    """Return a cell that no spreadsheet evaluates: a formula gets a leading apostrophe.

    Text that is a plain number stays as it is.

    Args:
        cell: The text of the cell.
    """
    if _FORMULA.match(cell) and not _NO_FORMULA.fullmatch(cell):
        return f"'{cell}"
    return cell


def table_row(cells: Iterable[Cell], delimiter: str = ",") -> str:
    r"""Return one row of a CSV or TSV table with its line feed.

    Cells of text are made `inert`. In CSV they are otherwise exact (lone surrogates excepted, which
    UTF-8 cannot hold) and quoted where needed; in TSV, which line-based tools read, they are
    `printable` too, so that a row is always one line.

    Args:
        cells: The cells; numbers stay numbers, booleans are ``true`` and ``false``.
        delimiter: ``","`` or ``"\t"``.
    """
    return delimiter.join(_written(cell, delimiter) for cell in cells) + "\n"


def _written(cell: Cell, delimiter: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if not isinstance(cell, str):
        return repr(cell)
    text = inert(cell)
    if delimiter == "\t":
        text = printable(text)
    else:
        # Not the csv module: before Python 3.13 it leaves a lone carriage return unquoted.
        text = text.encode("utf-8", "backslashreplace").decode()
    if _QUOTED.search(text):
        quoted = text.replace('"', '""')
        return f'"{quoted}"'
    return text


def json_text(document: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    r"""Return JSON that is safe to display: what `printable` escapes becomes ``\u`` and its code.

    Read back, the document is the same, lone surrogates included.

    Args:
        document: What to write; NaN and infinities are refused.
        indent: Spaces per level; None writes one line.
        ascii_only: Whether everything beyond ASCII is escaped too.

    Raises:
        ValueError: A number is not finite, which JSON cannot represent.
    """
    text = json.dumps(document, ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    return "\n".join(
        line
        if line.isprintable()
        else "".join(
            character
            if character.isprintable() or unicodedata.category(character) == "Zs"
            else json.dumps(character)[1:-1]
            for character in line
        )
        for line in text.split("\n")
    )
