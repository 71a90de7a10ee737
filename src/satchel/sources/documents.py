"""The result of reading: documents, a report of all that was skipped or altered, and the limits.

Also the wording of that report, and the file suffixes that identify a format.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

from satchel.errors import SourceError
from satchel.escaping import printable

Labels: TypeAlias = list[str] | list[tuple[str, ...]]
"""One label per document, or several: a list of ``str`` or a list of tuples of ``str``."""

EXAMPLES = 3


def brief(name: str, limit: int = 80) -> str:
    """Return a name fit for a message: escaped, and cut where it is longer than ``limit``."""
    return printable(name) if len(name) <= limit else f"{printable(name[:limit])}…"


def quoted(name: str) -> str:
    """Return a name in quotes, fit for a message."""
    return brief(repr(name))


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 file`` or ``2,000 files``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def examples(names: Iterable[str], total: int) -> str:
    """Return the first few names and, where there are more, an ellipsis."""
    first = [brief(name, 200) for name, _ in zip(names, range(EXAMPLES), strict=False)]
    return ", ".join(first) + (", …" if total > len(first) else "")


@dataclass(frozen=True)
class Skipped:
    """Something that was not read.

    Attributes:
        name: The file or member.
        reason: Why it was not read.
        line: The line (row, for Parquet) at fault, from 1; 0 where the whole file is at fault.
    """

    name: str
    reason: str
    line: int = 0

    def __str__(self) -> str:
        place = f":{self.line}" if self.line else ""
        return f"{brief(self.name)}{place} ({self.reason})"


@dataclass
class ReadReport:
    """How a source was read; nothing is dropped silently.

    Attributes:
        hidden: Names of hidden files and folders that were skipped (``.git``, ``Thumbs.db`` …).
        recoded: Encoding → names of the documents that were decoded by it, not by UTF-8.
        replaced: Name → how many broken sequences of its UTF-8 became ``U+FFFD``.
        not_western: Whether the files that are not UTF-8 do not look like Western European text.
        unreadable: Files that could not be read, or are too large.
        binary: Files that are not text.
        special: FIFOs, sockets, devices; and links or unsafe names in archives. Never opened.
        rejected: Table rows that could not be used.
        unlabelled: Files outside any labelled folder.
        notes: Other messages, such as a folder that was descended into.
    """

    hidden: list[str] = field(default_factory=list)
    recoded: dict[str, list[str]] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    not_western: bool = False
    unreadable: list[Skipped] = field(default_factory=list)
    binary: list[Skipped] = field(default_factory=list)
    special: list[Skipped] = field(default_factory=list)
    rejected: list[Skipped] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report as short sentences; empty if there is nothing to report."""
        lines = list(self.notes)
        if self.hidden:
            number = len(self.hidden)
            lines.append(
                f"Skipped {counted(number, 'hidden file or folder', 'hidden files and folders')}: "
                f"{examples(self.hidden, number)}."
            )
        for encoding, names in sorted(self.recoded.items()):
            were = "was" if len(names) == 1 else "were"
            lines.append(
                f"{counted(len(names), 'document')} {were} read as {encoding}, not UTF-8: "
                f"{examples(names, len(names))}."
            )
        if self.not_western:
            lines.append(
                "The documents that are not UTF-8 do not look like Western European text, so "
                "they may be misread: give their encoding (such as encoding='cp1251'), "
                "or convert them to UTF-8."
            )
        if self.replaced:
            lines.append(
                f"{counted(sum(self.replaced.values()), 'broken character')} in "
                f"{counted(len(self.replaced), 'document')} became U+FFFD: "
                f"{examples(self.replaced, len(self.replaced))}."
            )
        if self.unlabelled:
            number = len(self.unlabelled)
            lines.append(
                f"Skipped {counted(number, 'file')} outside any labelled folder: "
                f"{examples(self.unlabelled, number)}."
            )
        for opening, skipped in (
            ("Could not read", self.unreadable),
            ("Skipped as not text:", self.binary),
            ("Skipped, not regular files:", self.special),
            ("Rejected", self.rejected),
        ):
            if skipped:
                noun = "row" if skipped is self.rejected else "file"
                lines.append(
                    f"{opening} {counted(len(skipped), noun)}: "
                    f"{examples(map(str, skipped), len(skipped))}."
                )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return counts and sentences, ready for JSON."""
        return {
            "hidden": len(self.hidden),
            "recoded": {name: len(names) for name, names in sorted(self.recoded.items())},
            "replaced": sum(self.replaced.values()),
            "unreadable": len(self.unreadable),
            "binary": len(self.binary),
            "special": len(self.special),
            "rejected": len(self.rejected),
            "unlabelled": len(self.unlabelled),
            "lines": self.lines(),
        }


@dataclass(frozen=True)
class Taken:
    """Which role each column of a table was given.

    Attributes:
        text: The columns of the text, joined in this order by a line feed.
        label: The column of the label; None where labels are not read.
        id: The column of the ids; None where there is none.
        kept: The columns that are kept as they are.
        multi_label: Whether the label column holds several labels per document.
    """

    text: tuple[str, ...]
    label: str | None = None
    id: str | None = None
    kept: tuple[str, ...] = ()
    multi_label: bool = False


@dataclass
class Documents:
    """Documents in a fixed order.

    Attributes:
        names: One per document: its path inside the source, or ``file:line`` for a table's row.
        texts: The texts, decoded, otherwise as they are.
        labels: One label per document, or a tuple of labels per document; None where unlabelled.
        report: How the source was read.
        ids: The table's own name for each document; None where it has no such column.
        columns: Column → one value per document, for the table's columns that were kept; None
            if there are none.
        taken: Which columns of a table are in texts, labels, ids and columns; None for files.
    """

    names: list[str]
    texts: list[str]
    labels: Labels | None
    report: ReadReport = field(default_factory=ReadReport)
    ids: list[str] | None = None
    columns: dict[str, list[Any]] | None = None
    taken: Taken | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def multiple(self) -> bool:
        """Whether a document may have several labels."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)  # type: ignore[index]

    def classes(self) -> list[str]:
        """Return the distinct labels, sorted."""
        return sorted({label for each in label_sets(self.labels or []) for label in each})

    def take(self, indices: Iterable[int]) -> Documents:
        """Return the documents at some indices, in that order, with the same report."""
        chosen = [int(i) for i in indices]

        def pick(values: list[Any] | None) -> Any:
            return None if values is None else [values[i] for i in chosen]

        columns = self.columns
        return Documents(
            pick(self.names),
            pick(self.texts),
            pick(self.labels),
            self.report,
            pick(self.ids),
            None if columns is None else {name: pick(each) for name, each in columns.items()},
            self.taken,
        )


