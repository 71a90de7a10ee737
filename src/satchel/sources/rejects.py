"""The file of documents that could not be used: where each is, why, and its raw text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from satchel import files
from satchel.errors import SettingError
from satchel.escaping import json_text, table_row
from satchel.sources.documents import Skipped

FORMATS: Final = (".csv", ".jsonl")
COLUMNS: Final = ("source", "line", "byte", "reason", "raw")


class RejectsFile:
    """Writes documents that could not be used to a file.

    CSV cells that a spreadsheet would run as a formula get an apostrophe; JSON lines are exact,
    and bytes that are not UTF-8 are surrogate escapes there.

    Args:
        path: The file, which ends in ``.csv`` or ``.jsonl``.
        file: Where its content is written meanwhile.

    Attributes:
        number: How many were written.
    """

    def __init__(self, path: str | os.PathLike[str], file: IO[bytes]) -> None:
        self.number = 0
        self._path = path
        self._file = file
        self._csv = os.fspath(path).lower().endswith(".csv")
        if self._csv:
            self._write(table_row(COLUMNS))

    def __call__(self, skipped: Skipped) -> None:
        """Write one document.

        Raises:
            SaveError: The disk is full, or the like.
        """
        self.number += 1
        line = skipped.line or None
        values = (skipped.name, line, skipped.byte, skipped.reason, skipped.raw)
        if self._csv:
            self._write(table_row(values))
        else:
            self._write(json_text(dict(zip(COLUMNS, values, strict=True))) + "\n")

    def _write(self, text: str) -> None:
        with files.saving(self._path):
            self._file.write(text.encode())


@contextmanager
def rejects_file(path: str | os.PathLike[str]) -> Iterator[RejectsFile]:
    """Collect rejected documents; the file appears at the end, also where the reading failed.

    Args:
        path: The file; an older one is replaced.

    Raises:
        SettingError: Its suffix is neither ``.csv`` nor ``.jsonl``.
        SaveError: It could not be written.
    """
    if not os.fspath(path).lower().endswith(FORMATS):
        raise SettingError(
            f"expected the file for rejected documents to end in {' or '.join(FORMATS)}, found "
            f"{os.path.basename(path)!r}"
        )
    temporary = files.temporary_in(Path(os.path.realpath(path)).parent)
    with files.saving(path):
        file = open(temporary, "xb")  # noqa: SIM115  # closed below, before it gets its name
    try:
        yield RejectsFile(path, file)
    finally:
        try:
            with files.saving(path):
                file.close()
        finally:
            files.install(temporary, path)
