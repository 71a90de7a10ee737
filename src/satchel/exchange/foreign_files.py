"""Opening the files of other programs, with the checks that come before the first byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from satchel.errors import ModelFileError, SourceNotFoundError


@contextmanager
def open_foreign(path: Path, what: str, max_bytes: int) -> Iterator[tuple[IO[bytes], int]]:
    """Open a regular file of limited size.

    Args:
        path: The file.
        what: What it is, for messages, such as ``model``.
        max_bytes: The largest size that is read.

    Yields:
        The file, open for reading bytes, and its size.

    Raises:
        SourceNotFoundError: It cannot be opened, or is no regular file.
        ModelFileError: It is larger than ``max_bytes``, or could not be read to its end.
    """
    try:
        # Asked before opening, since opening a pipe waits for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceNotFoundError(f"the {what} {path} could not be read: it is no regular file")
        file = path.open("rb")
    except (OSError, ValueError) as error:
        if isinstance(error, SourceNotFoundError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceNotFoundError(f"the {what} {path} could not be read: {reason}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise ModelFileError(f"{size:,} bytes are over the limit of {max_bytes:,}", path.name)
        try:
            yield file, size
        except OSError as error:
            raise ModelFileError(f"it could not be read: {error.strerror}", path.name) from error
