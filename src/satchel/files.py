"""Writing a file so that a crash, a full disk or a kill leaves the old one or the new one, whole.

The bytes go to a temporary file in the same folder, are forced to the disk, and only then take the
target's name, which the file system does in one step. A file that is in use (mapped, being read) is
never changed either: its readers keep the old one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from satchel.errors import SaveError

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def write_atomically(
    path: str | os.PathLike[str], data: bytes | Iterable[bytes | bytearray | memoryview]
) -> None:
    """Replace a file, or make it, in one step.

    Permissions of a file that exists are kept; a symbolic link stays, and what it points to is
    replaced.

    Args:
        path: The file.
        data: Its new content, whole or in pieces. An error raised by the pieces passes through,
            and the old file stays.

    Raises:
        SaveError: The content could not be written. The message says why, and that what was there
            before is untouched; or, should the disk fail at the very last step, that the new file
            is in place but may not outlive a power cut.
    """
    target = Path(os.path.realpath(path))
    pieces = [data] if isinstance(data, bytes) else data
    try:
        mode = _mode_of(target)
        temporary = target.with_name(f".satchel-{os.urandom(8).hex()}.tmp")
        try:
            _write(temporary, pieces, mode)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        if isinstance(error, SaveError):
            raise
        raise SaveError(f"cannot write {path}: {_why(error, target)}") from error
    try:
        _sync_folder(target.parent)
    except OSError as error:
        raise SaveError(
            f"{path} is written, but the disk did not confirm it ({error.strerror}): "
            "after a power cut the old file may be back; check the disk and save again"
        ) from error


def _mode_of(target: Path) -> int | None:
    """Return the permissions of a file that exists, or None; refuse what is no file."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise SaveError(f"cannot write {target}: it is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise SaveError(f"cannot write {target}: it is a device or pipe, not a regular file")
    return stat.S_IMODE(found.st_mode)


def _write(
    temporary: Path, pieces: Iterable[bytes | bytearray | memoryview], mode: int | None
) -> None:
    """Write the temporary file and force it to the disk."""
    # Not mkstemp: a new model gets the permissions that the user's umask gives any new file.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        if mode is not None:
            os.chmod(temporary, mode)
        for piece in pieces:
            rest = memoryview(piece).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, where the system can."""
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _why(error: OSError, target: Path) -> str:
    """Say what happened and what is left."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file is larger than the system allows",
        errno.ENOENT: f"there is no folder {target.parent}",
        errno.ENOTDIR: f"{target.parent} is not a folder",
        errno.EACCES: f"no permission to write in {target.parent}",
        errno.EPERM: f"not permitted in {target.parent}",
        errno.EROFS: f"{target.parent} is read-only",
        errno.ENAMETOOLONG: "the name is too long",
        errno.ELOOP: "its symbolic links form a loop",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    left = "the file there before is whole" if os.path.isfile(target) else "nothing was left behind"
    return f"{reason}; {left}"
