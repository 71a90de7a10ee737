"""Folders of files: which files there are, which folder names are the labels, and their bytes."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import (
    MAX_DOCUMENT_BYTES,
    ReadReport,
    Skipped,
    brief,
    counted,
    examples,
    too_large,
)

LONGEST_LABEL = 1_000
"""The longest label, in characters: a longer one is probably a text."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_PART_WORDS = {"train", "training", "test", "testing", "dev", "valid", "validation", "val", "eval"}


def readable(name: str) -> str:
    """Return a file name as Unicode: bytes that are not UTF-8 are shown in hexadecimal."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def clean_label(label: str) -> str:
    """Return a label without surrounding white space, in Unicode's composed form (NFC).

    macOS stores file names decomposed; this way a label is the same on every machine.
    """
    return unicodedata.normalize("NFC", label).strip()


def has_controls(label: str) -> bool:
    """Return whether a label holds control characters, such as a NUL or a line feed."""
    return _CONTROLS.search(label) is not None


def label_fault(label: str) -> str:
    r"""Return why a label cannot be used, or an empty string where it can.

    Control characters are refused: NumPy drops a NUL at the end, so that ``spam`` and ``spam\0``
    would become one label, and a line feed would break every table and every terminal.
    """
    if len(label) > LONGEST_LABEL:
        return (
            f"expected a label of at most {LONGEST_LABEL:,} characters, found one of "
            f"{len(label):,}: {printable(label[:20])}…"
        )
    if has_controls(label.strip()):
        return f"expected a label without control characters, found {brief(label)}"
    return ""


def _is_part(name: str) -> bool:
    return not _PART_WORDS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def find_root(paths: Sequence[str], source: str, report: ReadReport) -> str:
    """Find the folder whose sub-folders are the labels.

    It is the top one, unless the top level holds just one folder that contains several: then that
    one, and so on down; the report says so.

    Args:
        paths: Relative paths of all files.
        source: The source as the user named it, for messages.
        report: Where a descent is noted.

    Returns:
        The prefix of the labelled folders, empty or ending with ``/``.

    Raises:
        SourceError: There is no labelled folder, or there are parts such as ``train`` and
            ``test`` whose sub-folders are the labels, and the user must choose.
    """
    # Each path is split once and compared part by part, so that the work grows with the characters
    # of all paths, however deep they are.
    deep = [path.split("/") for path in paths if "/" in path]
    if not deep:
        raise SourceError(
            f"{source}: expected sub-folders, one per label, with files in them; found none, only "
            f"{counted(len(paths), 'file')} outside any: {examples(paths, len(paths))}. "
            f"Put the files of each label in a separate folder, or name a table "
            f"(CSV, TSV, JSONL, Parquet)."
        )
    wraps: list[str] = []
    while True:
        depth = len(wraps)
        folders: dict[str, set[str]] = {}
        for parts in deep:
            below = folders.setdefault(parts[depth], set())
            if len(parts) > depth + 2:
                below.add(parts[depth + 1])
        if len(folders) > 1 or not next(iter(folders.values())):
            break
        wraps += folders
        deep = [parts for parts in deep if len(parts) > depth + 2]
    if len(folders) == 1:
        wraps = []
    prefix = "".join(f"{name}/" for name in wraps)
    wrapped = {name: below for name, below in folders.items() if len(below) > 1}
    if len(wrapped) > 1 and any(map(_is_part, wrapped)):
        first, *others = wrapped.values()
        if len(first.intersection(*others)) > 1:
            base = f"{source.rstrip('/')}/{prefix}"
            named = "\n".join(f"  {printable(base + name)}" for name in sorted(wrapped))
            raise SourceError(
                f"{source}: expected one set of labelled folders, found {len(wrapped)} parts, each "
                f"with the labels as its sub-folders. Name the part to read:\n{named}"
            )
    if prefix:
        report.notes.append(
            f"The labelled folders were found in {printable(prefix)}, the only folder there is."
        )
    return prefix


def split_labels(
    paths: Sequence[str], prefix: str, report: ReadReport
) -> tuple[list[str], list[str]]:
    """Give each file its label: the first folder below the prefix, however deep the file lies.

    Args:
        paths: Relative paths of all files.
        prefix: What :func:`find_root` returned.
        report: Where files outside any labelled folder are noted.

    Returns:
        The paths that have a label, in the same order, and their labels.
    """
    kept, labels = [], []
    cleaned: dict[str, str] = {}
    for path in paths:
        first, slash, _ = path[len(prefix) :].partition("/")
        if not slash or not path.startswith(prefix):
            report.leave_out(path)
            continue
        if first not in cleaned:
            name = readable(first)
            fault = label_fault(name)
            cleaned[first] = "" if fault else clean_label(name)
            if fault:
                report.notes.append(f"Skipped the folder {brief(name)}: {fault}.")
        if cleaned[first]:
            kept.append(path)
            labels.append(cleaned[first])
        else:
            report.leave_out(path)
    return kept, labels


_HIDDEN = {"__macosx", "thumbs.db", "desktop.ini"}
# Non-blocking, in case a FIFO replaces a file between the check and the opening.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
)


def hidden(name: str) -> bool:
    """Return whether a file or folder is hidden or belongs to the operating system."""
    return name.startswith(".") or name.lower() in _HIDDEN


def by_bytes(path: str) -> bytes:
    """Return the sort key of a path: its bytes, so that the order is the same everywhere."""
    return path.encode("utf-8", "surrogateescape")


def kind(mode: int) -> str:
    """Return what a file is, from its mode, where it is not a regular file."""
    for test, name in (
        (stat.S_ISFIFO, "FIFO"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    ):
        if test(mode):
            return name
    return "special file"


def reason(error: OSError) -> str:
    """Return why the system refused, without the path."""
    return error.strerror or type(error).__name__


def find_files(root: str, report: ReadReport) -> list[str]:
    """List the files below a folder.

    Args:
        root: The folder.
        report: Where hidden, special and unreadable entries are noted.

    Returns:
        Paths relative to ``root``, with ``/``, sorted as bytes.
    """
    found: list[str] = []
    every: list[str] = []
    # A link to a folder that contains the source would read everything beside it.
    visited = {_identity(str(folder)) for folder in Path(os.path.realpath(root)).parents}
    folders = [""]
    linked: list[str] = []
    while folders or linked:
        from_link = not folders
        if from_link:
            linked.sort(key=by_bytes, reverse=True)
        prefix = linked.pop() if from_link else folders.pop()
        path = os.path.join(root, prefix)
        try:
            identity = _identity(path)
            if identity in visited:
                report.special.append(
                    Skipped(prefix, "link to a folder that was already read or contains the source")
                )
                continue
            visited.add(identity)
            every.append(prefix)
            with os.scandir(path) as entries:
                for entry in entries:
                    _classify(entry, prefix, found, folders, linked, report)
        except OSError as error:
            report.reject(report.unreadable, Skipped(prefix or root, reason(error)))
    empty = _without_files(every, found, report)
    if empty:
        report.notes.append(
            f"Found no file in {counted(len(empty), 'folder')}: {examples(empty, len(empty))}."
        )
    found.sort(key=by_bytes)
    report.hidden.sort(key=by_bytes)
    for skipped in (report.special, report.unreadable):
        skipped.sort(key=lambda each: by_bytes(each.name))
    return found


def _without_files(folders: list[str], found: list[str], report: ReadReport) -> list[str]:
    """Return the folders in which nothing was found, neither files nor what is reported anyway."""
    others = (each.name.rstrip("/") for each in (*report.special, *report.unreadable))
    filled = {""}
    for path in (*found, *report.hidden, *others):
        while (path := path[: path.rfind("/", 0, -1) + 1]) not in filled:
            filled.add(path)
    empty = sorted(set(folders) - filled, key=by_bytes)
    inner = set(empty)
    return [path for path in empty if path[: path.rfind("/", 0, -1) + 1] not in inner]


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _classify(
    entry: os.DirEntry[str],
    prefix: str,
    found: list[str],
    folders: list[str],
    linked: list[str],
    report: ReadReport,
) -> None:
    name = prefix + entry.name
    if hidden(entry.name):
        report.hidden.append(name)
    elif entry.is_file(follow_symlinks=False):
        found.append(name)
    elif entry.is_dir(follow_symlinks=False):
        folders.append(name + "/")
    else:
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            report.reject(report.unreadable, Skipped(name, f"broken link: {reason(error)}"))
            return
        if stat.S_ISREG(mode):
            found.append(name)
        elif stat.S_ISDIR(mode):
            linked.append(name + "/")
        else:
            report.special.append(Skipped(name, kind(mode)))


def read_file(path: str, name: str) -> bytes | Skipped:
    """Read one regular file.

    Args:
        path: Where it is.
        name: Its name for the report.

    Returns:
        The bytes, or why there are none: it is unreadable, special, or larger than a document may
        be.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        return Skipped(name, reason(error))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Skipped(name, kind(status.st_mode))
        size = status.st_size
        if size > MAX_DOCUMENT_BYTES:
            return Skipped(name, too_large(size))
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
    except OSError as error:
        return Skipped(name, reason(error))
    finally:
        os.close(descriptor)
    return data
