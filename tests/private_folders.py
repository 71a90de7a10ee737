"""A folder that no other user can write, nor any folder above it."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def is_private(folder: Path) -> bool:
    """Whether a folder and all above it belong to this user or root, who alone may write."""
    for path in (folder, *folder.parents):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.geteuid()):
            return False
        if found.st_mode & 0o022:
            return False
    return True


@contextmanager
def private_folder(*, reachable: bool = False) -> Iterator[Path]:
    """Make such a folder for a while: the one for temporary files seldom is one.

    Args:
        reachable: Whether other users must be able to enter it.
    """
    places = [Path.home(), Path(__file__).parent, Path("/")]
    private = [
        place
        for place in map(Path.resolve, places)
        if is_private(place)
        and os.access(place, os.W_OK)
        and (not reachable or all(each.stat().st_mode & 0o001 for each in (place, *place.parents)))
    ]
    if not private:
        pytest.skip("the home folder and the checkout lie below a folder that others can write")
    place = private[0]
    folder = Path(tempfile.mkdtemp(prefix=".satchel-test-", dir=place))
    if reachable:
        folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
