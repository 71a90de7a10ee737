"""Predictions into a file, or into a folder of parts that a killed job goes on with.

A folder holds one part per batch of the source, and three small files of the job:

- ``job.json``: what is predicted, by which model and how: another job is refused;
- ``progress.jsonl``: a line for each finished part, written once the part is on the disk;
- ``summary.json``: the totals; there once the job is finished.

The batches of a source are the same in every run, so a run that finds a finished part reads its
documents, and does not predict them again. Parts are the same bytes however often a job was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from satchel import files
from satchel.bulk.predictions import PredictedBatch, predict_batches
from satchel.bulk.writers import OutputFormat, Shape, merge_parts, part_bytes, text_pieces
from satchel.errors import InputError
from satchel.progress import Progress, silent
from satchel.sources.documents import Documents, quoted
from satchel.version import __version__

if TYPE_CHECKING:
    from satchel.model import Model

JOB: Final = "job.json"
PROGRESS: Final = "progress.jsonl"
SUMMARY: Final = "summary.json"
_LOCK: Final = ".lock"


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a batch holds.

    Attributes:
        documents: Documents predicted.
        rejected: Documents that could not be read.
        unknown: Documents without any feature that the model knows.
        first_unknown: The first of those; empty if there is none.
    """

    documents: int
    rejected: int
    unknown: int
    first_unknown: str

    @classmethod
    def of(cls, batch: PredictedBatch) -> Counts:
        """Count a batch."""
        nothing = batch.columns.known == 0
        first = batch.documents.names[int(nothing.argmax())] if nothing.any() else ""
        return cls(len(batch.documents), len(batch.documents.rejected), int(nothing.sum()), first)


@dataclass
class Totals:
    """What was predicted: the sums of the counts of all batches.

    Attributes:
        documents: Documents predicted.
        rejected: Documents that could not be read.
        unknown: Documents without any feature that the model knows.
        first_unknown: The first of them.
        parts: Files written.
        resumed: How many of them an earlier run had written.
    """

    documents: int = 0
    rejected: int = 0
    unknown: int = 0
    first_unknown: str = ""
    parts: int = 0
    resumed: int = 0

    def add(self, counts: Counts) -> None:
        """Add a batch."""
        self.documents += counts.documents
        self.rejected += counts.rejected
        self.unknown += counts.unknown
        self.first_unknown = self.first_unknown or counts.first_unknown

    def resume(self, part: _Part) -> None:
        """Add a part that an earlier run has finished."""
        self.add(part.counts)
        self.parts += 1
        self.resumed += 1


@dataclass(frozen=True)
class Request:
    """How documents are to be predicted.

    Attributes:
        top: How many of the most probable labels to include; None for none.
        explain: Whether to explain each prediction.
        threads: Threads that predict; None takes all cores.
        progress: Called with the number of documents predicted.
    """

    top: int | None = None
    explain: bool = False
    threads: int | None = None
    progress: Progress = silent


def predicted(
    model: Model, batches: Iterable[Documents], request: Request, totals: Totals
) -> Iterator[PredictedBatch]:
    """Yield predicted batches, and count them in ``totals``."""
    for batch in predict_batches(
        model, batches, top=request.top, explain=request.explain, threads=request.threads
    ):
        totals.add(Counts.of(batch))
        request.progress("predicting", totals.documents, None)
        yield batch
    request.progress("predicting", totals.documents, totals.documents)


def write_file(
    path: str | os.PathLike[str],
    model: Model,
    batches: Iterable[Documents],
    request: Request,
    format: OutputFormat,
    shape: Shape,
) -> Totals:
    """Predict a source and write one file, which appears under its name when it is whole.

    Args:
        path: The file; an older one is replaced.
        model: The model.
        batches: The documents, as ``sources.reading.stream_documents`` yields them.
        request: How to predict.
        format: The format of the file.
        shape: Which columns it has.

    Raises:
        SaveError: It could not be written; an older file is intact.
    """
    totals = Totals(parts=1)
    found = predicted(model, batches, request, totals)
    if not format.columnar:
        files.write_atomically(path, text_pieces(found, format, shape))
        return totals
    target = Path(os.path.realpath(path))
    with tempfile.TemporaryDirectory(prefix=".satchel-", dir=target.parent) as name:
        parts: list[Path] = []
        for batch in found:
            parts.append(Path(name, f"{len(parts):06}{format}"))
            with files.saving(path):
                parts[-1].write_bytes(part_bytes(batch, format, shape))
        whole = Path(name, f"whole{format}")
        if len(parts) == 1:
            whole = parts[0]
        else:
            with files.saving(path):
                merge_parts(parts, format, whole)
        files.install(whole, path)
    return totals


@dataclass(frozen=True)
class Job:
    """What a folder of predictions holds.

    Attributes:
        model: SHA-256 of the model file.
        sources: Path, size in bytes and time of change of each source.
        options: All else on which the predictions depend.
        format: Suffix of the parts.
        satchel: The version that wrote them.
    """

    model: str
    sources: list[dict[str, Any]]
    options: dict[str, Any]
    format: str
    satchel: str = field(default=__version__)

    def encoded(self) -> bytes:
        """Return the job as JSON."""
        return _pretty(asdict(self))


