"""The formats in which predictions are written: delimited, JSON, Parquet and Arrow."""

from __future__ import annotations

import bz2
import datetime
import importlib.util
import io
import itertools
import lzma
import math
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from satchel.bulk.predictions import DIGITS, PredictedBatch, Prediction, ScoredLabel
from satchel.errors import InputError, MissingDependencyError, SettingError
from satchel.escaping import Cell, json_text, table_row
from satchel.sources.documents import quoted
from satchel.sources.unpacking import PACKED, zstandard

if TYPE_CHECKING:
    import polars

_OWN_NAMES = re.compile(
    r"(input_)*"
    r"(file|id|labels?|probabilit(y|ies)|known|top|explanation|rejected|(label|probability)_\d+)"
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
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputFormat:
    """A format of predictions.

    Attributes:
        suffix: ``.csv``, ``.tsv``, ``.jsonl``, ``.json``, ``.parquet`` or ``.arrow``.
        packing: How text is compressed: ``.gz``, ``.bz2``, ``.xz``, ``.zst`` or nothing.
    """

    suffix: str
    packing: str = ""

    @property
    def columnar(self) -> bool:
        """Whether whole batches are written as columns, not row by row."""
        return self.suffix in COLUMNAR

    def __str__(self) -> str:
        return f"{self.suffix}{self.packing}"


COLUMNAR: Final = (".parquet", ".arrow")
FORMATS: Final = (".csv", ".tsv", ".jsonl", ".json", *COLUMNAR)


def format_of(path: str | os.PathLike[str], option: str = "--out") -> OutputFormat:
    """Return the format that a file's name asks for.

    Args:
        path: The file, or only its suffixes.
        option: The option that names it, for messages: ``--out``, or ``--out-format``, whose value
            has no dot before it.

    Raises:
        SettingError: Its suffix is none of ``FORMATS``; those of text may be followed by that of a
            compression.
        MissingDependencyError: What writes it is not installed.
    """
    name = os.path.basename(os.fspath(path)).lower()
    packing = next((each for each in PACKED if name.endswith(each)), "")
    suffix = os.path.splitext(f"x{name.removesuffix(packing)}")[1]
    if suffix not in FORMATS or (packing and suffix in COLUMNAR):
        if option != "--out":
            formats = ", ".join(each[1:] for each in FORMATS)
            raise SettingError(
                f"expected {option} to be one of {formats} (all but the last two also with "
                f"{' '.join(PACKED)}), found {name[1:]!r}"
            )
        raise SettingError(
            f"expected --out to end in one of {' '.join(FORMATS)} (all but the last two also with "
            f"{' '.join(PACKED)}), or in / for a folder of parts, found {name!r}"
        )
    found = OutputFormat(suffix, packing)
    if found.columnar and importlib.util.find_spec("polars") is None:
        raise MissingDependencyError("polars", "tables", f"writing {suffix}")
    packer(packing)
    return found


def packer(packing: str) -> Any:
    """Return what compresses a stream piece by piece: it has ``compress`` and ``flush``.

    Raises:
        MissingDependencyError: Zstandard needs a package before Python 3.14.
    """
    if packing == ".gz":
        return zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    if packing == ".bz2":
        return bz2.BZ2Compressor()
    if packing == ".xz":
        return lzma.LZMACompressor(preset=3)
    if packing == ".zst":
        return zstandard("writing .zst files").ZstdCompressor()
    return None


def text_pieces(
    batches: Iterable[PredictedBatch], format: OutputFormat, shape: Shape
) -> Iterator[bytes]:
    """Yield the predictions in a format of text, in UTF-8, in pieces large enough to write.

    Args:
        batches: The predictions.
        format: The format.
        shape: Which columns they have.

    Raises:
        InputError: A batch has columns that the first had not, in a format whose rows are alike.
    """
    compressor = packer(format.packing)
    waiting: list[str] = []
    length = 0
    for piece in itertools.chain(_WRITERS[format.suffix](batches, shape), [None]):
        if piece is not None:
            waiting.append(piece)
            length += len(piece)
        if length >= _WORTH_WRITING or piece is None:
            data = "".join(waiting).encode("utf-8")
            waiting, length = [], 0
            yield data if compressor is None else compressor.compress(data)
    if compressor is not None:
        yield compressor.flush()


def part_bytes(batch: PredictedBatch, format: OutputFormat, shape: Shape) -> bytes:
    """Return one batch as a whole file."""
    if not format.columnar:
        return b"".join(text_pieces([batch], format, shape))
    import polars

    stream = io.BytesIO()
    frame = as_frame(batch, shape)
    if format.suffix == ".parquet":
        frame.write_parquet(stream, compression="zstd", compression_level=3)
    else:
        # The oldest level is what every reader of Arrow knows.
        frame.write_ipc(stream, compat_level=polars.CompatLevel.oldest())
    return stream.getvalue()


def merge_parts(parts: list[Path], format: OutputFormat, path: Path) -> None:
    """Write the rows of several columnar files to one, in bounded memory."""
    import polars

    if format.suffix == ".parquet":
        lazy = polars.scan_parquet(parts, glob=False)
        lazy.sink_parquet(path, compression="zstd", compression_level=3, maintain_order=True)
    else:
        lazy = polars.scan_ipc(parts)
        lazy.sink_ipc(path, compat_level=polars.CompatLevel.oldest(), maintain_order=True)


def as_frame(batch: PredictedBatch, shape: Shape) -> polars.DataFrame:
    """Return a batch as a table: one row per document of the source, rejected ones included."""
    import polars

    documents, found = batch.documents, batch.columns
    _check_columns(documents.columns, shape)
    names = polars.Series(batch.labels, dtype=polars.String)

    def labels(numbers: np.ndarray) -> polars.Series:
        return names.gather(polars.Series(numbers))

    def scores(probabilities: np.ndarray) -> polars.Series:
        return polars.Series(np.round(probabilities.astype(np.float64), DIGITS)).fill_nan(None)

    columns: dict[str, Any] = {"file": polars.Series(documents.names, dtype=polars.String)}
    if shape.ids:
        ids = documents.ids or [""] * len(documents)
        columns["id"] = polars.Series(ids, dtype=polars.String)
    numbers = polars.Series(found.label)
    columns["label"] = names.gather(numbers.set(numbers < 0, None))
    columns["probability"] = scores(found.probability)
    columns["known"] = polars.Series(found.known)
    if found.assigned is not None:
        bounds = list(pairwise(found.assigned.offsets.tolist()))
        for name, flat in (
            ("labels", labels(found.assigned.labels)),
            ("probabilities", scores(found.assigned.probabilities)),
        ):
            cells = flat.to_list()
            lists = [cells[start:stop] for start, stop in bounds]
            columns[name] = polars.Series(lists, dtype=polars.List(flat.dtype))
    for rank in range(shape.depth):
        columns[f"label_{rank + 1}"] = labels(found.top_labels[:, rank])
        columns[f"probability_{rank + 1}"] = scores(found.top_probabilities[:, rank])
    columns["rejected"] = polars.Series([None] * len(documents), dtype=polars.String)
    for name in shape.columns:
        values = (documents.columns or {}).get(name)
        columns[_input_name(name)] = _kept_series(values, len(documents))
    frame = polars.DataFrame(columns)
    return _with_rejected(frame, batch) if documents.rejected else frame


def _kept_series(values: Any, size: int) -> polars.Series:
    """Return a kept column; cells from formats without types become text in every part alike."""
    import polars

    if isinstance(values, polars.Series):
        return values
    cells = [None] * size if values is None else values
    texts = [None if each is None else str(_cell(each)) for each in cells]
    return polars.Series(texts, dtype=polars.String)


def _with_rejected(frame: polars.DataFrame, batch: PredictedBatch) -> polars.DataFrame:
    """Return a table with the rejected documents in their places."""
    import polars

    places, rejected = zip(*batch.documents.rejected, strict=True)
    more = polars.DataFrame(
        {
            "file": [skipped.document for skipped in rejected],
            "known": np.zeros(len(rejected), np.int64),
            "rejected": [skipped.reason for skipped in rejected],
        }
    )
    # A rejected document stands before the one whose number it has.
    order = "satchel: order"
    both = polars.concat(
        [
            frame.with_columns(polars.Series(order, 2 * np.arange(len(frame)) + 1)),
            more.with_columns(polars.Series(order, 2 * np.array(places, np.int64))),
        ],
        how="diagonal",
    )
    return both.sort(order, maintain_order=True).drop(order)


def json_pieces(batches: Iterable[PredictedBatch], ascii_only: bool = False) -> Iterator[str]:
    """Yield one JSON list, one prediction per line."""
    opening = "[\n"
    for prediction in _rows(batches):
        yield f"{opening}{json_text(plain_fields(prediction), ascii_only=ascii_only)}"
        opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def _rows(batches: Iterable[PredictedBatch]) -> Iterator[Prediction]:
    for batch in batches:
        yield from batch.rows()


def plain_fields(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as plain data, ready for JSON."""
    found: dict[str, Any] = {"file": prediction.file}
    if prediction.id is not None:
        found["id"] = prediction.id
    found["label"] = prediction.best.label if prediction.best else None
    found["probability"] = prediction.best.probability if prediction.best else None
    found["known"] = prediction.known
    if prediction.rejected is not None:
        found["rejected"] = prediction.rejected
        return found
    if prediction.assigned is not None:
        found["labels"] = list(map(_plain_label, prediction.assigned))
    if prediction.top is not None:
        found["top"] = list(map(_plain_label, prediction.top))
    if prediction.explanation is not None:
        found["explanation"] = prediction.explanation.to_dict()
    for name, value in prediction.columns.items():
        found[_input_name(name)] = _plain(value)
    return found


def _plain_label(scored: ScoredLabel) -> dict[str, Any]:
    return {"label": scored.label, "probability": scored.probability}


def _jsonl_pieces(batches: Iterable[PredictedBatch], shape: Shape) -> Iterator[str]:  # noqa: ARG001
    for prediction in _rows(batches):
        yield json_text(plain_fields(prediction)) + "\n"


def _table_pieces(batches: Iterable[PredictedBatch], shape: Shape, delimiter: str) -> Iterator[str]:
    header = ["file", *(["id"] if shape.ids else []), "label", "probability", "known"]
    header += ["labels", "probabilities"] if shape.multiple else []
    for rank in range(1, shape.depth + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    header.append("rejected")
    yield table_row([*header, *map(_input_name, shape.columns)], delimiter)
    for batch in batches:
        _check_columns(batch.documents.columns, shape)
        for prediction in batch.rows():
            yield table_row(_cells(prediction, shape), delimiter)


def _cells(prediction: Prediction, shape: Shape) -> list[Cell]:
    """Return the cells of a row of a table."""
    best = prediction.best
    cells: list[Cell] = [prediction.file, *([prediction.id] if shape.ids else [])]
    cells += [
        best.label if best else None,
        best.probability if best else None,
        prediction.known,
    ]
    if shape.multiple:
        assigned = prediction.assigned or ()
        cells.append("|".join(each.label.replace("|", "\\x7c") for each in assigned))
        cells.append("|".join(str(each.probability) for each in assigned))
    top = prediction.top or ()
    for rank in range(shape.depth):
        cells += [top[rank].label, top[rank].probability] if rank < len(top) else [None, None]
    cells.append(prediction.rejected)
    return cells + [_cell(prediction.columns.get(name)) for name in shape.columns]


def _check_columns(columns: Iterable[str] | None, shape: Shape) -> None:
    """Refuse columns that the table's header, or the parts before, do not have."""
    more = sorted(set(columns or ()) - set(shape.columns))
    if more:
        raise InputError(
            f"expected the columns of the first documents throughout, found "
            f"{', '.join(map(quoted, more[:5]))} in later ones: name the columns with --keep, or "
            "write .jsonl"
        )


_WRITERS: dict[str, Callable[[Iterable[PredictedBatch], Shape], Iterator[str]]] = {
    ".csv": lambda batches, shape: _table_pieces(batches, shape, ","),
    ".tsv": lambda batches, shape: _table_pieces(batches, shape, "\t"),
    ".jsonl": _jsonl_pieces,
    ".json": lambda batches, shape: json_pieces(batches),  # noqa: ARG005
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
