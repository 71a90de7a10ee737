"""The documents in a tar or ZIP archive, read without unpacking anything to the disk.

A tar is read strictly forward by code of our own. Python's tarfile takes time that grows with the
square of a long name or of a header of digits (CVE-2024-6232 in Python up to 3.11.9), and other
versions loop over crafted sizes. Reading needs little of the format: names (ustar, GNU and PAX),
sizes and types. Each header is read once, and the length of its names is limited.
"""

from __future__ import annotations

import bz2
import gzip
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, cast

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.progress import Progress
from satchel.sources.documents import (
    MAX_DOCUMENT_BYTES,
    Bounded,
    ReadReport,
    Skipped,
    bomb,
    brief,
    counted,
    expansion_limit,
    too_large,
)
from satchel.sources.files import by_bytes, hidden, reason

BLOCK: Final = 512
MAX_NAME_BYTES: Final = 4096
"""The longest name of a member; no file system takes a longer path."""

MAX_HEADER_BYTES: Final = 1 << 20
"""The longest extended header."""

_REGULAR: Final = frozenset(b"07\0")
_KINDS: Final = {ord("1"): "link", ord("2"): "link", ord("5"): "folder"}
_GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"LKS"
_PAX, _PAX_SOLARIS, _PAX_GLOBAL = b"xXg"
# Links, devices and folders: their size field does not say how much data follows.
_WITHOUT_DATA: Final = frozenset(b"123456")


@dataclass(frozen=True)
class Member:
    """A member; the stream is positioned at the start of its data.

    Attributes:
        name: Its path; bytes that are not UTF-8 are surrogate escapes.
        kind: ``file``, ``folder``, ``link`` or ``not a regular file``.
        size: Bytes of data that follow.
        fault: Why its name cannot be read, so that it is skipped; empty if it can.
    """

    name: str
    kind: str
    size: int
    fault: str = ""


@dataclass
class _Extended:
    """What extended headers say of the member after them."""

    name: str | None = None
    size: int | None = None
    sparse: bool = False
    fault: str = ""


