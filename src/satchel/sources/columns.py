"""Which columns of a table hold the text and the label, and what a label cell means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from satchel.errors import SourceError
from satchel.sources.documents import Documents, Remarks, Trouble, shown
from satchel.sources.encodings import Decoder
from satchel.sources.layout import clean_label
from satchel.sources.limits import MAX_DOCUMENT_BYTES, too_large

LABEL_COLUMNS = ("label", "category", "labels")
ID_COLUMN = "id"
SEPARATOR = "|"
"""Between the labels of one document in a cell of a CSV or TSV column called ``labels``."""


@dataclass(frozen=True)
class Wanted:
    """What the user asked of a table.

    Attributes:
        text: Column of the text.
        label: Column of the label; None takes the first of ``LABEL_COLUMNS`` that is there.
        labelled: Whether labels are wanted at all.
        keep: Columns to keep beside the text; ``all`` for all the others.
    """

    text: str = "text"
    label: str | None = None
    labelled: bool = True
    keep: tuple[str, ...] | Literal["all"] = ()

    def choose(self, columns: Sequence[str], source: str) -> tuple[str, str | None]:
        """Return the names of the text and the label column.

        Args:
            columns: The table's columns.
            source: The table, for messages.

        Raises:
            SourceError: A wanted column is missing, or there twice.
        """
        text = self._find((self.text,), columns, source, "text")
        if not self.labelled:
            return text, None
        names = LABEL_COLUMNS if self.label is None else (self.label,)
        return text, self._find(names, columns, source, "label")

    def kept(self, columns: Sequence[str], source: str, text: str) -> tuple[str, ...]:
        """Return the names of the columns to keep, in the table's order for ``all``.

        Args:
            columns: The table's columns.
            source: The table, for messages.
            text: The column of the text.

        Raises:
            SourceError: A column is missing, or there twice.
        """
        if self.keep == "all":
            names = [name for name in columns if name not in (text, ID_COLUMN)]
        else:
            names = [name for name in self.keep if name != ID_COLUMN]
        found = [self._find((name,), columns, source, "keep") for name in dict.fromkeys(names)]
        return tuple(found)

    @staticmethod
    def _find(names: Sequence[str], columns: Sequence[str], source: str, role: str) -> str:
        for name in names:
            if (times := columns.count(name)) == 1:
                return name
            if times > 1:
                raise SourceError(
                    f"{source}: expected one column {name!r}, found {times}. Rename the others."
                )
        wanted = " or ".join(map(repr, names))
        raise SourceError(
            f"{source}: expected a column {wanted} for the {role}, found the columns "
            f"{', '.join(shown(repr(column)) for column in columns) or 'none'}. "
            f"Name the right one with {role}= (--{role})."
        )


class Rows:
    """Collects the usable rows of one table, and notes why the others are not.

    Args:
        source: The table's name.
        labelled: Whether rows have labels.
        remarks: Where rejected rows are noted.
        encoding: Encoding of rows that are not UTF-8; None decides from their bytes.
    """

    def __init__(
        self, source: str, labelled: bool, remarks: Remarks, encoding: str | None = None
    ) -> None:
        self._source = source
        self._labelled = labelled
        self._remarks = remarks
        self._decoder = Decoder(remarks, encoding)
        self._names: list[str] = []
        self._texts: list[str] = []
        self._labels: list[str | tuple[str, ...]] = []
        self._kept: list[Mapping[str, Any]] = []
        self._multiple = False

    def reject(self, line: int, reason: str) -> None:
        """Note a row that cannot be used."""
        self._remarks.rejected.append(Trouble(self._source, reason, line))

    def recoded(self, encoding: str) -> None:
        """Note that the table as a whole has another encoding than UTF-8."""
        self._remarks.recoded.setdefault(encoding, []).append(self._source)

    def add(
        self, line: int, text: Any, label: Any = None, others: Mapping[str, Any] | None = None
    ) -> None:
        """Take a row, or reject it.

        Args:
            line: Its first line, from 1.
            text: The text cell: a ``str``; undecoded bytes are in it as surrogate escapes.
            label: The label cell: ``str``, ``int`` or ``bool``, or a list of those for several.
            others: The id, where there is one, and the columns that are kept.
        """
        if not isinstance(text, str):
            self.reject(line, f"expected text, found {_kind(text)}")
            return
        # A character takes at most four bytes; few texts need the exact count.
        if len(text) > MAX_DOCUMENT_BYTES // 4:
            size = len(text.encode("utf-8", "surrogatepass"))
            if size > MAX_DOCUMENT_BYTES:
                self.reject(line, too_large(size))
                return
        if self._labelled:
            several = isinstance(label, list | tuple)
            cells = list(label) if several else [label]
            labels = []
            for cell in cells:
                if isinstance(cell, bool):
                    cell = "true" if cell else "false"
                elif isinstance(cell, int):
                    cell = str(cell)
                if not isinstance(cell, str) or not cell.strip():
                    self.reject(line, f"expected a label, found {_kind(cell)}")
                    return
                labels.append(clean_label(cell))
            self._multiple |= several
            # Each once, in the order given.
            self._labels.append(tuple(dict.fromkeys(labels)) if several else labels[0])
        self._names.append(f"{self._source}:{line}")
        self._texts.append(text)
        self._kept.append(others or {})

    def finish(self) -> Documents:
        """Decode what is not UTF-8 and return the documents.

        Returns:
            The rows in the table's order. If any row has a list of labels, all get a tuple.

        Raises:
            SourceError: More rows were rejected than taken.
        """
        rejected = [each for each in self._remarks.rejected if each.name == self._source]
        if len(rejected) > len(self._texts):
            first = "\n".join(f"  {trouble}" for trouble in rejected[:5])
            raise SourceError(
                f"{self._source}: expected rows with a text"
                f"{' and a label' if self._labelled else ''}, found that {len(rejected):,} of "
                f"{len(rejected) + len(self._texts):,} rows cannot be used:\n{first}\n"
                f"Mend them, or name other columns."
            )
        self._decode()
        labels: Any = None
        if self._labelled:
            labels = self._labels
            if self._multiple:
                labels = [each if isinstance(each, tuple) else (each,) for each in labels]
        ids, columns = self._others()
        return Documents(self._names, self._texts, labels, self._remarks, ids, columns)

    def _others(self) -> tuple[list[str] | None, dict[str, list[Any]] | None]:
        names = dict.fromkeys(name for row in self._kept for name in row)
        columns = {name: [_whole(row.get(name)) for row in self._kept] for name in names}
        ids = columns.pop(ID_COLUMN, None)
        return (
            None if ids is None else ["" if each is None else str(each) for each in ids],
            columns or None,
        )

    def _decode(self) -> None:
        """Give the cells that hold surrogate escapes their right text, labels included."""
        pending: list[int] = []
        for row, text in enumerate(self._texts):
            if not text.isascii() and (raw := undecoded(text)) is not None:
                self._decoder.wait(len(pending), self._names[row], raw)
                pending.append(row)
        # A label's spelling must not depend on its row: all distinct ones are decoded as one.
        spellings = {
            label: raw
            for each in self._labels
            for label in (each if isinstance(each, tuple) else (each,))
            if not label.isascii() and (raw := undecoded(label)) is not None
        }
        start = len(pending)
        for place, (label, raw) in enumerate(spellings.items(), start):
            self._decoder.wait(place, f"label {label.encode('utf-8', 'replace').decode()}", raw)
        texts = self._decoder.finish()
        for place, row in enumerate(pending):
            self._texts[row] = texts[place]
        renamed = {label: clean_label(texts[place]) for place, label in enumerate(spellings, start)}
        if renamed:
            self._labels = [
                tuple(renamed.get(label, label) for label in each)
                if isinstance(each, tuple)
                else renamed.get(each, each)
                for each in self._labels
            ]


def _whole(value: Any) -> Any:
    """Return a cell with the bytes that are not UTF-8 shown in hexadecimal."""
    if isinstance(value, str) and (raw := undecoded(value)) is not None:
        return raw.decode("utf-8", "backslashreplace")
    return value


def undecoded(text: str) -> bytes | None:
    """Return the bytes of a text that holds surrogate escapes; None where it is proper Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return None


def split_labels(cell: str) -> list[str]:
    """Return the labels of a ``labels`` cell: separated by ``|``; an empty cell has none."""
    return [label for label in cell.split(SEPARATOR) if label.strip()]


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "an empty cell"
    return f"a value of type {type(value).__name__}"
