"""The files of a folder: found without opening any, then read one by one.

Symbolic links are followed, but each folder is visited once (known by device and inode), real
folders before linked ones: a loop ends, and what lies in the tree keeps its own place. Only
regular files are opened: opening a FIFO would wait for ever.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from satchel.sources.documents import Remarks, Trouble
from satchel.sources.limits import MAX_DOCUMENT_BYTES, too_large

_HIDDEN = {"__macosx", "thumbs.db", "desktop.ini"}
# Non-blocking, in case a FIFO takes a file's place between looking and opening.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
)


def hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden or belongs to the operating system."""
    return name.startswith(".") or name.lower() in _HIDDEN


def by_bytes(path: str) -> bytes:
    """Return the sort key of a path: its bytes, so that the order is the same everywhere."""
    return path.encode("utf-8", "surrogateescape")


def kind(mode: int) -> str:
    """Return what a file is, from its mode, where it is no regular file."""
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


def find_files(root: str, remarks: Remarks) -> list[str]:
    """List the files below a folder.

    Args:
        root: The folder.
        remarks: Where hidden, special and unreadable entries are noted.

    Returns:
        Paths relative to ``root``, with ``/``, sorted as bytes.
    """
    found: list[str] = []
    # A link to a folder that holds the source would read all that lies beside it.
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
                remarks.special.append(
                    Trouble(prefix, "link to a folder that is read already or holds the source")
                )
                continue
            visited.add(identity)
            with os.scandir(path) as entries:
                for entry in entries:
                    _sort_in(entry, prefix, found, folders, linked, remarks)
        except OSError as error:
            remarks.unreadable.append(Trouble(prefix or root, reason(error)))
    found.sort(key=by_bytes)
    remarks.hidden.sort(key=by_bytes)
    for troubles in (remarks.special, remarks.unreadable):
        troubles.sort(key=lambda trouble: by_bytes(trouble.name))
    return found


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _sort_in(
    entry: os.DirEntry[str],
    prefix: str,
    found: list[str],
    folders: list[str],
    linked: list[str],
    remarks: Remarks,
) -> None:
    name = prefix + entry.name
    if hidden(entry.name):
        remarks.hidden.append(name)
    elif entry.is_file(follow_symlinks=False):
        found.append(name)
    elif entry.is_dir(follow_symlinks=False):
        folders.append(name + "/")
    else:
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            remarks.unreadable.append(Trouble(name, f"link that leads nowhere: {reason(error)}"))
            return
        if stat.S_ISREG(mode):
            found.append(name)
        elif stat.S_ISDIR(mode):
            linked.append(name + "/")
        else:
            remarks.special.append(Trouble(name, kind(mode)))


def read_file(path: str, name: str, remarks: Remarks) -> bytes | None:
    """Read one regular file.

    Args:
        path: Where it is.
        name: Its name for the remarks.
        remarks: Where it is noted if it cannot be read.

    Returns:
        The bytes, or None where it is unreadable, special, or larger than a document may be.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        remarks.unreadable.append(Trouble(name, reason(error)))
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            remarks.special.append(Trouble(name, kind(status.st_mode)))
            return None
        size = status.st_size
        if size > MAX_DOCUMENT_BYTES:
            remarks.unreadable.append(Trouble(name, too_large(size)))
            return None
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
    except OSError as error:
        remarks.unreadable.append(Trouble(name, reason(error)))
        return None
    finally:
        os.close(descriptor)
    return data