def read_members(stream: Bounded) -> Iterator[Member]:
    """Yield the members of a tar.

    The caller may read a member's data from the stream before asking for the next one.

    Args:
        stream: The tar, decompressed.

    Raises:
        ValueError: A header is damaged.
        EOFError: The tar is truncated.
    """
    for_all = _Extended()
    extended = _Extended()
    while True:
        header = stream.read(BLOCK)
        if not header.strip(b"\0"):
            if len(header) < BLOCK and (header or stream.tell() == 0):
                raise EOFError("no end-of-archive marker")
            return
        if len(header) < BLOCK:
            raise EOFError("no end-of-archive marker")
        _check(header)
        kind, size = header[156], _number(header[124:136])
        if kind in (_PAX, _PAX_SOLARIS, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            target = for_all if kind == _PAX_GLOBAL else extended
            _extend(stream, kind, size, target)
            continue
        sparse = extended.sparse or for_all.sparse
        if kind == _GNU_SPARSE:
            sparse, more = True, header[482]
            while more:
                block = stream.read(BLOCK)
                if len(block) < BLOCK:
                    raise EOFError("a header ends early")
                more = block[504]
        size = next((each.size for each in (extended, for_all) if each.size is not None), size)
        name = next((each.name for each in (extended, for_all) if each.name is not None), None)
        if name is None:
            name = _own_name(header)
        if kind in _WITHOUT_DATA:
            size = 0
        if kind == 0 and name.endswith("/"):  # how the oldest programs mark a folder
            what = "folder"
        elif kind in _REGULAR and not sparse:
            what = "file"
        else:
            what = _KINDS.get(kind, "not a regular file")
        start = stream.tell()
        yield Member(name, what, size, extended.fault or for_all.fault)
        stream.seek(start + _padded(size))
        if stream.tell() < start + size:
            raise EOFError("a member ends early")
        extended = _Extended()


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _check(header: bytes) -> None:
    """Raise where a header's checksum is wrong."""
    rest = header[:148] + b" " * 8 + header[156:]
    found = _number(header[148:156])
    # Some old programs summed bytes as signed numbers.
    if found not in (sum(rest), sum(rest) - 256 * sum(byte > 127 for byte in rest)):
        raise ValueError("a header's checksum is wrong")


def _number(field: bytes) -> int:
    """Return a number: octal digits, or binary where the first bit is set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise ValueError("a number in a header is damaged")
    return int(digits or b"0", 8)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _own_name(header: bytes) -> str:
    """Return the name in the header itself."""
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return _text(name)


def _extend(stream: Bounded, kind: int, size: int, extended: _Extended) -> None:
    """Take what an extended header says, or record why it cannot be used."""
    start = stream.tell()
    limit = MAX_HEADER_BYTES if kind in (_PAX, _PAX_SOLARIS, _PAX_GLOBAL) else MAX_NAME_BYTES + 1
    if size > limit:
        what = "name" if kind == _GNU_NAME else "header"
        if kind != _GNU_LINK:
            extended.fault = f"its {what} takes {size:,} bytes; the limit is {limit:,}"
    else:
        data = stream.read(size)
        if len(data) < size:
            raise EOFError("a header ends early")
        if kind == _GNU_NAME:
            extended.name = _text(data.split(b"\0")[0])
        elif kind != _GNU_LINK:
            _take_pax(data, extended)
    stream.seek(start + _padded(size))


def _take_pax(data: bytes, extended: _Extended) -> None:
    """Take the records of a PAX header: a length, a blank, a key, ``=``, a value, a line feed."""
    place = 0
    while place < len(data) and data[place]:
        blank = data.find(b" ", place, place + 20)
        digits = data[place:blank] if blank >= 0 else b""
        if not digits.isdigit():
            raise ValueError("a PAX header is damaged")
        end = place + int(digits)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= blank + 1 or data[end - 1 : end] != b"\n" or not equals:
            raise ValueError("a PAX header is damaged")
        if key == b"path":
            if len(value) > MAX_NAME_BYTES:
                extended.fault = (
                    f"its name takes {len(value):,} bytes; the limit is {MAX_NAME_BYTES:,}"
                )
            extended.name = _text(value[:MAX_NAME_BYTES])
        elif key == b"size":
            if not value.isdigit() or len(value) > 20:
                raise ValueError("a size in a PAX header is damaged")
            extended.size = int(value)
        elif key.startswith(b"GNU.sparse."):
            extended.sparse = True
        place = end


_STEP = 256
_LOCAL_HEADER = 30  # bytes before a zip member's name and data
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


def read_archive(
    path: str, inside: str, report: ReadReport, progress: Progress
) -> dict[str, bytes]:
    """Read the files of an archive.

    Args:
        path: The archive, with a suffix of ``documents.ARCHIVES``.
        inside: Only what lies below this path within the archive; empty for all.
        report: Where skipped members are noted.
        progress: Receives the number of members read so far.

    Returns:
        Path relative to ``inside`` → bytes, sorted by path as bytes.

    Raises:
        SourceError: The archive is truncated, damaged, not an archive, a decompression bomb, or
            holds nothing below ``inside``.
    """
    files: dict[str, bytes] = {}
    reader = _read_zip if path.lower().endswith(".zip") else _read_tar
    seen: set[str] = set()
    try:
        reader(path, inside, files, seen, report, progress)
    except SourceError:
        raise
    except (*_DAMAGE, NotImplementedError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise SourceError(
                f"{printable(path)}: expected a readable file, found that it cannot be read: "
                f"{reason(error)}."
            ) from error
        why = brief(str(error) or type(error).__name__, 200)
        raise SourceError(
            f"{printable(path)}: expected an intact archive, found one that is damaged, truncated "
            f"or of another format ({why}) after {counted(len(files), 'file')}. Get a fresh copy, "
            f"or unpack it and name the folder."
        ) from error
    if inside and not files and not any(_below(name, inside) for name in seen):
        tops = sorted({name.partition("/")[0] for name in seen})
        raise SourceError(
            f"{printable(path)}: expected {printable(inside)} in the archive, found no such "
            f"folder. Its top level holds: {', '.join(map(brief, tops[:20])) or 'no files'}."
        )
    return dict(sorted(files.items(), key=lambda item: by_bytes(item[0])))


def _below(name: str, inside: str) -> str:
    """Return a member's path below ``inside``, or an empty string where it lies elsewhere."""
    if not inside:
        return name
    return name[len(inside) + 1 :] if name.startswith(f"{inside}/") else ""


def _name(raw: str, report: ReadReport) -> str:
    """Return a member's path without ``.`` parts; empty where it is unsafe or not a name."""
    parts = raw.split("/")
    if "\0" in raw or not raw.strip("/."):
        report.special.append(Skipped(raw, "not a valid file name"))
        return ""
    if raw.startswith("/") or ".." in parts:
        report.special.append(Skipped(raw, "name that points outside the archive"))
        return ""
    return "/".join(part for part in parts if part not in ("", "."))


def _wanted(name: str, inside: str, report: ReadReport) -> str:
    """Return the path below ``inside`` if the member is to be read; notes hidden ones."""
    below = _below(name, inside)
    if below and any(map(hidden, below.split("/"))):
        report.hidden.append(name)
        return ""
    return below


def _open(path: str) -> IO[bytes]:
    """Open a tar for reading what it holds, decompressed."""
    lowered = path.lower()
    if lowered.endswith((".tar.gz", ".tgz")):
        return cast("IO[bytes]", gzip.open(path))
    if lowered.endswith(".tar.bz2"):
        return bz2.open(path)
    return open(path, "rb")


def _read_tar(
    path: str,
    inside: str,
    files: dict[str, bytes],
    seen: set[str],
    report: ReadReport,
    progress: Progress,
) -> None:
    with _open(path) as stream:
        bounded = Bounded(stream, path, os.path.getsize(path))
        for number, member in enumerate(read_members(bounded)):
            if number % _STEP == 0:
                progress("reading", number, None, os.path.basename(path))
            if member.fault:
                report.reject(report.unreadable, Skipped(f"{member.name[:40]}…", member.fault))
                continue
            if member.kind == "folder" or not (name := _name(member.name, report)):
                continue
            seen.add(name)
            if not (below := _wanted(name, inside, report)):
                continue
            if member.kind != "file":
                report.special.append(Skipped(name, member.kind))
            elif member.size > MAX_DOCUMENT_BYTES:
                report.reject(report.unreadable, Skipped(name, too_large(member.size)))
            else:
                files[below] = bounded.read(member.size)
        if not bounded.last:
            report.notes.append(
                f"{printable(path)} has no end-of-archive marker: it may be truncated."
            )
        # To its end, so that gzip's checksum is checked.
        while bounded.read(2**20):
            pass


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; UTF-8 is often written without its flag and then read as cp437."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode()
        except UnicodeError:
            pass
    return member.filename


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Return whether members share compressed bytes, which would be unpacked once for each."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            return True
        end = member.header_offset + _LOCAL_HEADER + member.compress_size
    return False


def _read_zip(
    path: str,
    inside: str,
    files: dict[str, bytes],
    seen: set[str],
    report: ReadReport,
    progress: Progress,
) -> None:
    size = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        # The declared sizes bind: zipfile reads no more of a member than it declares.
        if sum(member.file_size for member in members) > expansion_limit(size) or _overlap(members):
            raise bomb(path, size)
        for number, member in enumerate(members):
            if number % _STEP == 0:
                progress("reading", number, len(members), os.path.basename(path))
            raw = _zip_name(member)
            if len(raw) > MAX_NAME_BYTES:
                fault = f"its name has {len(raw):,} characters; the limit is {MAX_NAME_BYTES:,}"
                report.reject(report.unreadable, Skipped(f"{raw[:40]}…", fault))
                continue
            if raw.endswith("/") or not (name := _name(raw, report)):
                continue
            seen.add(name)
            if not (below := _wanted(name, inside, report)):
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                what = "link" if stat.S_ISLNK(mode) else "not a regular file"
                report.special.append(Skipped(name, what))
            elif member.flag_bits & 1:
                report.reject(report.unreadable, Skipped(name, "encrypted"))
            elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                report.reject(
                    report.unreadable, Skipped(name, "compressed with a method other than deflate")
                )
            elif member.file_size > MAX_DOCUMENT_BYTES:
                report.reject(report.unreadable, Skipped(name, too_large(member.file_size)))
            else:
                # Given a size, it decompresses no more than that at once.
                with archive.open(member) as file:
                    files[below] = file.read(member.file_size)
        progress("reading", len(members), len(members), os.path.basename(path))
