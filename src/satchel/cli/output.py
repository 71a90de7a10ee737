"""Output files and folders, checked before the work starts; and the rows of a terminal."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from satchel import files
from satchel.bulk.predictions import Prediction, ScoredLabel
from satchel.cli import terminal
from satchel.errors import MissingDependencyError, SettingError, SourceNotFoundError
from satchel.sources.opening import expand
from satchel.sources.remote import is_remote

_REPORT_NEEDS = "matplotlib"


def prepare_file(path: str | Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse a file that could not be written, and report that an older one will be replaced.

    Args:
        path: The file that is to be written.
        inputs: Paths that must not be overwritten: what is read, patterns included, and other
            outputs; None is ignored.

    Raises:
        SaveError: It could not be written.
        SettingError: It is one of those.
    """
    for given in inputs:
        if given is not None and any(_same(path, each) for each in _meant(str(given))):
            raise SettingError(
                f"expected an output that is not another file of this command, found {path}: name "
                f"another file"
            )
    files.check_writable(path)
    if os.path.exists(path):
        terminal.remark(f"{path} exists and will be replaced")


def prepare_parts(folder: str | Path) -> None:
    """Refuse a folder of predictions that could not be written.

    Raises:
        SaveError: It could not be written.
    """
    files.check_folder_writable(folder)


def prepare_folder(folder: str | Path) -> None:
    """Refuse a report folder that could not be written; report that an older one is replaced.

    Raises:
        SaveError: It could not be written.
        MissingDependencyError: The package that draws the figures is not installed.
    """
    if importlib.util.find_spec(_REPORT_NEEDS) is None:
        raise MissingDependencyError(_REPORT_NEEDS, "train", "a report with pictures")
    files.check_folder_writable(folder)
    if os.path.exists(Path(folder, "report.html")):
        terminal.remark(f"the report in {folder} will be replaced")


def _meant(given: str) -> list[str]:
    """Return the files that a path or pattern stands for; an output need not exist."""
    if is_remote(given):
        return []
    try:
        return expand([given])
    except SourceNotFoundError:
        return [given]


def _same(path: str | Path, given: str | Path) -> bool:
    """Return whether a path is that of another file, or of the archive that contains it."""
    if os.path.realpath(path) == os.path.realpath(given):
        return True  # also where neither exists yet
    read = Path(given)
    while not os.path.lexists(read) and read != read.parent:
        read = read.parent
    try:
        return os.path.samefile(path, read)
    except (OSError, ValueError):
        return False


def terminal_cells(prediction: Prediction) -> list[str]:
    """Return the cells of a terminal row: the document, then labels with their probabilities."""
    scored_labels: Sequence[ScoredLabel] = prediction.top or prediction.assigned or ()
    if prediction.best is not None and not scored_labels:
        scored_labels = (prediction.best,)
    cells = [prediction.file]
    for scored in scored_labels:
        cells += [scored.label, f"{scored.probability:.4f}"]
    return cells if scored_labels else [*cells, "(none)"]
