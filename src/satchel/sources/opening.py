"""Where tables are: paths, patterns, addresses, standard input; and their bytes as a stream."""

from __future__ import annotations

import atexit
import contextlib
import csv
import glob
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, Literal, cast, get_args

from satchel.errors import SettingError, SourceError, SourceNotFoundError
from satchel.escaping import printable
from satchel.progress import Progress, silent
from satchel.sources import arrow
from satchel.sources.columns import recognised
from satchel.sources.documents import FASTTEXT_LABEL, counted, is_fasttext
from satchel.sources.encodings import mark
from satchel.sources.files import by_bytes
from satchel.sources.remote import (
    RemoteFile,
    base_name,
    find_remote,
    is_remote,
    plain_address,
    protocol,
)
from satchel.sources.unpacking import packing, packing_of, unpack

Format = Literal["csv", "tsv", "jsonl", "parquet", "arrow", "sqlite", "fasttext"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
"""The formats of a table."""

_DATABASES: Final = (".db", ".sqlite", ".sqlite3")
_QUERY_MARK: Final = "::"  # between a database and its table or query

SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    **dict.fromkeys(_DATABASES, "sqlite"),
}
"""Suffix of a file → its format."""

TABLES: Final = tuple(SUFFIXES)
"""Suffixes of tables."""

SEEKING: Final = frozenset({"parquet", "arrow", "sqlite"})
"""Formats that are not read from start to end, and are never compressed as a whole."""

STANDARD_INPUT: Final = "-"
_STANDARD_INPUT_NAME: Final = "standard input"

MAX_COPY_BYTES: Final = 1 << 40
_FREE_BYTES: Final = 1 << 30  # a temporary copy leaves as much of the disk free
_CHUNK: Final = 1 << 20
_START_BYTES: Final = 1 << 16
_LONGEST_NAME: Final = 60


@dataclass(frozen=True)
class OpenTable:
    """The bytes of a table.

    Attributes:
        stream: The bytes, decompressed and within the limits.
        size: The size of the file as it is, in bytes; None where an address does not tell.
        position: Returns how many of those bytes have been read.
    """

    stream: io.BufferedReader
    size: int | None
    position: Callable[[], int]


@dataclass(frozen=True)
class TableFile:
    """A table: where its bytes are and how they are to be read.

    Attributes:
        place: Its path or address.
        format: Its format.
        packing: How it is compressed, such as ``.gz``; empty if it is not.
        query: The table or query of a database; empty otherwise.
        name: What it is called in messages and in the names of its rows.
    """

    place: str
    format: Format
    packing: str = ""
    query: str = ""
    name: str = ""

    @contextmanager
    def open(self, progress: Progress = silent) -> Iterator[OpenTable]:
        """Open the table's bytes, decompressed and within the limits, at their start.

        Args:
            progress: Receives the bytes of a copy that a compressed file of unknown size needs.

        Raises:
            SourceError: The place cannot be reached; and later, on reading, where the file is
                damaged or looks like a decompression bomb.
            OSError: The file cannot be read.
            MissingDependencyError: A package for the address or the compression is missing.
        """
        with contextlib.ExitStack() as stack:
            raw: io.RawIOBase
            if is_remote(self.place):
                raw = stack.enter_context(RemoteFile(self.place))
                size = raw.size
                if self.packing and size is None:
                    path = stack.enter_context(_copy(raw, self.name, "", progress))
                    raw = stack.enter_context(io.FileIO(path))
                    size = os.path.getsize(path)
            else:
                raw = stack.enter_context(io.FileIO(self.place))
                size = os.path.getsize(self.place)
            stream = cast("io.BufferedReader", io.BufferedReader(raw, _CHUNK))
            if self.packing:
                stream = unpack(stream, self.packing, self.name, size or 0)
            yield OpenTable(stream, size, raw.tell)

    @contextmanager
    def local(self, progress: Progress = silent) -> Iterator[str]:
        """Give a path under which the file, compressed as it is, can be read at any place.

        Args:
            progress: Receives the number of bytes copied so far.

        Raises:
            SourceError: The place cannot be reached, or the disk has no room for a copy.
            MissingDependencyError: A package for the address is missing.
        """
        if is_remote(self.place):
            with local_copy(self.place, progress) as path:
                yield path
        else:
            yield self.place


