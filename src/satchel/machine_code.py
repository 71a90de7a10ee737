"""Where machine code is kept across processes: a folder that nobody else can write.

Whoever can write into such a folder, or swap one of the folders above it, can have code run by the
next process that loads from it. So every folder of the path, up to the root, must belong to this
user or to root and be writable by nobody else; a sticky ``/tmp`` is none of these.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from satchel.errors import warn

# O_PATH opens a folder that may be passed through but not listed, such as /home of mode 0711.
_ENTER = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def compiled_folder(
    name: str, variable: str | None = None, beside: Path | None = None
) -> Path | None:
    """Find or make a folder for compiled code; say so once where there is none.

    Args:
        name: The folder's own name, which should change with what was compiled.
        variable: The environment variable by which a user may choose the folder that holds it;
            where it is set, no other folder is tried.
        beside: Tried first, if it exists. Then come the user's cache folder and the folder for
            temporary files, which is private on some systems.

    Returns:
        The folder, of mode 0700, its path without symbolic links; None where there is none.
    """
    chosen = os.environ.get(variable) if variable else None
    refused = []
    for parent in [Path(chosen)] if chosen else _candidates(beside):
        try:
            return _private_folder(parent, name)
        except OSError as error:
            at = error.filename if os.path.isabs(str(error.filename)) else parent
            refused.append(f"{at}: {error.strerror or error}")
    _say_refused(variable if chosen else None, "; ".join(refused))
    return None


@lru_cache(maxsize=16)
def _say_refused(variable: str | None, reasons: str) -> None:
    found = f"{variable} is not used, and machine code" if variable else "machine code"
    warn(
        f"{found} is not kept but compiled by every process anew, which takes up to a minute "
        f"({reasons}): set {variable or 'XDG_CACHE_HOME'} to a folder that only you can write, "
        "as all folders above it"
    )


def _candidates(beside: Path | None) -> Iterator[Path]:
    if beside is not None and beside.is_dir():
        yield beside
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with suppress(RuntimeError):  # no home folder is known
        yield (Path(home) if home else Path.home() / ".cache") / "satchel"
    yield Path(tempfile.gettempdir()) / "satchel"


def _private_folder(parent: Path, name: str) -> Path:
    """Find or make a folder whose path nobody else can change.

    The folders are entered one by one, each from within the one before, so that what was checked
    is what is used. Afterwards the path is as good as the descriptors: only this user and root
    could change what it means.

    Raises:
        OSError: Another user could write it, or this one cannot.
    """
    folder = Path(os.path.realpath(parent)) / name
    if not hasattr(os, "geteuid"):
        return _in_profile(folder)
    user = os.geteuid()
    handle = os.open(folder.anchor, _ENTER)
    try:
        _check(handle, Path(folder.anchor), user)
        for path in [*reversed(folder.parents[:-1]), folder]:
            inner = _enter(handle, path)
            os.close(handle)
            handle = inner
            _check(handle, path, user)
        found = os.fstat(handle)
        # Ours is made for the owner alone; another mode means that somebody else could write here
        # at some time, and what lies here may be theirs.
        if found.st_uid != user or stat.S_IMODE(found.st_mode) != 0o700:
            mode = stat.S_IMODE(found.st_mode)
            raise PermissionError(0, f"it is not private (mode {mode:04o}): remove it", str(folder))
        probe = f".{os.getpid()}"
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=handle))
        os.unlink(probe, dir_fd=handle)
    finally:
        os.close(handle)
    return folder


def _enter(outer: int, path: Path) -> int:
    """Open a folder inside an open one; make it where it is missing."""
    try:
        return os.open(path.name, _ENTER, dir_fd=outer)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process of ours was quicker
            os.mkdir(path.name, 0o700, dir_fd=outer)
            os.chmod(path.name, 0o700, dir_fd=outer)  # whatever the umask has taken away
        return os.open(path.name, _ENTER, dir_fd=outer)


def _check(handle: int, path: Path, user: int) -> None:
    found = os.fstat(handle)
    if found.st_uid not in (0, user):
        raise PermissionError(0, f"it belongs to another user (number {found.st_uid})", str(path))
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(found.st_mode)
        raise PermissionError(0, f"other users can write it (mode {mode:04o})", str(path))


def _in_profile(folder: Path) -> Path:
    """Make a folder where the system has no owners and modes but keeps a user's profile private.

    Raises:
        OSError: The folder is outside the profile, or cannot be written.
    """
    if not folder.is_relative_to(os.path.realpath(Path.home())):
        raise PermissionError(0, "it is outside your user profile", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder
