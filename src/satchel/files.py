"""Atomic writing: a crash, a full disk or a kill leaves the old file or the new one intact.

The bytes go to a temporary file in the same folder, are synced to the disk, and only then renamed
to the target, which the file system does in one step. A file that is in use (mapped, being read) is
never changed either: its readers keep the old one.

Whether a file can be written can be checked before the work that produces its content.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from satchel.errors import SatchelError, SaveError

Pieces = Iterable[bytes | bytearray | memoryview]
"""The content of a file, piece by piece."""

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def write_atomically(path: str | os.PathLike[str], data: bytes | Pieces) -> None:
    """Create or replace a file in one step.

    Permissions of an existing file are kept; a symbolic link stays, and its target is replaced.

    Args:
        path: The file.
        data: Its new content, whole or in pieces. An error raised by the pieces propagates,
            and the old file stays.

    Raises:
        SaveError: The content could not be written. The message says why, and that the old file
            is untouched; or, if the final sync fails, that the new file is in place but may not
            survive a power failure.
    """
    target = Path(os.path.realpath(path))
    from_pieces: list[OSError] = []
    try:
        mode = _mode_of(target)
        temporary = temporary_in(target.parent)
        try:
            _write(temporary, _pieces(data, from_pieces), mode)
            os.replace(temporary, target)
        except BaseException:
            _remove([temporary])
            raise
    except OSError as error:
        if isinstance(error, SaveError) or error in from_pieces:
            raise
        raise SaveError(f"cannot write {path}: {_why(error, target)}") from error
    _confirm(target.parent, f"{path} is written")


def install(temporary: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Give a finished file of the same file system its final name in one step.

    Args:
        temporary: The finished file; it is gone afterwards, also where this fails.
        path: Its final name; an older file is replaced, and its permissions are kept.

    Raises:
        SaveError: As `write_atomically`.
    """
    target = Path(os.path.realpath(path))
    try:
        with saving(path):
            mode = _mode_of(target)
            if mode is not None:
                os.chmod(temporary, mode)
            descriptor = os.open(temporary, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, target)
    finally:
        _remove([Path(temporary)])
    _confirm(target.parent, f"{path} is written")


@contextlib.contextmanager
def saving(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name a file in the error where the system refuses to write it.

    Args:
        path: The file that the block writes, under a temporary name.

    Raises:
        SaveError: The block raised an OSError that is not one of ours.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, SatchelError):
            raise
        target = Path(os.path.realpath(path))
        raise SaveError(f"cannot write {path}: {_why(error, target)}") from error


