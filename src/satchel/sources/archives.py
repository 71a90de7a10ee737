"""The files of a tar or zip archive, read in one pass and never unpacked to disk.

Links, devices and members whose names climb out of the archive (``../x``, ``/x``) are skipped and
counted. Of members with the same name the last counts, as it would after unpacking.
"""

from __future__ import annotations

import bz2
import gzip
import os
import stat
import zipfile
import zlib
from typing import IO, cast

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.progress import Progress
from satchel.sources.documents import Remarks, Trouble, brief, counted
from satchel.sources.folders import by_bytes, hidden, reason
from satchel.sources.limits import (
    MAX_DOCUMENT_BYTES,
    Bounded,
    bomb,
    expansion_limit,
    too_large,
)
from satchel.sources.tar import MAX_NAME_BYTES, read_members

_STEP = 256
_LOCAL_HEADER = 30  # bytes before a zip member's name and data
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


def read_archive(path: str, inside: str, remarks: Remarks, progress: Progress) -> dict[str, bytes]:
    """Read the files of an archive.

    Args:
        path: The archive, with a suffix of ``suffixes.ARCHIVES``.
        inside: Only what lies below this path within the archive; empty for all.
        remarks: Where skipped members are noted.
        progress: Told of members read.

    Returns:
        Path relative to ``inside`` → bytes, sorted by path as bytes.

    Raises:
        SourceError: The archive is cut short, damaged, no archive, a decompression bomb, or holds
            nothing below ``inside``.
    """
    files: dict[str, bytes] = {}
    reader = _read_zip if path.lower().endswith(".zip") else _read_tar
    seen: set[str] = set()
    try:
        reader(path, inside, files, seen, remarks, progress)
    except SourceError:
        raise
    except (*_DAMAGE, NotImplementedError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise SourceError(
                f"{printable(path)}: expected a readable file: {reason(error)}."
            ) from error
        why = brief(str(error) or type(error).__name__, 200)
        raise SourceError(
            f"{printable(path)}: expected a whole archive, found one that is damaged, cut short or "
            f"of another kind ({why}) after {counted(len(files), 'file')}. Fetch it again, or "
            f"unpack it and name the folder."
        ) from error
    if inside and not files and not any(_below(name, inside) for name in seen):
        tops = sorted({name.partition("/")[0] for name in seen})
        raise SourceError(
            f"{printable(path)}: expected {printable(inside)} in the archive, found no such "
            f"folder. At its top are: {', '.join(map(brief, tops[:20])) or 'no files'}."
        )
    return dict(sorted(files.items(), key=lambda item: by_bytes(item[0])))


def _below(name: str, inside: str) -> str:
    """Return a member's path below ``inside``, or an empty string where it lies elsewhere."""
    if not inside:
        return name
    return name[len(inside) + 1 :] if name.startswith(f"{inside}/") else ""


def _name(raw: str, remarks: Remarks) -> str:
    """Return a member's path without ``.`` parts; empty where it is unsafe or none."""
    parts = raw.split("/")
    if "\0" in raw or not raw.strip("/."):
        remarks.special.append(Trouble(raw, "no name that a file could have"))
        return ""
    if raw.startswith("/") or ".." in parts:
        remarks.special.append(Trouble(raw, "name that leads out of the archive"))
        return ""
    return "/".join(part for part in parts if part not in ("", "."))


def _wanted(name: str, inside: str, remarks: Remarks) -> str:
    """Return the path below ``inside`` if the member is to be read; notes hidden ones."""
    below = _below(name, inside)
    if below and any(map(hidden, below.split("/"))):
        remarks.hidden.append(name)
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
    remarks: Remarks,
    progress: Progress,
) -> None:
    with _open(path) as stream:
        bounded = Bounded(stream, path, os.path.getsize(path))
        for number, member in enumerate(read_members(bounded)):
            if number % _STEP == 0:
                progress("reading", number, None, os.path.basename(path))
            if member.fault:
                remarks.unreadable.append(Trouble(f"{member.name[:40]}…", member.fault))
                continue
            if member.kind == "folder" or not (name := _name(member.name, remarks)):
                continue
            seen.add(name)
            if not (below := _wanted(name, inside, remarks)):
                continue
            if member.kind != "file":
                remarks.special.append(Trouble(name, member.kind))
            elif member.size > MAX_DOCUMENT_BYTES:
                remarks.unreadable.append(Trouble(name, too_large(member.size)))
            else:
                files[below] = bounded.read(member.size)
        if not bounded.last:
            remarks.notes.append(f"{printable(path)} has no end mark: it may be cut short.")
        # To its end, so that gzip's checksum is checked.
        while bounded.read(2**20):
            pass


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; many programs write UTF-8 without saying so, which reads as cp437."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode()
        except UnicodeError:
            pass
    return member.filename


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Tell whether members share compressed bytes, which would be unpacked once for each."""
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
    remarks: Remarks,
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
                fault = f"its name has {len(raw):,} characters, more than {MAX_NAME_BYTES:,}"
                remarks.unreadable.append(Trouble(f"{raw[:40]}…", fault))
                continue
            if raw.endswith("/") or not (name := _name(raw, remarks)):
                continue
            seen.add(name)
            if not (below := _wanted(name, inside, remarks)):
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                what = "link" if stat.S_ISLNK(mode) else "not an ordinary file"
                remarks.special.append(Trouble(name, what))
            elif member.flag_bits & 1:
                remarks.unreadable.append(Trouble(name, "encrypted"))
            elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                remarks.unreadable.append(
                    Trouble(name, "compressed by another method than deflate")
                )
            elif member.file_size > MAX_DOCUMENT_BYTES:
                remarks.unreadable.append(Trouble(name, too_large(member.file_size)))
            else:
                # Told how much to read, it also decompresses no more than that at once.
                with archive.open(member) as file:
                    files[below] = file.read(member.file_size)
        progress("reading", len(members), len(members), os.path.basename(path))