def describe(
    model_path: str, sources: Iterable[str], options: dict[str, Any], format: OutputFormat
) -> Job:
    """Return the job of a command.

    A folder is known by its path alone: its files must not change between a run and the next.

    Args:
        model_path: The model file.
        sources: The sources, as the user named them.
        options: All else on which the predictions depend, ready for JSON.
        format: The format of the parts.
    """
    with open(model_path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known: list[dict[str, Any]] = []
    for source in sources:
        entry: dict[str, Any] = {"path": source}
        if os.path.isfile(source):
            status = os.stat(source)
            entry |= {"bytes": status.st_size, "changed": status.st_mtime_ns}
        known.append(entry)
    return Job(digest, known, options, str(format))


def write_folder(
    folder: str | os.PathLike[str],
    job: Job,
    model: Model,
    batches: Iterable[Documents],
    request: Request,
    format: OutputFormat,
    shape: Shape,
) -> Totals:
    """Predict a source and write a folder of parts; a job that was killed goes on.

    Args:
        folder: The folder; created if missing. If not empty, it must hold the same job.
        job: What is predicted, and how.
        model: The model.
        batches: The documents of the source, from its start, the same batches in every run.
        request: How to predict.
        format: The format of the parts.
        shape: Which columns they have.

    Returns:
        The totals of all runs of this job.

    Raises:
        InputError: The folder holds something else, or another run is writing to it.
        SaveError: A part could not be written; those before it are intact.
    """
    place = Path(folder)
    with files.saving(folder):
        place.mkdir(parents=True, exist_ok=True)
    with _locked(place):
        done = _finished_parts(place, job)
        totals = Totals()

        def unfinished() -> Iterator[Documents]:
            number = 0
            for number, documents in enumerate(batches, 1):
                if number > len(done):
                    yield documents
                    continue
                part = done[number - 1]
                counts = part.counts
                if (len(documents), len(documents.rejected)) != (counts.documents, counts.rejected):
                    raise _changed(place, part)
                totals.resume(part)
            if number < len(done):
                raise _changed(place, done[number])

        for batch in predicted(model, unfinished(), request, totals):
            data = part_bytes(batch, format, shape)
            name = f"part-{totals.parts:06}{format}"
            files.write_atomically(place / name, data)
            with files.saving(place / PROGRESS), open(place / PROGRESS, "ab") as log:
                log.write(_line(_Part(name, len(data), Counts.of(batch))))
                log.flush()
                os.fsync(log.fileno())
            totals.parts += 1
        files.write_atomically(
            place / SUMMARY,
            _pretty(
                {
                    "documents": totals.documents,
                    "rejected": totals.rejected,
                    "without_known_features": totals.unknown,
                    "parts": totals.parts,
                }
            ),
        )
    return totals


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished part: its file and size, and what it holds."""

    file: str
    bytes: int
    counts: Counts


def _line(part: _Part) -> bytes:
    return msgspec.json.encode(part) + b"\n"


def _pretty(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _changed(place: Path, part: _Part) -> InputError:
    return InputError(
        f"expected the source as it was when {place} was begun, found other documents where "
        f"{part.file} has {part.counts.documents:,}: predict into another folder"
    )


def _finished_parts(place: Path, job: Job) -> list[_Part]:
    """Return the parts that earlier runs of a job have finished; begin the job if there are none.

    Raises:
        InputError: The folder holds something else.
        SaveError: It cannot be written.
    """
    with files.saving(place):
        found = sorted(each.name for each in place.iterdir())
        for name in found:
            if name.startswith(".satchel-"):  # what a killed run had begun to write
                (place / name).unlink(missing_ok=True)
    others = [name for name in found if name != _LOCK and not name.startswith(".satchel-")]
    if not others:
        files.write_atomically(place / JOB, job.encoded())
        return []
    if JOB not in found:
        raise InputError(
            f"expected an empty folder or one with predictions at {place}, found other files "
            f"({', '.join(map(quoted, others[:3]))}): name another folder"
        )
    _check_same(place, job)
    parts: list[_Part] = []
    log = place / PROGRESS
    if log.exists():
        for line in log.read_bytes().splitlines(keepends=True):
            try:
                part = msgspec.json.decode(line, type=_Part)
            except msgspec.DecodeError:
                break  # the last line, where the machine stopped while it was written
            path = place / part.file
            if not line.endswith(b"\n") or not path.is_file() or path.stat().st_size != part.bytes:
                break
            parts.append(part)
    kept = b"".join(map(_line, parts))
    if log.exists() and log.read_bytes() != kept:
        (place / SUMMARY).unlink(missing_ok=True)
        files.write_atomically(log, kept)
    return parts


def _check_same(place: Path, job: Job) -> None:
    """Refuse a folder with the predictions of another job."""
    try:
        begun = json.loads((place / JOB).read_bytes())
    except ValueError:
        begun = None
    wanted = json.loads(job.encoded())
    if begun == wanted:
        return
    names = {"model": "the model", "sources": "the source", "satchel": "the version of Satchel"}
    other = [key for key in wanted if not isinstance(begun, dict) or begun.get(key) != wanted[key]]
    what = ", ".join(names.get(key, f"the {key}") for key in other) or "what is predicted"
    raise InputError(
        f"expected the same job as the one begun in {place}, found that it differs in {what}: "
        f"name another folder, or remove this one"
    )


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Keep other runs out of a folder; the system ends the lock with the process.

    Raises:
        InputError: Another run is writing to it.
    """
    with files.saving(place / _LOCK):
        file = open(place / _LOCK, "ab")  # noqa: SIM115  # closed below, which ends the lock
    with file:
        try:
            _lock(file)
        except OSError as error:
            raise InputError(
                f"expected no other run in {place}, found one that is writing there: wait for it, "
                "or name another folder"
            ) from error
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
