"""A folder that caches machine code across processes and that nobody else can write.

Anyone who can write into such a folder, or replace one of its parents, can run code in the next
process that loads from it. So every folder of the path, up to the root, must belong to this
user or to root and be writable by nobody else; a sticky ``/tmp`` does not qualify.
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
    """Find or create a folder for compiled code; warn once if there is none.

    Args:
        name: The folder's own name, which should change with the compiled code.
        variable: The environment variable by which a user may choose the folder that holds it;
            where it is set, no other folder is tried.
        beside: Tried first, if it exists. Then come the user's cache folder and the folder for
            temporary files, which is private on some systems.

    Returns:
        The folder, with mode 0700 and no symbolic links in its path; None if there is none.
    """
    chosen = os.environ.get(variable) if variable else None
    refused = []
    for parent in [Path(chosen)] if chosen else _candidates(beside):
        try:
            return _private_folder(parent, name)
        except OSError as error:
            at = error.filename if os.path.isabs(str(error.filename)) else parent
            refused.append(f"{at}: {error.strerror or error}")
    _warn_once(variable if chosen else None, "; ".join(refused))
    return None


@lru_cache(maxsize=16)
def _warn_once(variable: str | None, reasons: str) -> None:
    found = f"{variable} is not used, and machine code" if variable else "machine code"
    warn(
        f"{found} is not kept, so every process compiles it again, which takes up to a minute "
        f"({reasons}): set {variable or 'XDG_CACHE_HOME'} to a folder that only you can write, "
        "and whose parent folders only you or root can write"
    )


def _candidates(beside: Path | None) -> Iterator[Path]:
    if beside is not None and beside.is_dir():
        yield beside
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with suppress(RuntimeError):  # no home folder is known
        yield (Path(home) if home else Path.home() / ".cache") / "satchel"
    yield Path(tempfile.gettempdir()) / "satchel"


def _private_folder(parent: Path, name: str) -> Path:
    """Find or create a folder whose path nobody else can change.

    The folders are entered one by one, each from within the one before, so that what was checked
    is what is used. Afterwards the path is as good as the descriptors: only this user and root
    could change what it means.

    Raises:
        OSError: Another user could write it, or the current one cannot.
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
        # The folder is created for its owner alone; another mode means that somebody else could
        # write here at some time, and may have left files.
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
    """Open a folder inside an open one; create it if it is missing."""
    try:
        return os.open(path.name, _ENTER, dir_fd=outer)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another of our processes was faster
            os.mkdir(path.name, 0o700, dir_fd=outer)
            os.chmod(path.name, 0o700, dir_fd=outer)  # whatever the umask removed
        return os.open(path.name, _ENTER, dir_fd=outer)


def _check(handle: int, path: Path, user: int) -> None:
    found = os.fstat(handle)
    if found.st_uid not in (0, user):
        raise PermissionError(0, f"it belongs to another user (uid {found.st_uid})", str(path))
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(found.st_mode)
        raise PermissionError(0, f"other users can write it (mode {mode:04o})", str(path))


def _in_profile(folder: Path) -> Path:
    """Create a folder on a system without owners and modes that keeps user profiles private.

    Raises:
        OSError: The folder is outside the profile, or cannot be written.
    """
    if not folder.is_relative_to(os.path.realpath(Path.home())):
        raise PermissionError(0, "it is outside your user profile", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder
