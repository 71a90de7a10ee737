"""Reading a source: a folder, an archive or a table in, documents out."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from satchel.errors import SourceError, SourceNotFoundError
from satchel.escaping import printable
from satchel.progress import Progress, silent
from satchel.sources.collecting import Collector, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import (
    ARCHIVES,
    MAX_DOCUMENT_BYTES,
    Documents,
    ReadReport,
    Skipped,
    counted,
    examples,
    is_archive,
    join,
    too_large,
)
from satchel.sources.encodings import OnBad, known_encoding, not_text
from satchel.sources.files import find_files, find_root, kind, read_file, readable, split_labels
from satchel.sources.opening import (
    STANDARD_INPUT,
    STANDARD_INPUT_NAME,
    TABLES,
    TableFile,
    expand,
    find_table,
    known_format,
    local_copy,
    standard_input,
    standard_input_stream,
    suffix_format,
)
from satchel.sources.recognition import NAMES, START_BYTES, Format, guessed
from satchel.sources.remote import base_name, is_remote, plain_address

if TYPE_CHECKING:
    pass

_STEP = 256
_TEXT_TABLES = tuple((format, "") for format in ("csv", "tsv", "jsonl"))
_LONGEST_PATH = 32_768  # no system accepts a longer one
_LONGEST_NAME = 255


Source: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True)
class SourceLocation:
    """Where a source is.

    Attributes:
        kind: What it is.
        path: The folder or file on disk, or the address; ``-`` for standard input.
        inside: The path within the archive; empty for all of it.
        table: What is known of a table; None for standard input, which is not yet read.
    """

    kind: Literal["folder", "archive", "table", "file"]
    path: str
    inside: str = ""
    table: TableFile | None = None


def locate(source: Source, format: Format | None = None) -> SourceLocation:
    """Find out what a source is.

    Args:
        source: A path; it may go on inside an archive, as in ``posts.tar.gz/train``, or, after
            ``::``, with a table or query of a database. Or an address; or ``-``.
        format: The format of a table; None: what its suffix says.

    Returns:
        Its kind and place.

    Raises:
        SourceNotFoundError: There is nothing at the path.
        SourceError: It is a device; or an address that does not say what is there; or no table,
            though a format was named or its suffix is that of one.
    """
    whole = os.path.expanduser(os.fspath(source))
    if whole == STANDARD_INPUT:
        return SourceLocation("table", whole)
    if (table := find_table(whole, format)) is not None:
        return SourceLocation("table", table.place, table=table)
    if is_remote(whole):
        if is_archive(base_name(whole)):
            return SourceLocation("archive", whole)
        raise SourceError(
            f"{printable(plain_address(whole))}: expected the address of a table "
            f"({', '.join(TABLES)}) or an archive ({', '.join(ARCHIVES)}), found another suffix. "
            f"Say what it is by format= (--format)."
        )
    if "\0" in whole or len(whole) > _LONGEST_PATH:
        raise SourceNotFoundError(
            f"{printable(whole[:60])}…: expected the path of a folder, an archive or a table, "
            f"found {len(whole):,} characters that cannot be a path."
        )
    path, inside = whole, ""
    while path and not os.path.lexists(path):
        parent, name = os.path.split(path.rstrip("/\\"))
        if parent == path:
            break
        path, inside = parent, f"{name}/{inside}" if inside else name
    inside = inside.strip("/")
    if os.path.isdir(path) and not inside:
        if format is not None:
            raise SourceError(
                f"{printable(whole)}: expected a table, as its format was given as {format}, found "
                f"a folder. Name the tables in it, such as {printable(os.path.join(whole, '*'))}, "
                f"or leave out format= (--format)."
            )
        return SourceLocation("folder", path)
    if os.path.exists(path) and not os.path.isdir(path):
        if not os.path.isfile(path):
            what = kind(os.stat(path).st_mode)
            raise SourceError(
                f"{printable(whole)}: expected a folder, an archive or a table, found a {what}."
            )
        if is_archive(path):
            return SourceLocation("archive", path, inside)
        if not inside:
            return SourceLocation("file", path)
    raise SourceNotFoundError(_not_found(whole, path, inside))


def _not_found(whole: str, path: str, inside: str) -> str:
    expected = f"{printable(whole)}: expected a folder, an archive or a table, found nothing there."
    if os.path.islink(path):
        link = f"{printable(path)} is a broken link or a loop of links"
        return f"{expected} {link}. Check where it leads."
    if os.path.isfile(path):
        return f"{expected} {printable(path)} is a file, not an archive that a path can enter."
    name = inside.partition("/")[0]
    near: list[str] = []
    if len(name) <= _LONGEST_NAME:
        with contextlib.suppress(OSError):
            near = difflib.get_close_matches(name, os.listdir(path or "."), 1, 0.6)
    if near:
        return f"{expected} Did you mean {printable(os.path.join(path, near[0]))}?"
    folder = printable(path) or "the current folder"
    return f"{expected} Check the path; {folder} has no {printable(name)}."


def stream_documents(
    source: Source | Sequence[Source],
    reading: Reading,
    report: ReadReport | None = None,
    progress: Progress = silent,
) -> Generator[Documents, None, None]:
    """Read the documents of a source, or of several, in batches of bounded size.

    Only one batch of a folder, a ZIP archive or a table is held in memory; a tar, which must be
    read from its start, is held as a whole. The encoding of what is not UTF-8 is decided from the
    first batch that holds such documents, in each source for itself.

    Args:
        source: As for :func:`read_documents`.
        reading: Which columns are read, in which encoding and format, in batches of which size.
        report: Where all that was skipped, guessed or unusual is noted; None makes a new one.
        progress: Receives the number of documents read so far.

    Yields:
        Batches of documents with those rejected between them; each but the last of a source is
        full. If there are several sources, the names of the documents start with theirs.

    Raises:
        SourceNotFoundError: There is nothing at the path.
        SourceError: No source yields a document, or one is damaged, or its columns are unclear, or
            more documents were rejected than may be.
        SettingError: The encoding or format is unknown.
        MissingDependencyError: A format, compression or address needs a package.
    """
    known_encoding(reading.encoding)
    known_format(reading.format)
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    report = ReadReport() if report is None else report
    before = len(report.lines())
    sources = expand([os.fspath(each) for each in given])
    several = len(sources) > 1
    notes: defaultdict[str, list[str]] = defaultdict(list)  # what is noted → of which sources
    number = 0
    for each in sources:
        shown = printable(plain_address(each) if is_remote(each) else each)
        noted = len(report.notes)
        count = 0
        columns = False
        with contextlib.closing(_read_one(each, shown, several, reading, report, progress)) as read:
            for batch in read:
                count += len(batch)
                columns |= batch.taken is not None
                if batch.names or batch.rejected:
                    yield batch
        number += count
        if several:
            for note in report.notes[noted:]:
                notes[note.removeprefix(f"{shown}: ")].append(shown)
            if not count:
                notes["Columns, but no rows." if columns else "No document."].append(shown)
            del report.notes[noted:]
    # A thousand tables have the same to say.
    report.notes += [
        f"{examples(names, len(names))}: {note}"
        + (f" ({len(names):,} sources)" if len(names) > 1 else "")
        for note, names in notes.items()
    ]
    named = ", ".join(
        STANDARD_INPUT_NAME if each == STANDARD_INPUT else printable(os.fspath(each))
        for each in given[:3]
    )
    if not number:
        lines = report.lines()[before:]
        if columns and not several:
            lines.append("It has columns, but no rows.")
        why = "\n".join(f"  {line}" for line in lines or ["It is empty."])
        raise SourceError(f"{named}: expected documents, found none.\n{why}")
    progress("reading", number, number, named)


def _read_one(
    source: str,
    shown: str,
    several: bool,
    reading: Reading,
    report: ReadReport,
    progress: Progress,
) -> Generator[Documents, None, None]:
    """Read one source; where it is one of several, the documents' names start with its own."""
    format = known_format(reading.format)
    place = locate(source, format)
    if place.path == STANDARD_INPUT and format is None and not reading.columns.labelled:
        place = SourceLocation("file", STANDARD_INPUT)
    with contextlib.ExitStack() as stack:
        if place.kind == "table":
            from satchel.sources.tables import read_table

            table = place.table
            if table is None:
                table = standard_input(format, progress)
            elif several:
                table = replace(table, name=shown)
            batches = read_table(table, reading, report, progress)
        else:
            if is_remote(place.path):
                copy = stack.enter_context(local_copy(place.path, progress))
                place = SourceLocation("archive", copy)
            batches = _read_files(place, shown, several, reading, report, progress)
        stack.enter_context(contextlib.closing(batches))
        yield from batches


def read_documents(
    source: Source | Sequence[Source],
    *,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
    id: str | None = None,
    keep: Sequence[str] | Literal["all"] = (),
    labelled: bool = True,
    encoding: str | None = None,
    on_bad_encoding: OnBad = "replace",
    format: str | None = None,
    max_bad: float | None = None,
    rejects: Callable[[Skipped], None] | None = None,
    progress: Progress = silent,
) -> Documents:
    """Read the documents of a source.

    A source is a folder whose sub-folders are the labels (files of any name, at any depth: the
    label is the first folder), the same inside a ``.tar.gz``, ``.tgz``, ``.tar.bz2``, ``.tar`` or
    ``.zip``, or a table: ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``, ``.json`` (an array of
    objects; each also ``.gz``, ``.bz2``, ``.xz`` or ``.zst``), ``.parquet``, ``.arrow``,
    ``.feather``, ``.ipc``, a table or query of a SQLite database (``data.db::posts``,
    ``data.db::SELECT …``), or a file of any name that begins with a label as fastText writes it,
    ``__label__spam``. Tables and archives may be at an address that fsspec knows (``s3://``,
    ``https://`` …), tables also on standard input (``-``), which is one document where no labels
    are read and no format is given. Files come sorted by their path's bytes, rows in the table's
    order. Empty documents are kept. Text is UTF-8, or what a byte-order mark says, or else what is
    decided for all documents together (docs/tables.md).

    A table's columns are recognised by their names (``columns.TEXT_COLUMNS`` and
    ``columns.LABEL_COLUMNS``; docs/tables.md has the list), and the report says which were
    taken where that is not obvious. In CSV and TSV without a header the columns are called ``1``,
    ``2`` …

    Several labels per document: a list in JSON or Parquet; in CSV and TSV a column ``labels``
    whose cells separate them by ``|``. Documents may then have no label at all.

    Args:
        source: The path; it may go on inside an archive, as in ``posts.tar.gz/train``. Or a
            pattern, such as ``data/*.jsonl.gz``, for all files that it matches, or several of
            those.
        text: A table's column that holds the text, or several columns, which are joined by a line
            feed; None takes the one that is recognised.
        label: A table's column that holds the label; None takes the one that is recognised.
        id: A table's column of ids, which become ``Documents.ids``; None takes ``id``, if any.
        keep: A table's columns to keep in ``Documents.columns``: their names, or ``all`` for those
            that hold neither the text, nor the label where it is read, nor the id.
        labelled: Whether to read labels. If not, a single file or a flat folder is accepted too.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        on_bad_encoding: What becomes of a document that its encoding cannot decode without loss:
            ``replace`` puts U+FFFD where it is broken, ``skip`` rejects it, ``error`` stops.
        format: The format of tables: ``csv``, ``tsv``, ``jsonl``, ``parquet``, ``arrow``,
            ``sqlite`` or ``fasttext``; None: what the suffix says.
        max_bad: The largest share of documents that may be rejected; None: half of a table's rows,
            and any number of files.
        rejects: Receives each document that is rejected.
        progress: Receives the number of documents read so far.

    Returns:
        The documents, with a report of all that was skipped, guessed or unusual.

    Raises:
        SourceNotFoundError: There is nothing at the path.
        SourceError: The source yields no document, or is damaged, or its columns are unclear, or
            more documents were rejected than may be; the message says why.
        SettingError: The encoding or format is unknown.
        MissingDependencyError: A format, compression or address needs a package.
    """
    texts = () if text is None else (text,) if isinstance(text, str) else tuple(text)
    kept: tuple[str, ...] | Literal["all"] = "all" if keep == "all" else tuple(keep)
    columns = Columns(texts, label, id, labelled, kept)
    reading = Reading(
        columns,
        encoding=encoding,
        on_bad_encoding=on_bad_encoding,
        max_bad=max_bad,
        format=format,
    )
    report = ReadReport(rejects=rejects)
    return join(list(stream_documents(source, reading, report, progress)))


