"""Where tables are: paths, patterns, addresses, standard input; and their bytes as a stream."""

from __future__ import annotations

import atexit
import contextlib
import glob
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Final, cast

from satchel.errors import SatchelError, SettingError, SourceError, SourceNotFoundError
from satchel.escaping import printable
from satchel.progress import Progress, silent
from satchel.sources.documents import counted, is_fasttext
from satchel.sources.files import by_bytes
from satchel.sources.recognition import (
    FORMATS,
    NAMES,
    SEEKING,
    START_BYTES,
    Format,
    guessed,
    held,
    refuse_other,
    sniff,
)
from satchel.sources.remote import (
    RemoteFile,
    base_name,
    find_remote,
    is_remote,
    plain_address,
    protocol,
)
from satchel.sources.unpacking import PACKED, packing, packing_of, unpack

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

STANDARD_INPUT: Final = "-"
STANDARD_INPUT_NAME: Final = "standard input"

MAX_COPY_BYTES: Final = 1 << 40
_FREE_BYTES: Final = 1 << 30  # a temporary copy leaves as much of the disk free
_CHUNK: Final = 1 << 20
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
        unlike: What it holds, where that is not what its suffix says; empty otherwise.
    """

    place: str
    format: Format
    packing: str = ""
    query: str = ""
    name: str = ""
    unlike: str = ""

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

    Raises:
        SourceError: It has the suffix of a table, and holds something else.
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
        table = TableFile(place, format, "" if format in SEEKING else packing(name), "", name)
        return table if remote or format in SEEKING else _as_it_is(table, format)
    if known is not None:
        table = TableFile(place, *known, "", name)
        return table if remote else _as_it_is(table)
    if not remote and is_fasttext(place):
        return TableFile(place, "fasttext", "", "", name)
    return None


def _as_it_is(table: TableFile, format: Format | None = None) -> TableFile:
    """Return a table with the format and compression that its first bytes show.

    Args:
        table: The table as its suffix describes it.
        format: The format that the user named, which holds whatever the bytes show.

    Raises:
        SourceError: It is another kind of file.
    """
    try:
        with open(table.place, "rb") as file:
            start = file.read(START_BYTES)
            packed = packing_of(start)
            if packed and table.format not in SEEKING:
                with replace(table, packing=packed).open() as opened:
                    start = opened.stream.read(START_BYTES)
    except (OSError, SatchelError):
        return table  # whoever reads it says what is wrong
    # Damaged data, most likely, and not data that nobody compressed.
    damaged = table.packing and not packed and guessed(start) is None
    if not start or damaged:
        return table
    found = format or held(start, table.format)
    if found in SEEKING and packed:
        raise _unpack_first(table.name, found)
    if found not in SEEKING:
        refuse_other(start, table.name)
    if (found, packed) == (table.format, table.packing):
        return table
    what = NAMES[found]
    if packed != table.packing:
        what += f" compressed by {PACKED[packed]}" if packed else " that is not compressed"
    return replace(table, format=found, packing=packed, unlike=what)


def _unpack_first(name: str, format: Format) -> SourceError:
    return SourceError(
        f"{printable(name)}: expected a table that is read from its start, as it is compressed, "
        f"found {NAMES[format]}. Unpack it first."
    )


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


def standard_input_stream() -> IO[bytes]:
    """Return the bytes of standard input.

    Raises:
        SourceError: It is closed.
    """
    if sys.stdin is None:
        raise SourceError(f"{STANDARD_INPUT_NAME}: expected data, found it closed. Pipe some in.")
    return sys.stdin.buffer


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
    name = STANDARD_INPUT_NAME
    stream = standard_input_stream()
    if _copied is None or _copied[0] is not stream:
        if _copied is not None:
            _copied[1].close()
        stack = contextlib.ExitStack()
        _copied = stream, stack, stack.enter_context(_copy(stream, name, "", progress))
        atexit.register(stack.close)
    path = _copied[2]
    with open(path, "rb") as file:
        packed = packing_of(file.read(START_BYTES))
    with TableFile(path, "csv", packed, "", name).open() as opened:
        start = opened.stream.read(START_BYTES)
    found = format or sniff(start, name)
    if found in SEEKING and packed:
        raise _unpack_first(name, found)
    return TableFile(path, found, packed, "", name)
