"""Data frames: a source as frames, whole or as a stream; and frames and sequences as documents."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeGuard

from satchel.errors import LabelError, MissingDependencyError, SettingError
from satchel.escaping import printable
from satchel.progress import Progress, silent
from satchel.sources.collecting import BATCH, BatchSize, Collector, Reading
from satchel.sources.columns import Columns, unique_names
from satchel.sources.documents import Documents, ReadReport, counted, join
from satchel.sources.encodings import OnBad
from satchel.sources.reading import Source, stream_documents

if TYPE_CHECKING:
    import polars


def read(
    source: Source | Sequence[Source],
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    labelled: bool = True,
    encoding: str | None = None,
    on_bad_encoding: OnBad = "replace",
    format: str | None = None,
    progress: Progress = silent,
) -> polars.DataFrame:
    """Read a source as a table.

    What was skipped, guessed or decoded otherwise is reported through Python's :mod:`logging`, as
    warnings of the logger ``satchel``.

    Args:
        source: As for :func:`read_documents`, and so are the other arguments.
        text: A table's column or columns of the text: rows without one are left out.
        label: A table's column of the label: rows without one are left out.
        labelled: Whether to read labels.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        on_bad_encoding: What becomes of documents that cannot be decoded without loss.
        format: The format of tables; None: what the suffix says.
        progress: Receives the number of documents read so far.

    Returns:
        Of a table, all its columns under their own names, those of CSV and TSV as strings, except
        that the label has no space around it, and is a list of strings where a document may have
        several. Of folders and archives the columns ``filename``, ``category`` (none where
        unlabelled) and ``text``.

    Raises:
        SourceNotFoundError: There is nothing at the path.
        SourceError: The source yields no document, or is damaged.
        MissingDependencyError: polars is not installed.
    """
    reading = _whole_rows(text, label, labelled, encoding, on_bad_encoding, format)
    report = ReadReport()
    documents = join(list(stream_documents(source, reading, report, progress)))
    _log(report, source)
    return _as_frame(documents)


def stream(
    source: Source | Sequence[Source],
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    labelled: bool = True,
    encoding: str | None = None,
    on_bad_encoding: OnBad = "replace",
    format: str | None = None,
    documents: int = BATCH.documents,
    progress: Progress = silent,
) -> Iterator[polars.DataFrame]:
    """Read a source as a stream of tables, of which only one is in memory at a time.

    What was skipped, guessed or decoded otherwise is reported at the end through Python's
    :mod:`logging`, as warnings of the logger ``satchel``.

    Args:
        source: As for :func:`read_documents`, and so are the other arguments.
        text: A table's column or columns of the text: rows without one are left out.
        label: A table's column of the label: rows without one are left out.
        labelled: Whether to read labels.
        encoding: Encoding of documents that are not UTF-8; None decides from the first of them.
        on_bad_encoding: What becomes of documents that cannot be decoded without loss.
        format: The format of tables; None: what the suffix says.
        documents: The most documents per table; long ones make it shorter.
        progress: Receives the number of documents read so far.

    Yields:
        Tables with the columns that :func:`read` returns. In formats without types, such as JSON,
        the type of a column may differ from one table to the next.

    Raises:
        SourceNotFoundError: There is nothing at the path.
        SourceError: The source yields no document, or is damaged.
        SettingError: ``documents`` is less than 1.
        MissingDependencyError: polars is not installed.
    """
    if documents < 1:
        raise SettingError(f"expected documents to be 1 or more, found {documents}")
    reading = replace(
        _whole_rows(text, label, labelled, encoding, on_bad_encoding, format),
        batch=BatchSize(documents, BATCH.characters),
    )
    return _frames(source, reading, progress)


def _frames(
    source: Source | Sequence[Source], reading: Reading, progress: Progress
) -> Iterator[polars.DataFrame]:
    report = ReadReport()
    with contextlib.closing(stream_documents(source, reading, report, progress)) as batches:
        for batch in batches:
            if len(batch):
                yield _as_frame(batch)
    _log(report, source)


def _whole_rows(
    text: str | Sequence[str] | None,
    label: str | None,
    labelled: bool,
    encoding: str | None,
    on_bad_encoding: OnBad,
    format: str | None,
) -> Reading:
    """Return how to read rows with all their columns.

    Raises:
        MissingDependencyError: polars, whose tables hold them, is not installed.
    """
    if importlib.util.find_spec("polars") is None:
        raise MissingDependencyError("polars", "tables", "satchel.read")
    texts = () if text is None else (text,) if isinstance(text, str) else tuple(text)
    columns = Columns(texts, label, labelled=labelled, whole=True)
    return Reading(columns, encoding, on_bad_encoding=on_bad_encoding, format=format)


def _log(report: ReadReport, source: Source | Sequence[Source]) -> None:
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    named = ", ".join(printable(os.fspath(each)) for each in given[:3])
    for line in report.lines():
        logging.getLogger("satchel").warning("%s: %s", named, line)


def _as_frame(documents: Documents) -> polars.DataFrame:
    """Return documents as a table: a table's own columns, or name, label and text of files."""
    import polars

    labels: list[Any] | None = documents.labels
    if labels is not None and documents.multiple:
        labels = [list(each) for each in labels]
    taken = documents.taken
    if taken is None:
        columns: dict[str, Any] = {"filename": list(documents.names)}
        if labels is not None:
            columns["category"] = labels
        columns["text"] = list(documents.texts)
    else:
        columns = dict(documents.columns or {})
        # Numbers and booleans keep their type.
        if (
            labels is not None
            and taken.label is not None
            and (documents.multiple or all(isinstance(cell, str) for cell in columns[taken.label]))
        ):
            columns[taken.label] = labels
    return polars.DataFrame([series(name, values) for name, values in columns.items()])


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
    """Return whether something is a data frame, of polars, pandas, pyarrow or similar."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def columns_of(frame: Any) -> list[Any]:
    """Return the names of a data frame's columns; pyarrow's ``columns`` are the columns."""
    return list(getattr(frame, "column_names", frame.columns))


def _values(column: Any) -> Any:
    """Return the cells of a column; pyarrow's own are objects that hold one."""
    return column.to_pylist() if hasattr(column, "to_pylist") else column