def _read_files(
    place: SourceLocation,
    named: str,
    several: bool,
    reading: Reading,
    report: ReadReport,
    progress: Progress,
) -> Generator[Documents, None, None]:
    labelled = reading.columns.labelled
    stored: dict[str, bytes] = {}
    if place.kind == "folder":
        paths = find_files(place.path, report)
    elif place.kind == "archive":
        from satchel.sources.archives import read_archive

        stored = read_archive(place.path, place.inside, report, progress)
        paths = list(stored)
    elif labelled:
        raise _single_file(place.path, named)
    else:
        paths = [place.path]
    labels: list[str] | None = None
    prefix = ""
    if labelled and paths:
        _refuse_tables(paths, place, named)
        prefix = find_root(paths, named, report)
        paths, labels = split_labels(paths, prefix, report)

    tables = [path for path in paths if suffix_format(path) in _TEXT_TABLES]
    if tables and place.kind != "file":
        were = "1 table was" if len(tables) == 1 else f"{len(tables):,} tables were each"
        report.notes.append(
            f"{were} read as one document: {examples(tables, len(tables))}. To read its rows, name "
            f"the table itself."
        )
    files = Collector(named, reading, report)
    for number, path in enumerate(paths):
        if number % _STEP == 0:
            progress("reading", number, len(paths), named)
        name = readable(path)[len(prefix) :]
        if several and place.kind != "file":
            name = os.path.join(named, name)
        if place.kind == "archive":
            data: bytes | Skipped = stored.pop(path)
        elif path == STANDARD_INPUT and place.kind == "file":
            data = _read_standard_input()
        else:
            data = read_file(os.path.join(place.path if place.kind == "folder" else "", path), name)
        files.add_file(name, data, None if labels is None else labels[number])
        if files.full:
            files.check(at_end=False)
            yield files.take()
    files.check()
    yield files.take()


