"""20 Newsgroups by date, from its two folders or from the archive as it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from benchmarks.shared.folders import read_archive, read_folder

ARCHIVE = "20news-bydate.tar.gz"


def documents(data: Path, part: Literal["train", "test"]) -> tuple[list[str], list[str]]:
    """Return the texts and labels of one part.

    Args:
        data: The archive, or a folder with it, or a folder with ``20news-bydate-train`` and
            ``20news-bydate-test``.
        part: Which part.

    Raises:
        SystemExit: The data are not there.
    """
    folder = f"20news-bydate-{part}"
    if data.is_file():
        return read_archive(data, folder)
    if (data / folder).is_dir():
        return read_folder(data / folder)
    if (data / ARCHIVE).is_file():
        return read_archive(data / ARCHIVE, folder)
    raise SystemExit(f"expected {folder} or {ARCHIVE} in {data}: give --data the folder with them")