def split_database(source: str) -> tuple[str, str]:
    """Split a source into a path and the table or query of a database.

    Args:
        source: The source. What exists under the whole name is that; else the first ``::`` after
            a file that exists, or after the suffix of a database, separates.

    Returns:
        The path, and the table or query; empty where there is none.
    """
    if _QUERY_MARK in source and not os.path.lexists(source):
        places = [match.start() for match in re.finditer(f"(?={_QUERY_MARK})", source)]
        for found in (os.path.isfile, lambda path: path.lower().endswith(_DATABASES)):
            for place in places:
                if found(source[:place]):
                    return source[:place], source[place + len(_QUERY_MARK) :]
    return source, ""


def suffix_format(path: str) -> tuple[Format, str] | None:
    """Return the format that a file's suffix names, and its compression; None if it names none."""
    packed = packing(path)
    found = SUFFIXES.get(os.path.splitext(path.lower().removesuffix(packed))[1])
    if found is None or (packed and found in SEEKING):
        return None
    return found, packed


def find_table(source: str, format: Format | None = None) -> TableFile | None:
    """Find out whether a source is a table, and which.

    Args:
        source: A path or address, after which ``::`` and a table or query may follow.
        format: Its format; None: what its suffix says, or a first label as fastText writes it.

    Returns:
        The table; None where the source is something else, or nothing is there.
    """
    place, query = split_database(source)
    remote = is_remote(place)
    if not remote:
        place = os.path.expanduser(place)
        if not os.path.isfile(place):
            return None
    name = base_name(place) if remote else os.path.basename(place)
    if query:
        return TableFile(place, "sqlite", "", query, name)
    known = suffix_format(name)
    if format is not None:
        return TableFile(place, format, "" if format in SEEKING else packing(name), "", name)
    if known is not None:
        return TableFile(place, *known, "", name)
    if not remote and is_fasttext(place):
        return TableFile(place, "fasttext", "", "", name)
    return None


def known_format(format: str | None) -> Format | None:
    """Return a format that the user named.

    Raises:
        SettingError: There is no such format.
    """
    for known in FORMATS:
        if format == known:
            return known
    if format is None:
        return None
    raise SettingError(
        f"format: expected one of {', '.join(FORMATS)}, found {printable(repr(format))}"
    )


def expand(sources: Sequence[str]) -> list[str]:
    """Replace patterns by the files that they match.

    ``*``, ``?`` and ``[…]`` stand for parts of one name, ``**`` for folders at any depth; hidden
    files are not matched. What exists under the name as given is that, and no pattern.

    Args:
        sources: Paths, addresses, patterns of either; ``-`` is standard input. A database may be
            followed by ``::`` and a table or query.

    Returns:
        Each source once, in the order given, the files of a pattern sorted by their bytes.

    Raises:
        SourceNotFoundError: A pattern matches no file.
        SourceError: An address cannot be reached.
        MissingDependencyError: A package for an address is missing.
    """
    return list(dict.fromkeys(one for source in sources for one in _matches(source)))


def _matches(source: str) -> list[str]:
    place, query = split_database(source)
    # A web address may hold a question mark, and has no list of files to match.
    web = protocol(place) in ("http", "https")
    if source == STANDARD_INPUT or web or not glob.has_magic(place) or _inside_what_exists(place):
        return [source]
    folders = 0
    if is_remote(place):
        found = find_remote(place)
    else:
        matched = glob.glob(os.path.expanduser(place), recursive=True)
        found = [path for path in matched if os.path.isfile(path)]
        folders = len(matched) - len(found)
    if not found:
        there = f"only {counted(folders, 'folder')}" if folders else "none"
        advice = "Name a folder itself." if folders else "Check the pattern."
        raise SourceNotFoundError(
            f"{printable(plain_address(place))}: expected files that match the pattern, found "
            f"{there}. {advice}"
        )
    end = f"{_QUERY_MARK}{query}" if query else ""
    return [path + end for path in sorted(found, key=by_bytes)]


def _inside_what_exists(place: str) -> bool:
    """Return whether a path exists as it is spelled, or goes on inside a file that does."""
    if is_remote(place):
        return False
    path = os.path.expanduser(place)
    while glob.has_magic(path):
        if os.path.lexists(path) and (path == os.path.expanduser(place) or os.path.isfile(path)):
            return True
        parent = os.path.dirname(path.rstrip("/\\"))
        if parent == path:
            break
        path = parent
    return os.path.isfile(path)