def _read_standard_input() -> bytes | Skipped:
    """Read the document on standard input; it is no longer than another."""
    data = standard_input_stream().read(MAX_DOCUMENT_BYTES + 1)
    too_long = len(data) > MAX_DOCUMENT_BYTES
    return Skipped(STANDARD_INPUT, too_large(len(data))) if too_long else data


def _single_file(path: str, named: str) -> SourceError:
    """Return the error for a file, which has no label, and is perhaps something else."""
    data = read_file(path, named)
    start = b"" if isinstance(data, Skipped) else data[:START_BYTES]
    if kind := not_text(start):
        return SourceError(
            f"{named}: expected a folder of labelled folders, an archive or a table, found {kind}."
        )
    if (found := guessed(start)) is not None:
        return SourceError(
            f"{named}: expected a folder of labelled folders, an archive or a table, found a "
            f"single file, which seems to be {NAMES[found]}: say so by format={found!r} "
            f"(--format {found})."
        )
    return SourceError(
        f"{named}: expected a folder of labelled folders, an archive ({', '.join(ARCHIVES)}) or a "
        f"table ({', '.join(TABLES)}); found a single file, which has no label. If it is a table, "
        f"say of which format by format= (--format)."
    )


def _refuse_tables(paths: list[str], place: SourceLocation, named: str) -> None:
    """Raise if a folder holds tables but no labelled folder: one of the tables was meant."""
    if any("/" in path for path in paths):
        return
    found = [path for path in paths if suffix_format(path)]
    if found:
        one = "one of them" if len(found) > 1 else "it"
        joined = ", ".join(printable(os.path.join(named, path)) for path in found[:10])
        hint = f"Name {one}: {joined}." if place.kind == "folder" else f"Unpack {one} first."
        raise SourceError(
            f"{named}: expected sub-folders, one per label; found "
            f"{counted(len(found), 'table')} and no sub-folder. {hint}"
        )