def label_sets(labels: Sequence[str] | Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return each document's labels as a tuple, also where it has just one."""
    return [each if isinstance(each, tuple) else (each,) for each in labels]


MAX_DOCUMENT_BYTES = 64 * 2**20
"""The longest document, in bytes; a longer one is skipped and reported."""

MAX_EXPANSION = 200
FREE_EXPANSION_BYTES = 128 * 2**20
"""Compressed data may grow by ``FREE_EXPANSION_BYTES + MAX_EXPANSION × compressed size``.

Text shrinks by 3 to 20 in practice; a decompression bomb claims a thousand and more.
"""


BYTES_PER_ROW = 64
"""What each document of a compressed source counts in addition to its text: Python's overhead."""


def expansion_limit(compressed: int) -> int:
    """Return how many bytes a compressed file may hold, from its own size in bytes."""
    return FREE_EXPANSION_BYTES + MAX_EXPANSION * compressed


def bomb(name: str, compressed: int) -> SourceError:
    """Return the error for a file that grows past :func:`expansion_limit`."""
    return SourceError(
        f"{printable(name)}: expected at most {expansion_limit(compressed):,} bytes from "
        f"{compressed:,} compressed ones, found more: it looks like a decompression bomb. "
        f"If it is not, unpack it and name the folder or file."
    )


def too_large(size: int) -> str:
    """Return the reason for skipping a document of ``size`` bytes."""
    return f"{size:,} bytes; the limit for a document is {MAX_DOCUMENT_BYTES:,}"


class Bounded(io.RawIOBase):
    """A forward-only stream that never goes past a limit.

    Args:
        stream: The decompressing stream.
        name: The file's name, for the message.
        compressed: The file's size in bytes, from which the limit follows.

    Attributes:
        last: The bytes of the last read, by which a tar's end mark is checked.

    Raises:
        SourceError: On a read or seek beyond the limit.
    """

    def __init__(self, stream: IO[bytes], name: str, compressed: int) -> None:
        self._stream = stream
        self._name = name
        self._compressed = compressed
        self._limit = expansion_limit(compressed)
        self._position = 0
        self.last = b""

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: the stream can move forward, by reading on."""
        return True

    def tell(self) -> int:
        """Return the position in decompressed bytes."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read up to ``size`` bytes; all that is left where negative or None."""
        room = self._limit - self._position
        if size is None or size < 0:
            size = room + 1
        data = self._stream.read(min(size, room + 1))
        if len(data) > room:
            raise bomb(self._name, self._compressed)
        self._position += len(data)
        self.last = data
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer; what ``io.BufferedReader`` calls."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move forward to an absolute position.

        Raises:
            io.UnsupportedOperation: The position is behind, or not absolute.
        """
        if whence != io.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation("only forward to an absolute position")
        while self._position < offset and self.read(min(2**20, offset - self._position)):
            pass
        return self._position


ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar", ".zip")
_ZIPPABLE = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
TABLES = (
    *_ZIPPABLE,
    ".parquet",
    ".arrow",
    ".feather",
    ".ipc",
    *(f"{suffix}.gz" for suffix in _ZIPPABLE),
)
FASTTEXT_LABEL = "__label__"
"""What fastText writes before each label of a line."""


def is_archive(path: str) -> bool:
    """Return whether a file's suffix is that of an archive."""
    return path.lower().endswith(ARCHIVES)


def is_table(path: str) -> bool:
    """Return whether a file's suffix is that of a table."""
    return path.lower().endswith(TABLES)


def is_fasttext(path: str) -> bool:
    """Return whether a file begins with a label as fastText writes it."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(FASTTEXT_LABEL.encode())
