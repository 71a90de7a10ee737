"""Files of predictions: whether they can be written, asked before the work, and their formats."""

from __future__ import annotations

import datetime
import importlib.util
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from satchel import files
from satchel.cli import terminal
from satchel.cli.predict import Answer, ScoredLabel
from satchel.errors import MissingDependencyError, SettingError
from satchel.escaping import Cell, json_text, table_row

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


_OURS = re.compile(
    r"(input_)*(file|id|labels?|probabilit(y|ies)|known|top|explanation|(label|probability)_\d+)"
)
"""Names of our own columns: a column of the input that has one is called ``input_…``, and one that
is called so already gets one more, so that all still differ."""

_WORTH_WRITING = 2**16  # characters


@dataclass(frozen=True)
class Shape:
    """Which columns the answers have.

    Attributes:
        several: Whether a document may have several labels.
        depth: How many of the most probable labels are told.
        ids: Whether documents have ids.
        columns: Columns of the input that are carried along.
    """

    several: bool = False
    depth: int = 0
    ids: bool = False
    columns: Sequence[str] = ()


def format_of(path: Path) -> str:
    """Return the format that a file's name asks for.

    Raises:
        SettingError: If the extension is not one of ``.csv .tsv .jsonl .json``.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise SettingError(
            f"expected --out to end in one of {' '.join(_WRITERS)}, found {path.name!r}"
        )
    return suffix


def written(answers: Iterable[Answer], suffix: str, shape: Shape) -> Iterator[bytes]:
    """Yield the answers as UTF-8, in pieces that are worth a write.

    Args:
        answers: The answers.
        suffix: What `format_of` returned.
        shape: Which columns they have.
    """
    waiting: list[str] = []
    length = 0
    for piece in _WRITERS[suffix](answers, shape):
        waiting.append(piece)
        length += len(piece)
        if length >= _WORTH_WRITING:
            yield "".join(waiting).encode("utf-8")
            waiting, length = [], 0
    yield "".join(waiting).encode("utf-8")


def json_pieces(answers: Iterable[Answer], ascii_only: bool = False) -> Iterator[str]:
    """Yield one JSON list, an answer a line."""
    opening = "[\n"
    for answer in answers:
        yield f"{opening}{json_text(plain_fields(answer), ascii_only=ascii_only)}"
        opening = ",\n"
    yield "\n]\n"


def plain_fields(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain data, ready for JSON."""
    found: dict[str, Any] = {"file": answer.file}
    if answer.id is not None:
        found["id"] = answer.id
    found["label"] = answer.best.label if answer.best else None
    found["probability"] = answer.best.probability if answer.best else None
    found["known"] = answer.known
    if answer.holding is not None:
        found["labels"] = list(map(_plain_choice, answer.holding))
    if answer.top is not None:
        found["top"] = list(map(_plain_choice, answer.top))
    if answer.explanation is not None:
        found["explanation"] = answer.explanation.to_dict()
    for name, value in answer.columns.items():
        found[_not_ours(name)] = _plain(value)
    return found


def _plain_choice(choice: ScoredLabel) -> dict[str, Any]:
    return {"label": choice.label, "probability": choice.probability}


def terminal_cells(answer: Answer) -> list[str]:
    """Return the cells of a row for people: the document, then labels with their probabilities."""
    choices: Sequence[ScoredLabel] = answer.top or answer.holding or ()
    if answer.best is not None and not choices:
        choices = (answer.best,)
    cells = [answer.file]
    for choice in choices:
        cells += [choice.label, f"{choice.probability:.4f}"]
    return cells if choices else [*cells, "(none)"]


def _jsonl_pieces(answers: Iterable[Answer], shape: Shape) -> Iterator[str]:  # noqa: ARG001
    for answer in answers:
        yield json_text(plain_fields(answer)) + "\n"


def _table_pieces(answers: Iterable[Answer], shape: Shape, delimiter: str) -> Iterator[str]:
    header = ["file", *(["id"] if shape.ids else []), "label", "probability", "known"]
    header += ["labels", "probabilities"] if shape.several else []
    for rank in range(1, shape.depth + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    yield table_row([*header, *map(_not_ours, shape.columns)], delimiter)
    for answer in answers:
        best = answer.best
        cells: list[Cell] = [answer.file, *([answer.id] if shape.ids else [])]
        cells += [best.label if best else None, best.probability if best else None, answer.known]
        if answer.holding is not None:
            cells.append("|".join(c.label.replace("|", "\\x7c") for c in answer.holding))
            cells.append("|".join(str(choice.probability) for choice in answer.holding))
        for choice in answer.top or ():
            cells += [choice.label, choice.probability]
        cells += [_cell(answer.columns[name]) for name in shape.columns]
        yield table_row(cells, delimiter)


_WRITERS: dict[str, Callable[[Iterable[Answer], Shape], Iterator[str]]] = {
    ".csv": lambda answers, shape: _table_pieces(answers, shape, ","),
    ".tsv": lambda answers, shape: _table_pieces(answers, shape, "\t"),
    ".jsonl": _jsonl_pieces,
    ".json": lambda answers, shape: json_pieces(answers),  # noqa: ARG005
}


def _not_ours(name: str) -> str:
    return f"input_{name}" if _OURS.fullmatch(name) else name


def _plain(value: Any) -> Any:
    """Return what a column holds as JSON can say it; what is no number of JSON's is None."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)


def _cell(value: Any) -> Cell:
    """Return what a column holds as one cell; lists and the like are JSON."""
    plain = _plain(value)
    return json_text(plain) if isinstance(plain, list | dict) else plain
