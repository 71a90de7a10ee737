"""The documents that ``predict`` is given: files, folders, archives, tables, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Literal

from satchel.cli import streams, terminal
from satchel.errors import InputError, SourceNotFoundError
from satchel.progress import Progress
from satchel.sources.documents import Documents, Remarks
from satchel.sources.encodings import Decoder
from satchel.sources.reading import locate, read_documents

STANDARD_INPUT = "-"
Keep = Sequence[str] | Literal["all"]


def read_inputs(
    sources: Sequence[str],
    text: tuple[str, ...] | None,
    label: str | None,
    keep: Keep,
    lines: bool,
    progress: Progress,
) -> tuple[Documents, list[str]]:
    """Read every input in the order given.

    Documents get names that differ: a file's is its path as given, and where there are several
    inputs, what lies in a folder, an archive or a table is named with its place.

    Args:
        sources: Files, folders, archives, tables or ``-`` for standard input.
        text: Columns of the text in tables; None takes those that are recognised.
        label: Column of the label in tables, which prediction does not need.
        keep: Columns of tables to carry along, besides ``id``.
        lines: Whether every line is a document of its own.
        progress: Told how far reading is.

    Returns:
        The documents, and remarks on how they were read.

    Raises:
        InputError: If an input cannot be read or holds no document, or a column is not there.
    """
    parts: list[Documents] = []
    remarks: list[str] = []
    tables = 0
    for source in sources:
        if source == STANDARD_INPUT:
            documents = _standard_input()
        else:
            documents = _read(source, text, label, keep, progress)
            kind = locate(source).kind
            tables += kind == "table"
            if kind == "file":
                documents.names = [source]
            elif len(sources) > 1:
                # The rows of a table have its name before their number already.
                place = os.path.dirname(source) if kind == "table" else source
                documents.names = [os.path.join(place, name) for name in documents.names]
        parts.append(documents)
        remarks += documents.remarks.lines()
    together = parts[0] if len(parts) == 1 else _joined(parts)
    if keep and not tables:
        raise InputError("--keep names columns of a table, and there is no table among the inputs")
    return _split_lines(together) if lines else together, remarks


def _read(
    source: str,
    text: tuple[str, ...] | None,
    label: str | None,
    keep: Keep,
    progress: Progress,
) -> Documents:
    try:
        return read_documents(
            source, text=text, label=label, labelled=False, keep=keep, progress=progress
        )
    except SourceNotFoundError as error:
        if not _may_be_text(source):
            raise
        shown = source if len(source) <= 60 else f"{source[:60]}…"
        raise SourceNotFoundError(
            f"there is no file {shown!r}. A text itself goes in by a pipe:  "
            f"echo 'some text' | satchel predict MODEL"
        ) from error


def _may_be_text(source: str) -> bool:
    """Tell whether what was given for a path looks like a text to label."""
    bare = not os.path.splitext(source)[1] and os.sep not in source
    return bare or any(map(str.isspace, source))


def _standard_input() -> Documents:
    if sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if os.name == "nt" else "Ctrl-D"
        terminal.remark(f"reading a text from the terminal: end it with {end} on a line of its own")
    remarks = Remarks()
    decoder = Decoder(remarks)
    text = decoder.decode(0, STANDARD_INPUT, streams.read_input())
    return Documents([STANDARD_INPUT], [decoder.finish().get(0, text)], None, remarks)


def _joined(parts: Sequence[Documents]) -> Documents:
    """Return the documents of all inputs; what one has no column for is None."""
    columns: dict[str, list[Any]] = {
        name: [] for documents in parts for name in documents.columns or ()
    }
    for documents in parts:
        for name, values in columns.items():
            values += (documents.columns or {}).get(name) or [None] * len(documents)
    has_ids = any(documents.ids is not None for documents in parts)
    return Documents(
        [name for documents in parts for name in documents.names],
        [text for documents in parts for text in documents.texts],
        None,
        ids=[each for d in parts for each in d.ids or [""] * len(d)] if has_ids else None,
        columns=columns if any(documents.columns is not None for documents in parts) else None,
    )


def _split_lines(documents: Documents) -> Documents:
    """Return every line as a document, with the id and the columns of the one it is in."""
    places, numbers, texts = [], [], []
    for place, text in enumerate(documents.texts):
        for number, line in enumerate(text.splitlines(), start=1):
            places.append(place)
            numbers.append(number)
            texts.append(line)
    if not texts:
        raise InputError("expected at least one line to predict, found none")
    parents = documents.take(places)
    parents.names = [f"{name}:{n}" for name, n in zip(parents.names, numbers, strict=True)]
    parents.texts = texts
    return parents