@contextmanager
def local_copy(address: str, progress: Progress = silent) -> Iterator[str]:
    """Copy the file at an address to a temporary file, which is deleted afterwards.

    Args:
        address: The address; the copy has the end of its name, and so its suffix.
        progress: Receives the number of bytes copied so far.

    Raises:
        SourceError: The address cannot be reached, or the disk has no room for a copy.
        MissingDependencyError: A package for the address is missing.
    """
    name = base_name(address)
    with RemoteFile(address) as file, _copy(file, name, name, progress, file.size) as path:
        yield path


@contextmanager
def _copy(
    file: IO[bytes] | io.RawIOBase,
    name: str,
    file_name: str,
    progress: Progress,
    total: int | None = None,
) -> Iterator[str]:
    """Copy a stream to a temporary file, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="satchel-") as folder:
        limit = min(MAX_COPY_BYTES, shutil.disk_usage(folder).free - _FREE_BYTES)
        # Its suffix says what it is; the rest of the name is for messages.
        path = os.path.join(folder, re.sub(r"[^\w.\-]", "_", file_name)[-_LONGEST_NAME:] or "copy")
        if total is not None and total > limit:
            raise _no_room(name, total, limit, folder)
        done = 0
        with open(path, "wb") as copy:
            while data := file.read(_CHUNK):
                done += len(data)
                if done > limit:
                    raise _no_room(name, done, limit, folder)
                copy.write(data)
                progress("copying", done, total, name)
        yield path


def _no_room(name: str, size: int, limit: int, folder: str) -> SourceError:
    return SourceError(
        f"{printable(name)}: expected at most {max(0, limit):,} bytes, which is what a temporary "
        f"copy may take in {printable(os.path.dirname(folder))}, found {size:,} or more. Name "
        f"another folder for temporary files by TMPDIR, or copy the file yourself."
    )


_copied: tuple[IO[bytes], contextlib.ExitStack, str] | None = None


def standard_input(format: Format | None = None, progress: Progress = silent) -> TableFile:
    """Return the table on standard input, of which a temporary copy is made.

    The copy stays until Python ends, so that the table can be read several times, as a file can.

    Args:
        format: Its format; None: recognised by its first bytes. It may be compressed.
        progress: Receives the number of bytes copied so far.

    Raises:
        SourceError: It is closed or empty, no table that can be recognised, or the disk has no
            room.
    """
    global _copied
    name = _STANDARD_INPUT_NAME
    if sys.stdin is None:
        raise SourceError(f"{name}: expected a table, found it closed. Pipe one into it.")
    stream = sys.stdin.buffer
    if _copied is None or _copied[0] is not stream:
        if _copied is not None:
            _copied[1].close()
        stack = contextlib.ExitStack()
        _copied = stream, stack, stack.enter_context(_copy(stream, name, "", progress))
        atexit.register(stack.close)
    path = _copied[2]
    with open(path, "rb") as file:
        packed = packing_of(file.read(8))
    with TableFile(path, "csv", packed, "", name).open() as opened:
        start = opened.stream.read(_START_BYTES)
    found = format or sniff(start, name)
    if found in SEEKING and packed:
        raise SourceError(
            f"{name}: expected a table that is read from its start, as it is compressed, found one "
            f"in the format {found}. Unpack it first."
        )
    return TableFile(path, found, packed, "", name)


def sniff(start: bytes, name: str) -> Format:
    """Recognise a table's format by its first bytes.

    Args:
        start: The first bytes, decompressed; 64 KiB are plenty.
        name: The table's name, for messages.

    Raises:
        SourceError: It is empty, or none of the formats.
    """
    for begin, format in _STARTS.items():
        if start.startswith(begin):
            return format
    encoding, length = mark(start[:4])
    text = start[length:].decode(encoding or "utf-8", "replace").lstrip()
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
    what = f"{text[:40]!r}" if text else "nothing"
    raise SourceError(
        f"{printable(name)}: expected a table, found {printable(what)}, which is none that is "
        f"recognised (JSON lines, Parquet, Arrow, fastText, or CSV and TSV whose first line names "
        f"columns such as text and label). Say what it is by --format (format=): "
        f"{', '.join(each for each in FORMATS if each != 'sqlite')}."
    )


_STARTS: Final[dict[bytes, Format]] = {
    b"PAR1": "parquet",
    arrow.MARK: "arrow",
    arrow.CONTINUATION: "arrow",
    b"SQLite format 3\0": "sqlite",
}