def frame_documents(frame: Any, wanted: Columns, name: str = "frame") -> Documents:
    """Read the documents of a data frame.

    Args:
        frame: A data frame of polars, pandas or similar.
        wanted: Which columns to read.
        name: What to call it in messages; a row is ``frame:1``, ``frame:2`` …

    Raises:
        SourceError: A column is missing, or most rows cannot be used.
    """
    names = columns_of(frame)
    columns, repeated = unique_names(list(map(str, names)))
    rows = Collector(name, Reading(wanted), ReadReport())
    rows.taken = taken = wanted.choose(columns, name, rows.report.notes, repeated)
    rows.splits = True
    own = dict(zip(columns, names, strict=True))
    used = dict.fromkeys([*taken.text, *filter(None, (taken.label, taken.id)), *taken.kept])
    cells = {column: [_cell(cell) for cell in _values(frame[own[column]])] for column in used}
    for place in range(len(frame)):
        rows.add(
            place + 1,
            [cells[column][place] for column in taken.text],
            cells[taken.label][place] if taken.label is not None else None,
            cells[taken.id][place] if taken.id is not None else None,
            {column: cells[column][place] for column in taken.kept} if taken.kept else None,
        )
    rows.check()
    return rows.take()


def text_documents(texts: Any, labels: Any, name: str = "texts") -> Documents:
    """Read the documents of a sequence of texts and one of labels.

    Args:
        texts: The texts: a list, an array, a column of a data frame.
        labels: One label per text, or one list of labels per text.
        name: What to call them in messages; the first is ``texts:1``.

    Raises:
        LabelError: The number of labels, or of lists of labels, differs from that of texts.
        SourceError: Most of them cannot be used.
    """
    if getattr(labels, "ndim", 1) != 1:
        raise LabelError(
            f"expected a label or a list of labels for each text, found an array of "
            f"{labels.ndim} dimensions: give the names of the labels that each text has"
        )
    texts, labels = list(texts), list(labels)
    if len(texts) != len(labels):
        raise LabelError(
            f"expected one label per text, found {counted(len(labels), 'label')} for "
            f"{counted(len(texts), 'text')}: give one for each"
        )
    rows = Collector(name, Reading(Columns()), ReadReport())
    for number, (text, label) in enumerate(zip(texts, labels, strict=True), 1):
        rows.add(number, [_cell(text)], _cell(label))
    rows.check()
    return rows.take()


def _cell(cell: Any) -> Any:
    """Return a cell as a plain value: pandas' missing values become None, arrays become lists."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, list | tuple):
        return list(cell)
    if hasattr(cell, "to_list") or hasattr(cell, "tolist"):
        plain = cell.to_list() if hasattr(cell, "to_list") else cell.tolist()
        return _cell(plain) if plain is not cell else cell
    return None if type(cell).__name__ in ("NAType", "NaTType") or cell != cell else cell
