"""What a table's first bytes show: its format and compression, whatever its suffix says."""

from __future__ import annotations

import csv
import json
import re
from typing import Final, Literal, get_args

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources import arrow
from satchel.sources.columns import recognised
from satchel.sources.documents import FASTTEXT_LABEL
from satchel.sources.encodings import known_kind, mark

Format = Literal["csv", "tsv", "jsonl", "parquet", "arrow", "sqlite", "fasttext"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
"""The formats of a table."""

SEEKING: Final = frozenset({"parquet", "arrow", "sqlite"})
"""Formats that are not read from start to end, and are never compressed as a whole."""

START_BYTES: Final = 1 << 16
"""How many bytes from the start of a table suffice to recognise it."""

NAMES: Final[dict[Format, str]] = {
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "sqlite": "a SQLite database",
    "fasttext": "fastText",
}
"""What the formats are called in messages."""

_STARTS: Final[dict[bytes, Format]] = {
    b"PAR1": "parquet",
    arrow.MARK: "arrow",
    arrow.CONTINUATION: "arrow",
    b"SQLite format 3\0": "sqlite",
}
_ARRAY = re.compile(r'\[\s*\{\s*["}]')
# A cell may hold HTML as well, but hardly the whole first line.
_WEB_PAGE = re.compile(r"<(!doctype html|html)\b[^>]*>", re.IGNORECASE)


def _text(start: bytes) -> str:
    encoding, length = mark(start[:4])
    return start[length:].decode(encoding or "utf-8", "replace").lstrip()


def _by_mark(start: bytes) -> Format | None:
    """Return the format that begins with fixed bytes as these; None if none does."""
    return next((format for begin, format in _STARTS.items() if start.startswith(begin)), None)


def _by_text(text: str) -> Format | None:
    """Return the format that a table's first characters suggest; None if none does."""
    if text.startswith(("{", "[")):
        return "jsonl"
    if text.startswith(FASTTEXT_LABEL):
        return "fasttext"
    if text:
        first = text.splitlines()[0]
        for delimiter in ",\t;|":
            cells = next(csv.reader([first], delimiter=delimiter), [])
            if len(cells) > 1 and any(map(recognised, cells)):
                return "tsv" if delimiter == "\t" else "csv"
    return None


def sniff(start: bytes, name: str) -> Format:
    """Recognise a table's format by its first bytes.

    Args:
        start: The first bytes, decompressed; ``START_BYTES`` are plenty.
        name: The table's name, for messages.

    Raises:
        SourceError: It is empty, or none of the formats.
    """
    if (found := guessed(start)) is not None:
        return found
    refuse_other(start, name)
    if not start.strip():
        raise SourceError(
            f"{printable(name)}: expected a table, found nothing in it. Check what writes to it."
        )
    raise SourceError(
        f"{printable(name)}: expected a table, found {printable(repr(_text(start)[:40]))}, which "
        f"is none that is recognised (JSON lines, Parquet, Arrow, fastText, or CSV and TSV whose "
        f"first line names columns such as text and label). Say what it is by --format (format=): "
        f"{', '.join(each for each in FORMATS if each != 'sqlite')}."
    )


def guessed(start: bytes) -> Format | None:
    """Return the format that a table's first bytes show or suggest; None if none."""
    return _by_mark(start) or _by_text(_text(start))


def held(start: bytes, format: Format) -> Format:
    """Return the format of a table whose suffix names one, which may be wrong.

    Args:
        start: The first bytes, decompressed; ``START_BYTES`` are plenty.
        format: What the suffix says; it holds unless the bytes are clearly of another format.
    """
    if (found := _by_mark(start)) is not None:
        return found
    text = _text(start)
    if format in ("csv", "tsv"):
        return "jsonl" if _is_json(text) else format
    if format == "jsonl" and text.startswith(("{", "[", '"')):
        return format
    return _by_text(text) or format


def _is_json(text: str) -> bool:
    """Return whether a text begins with a whole JSON object on a line, or with an array of them."""
    if _ARRAY.match(text):
        return True
    first = text.split("\n", 1)[0].strip()
    if first == "{":
        return True
    try:
        return first[:1] == "{" and first[-1:] == "}" and bool(json.loads(first))
    except (ValueError, RecursionError):
        return False


def refuse_other(start: bytes, name: str) -> None:
    """Refuse what begins as another kind of file does, such as a picture or a workbook.

    Args:
        start: The first bytes, decompressed.
        name: The table's name, for messages.

    Raises:
        SourceError: It is such a file.
    """
    found = known_kind(start)
    if not found and _WEB_PAGE.fullmatch(_text(start).split("\n", 1)[0].strip()):
        found = "a web page: download the file itself"
    if found:
        raise SourceError(f"{printable(name)}: expected a table, found {found}.")
