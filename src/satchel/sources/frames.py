"""Data frames of polars and pandas: made of values that were read, and read themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from satchel.errors import LabelError
from satchel.sources.columns import Wanted, unique_names
from satchel.sources.documents import Documents, Remarks
from satchel.sources.rows import Rows

if TYPE_CHECKING:
    import polars


def series(name: str, values: Sequence[Any]) -> polars.Series:
    """Return a column of values; those of mixed types become text, as JSON writes them."""
    import polars

    try:
        return polars.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError):
        texts = [
            value
            if value is None or isinstance(value, str)
            else json.dumps(value, ensure_ascii=False, default=str)
            for value in values
        ]
        return polars.Series(name, texts, dtype=polars.String)


def is_frame(source: object) -> TypeGuard[Any]:
    """Tell whether something is a data frame, of polars, pandas or alike."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def frame_documents(frame: Any, wanted: Wanted, name: str = "frame") -> Documents:
    """Take the documents of a data frame.

    Args:
        frame: A data frame of polars, pandas or alike.
        wanted: Which columns to read.
        name: What to call it in messages; a row is ``frame:1``, ``frame:2`` …

    Raises:
        SourceError: A column is missing, or most rows cannot be used.
    """
    columns, repeated = unique_names([str(column) for column in frame.columns])
    rows = Rows(name, wanted, Remarks())
    rows.taken = taken = wanted.choose(columns, name, rows.remarks.notes, repeated)
    rows.splits = True
    own = dict(zip(columns, frame.columns, strict=True))
    used = dict.fromkeys([*taken.text, *filter(None, (taken.label, taken.id)), *taken.kept])
    cells = {column: [_cell(cell) for cell in frame[own[column]]] for column in used}
    for place in range(len(frame)):
        rows.add(
            place + 1,
            [cells[column][place] for column in taken.text],
            cells[taken.label][place] if taken.label is not None else None,
            cells[taken.id][place] if taken.id is not None else None,
            {column: cells[column][place] for column in taken.kept} if taken.kept else None,
        )
    return rows.finish()


def text_documents(texts: Any, labels: Any, name: str = "texts") -> Documents:
    """Take the documents of a sequence of texts and one of labels.

    Args:
        texts: The texts: a list, an array, a column of a data frame.
        labels: One label a text, or one list of labels a text.
        name: What to call them in messages; the first is ``texts:1``.

    Raises:
        LabelError: There is not one label, or list of labels, for each text.
        SourceError: Most of them cannot be used.
    """
    if getattr(labels, "ndim", 1) != 1:
        raise LabelError(
            f"expected a label or a list of labels for each text, found an array of "
            f"{labels.ndim} dimensions: give the names of the labels that hold"
        )
    texts, labels = list(texts), list(labels)
    if len(texts) != len(labels):
        raise LabelError(f"expected one label a text, found {len(texts):,} and {len(labels):,}")
    rows = Rows(name, Wanted(), Remarks())
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), 1):
        rows.add(number, [_cell(text)], _cell(label))
    return rows.finish()


def _cell(cell: Any) -> Any:
    """Return a cell as a plain value: pandas' marks of what is missing are None, arrays lists."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, list | tuple):
        return list(cell)
    if hasattr(cell, "to_list") or hasattr(cell, "tolist"):
        plain = cell.to_list() if hasattr(cell, "to_list") else cell.tolist()
        return _cell(plain) if plain is not cell else cell
    return None if type(cell).__name__ in ("NAType", "NaTType") or cell != cell else cell
