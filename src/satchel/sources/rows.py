"""Collecting the usable rows of a table, and saying why the others are not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.columns import Taken, Wanted
from satchel.sources.documents import Documents, Remarks, Trouble, counted
from satchel.sources.encodings import Decoder
from satchel.sources.layout import clean_label, label_fault
from satchel.sources.limits import MAX_DOCUMENT_BYTES, too_large

SEPARATOR = "|"
"""Between the labels of one document in a cell of a column called ``labels``."""

MAX_COLUMNS = 10_000
"""A table with more columns is no table of documents."""


class Rows:
    """Collects the usable rows of one table, and notes why the others are not.

    Args:
        source: The table's name.
        wanted: Whether rows have labels, and cells that are kept.
        remarks: Where rejected rows are noted.
        encoding: Encoding of rows that are not UTF-8; None decides from their bytes.

    Attributes:
        source: The table's name.
        remarks: Where rejected rows are noted.
        encoding: Encoding of rows that are not UTF-8; None decides from their bytes.
        taken: Which columns were chosen; None until they are.
        splits: Whether a text cell of a column ``labels`` holds several labels.
        max_rows: More than these of a compressed table look like a decompression bomb.
    """

    def __init__(
        self, source: str, wanted: Wanted, remarks: Remarks, encoding: str | None = None
    ) -> None:
        self.source = source
        self.remarks = remarks
        self.encoding = encoding
        self.taken: Taken | None = None
        self.splits = False
        self.max_rows = sys.maxsize
        self._labelled = wanted.labelled
        self._keeps = bool(wanted.keep) or wanted.whole
        self._decoder = Decoder(remarks, encoding)
        self._names: list[str] = []
        self._texts: list[str] = []
        self._labels: list[str | tuple[str, ...]] = []
        self._ids: list[str] = []
        self._kept: dict[str, list[Any]] = {}
        self._cells = 0
        self._clean: dict[str, str] = {}
        self._multiple = False

    def __len__(self) -> int:
        return len(self._texts)

    def reject(self, line: int, reason: str) -> None:
        """Note a row that cannot be used."""
        self.remarks.rejected.append(Trouble(self.source, reason, line))

    def recoded(self, encoding: str) -> None:
        """Note that the table as a whole has another encoding than UTF-8."""
        self.remarks.recoded[encoding] = [self.source]

    def add(
        self,
        line: int,
        texts: Sequence[Any],
        label: Any = None,
        id_: Any = None,
        kept: dict[str, Any] | None = None,
    ) -> None:
        """Take a row, or reject it.

        Args:
            line: Its first line, from 1.
            texts: The text cells: each a ``str`` (undecoded bytes are in it as surrogate
                escapes) or None; what is there is joined by a line feed.
            label: The label cell: ``str``, ``int`` or ``bool``, or a list of those for several.
            id_: The id cell; None where there is none.
            kept: Column → cell, of the columns that are kept.
        """
        if len(self._texts) >= self.max_rows:
            raise SourceError(
                f"{printable(self.source)}: expected at most {self.max_rows:,} rows from a "
                f"compressed file of this size, found more: it looks like a decompression bomb. If "
                f"it is not, unpack it and name the table."
            )
        text = texts[0] if len(texts) == 1 else _joined(texts)
        if not isinstance(text, str):
            self.reject(line, f"expected text, found {_kind(text)}")
            return
        # A character takes at most four bytes; few texts need the exact count.
        if len(text) > MAX_DOCUMENT_BYTES // 4:
            size = len(text.encode("utf-8", "surrogatepass"))
            if size > MAX_DOCUMENT_BYTES:
                self.reject(line, too_large(size))
                return
        if self._labelled and not self._add_label(line, label):
            return
        self._names.append(f"{self.source}:{line}")
        self._texts.append(text)
        if self.taken is not None and self.taken.id is not None:
            self._ids.append("" if id_ is None else str(id_))
        if kept is not None:
            self._keep(kept)

    def _add_label(self, line: int, label: Any) -> bool:
        """Take the label of a row; tell whether it is one."""
        if self.splits and isinstance(label, str) and self.taken and self.taken.several:
            label = [each for each in label.split(SEPARATOR) if each.strip()]
        if isinstance(label, str) and label in self._clean:
            self._labels.append(self._clean[label])
            return True
        several = isinstance(label, list | tuple)
        labels = []
        for cell in label if several else (label,):
            if isinstance(cell, bool):
                cell = "true" if cell else "false"
            elif isinstance(cell, int):
                cell = str(cell)
            if not isinstance(cell, str) or not cell.strip():
                self.reject(line, f"expected a label, found {_kind(cell)}")
                return False
            if cell not in self._clean:
                if fault := label_fault(cell):
                    self.reject(line, fault)
                    return False
                self._clean[cell] = clean_label(cell)
            labels.append(self._clean[cell])
        self._multiple |= several
        # Each once, in the order given.
        self._labels.append(tuple(dict.fromkeys(labels)) if several else labels[0])
        return True

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
                f"too many to keep. Name those to keep."
            )

    def finish(self) -> Documents:
        """Decode what is not UTF-8 and return the documents.

        Returns:
            The rows in the table's order. If any row has a list of labels, all get a tuple.

        Raises:
            SourceError: More rows were rejected than taken.
        """
        rejected = [each for each in self.remarks.rejected if each.name == self.source]
        if len(rejected) > len(self._texts):
            first = "\n".join(f"  {trouble}" for trouble in rejected[:5])
            total = counted(len(rejected) + len(self._texts), "row")
            raise SourceError(
                f"{printable(self.source)}: expected rows with a text"
                f"{' and a label' if self._labelled else ''}, found that {len(rejected):,} of "
                f"{total} cannot be used:\n{first}\nMend them, or name other columns."
            )
        for column in self._kept.values():
            column += [None] * (len(self._texts) - len(column))
        self._decode()
        labels: Any = None
        if self._labelled:
            labels = self._labels
            if self._multiple:
                labels = [each if isinstance(each, tuple) else (each,) for each in labels]
        ids = self._ids if self.taken is not None and self.taken.id is not None else None
        kept = None
        if self._keeps and self.taken is not None:
            kept = {name: self._kept.get(name, [None] * len(self)) for name in self.taken.kept}
            kept |= {name: column for name, column in self._kept.items() if name not in kept}
        return Documents(
            self._names, self._texts, labels, self.remarks, ids=ids, columns=kept, taken=self.taken
        )

    def _decode(self) -> None:
        """Give the cells that hold surrogate escapes their right text, labels and ids included."""
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
        for place, (column, row) in enumerate(pending):
            column[row] = texts[place]
        renamed = {label: clean_label(texts[place]) for place, label in enumerate(spellings, start)}
        if renamed:
            self._labels = [
                tuple(renamed.get(label, label) for label in each)
                if isinstance(each, tuple)
                else renamed.get(each, each)
                for each in self._labels
            ]


def undecoded(text: str) -> bytes | None:
    """Return the bytes of a text that holds surrogate escapes; None where it is proper Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return None


def _joined(texts: Sequence[Any]) -> Any:
    """Return several text cells as one text; or None where all are, or one that is no text."""
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
