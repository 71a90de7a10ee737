"""Output files: checked before the work starts; and the formats of predictions."""

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
from satchel.cli.predict import Prediction, ScoredLabel
from satchel.errors import MissingDependencyError, SettingError
from satchel.escaping import Cell, json_text, table_row

_REPORT_NEEDS = "matplotlib"


def prepare_file(path: str | Path, inputs: Iterable[str | Path | None] = ()) -> None:
    """Refuse a file that could not be written, and report that an older one will be replaced.

    Args:
        path: The file that is to be written.
        inputs: Paths that are read and must not be overwritten; None is ignored.

    Raises:
        SaveError: It could not be written.
        SettingError: It is one of the inputs.
    """
    for given in inputs:
        if given is not None and _same(path, given):
            raise SettingError(
                f"expected an output that is not an input, found {path}: name another file"
            )
    files.check_writable(path)
    if os.path.exists(path):
        terminal.remark(f"{path} exists and will be replaced")


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


def _same(path: str | Path, given: str | Path) -> bool:
    """Return whether a path is that of an input, or of the archive that contains it."""
    read = Path(given)
    while not os.path.lexists(read) and read != read.parent:
        read = read.parent
    try:
        return os.path.samefile(path, read)
    except (OSError, ValueError):
        return False


_OWN_NAMES = re.compile(
    r"(input_)*(file|id|labels?|probabilit(y|ies)|known|top|explanation|(label|probability)_\d+)"
)
"""Names of our own columns: an input column with such a name gets the prefix ``input_``, once more
if it has it already, so that names stay distinct."""

_WORTH_WRITING = 2**16  # characters


@dataclass(frozen=True)
class Shape:
    """Which columns the predictions have.

    Attributes:
        multiple: Whether a document may have several labels.
        depth: How many of the most probable labels are written.
        ids: Whether documents have ids.
        columns: Input columns that are copied.
    """

    multiple: bool = False
    depth: int = 0
    ids: bool = False
    columns: Sequence[str] = ()


def format_of(path: Path) -> str:
    """Return the format that corresponds to a file's extension.

    Raises:
        SettingError: If the extension is not one of ``.csv .tsv .jsonl .json``.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise SettingError(
            f"expected --out to end in one of {' '.join(_WRITERS)}, found {path.name!r}"
        )
    return suffix


def written(predictions: Iterable[Prediction], suffix: str, shape: Shape) -> Iterator[bytes]:
    """Yield the predictions as UTF-8, in chunks large enough to write.

    Args:
        predictions: The predictions.
        suffix: What `format_of` returned.
        shape: Which columns they have.
    """
    waiting: list[str] = []
    length = 0
    for piece in _WRITERS[suffix](predictions, shape):
        waiting.append(piece)
        length += len(piece)
        if length >= _WORTH_WRITING:
            yield "".join(waiting).encode("utf-8")
            waiting, length = [], 0
    yield "".join(waiting).encode("utf-8")


def json_pieces(predictions: Iterable[Prediction], ascii_only: bool = False) -> Iterator[str]:
    """Yield one JSON list, one prediction per line."""
    opening = "[\n"
    for prediction in predictions:
        yield f"{opening}{json_text(plain_fields(prediction), ascii_only=ascii_only)}"
        opening = ",\n"
    yield "\n]\n"


def plain_fields(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as plain data, ready for JSON."""
    found: dict[str, Any] = {"file": prediction.file}
    if prediction.id is not None:
        found["id"] = prediction.id
    found["label"] = prediction.best.label if prediction.best else None
    found["probability"] = prediction.best.probability if prediction.best else None
    found["known"] = prediction.known
    if prediction.holding is not None:
        found["labels"] = list(map(_plain_label, prediction.holding))
    if prediction.top is not None:
        found["top"] = list(map(_plain_label, prediction.top))
    if prediction.explanation is not None:
        found["explanation"] = prediction.explanation.to_dict()
    for name, value in prediction.columns.items():
        found[_input_name(name)] = _plain(value)
    return found


def _plain_label(scored: ScoredLabel) -> dict[str, Any]:
    return {"label": scored.label, "probability": scored.probability}


def terminal_cells(prediction: Prediction) -> list[str]:
    """Return the cells of a terminal row: the document, then labels with their probabilities."""
    scored_labels: Sequence[ScoredLabel] = prediction.top or prediction.holding or ()
    if prediction.best is not None and not scored_labels:
        scored_labels = (prediction.best,)
    cells = [prediction.file]
    for scored in scored_labels:
        cells += [scored.label, f"{scored.probability:.4f}"]
    return cells if scored_labels else [*cells, "(none)"]


def _jsonl_pieces(predictions: Iterable[Prediction], shape: Shape) -> Iterator[str]:  # noqa: ARG001
    for prediction in predictions:
        yield json_text(plain_fields(prediction)) + "\n"


def _table_pieces(predictions: Iterable[Prediction], shape: Shape, delimiter: str) -> Iterator[str]:
    header = ["file", *(["id"] if shape.ids else []), "label", "probability", "known"]
    header += ["labels", "probabilities"] if shape.multiple else []
    for rank in range(1, shape.depth + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    yield table_row([*header, *map(_input_name, shape.columns)], delimiter)
    for prediction in predictions:
        best = prediction.best
        cells: list[Cell] = [prediction.file, *([prediction.id] if shape.ids else [])]
        cells += [
            best.label if best else None,
            best.probability if best else None,
            prediction.known,
        ]
        if prediction.holding is not None:
            cells.append("|".join(c.label.replace("|", "\\x7c") for c in prediction.holding))
            cells.append("|".join(str(scored.probability) for scored in prediction.holding))
        for scored in prediction.top or ():
            cells += [scored.label, scored.probability]
        cells += [_cell(prediction.columns[name]) for name in shape.columns]
        yield table_row(cells, delimiter)


_WRITERS: dict[str, Callable[[Iterable[Prediction], Shape], Iterator[str]]] = {
    ".csv": lambda predictions, shape: _table_pieces(predictions, shape, ","),
    ".tsv": lambda predictions, shape: _table_pieces(predictions, shape, "\t"),
    ".jsonl": _jsonl_pieces,
    ".json": lambda predictions, shape: json_pieces(predictions),  # noqa: ARG005
}


def _input_name(name: str) -> str:
    return f"input_{name}" if _OWN_NAMES.fullmatch(name) else name


def _plain(value: Any) -> Any:
    """Return a column's value as JSON data; NaN and infinity become None."""
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
    """Return a column's value as one cell; lists and dictionaries become JSON."""
    plain = _plain(value)
    return json_text(plain) if isinstance(plain, list | dict) else plain
