"""Whether what a verb is to write can be written, asked before the work."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from satchel import files
from satchel.cli import terminal
from satchel.errors import MissingDependencyError, SettingError

_REPORT_NEEDS = "matplotlib"


def prepare_file(path: str | Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse a file that could not be written, and say that an older one will be replaced.

    Args:
        path: The file that is to be written.
        inputs: What is read, which must not be overwritten; None among them is nothing.

    Raises:
        SaveError: It could not be written.
        SettingError: It is one of the inputs.
    """
    for given in inputs:
        if given is not None and _same(path, given):
            raise SettingError(
                f"{path} is read, and writing the result there would destroy it: name another file"
            )
    files.check_writable(path)
    if os.path.exists(path):
        terminal.remark(f"{path} is there already and will be replaced")


def prepare_folder(folder: str | Path) -> None:
    """Refuse a folder for a report that could not be written; say that an older one goes.

    Raises:
        SaveError: It could not.
        MissingDependencyError: What draws the pictures is not installed.
    """
    if importlib.util.find_spec(_REPORT_NEEDS) is None:
        raise MissingDependencyError(_REPORT_NEEDS, "train", "a report with pictures")
    files.check_folder_writable(folder)
    if os.path.exists(Path(folder, "report.html")):
        terminal.remark(f"the report in {folder} will be replaced")


def _same(path: str | Path, given: str | Path) -> bool:
    """Tell whether a path is that of an input, or of the archive that it lies in."""
    read = Path(given)
    while not os.path.lexists(read) and read != read.parent:
        read = read.parent
    try:
        return os.path.samefile(path, read)
    except (OSError, ValueError):
        return False