def write_folder_atomically(
    folder: str | os.PathLike[str], files: Mapping[str, bytes | Pieces]
) -> None:
    """Create or replace several files of one folder; a failure leaves the old ones.

    All are written under temporary names first. Only when each is complete and on the disk are
    they renamed, in the order given: so put last what refers to the others. Other files of the
    folder stay.

    Args:
        folder: The folder; created, with its parents, if missing.
        files: Name in the folder → content, as `write_atomically` takes it.

    Raises:
        SaveError: A file could not be written. The message says why, and what was left behind.
    """
    home = Path(os.path.realpath(folder))
    made: list[Path] = []
    written: list[tuple[Path, Path]] = []  # temporary name, final name
    replaced = 0
    from_pieces: list[OSError] = []
    try:
        try:
            for missing in reversed(_missing_folders(home)):
                os.mkdir(missing)
                made.append(missing)
            for name, data in files.items():
                target = Path(os.path.realpath(home / name))
                mode = _mode_of(target)
                written.append((temporary_in(target.parent), target))
                _write(written[-1][0], _pieces(data, from_pieces), mode)
            for temporary, target in written:
                os.replace(temporary, target)
                replaced += 1
        except BaseException:
            _remove([temporary for temporary, _ in written[replaced:]])
            for empty in reversed(made):
                with contextlib.suppress(OSError):
                    os.rmdir(empty)
            raise
    except OSError as error:
        if isinstance(error, SaveError) or error in from_pieces:
            raise
        left = "the old files are intact" if os.path.isdir(home) else "nothing was left behind"
        if replaced:
            left = f"{replaced} of {len(written)} files are new, the others old: write again"
        raise SaveError(f"cannot write into {folder}: {_reason(error, home)}; {left}") from error
    _confirm(home, f"{folder} is written")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that `write_atomically` could write a file, before work is spent on its content.

    A temporary file is created beside it and removed, which checks everything but the free space
    for the content.

    Args:
        path: The file that is to be written.

    Raises:
        SaveError: As `write_atomically` would.
    """
    target = Path(os.path.realpath(path))
    with saving(path):
        _mode_of(target)
        _probe(target.parent)


def check_folder_writable(folder: str | os.PathLike[str]) -> None:
    """Check that `write_folder_atomically` could create or write into a folder.

    Args:
        folder: The folder, which need not exist; it is not created.

    Raises:
        SaveError: As `write_folder_atomically` would.
    """
    home = Path(os.path.realpath(folder))
    try:
        missing = _missing_folders(home)
        _probe(missing[-1].parent if missing else home)
    except OSError as error:
        if isinstance(error, SaveError):
            raise
        raise SaveError(f"cannot write into {folder}: {_reason(error, home)}") from error


def _pieces(data: bytes | Pieces, from_pieces: list[OSError]) -> Pieces:
    """Yield the pieces; record an OSError raised by them, as opposed to one of the writing."""
    try:
        yield from [data] if isinstance(data, bytes) else data
    except OSError as error:
        from_pieces.append(error)
        raise


def temporary_in(folder: Path) -> Path:
    """Return the path of a new temporary file in a folder."""
    return folder / f".satchel-{os.urandom(8).hex()}.tmp"


def _remove(temporaries: Iterable[Path]) -> None:
    for temporary in temporaries:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _probe(folder: Path) -> None:
    """Create a temporary file in a folder and remove it."""
    temporary = temporary_in(folder)
    try:
        _write(temporary, [], None)
    finally:
        _remove([temporary])


def _missing_folders(folder: Path) -> list[Path]:
    """Return a folder and those of its parents that are missing, the innermost first."""
    missing = []
    while True:
        try:
            mode = os.stat(folder).st_mode
        except (FileNotFoundError, NotADirectoryError):
            missing.append(folder)
            folder = folder.parent
            continue
        if not stat.S_ISDIR(mode):
            raise SaveError(f"cannot write into {folder}: it is a file; name a folder")
        return missing


def _confirm(folder: Path, what: str) -> None:
    try:
        _sync_folder(folder)
    except OSError as error:
        raise SaveError(
            f"{what}, but the disk did not confirm it ({error.strerror}): "
            "after a power failure the old file may be back; check the disk and save again"
        ) from error


def _mode_of(target: Path) -> int | None:
    """Return the permissions of an existing file, or None; reject what is not a file."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise SaveError(f"cannot write {target}: it is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise SaveError(f"cannot write {target}: it is a device or pipe; name a regular file")
    return stat.S_IMODE(found.st_mode)


def _write(temporary: Path, pieces: Pieces, mode: int | None) -> None:
    """Write the temporary file and sync it to the disk."""
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
    """Sync the new name to the disk, if the system can."""
    if os.name == "nt":  # Windows cannot open folders
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _why(error: OSError, target: Path) -> str:
    """Return why a file could not be written and what was left behind."""
    left = "the old file is intact" if os.path.isfile(target) else "nothing was left behind"
    return f"{_reason(error, target.parent)}; {left}"


def _reason(error: OSError, folder: Path) -> str:
    """Return why a file could not be written into a folder."""
    if error.filename is not None:
        folder = Path(error.filename).parent
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file is larger than the system allows",
        errno.ENOENT: f"there is no folder {folder}",
        errno.ENOTDIR: f"{folder} is not a folder",
        errno.EACCES: f"no permission to write in {folder}",
        errno.EPERM: f"not permitted in {folder}",
        errno.EROFS: f"{folder} is read-only",
        errno.ENAMETOOLONG: "the name is too long",
        errno.ELOOP: "its symbolic links form a loop",
    }
    return reasons.get(error.errno or 0, error.strerror or str(error))
