"""The result of reading: batches of documents, a report of all that was skipped, and the limits.

Also the wording of that report, and the file suffixes that identify a format.
"""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import IO, Any, Final, TypeAlias, TypeVar, overload

import numpy as np

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
        byte: Where that line starts, in bytes from the start of the file (of its contents, where it
            is compressed); None where lines have no such place.
        raw: The line as it stands in the file; bytes that are not UTF-8 are surrogate escapes.
    """

    name: str
    reason: str
    line: int = 0
    byte: int | None = None
    raw: str = ""

    def __str__(self) -> str:
        return f"{brief(self.name)}{self._at_line} ({self.reason})"

    @property
    def document(self) -> str:
        """What the document would be called, had it been read."""
        return f"{self.name}{self._at_line}"

    @property
    def _at_line(self) -> str:
        return f":{self.line}" if self.line else ""


class RowNames(Sequence[str]):
    """The names of a table's rows, made when they are asked for.

    Args:
        source: The table's name.
        numbers: The rows' numbers, an array of integers.
    """

    def __init__(self, source: str, numbers: np.ndarray) -> None:
        self._source = source
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> RowNames: ...

    def __getitem__(self, index: int | slice) -> str | RowNames:
        if isinstance(index, slice):
            return RowNames(self._source, self._numbers[index])
        return f"{self._source}:{self._numbers[index]}"


MOST_LISTED: Final = 10_000
"""The most names that a report lists of one kind; beyond that, it counts them."""
_MOST_RAW: Final = 200  # characters of a row that the report itself keeps

T = TypeVar("T")


class Listed(list[T]):
    """A list that keeps its first ``MOST_LISTED`` items and counts all, so that reports are small.

    Attributes:
        total: How many items were appended.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        super().__init__()
        self.total = 0
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Count an item, and keep it if it is among the first."""
        self.total += 1
        if len(self) < MOST_LISTED:
            super().append(item)


@dataclass
class ReadReport:
    """How a source was read; nothing is dropped silently.

    Attributes:
        hidden: Names of hidden files and folders that were skipped (``.git``, ``Thumbs.db`` …).
        recoded: Encoding → names of the documents that were decoded by it, not by UTF-8.
        replaced: Name → how many broken sequences of its UTF-8 became ``U+FFFD``.
        not_western: Whether files that are not UTF-8 are in no encoding that was recognised.
        unreadable: Files that could not be read, or are too large.
        binary: Files that are not text.
        special: FIFOs, sockets, devices; and links or unsafe names in archives. Never opened.
        rejected: Table rows that could not be used.
        undecodable: Documents that were left out because their encoding cannot decode them.
        unlabelled: Files outside any labelled folder.
        notes: Other messages, such as a folder that was descended into.
        rejects: Receives every document that is rejected: unreadable and binary files, table rows,
            files without a label; None for nobody.
    """

    hidden: list[str] = field(default_factory=list)
    recoded: dict[str, Listed[str]] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    not_western: bool = False
    unreadable: Listed[Skipped] = field(default_factory=Listed)
    binary: Listed[Skipped] = field(default_factory=Listed)
    special: list[Skipped] = field(default_factory=list)
    rejected: Listed[Skipped] = field(default_factory=Listed)
    undecodable: Listed[Skipped] = field(default_factory=Listed)
    unlabelled: Listed[str] = field(default_factory=Listed)
    notes: list[str] = field(default_factory=list)
    rejects: Callable[[Skipped], None] | None = field(default=None, repr=False, compare=False)
    _more_replaced: Counter[str] = field(default_factory=Counter, repr=False)

    def reject(self, kind: Listed[Skipped], skipped: Skipped) -> None:
        """Note a document that cannot be used.

        Args:
            kind: One of this report's lists: ``unreadable``, ``binary``, ``rejected`` or
                ``undecodable``.
            skipped: The document.
        """
        if self.rejects is not None:
            self.rejects(skipped)
        if len(skipped.raw) > _MOST_RAW:
            skipped = replace(skipped, raw=skipped.raw[:_MOST_RAW])
        kind.append(skipped)

    def leave_out(self, name: str) -> None:
        """Note a file outside any labelled folder."""
        if self.rejects is not None:
            self.rejects(Skipped(name, "outside any labelled folder"))
        self.unlabelled.append(name)

    @property
    def documents_rejected(self) -> int:
        """How many documents cannot be used: files and table rows."""
        return sum(
            each.total
            for each in (
                *(self.unreadable, self.binary, self.rejected, self.undecodable),
                self.unlabelled,
            )
        )

    def recode(self, encoding: str, name: str) -> None:
        """Note a document that was decoded by another encoding than UTF-8."""
        self.recoded.setdefault(encoding, Listed()).append(name)

    def replace(self, name: str, number: int) -> None:
        """Note how many broken sequences of a document became ``U+FFFD``."""
        if name in self.replaced or len(self.replaced) < MOST_LISTED:
            self.replaced[name] = self.replaced.get(name, 0) + number
        else:
            self._more_replaced["documents"] += 1
            self._more_replaced["characters"] += number

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
            were = "was" if names.total == 1 else "were"
            lines.append(
                f"{counted(names.total, 'document')} {were} read as {encoding}, not UTF-8: "
                f"{examples(names, names.total)}."
            )
        if self.not_western:
            lines.append(
                "Documents that are not UTF-8 are in no encoding that was recognised, and were "
                "read as Western European text: give their encoding (--encoding), or convert "
                "them to UTF-8."
            )
        if self.replaced:
            documents = len(self.replaced) + self._more_replaced["documents"]
            lines.append(
                f"{counted(self._all_replaced, 'broken character')} in "
                f"{counted(documents, 'document')} became U+FFFD: "
                f"{examples(self.replaced, documents)}."
            )
        if self.unlabelled:
            number = self.unlabelled.total
            lines.append(
                f"Skipped {counted(number, 'file')} outside any labelled folder: "
                f"{examples(self.unlabelled, number)}."
            )
        for opening, skipped in (
            ("Could not read", self.unreadable),
            ("Skipped as not text:", self.binary),
            ("Skipped, not regular files:", self.special),
            ("Left out, not decodable:", self.undecodable),
            ("Rejected", self.rejected),
        ):
            if skipped:
                number = skipped.total if isinstance(skipped, Listed) else len(skipped)
                noun = "row" if skipped is self.rejected else "file"
                if skipped is self.undecodable:
                    noun = "document"
                lines.append(
                    f"{opening} {counted(number, noun)}: {examples(map(str, skipped), number)}."
                )
        return lines

    @property
    def _all_replaced(self) -> int:
        return sum(self.replaced.values()) + self._more_replaced["characters"]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and sentences, ready for JSON."""
        return {
            "hidden": len(self.hidden),
            "recoded": {name: names.total for name, names in sorted(self.recoded.items())},
            "replaced": self._all_replaced,
            "unreadable": self.unreadable.total,
            "binary": self.binary.total,
            "special": len(self.special),
            "rejected": self.rejected.total,
            "undecodable": self.undecodable.total,
            "unlabelled": self.unlabelled.total,
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
    """Documents in a fixed order: those of a source, or a batch of them.

    Attributes:
        names: One per document: its path inside the source, ``file:line`` for a table's row, the
            path as it was given for a single file. Of several sources, they start with its path.
        texts: The texts, decoded, otherwise as they are.
        labels: One label per document, or a tuple of labels per document; None where unlabelled.
        report: How the source was read (so far, in a batch).
        ids: The table's own name for each document; None where it has no such column.
        columns: Column → one value per document, for the table's columns that were kept: a list, or
            the polars Series of a column with a type; None if there are none.
        taken: Which columns of a table are in texts, labels, ids and columns; None for files.
        rejected: The documents that could not be used, each with the number of documents before it
            here; only in batches of :func:`reading.stream_documents`.
    """

    names: Sequence[str]
    texts: Sequence[str]
    labels: Labels | None
    report: ReadReport = field(default_factory=ReadReport)
    ids: list[str] | None = None
    columns: dict[str, Any] | None = None
    taken: Taken | None = None
    rejected: list[tuple[int, Skipped]] = field(default_factory=list)

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

        def pick(values: Sequence[Any] | None) -> Any:
            return None if values is None else [values[i] for i in chosen]

        columns = self.columns
        return Documents(
            pick(self.names),
            pick(self.texts),
            pick(self.labels),
            self.report,
            pick(self.ids),
            None
            if columns is None
            else {name: pick(listed(each)) for name, each in columns.items()},
            self.taken,
        )


def listed(column: Any) -> list[Any]:
    """Return the cells of a column as plain values; the column is a list or a polars Series."""
    cells: list[Any] = column if isinstance(column, list) else column.to_list()
    return cells


def join(parts: Sequence[Documents]) -> Documents:
    """Return the documents of several batches or sources as one.

    Where some have ids, several labels per document, or a column, and others have not, those get an
    empty id, a tuple of one label, and None.

    Args:
        parts: At least one; all labelled, or all unlabelled.
    """
    if len(parts) == 1:
        return parts[0]
    labels: Any = None
    if parts[0].labels is not None:
        multiple = any(part.multiple for part in parts)
        labels = [
            label
            for part in parts
            for label in (label_sets(part.labels or []) if multiple else part.labels or [])
        ]
    names = dict.fromkeys(name for part in parts for name in part.columns or ())
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        for name, values in columns.items():
            own = (part.columns or {}).get(name)
            values += [None] * len(part) if own is None else listed(own)
    ids = None
    if any(part.ids is not None for part in parts):
        ids = [each for part in parts for each in part.ids or [""] * len(part)]
    taken = parts[0].taken
    return Documents(
        [name for part in parts for name in part.names],
        [text for part in parts for text in part.texts],
        labels,
        parts[-1].report,
        ids,
        columns if any(part.columns is not None for part in parts) else None,
        taken if all(one.taken == other.taken for one, other in pairwise(parts)) else None,
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
FASTTEXT_LABEL = "__label__"
"""What fastText writes before each label of a line."""


def is_archive(path: str) -> bool:
    """Return whether a file's suffix is that of an archive."""
    return path.lower().endswith(ARCHIVES)


def is_fasttext(path: str) -> bool:
    """Return whether a file begins with a label as fastText writes it."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(FASTTEXT_LABEL.encode())
