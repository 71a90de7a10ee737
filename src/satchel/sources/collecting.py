"""Collects documents into batches: decodes them, checks their labels, and notes what it rejects."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.features.packed import PackedTexts
from satchel.sources.columns import Columns
from satchel.sources.documents import (
    MAX_DOCUMENT_BYTES,
    Documents,
    ReadReport,
    RowNames,
    Skipped,
    Taken,
    counted,
    too_large,
)
from satchel.sources.encodings import Decoder, OnBad, not_text
from satchel.sources.files import clean_label, label_fault

if TYPE_CHECKING:
    import polars

SEPARATOR: Final = "|"
"""Between the labels of one document in a cell of a column called ``labels``."""


@dataclass(frozen=True)
class BatchSize:
    """When a batch is full.

    Attributes:
        documents: It has as many documents, rejected ones included.
        characters: Its texts have as many characters.
    """

    documents: int
    characters: int = 1 << 24


BATCH: Final = BatchSize(32_768)
"""What a stream has in memory at a time, or twice where one batch is read ahead."""


_HALF: Final = 0.5
_ENOUGH_TO_STOP: Final = 10_000  # documents, before a large share of rejected ones ends the reading

EVERYTHING: Final = BatchSize(sys.maxsize, sys.maxsize)
"""One batch of the whole source."""


@dataclass(frozen=True)
class Reading:
    """How a source is to be read.

    Attributes:
        columns: Which columns of a table.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        batch: The size of a batch.
        on_bad_encoding: What becomes of a document that its encoding cannot decode without loss:
            ``replace`` puts U+FFFD where it is broken, ``skip`` rejects it, ``error`` stops.
        max_bad: The largest share of documents that may be rejected; None: half of a table's rows,
            and any number of files.
        format: The format of a table, one of ``opening.FORMATS``; None: what its suffix says, or
            its first bytes where it comes from standard input.
    """

    columns: Columns
    encoding: str | None = None
    batch: BatchSize = EVERYTHING
    on_bad_encoding: OnBad = "replace"
    max_bad: float | None = None
    format: str | None = None


class Collector:
    """Collects the usable documents of one source, and notes why the others were rejected.

    Args:
        source: The name of the table; of files, that of the folder or archive.
        reading: Which columns are read, in which encoding, in batches of which size.
        report: Where rejected documents are noted.

    Attributes:
        source: The same.
        report: The same.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        taken: Which columns of a table were chosen; None until they are, and for files.
        splits: Whether a text cell of a column ``labels`` is split into several labels.
        start: Where the table's first line starts, in bytes; None where lines have no such place,
            as in UTF-16.
        max_rows: A compressed table with more rows than this counts as a decompression bomb.
        share: Returns which share of the source has been read; 0 where that is not known.
        used: How many documents were taken.
        rejected: How many were rejected.
    """

    def __init__(self, source: str, reading: Reading, report: ReadReport) -> None:
        self.source = source
        self.report = report
        self.encoding = reading.encoding
        self.taken: Taken | None = None
        self.splits = False
        self.start: int | None = 0
        self.max_rows = sys.maxsize
        self.share: Callable[[], float] = float
        self.used = 0
        self.rejected = 0
        self._batch = reading.batch
        self._max_bad = reading.max_bad
        self._labelled = reading.columns.labelled
        self._keeps = bool(reading.columns.keep) or reading.columns.whole
        self._decoder = Decoder(report, reading.encoding, reading.on_bad_encoding)
        self._skips = reading.on_bad_encoding == "skip"
        self._first_rejected: list[Skipped] = []
        self._clean: dict[str, str] = {}
        self._multiple = False
        self._noted_floats = False
        self._files = False
        self._start()

    def _start(self) -> None:
        """Begin a batch."""
        self._names: list[str] = []
        self._texts: list[str] = []
        self._labels: list[str | tuple[str, ...]] = []
        self._ids: list[str] = []
        self._kept: dict[str, list[Any]] = {}
        self._cells = 0
        self._characters = 0
        self._rejected: list[tuple[int, Skipped]] = []
        # Line, byte and raw text of each row, where it may still be rejected for its encoding.
        self._rows: list[tuple[int, int | None, str]] = []
        self._columns: Documents | None = None

    @property
    def full(self) -> bool:
        """Whether the batch is full, and to be taken."""
        return (
            self._columns is not None
            or len(self._texts) + len(self._rejected) >= self._batch.documents
            or self._characters >= self._batch.characters
        )

    def reject(self, line: int, reason: str, byte: int | None = None, raw: str = "") -> None:
        """Note a row that cannot be used.

        Args:
            line: Its first line, from 1.
            reason: Why it cannot be used.
            byte: Where it starts; None where that is not known.
            raw: The row as it stands in the file.
        """
        self._reject(self.report.rejected, Skipped(self.source, reason, line, byte, raw))

    def _reject(self, kind: Any, skipped: Skipped) -> None:
        self.report.reject(kind, skipped)
        self.rejected += 1
        self._rejected.append((len(self._texts), skipped))
        if len(self._first_rejected) < 5:
            self._first_rejected.append(skipped)

    def recoded(self, encoding: str) -> None:
        """Note, once, that the table as a whole has another encoding than UTF-8."""
        if self.source not in self.report.recoded.get(encoding, ()):
            self.report.recode(encoding, self.source)

    def add_file(self, name: str, data: bytes | Skipped, label: str | None) -> None:
        """Take a file, or reject it.

        Args:
            name: Its path.
            data: Its bytes, or why it cannot be read.
            label: Its label; None where labels are not read.
        """
        self._files = True
        if isinstance(data, Skipped):
            self._reject(self.report.unreadable, data)
            return
        if why := not_text(data, self.encoding):
            self._reject(self.report.binary, Skipped(name, why))
            return
        self._texts.append(self._decoder.decode(len(self._texts), name, data))
        self._characters += len(data)
        self._names.append(name)
        self.used += 1
        if label is not None:
            self._labels.append(label)

    @property
    def by_column(self) -> int:
        """How many rows at most :meth:`add_columns` may take at a time; 0 if it may take none."""
        return 0 if self._labelled or self._batch is EVERYTHING else self._batch.documents

    def add_columns(
        self,
        first: int,
        texts: polars.Series,
        ids: polars.Series | None,
        kept: dict[str, polars.Series],
    ) -> None:
        """Take rows of a table with types as a batch of its own, without a Python object for each.

        Args:
            first: The number of the first row, from 1.
            texts: Their texts, of type String.
            ids: Their ids, of type String or of whole numbers.
            kept: Column → cells, of the columns that are kept.
        """
        import polars

        sizes = texts.str.len_bytes().fill_null(0).to_numpy()
        missing = texts.is_null().to_numpy()
        bad = np.flatnonzero(missing | (sizes > MAX_DOCUMENT_BYTES))
        for place, row in enumerate(bad.tolist()):
            why = "expected text, found nothing" if missing[row] else too_large(int(sizes[row]))
            skipped = Skipped(self.source, why, first + row)
            self._reject(self.report.rejected, skipped)
            self._rejected[-1] = (row - place, skipped)
        numbers = np.arange(first, first + len(texts))
        if len(bad):
            usable = np.delete(np.arange(len(texts)), bad)
            numbers = numbers[usable]
            texts = texts.gather(usable)
            ids = None if ids is None else ids.gather(usable)
            kept = {name: cells.gather(usable) for name, cells in kept.items()}
        self.used += len(texts)
        self._columns = Documents(
            RowNames(self.source, numbers),
            PackedTexts.from_arrow(texts),
            None,
            self.report,
            None if ids is None else ids.cast(polars.String).fill_null("").to_list(),
            dict(kept) if self._keeps else None,
            self.taken,
            self._rejected,
        )

    def add(
        self,
        line: int,
        texts: Sequence[Any],
        label: Any = None,
        id_: Any = None,
        kept: dict[str, Any] | None = None,
        byte: int | None = None,
        raw: str = "",
    ) -> None:
        """Take a row, or reject it.

        Args:
            line: Its first line, from 1.
            texts: The text cells: each a ``str`` (undecoded bytes are in it as surrogate
                escapes) or None; those present are joined by a line feed.
            label: The label cell, of which :func:`label_text` makes text, or a list of such cells.
            id_: The id cell; None where there is none.
            kept: Column → cell, of the columns that are kept.
            byte: Where it starts; None where that is not known.
            raw: The row as it stands in the file, for whoever mends it.
        """
        if self.used >= self.max_rows:
            raise SourceError(
                f"{printable(self.source)}: expected at most {self.max_rows:,} rows from a "
                f"compressed file of this size, found more: it looks like a decompression bomb. If "
                f"it is not, unpack it and name the table."
            )
        text = texts[0] if len(texts) == 1 else _joined(texts)
        if not isinstance(text, str):
            self.reject(line, f"expected text, found {_kind(text)}", byte, raw)
            return
        # A character takes at most four bytes; few texts need the exact count.
        if len(text) > MAX_DOCUMENT_BYTES // 4:
            size = len(text.encode("utf-8", "surrogatepass"))
            if size > MAX_DOCUMENT_BYTES:
                self.reject(line, too_large(size), byte, raw)
                return
        if self._labelled and (fault := self._add_label(label)):
            self.reject(line, fault, byte, raw)
            return
        if self._skips:
            self._rows.append((line, byte, raw))
        self._names.append(f"{self.source}:{line}")
        self._texts.append(text)
        self._characters += len(text)
        self.used += 1
        if self.taken is not None and self.taken.id is not None:
            self._ids.append("" if id_ is None else str(id_))
        if kept is not None:
            self._keep(kept)

    def _add_label(self, label: Any) -> str:
        """Take the label of a row; return why it is none, or an empty string."""
        if self.splits and isinstance(label, str) and self.taken and self.taken.multi_label:
            label = [each for each in label.split(SEPARATOR) if each.strip()]
        if isinstance(label, str) and label in self._clean:
            self._labels.append(self._clean[label])
            return ""
        is_list = isinstance(label, list | tuple)
        labels = []
        for value in label if is_list else (label,):
            cell = label_text(value)
            if cell is None or not cell.strip():
                return f"expected a label, found {_kind(value)}"
            if isinstance(value, float) and not self._noted_floats:
                self._noted_floats = True
                self.report.notes.append(
                    f"{printable(self.source)}: the labels are floating-point numbers, so that "
                    f"classes have names such as {cell}. If they should be whole numbers, convert "
                    f"the column."
                )
            if cell not in self._clean:
                if fault := label_fault(cell):
                    return fault
                self._clean[cell] = clean_label(cell)
            labels.append(self._clean[cell])
        self._multiple |= is_list
        # Each once, in the order given.
        self._labels.append(tuple(dict.fromkeys(labels)) if is_list else labels[0])
        return ""

    def _keep(self, cells: dict[str, Any]) -> None:
        """Take the kept cells of the row that was added last; rows may differ in their columns."""
        self._cells += len(cells)
        for name, cell in cells.items():
            column = self._kept.setdefault(name, [])
            column += [None] * (len(self._texts) - 1 - len(column))
            column.append(cell)
        if len(self._kept) * len(self._texts) > 10**6 + 50 * self._cells:
            raise SourceError(
                f"{printable(self.source)}: expected rows with the same columns, found "
                f"{len(self._kept):,} different ones in {len(self._texts):,} rows, few in each: "
                f"too many to keep. Name the columns to keep."
            )

    def check(self, *, at_end: bool = True) -> None:
        """Stop if too large a share of the documents was rejected.

        Args:
            at_end: Whether all have been read; before, only a source of which much has been read
                is stopped.

        Raises:
            SourceError: More were rejected than the limit allows.
        """
        total = self.used + self.rejected
        limit = self._max_bad
        if limit is None:
            limit = 1.0 if self._files else _HALF
        if self.rejected <= limit * total or not (at_end or total >= _ENOUGH_TO_STOP):
            return
        first = "\n".join(f"  {each}" for each in self._first_rejected)
        what = f"rows with a text{' and a label' if self._labelled else ''}"
        if self._files:
            what = "files of text"
        number = counted(total, "file" if self._files else "row")
        so_far = "" if at_end else " read so far"
        allowed = "" if self._max_bad is None else f"; at most {limit:.6g} of them may be rejected"
        columns = "" if self._files else "name other columns, or "
        advice = f"Fix them, or {columns}allow more of them by max_bad= (--max-bad)."
        raise SourceError(
            f"{printable(self.source)}: expected {what}, found that {self.rejected:,} of "
            f"{number}{so_far} cannot be used{allowed}:\n{first}\n{advice}"
        )

    def take(self) -> Documents:
        """Decode what is not UTF-8, return the batch, and begin another.

        Returns:
            The documents in the order of the source. If any document of the source so far had a
            list of labels, all get a tuple.
        """
        if self._columns is not None:
            batch = self._columns
            self._start()
            return batch
        bad = self._decode()
        labels: Any = None
        if self._labelled:
            labels = self._labels
            if self._multiple:
                labels = [each if isinstance(each, tuple) else (each,) for each in labels]
        ids = self._ids if self.taken is not None and self.taken.id is not None else None
        size = len(self._texts)
        for column in self._kept.values():
            column += [None] * (size - len(column))
        kept = None
        if self._keeps and self.taken is not None:
            kept = {name: self._kept.get(name, [None] * size) for name in self.taken.kept}
            kept |= {name: column for name, column in self._kept.items() if name not in kept}
        batch = Documents(
            self._names,
            self._texts,
            labels,
            self.report,
            ids=ids,
            columns=kept,
            taken=self.taken,
            rejected=self._rejected,
        )
        if bad:
            batch = self._without(batch, bad)
        self._start()
        return batch

    def _without(self, batch: Documents, bad: dict[int, str]) -> Documents:
        """Reject documents of a batch that could not be decoded: row → why."""
        used = batch.take([row for row in range(len(batch)) if row not in bad])
        order = [((place, 0), skipped) for place, skipped in batch.rejected]
        for row, why in bad.items():
            skipped = Skipped(batch.names[row], why)
            if self._rows:
                line, byte, raw = self._rows[row]
                skipped = Skipped(self.source, why, line, byte, raw)
            self.report.reject(self.report.undecodable, skipped)
            self._first_rejected = [*self._first_rejected, skipped][:5]
            order.append(((row, 1), skipped))
        self.used -= len(bad)
        self.rejected += len(bad)
        rows = sorted(bad)
        used.rejected = [
            (place - bisect_left(rows, place), skipped)
            for (place, _), skipped in sorted(order, key=lambda each: each[0])
        ]
        return used

    def _decode(self) -> dict[int, str]:
        """Decode files that wait, or cells that hold surrogate escapes, also of labels and ids.

        Returns:
            Row → why it is to be left out.
        """
        bad = self._decoder.bad
        bad.clear()
        if self._files:
            for row, text in self._decoder.finish().items():
                self._texts[row] = text
            return {row: bad[row].reason for row in sorted(bad)}
        columns = [self._texts, self._ids, *self._kept.values()]
        pending: list[tuple[list[Any], int]] = []
        for column in columns:
            for row, cell in enumerate(column):
                if not isinstance(cell, str) or cell.isascii():
                    continue
                if (raw := undecoded(cell)) is not None:
                    self._decoder.wait(len(pending), self._names[row], raw)
                    pending.append((column, row))
        # A label's spelling must not depend on its row: all distinct ones are decoded as one.
        spellings = {
            label: raw
            for label in self._clean.values()
            if not label.isascii() and (raw := undecoded(label)) is not None
        }
        start = len(pending)
        for place, (label, raw) in enumerate(spellings.items(), start):
            self._decoder.wait(place, f"label {label.encode('utf-8', 'replace').decode()}", raw)
        texts = self._decoder.finish()
        faults = {row: bad[place].reason for place, (_, row) in enumerate(pending) if place in bad}
        for place, (column, row) in enumerate(pending):
            column[row] = texts[place]
        unreadable = {
            label: bad[place].reason for place, label in enumerate(spellings, start) if place in bad
        }
        for row, own in enumerate(self._labels if unreadable else ()):
            for label in own if isinstance(own, tuple) else (own,):
                if label in unreadable:
                    faults.setdefault(row, f"of the label, {unreadable[label]}")
        renamed = {
            label: clean_label(texts[place])
            for place, label in enumerate(spellings, start)
            if label not in unreadable
        }
        if renamed:
            self._clean = {cell: renamed.get(label, label) for cell, label in self._clean.items()}
            self._labels = [
                tuple(renamed.get(label, label) for label in each)
                if isinstance(each, tuple)
                else renamed.get(each, each)
                for each in self._labels
            ]
        return faults


def label_text(cell: object) -> str | None:
    """Return the label that a cell stands for; None where it is missing or of another kind.

    Args:
        cell: Text as it is; truth values as JSON writes them; numbers, dates and times as Python
            writes them: ``1``, ``1.0``, ``2024-01-01``, ``2024-01-01 12:00:00``.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, int | float | Decimal | date | time | timedelta):
        return None
    # Not a number, or not a time, is how floats and pandas mark what is missing.
    return None if cell != cell else str(cell)


def undecoded(text: str) -> bytes | None:
    """Return the bytes of a text that holds surrogate escapes; None where it is proper Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return None


def _joined(texts: Sequence[Any]) -> Any:
    """Join text cells; return None if all are missing, or the first value that is not text."""
    there = [text for text in texts if text is not None]
    wrong = [text for text in there if not isinstance(text, str)]
    if wrong or not there:
        return wrong[0] if wrong else None
    return "\n".join(filter(None, there))


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "an empty cell"
    return f"a value of type {type(value).__name__}"
