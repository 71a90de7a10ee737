"""What commands read: the model, the documents of files, folders, tables and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from satchel.bulk.predictions import BATCH
from satchel.bulk.writers import Shape
from satchel.cli import terminal
from satchel.cli.options import SourceOptions
from satchel.cli.output import prepare_file
from satchel.cli.terminal import read_input
from satchel.errors import (
    InputError,
    LabelError,
    ModelFileError,
    SettingError,
    SourceError,
    SourceNotFoundError,
)
from satchel.progress import Progress, silent
from satchel.sources.collecting import BatchSize, Collector, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, ReadReport, Skipped, counted
from satchel.sources.opening import STANDARD_INPUT, expand, known_format
from satchel.sources.reading import locate, read_documents, stream_documents
from satchel.sources.rejects import rejects_file
from satchel.sources.splitting import split, text_keys

if TYPE_CHECKING:
    from satchel.inference.structure import Ensemble
    from satchel.model import Model
    from satchel.sealed.assembly import Contents


def read_contents(path: str) -> Contents:
    """Read what a model file holds.

    Args:
        path: The file.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: The operating system refuses to read it.
        ModelFileError: It is damaged, foreign or hostile.
    """
    from satchel.sealed import store

    if not path:  # pathlib would treat it as the current folder
        raise SourceNotFoundError("expected the path of a model file, found an empty path")
    try:
        return store.read_contents(path)
    except ModelFileError as error:
        raise ModelFileError(f"{error.reason} (in {path})", error.member) from error
    except FileNotFoundError:
        raise SourceNotFoundError(
            f"expected a model file at {path}, found nothing: check the path, "
            "or make one with  satchel train SOURCE -o MODEL"
        ) from None
    except OSError as error:
        raise SourceError(
            f"expected a readable model file at {path}, found that it cannot be read: "
            f"{error.strerror}"
        ) from error


def read_ensemble(path: str) -> Ensemble:
    """Read a model from a file; see `read_contents`."""
    from satchel.sealed.assembly import ensemble_of

    return ensemble_of(read_contents(path))


def load(path: str) -> Model:
    """Open a model file, ready to predict; see `read_contents`."""
    from satchel.model import Model

    return Model(read_ensemble(path))


@dataclass(frozen=True)
class Divided:
    """Documents by purpose.

    Attributes:
        train: Those on which the evaluated model is trained.
        test: Those on which it is evaluated; None for no evaluation.
        held_out: Those used by no stage before the end.
        refit: All but those held out, in the order of the source (shuffled with the tutorial
            preset, whose fit validates on the last of them).
    """

    train: Documents
    test: Documents | None
    held_out: Documents
    refit: Documents


def divide(
    documents: Documents, test_share: float, hold_out: int, seed: int, *, as_tutorial: bool
) -> Divided:
    """Divide documents: stratified and seeded, with copies of a text on the same side.

    Args:
        documents: Labelled documents.
        test_share: Share to evaluate on; 0 for none.
        hold_out: How many documents are used by no stage before the end.
        seed: Seed of the shuffle.
        as_tutorial: Shuffle and take the last share, as the 2018 tutorial did, without stratifying;
            unlike there, copies of a text stay on the same side, so that none leaks.

    Raises:
        SourceError: The documents have no labels.
        LabelError: There are too few distinct texts to divide.
        SettingError: ``hold_out`` is larger than possible.
    """
    if documents.labels is None:
        raise SourceError(
            "expected labelled documents, found no labels: name their column with --label"
        )
    if as_tutorial:
        train, test, aside = _as_tutorial(documents, test_share, hold_out, seed)
    elif test_share or hold_out:
        sides = split(
            documents.labels,
            documents.texts,
            test_share=test_share or 0.2,
            hold_out=hold_out,
            seed=seed,
        )
        train, test, aside = sides.train, sides.test, sides.held_out
        if not test_share:
            train, test = np.sort(np.concatenate([train, test])), test[:0]
    else:
        train, test, aside = np.arange(len(documents)), np.arange(0), np.arange(0)
    every = np.concatenate([train, test])
    return Divided(
        train=documents.take(train),
        test=documents.take(test) if test_share else None,
        held_out=documents.take(aside),
        refit=documents.take(every if as_tutorial else np.sort(every)),
    )


def _as_tutorial(
    documents: Documents, test_share: float, hold_out: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to evaluate on and to hold out, by one shuffle of all rows."""
    keys, unit, sizes = np.unique(
        text_keys(documents.texts), return_inverse=True, return_counts=True
    )
    alone = np.flatnonzero(sizes[unit] == 1)
    if hold_out > max(len(alone) - 1, 0):
        raise SettingError(
            f"expected --hold-out to be 0 to {max(len(alone) - 1, 0):,} of {len(documents):,} "
            f"documents (only texts without a copy are held out), found {hold_out:,}: choose "
            "a smaller number"
        )
    aside = alone[len(alone) - hold_out :]
    rest = np.setdiff1d(np.arange(len(documents)), aside)
    order = rest[np.random.default_rng(seed).permutation(len(rest))]
    # Copies follow the first of them in the shuffled order, so that no cut separates them.
    rank = np.full(len(keys), len(order))
    np.minimum.at(rank, unit[order], np.arange(len(order)))
    order = order[np.argsort(rank[unit[order]], kind="stable")]
    cut = int(len(order) * (1 - test_share))
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))  # of each text's copies
    if test_share and len(starts) < 2:
        raise LabelError(
            "expected at least two distinct texts, one to train on and one to test on, found one"
        )
    if test_share:
        # The nearest boundary between two texts, with at least one text on either side.
        cut = int(starts[1:][np.argmin(np.abs(starts[1:] - cut))])
    return order[:cut], order[cut:], aside


_FIRST_ROWS = BatchSize(1_000, 1 << 22)
Keep = tuple[str, ...] | Literal["all"]


@contextmanager
def rejects_of(
    reading: SourceOptions, *others: str | None
) -> Iterator[Callable[[Skipped], None] | None]:
    """Write rejected documents to the file that the user named, if any, and say so.

    Args:
        reading: Holds its path.
        others: Files of the same command, which must not be overwritten.
    """
    if reading.rejects is None:
        yield None
        return
    prepare_file(reading.rejects, inputs=others)
    with rejects_file(reading.rejects) as rejects:
        yield rejects
    terminal.remark(f"wrote {counted(rejects.number, 'rejected document')} to {reading.rejects}")


def read_labelled(
    source: str | Sequence[str],
    reading: SourceOptions,
    rejects: Callable[[Skipped], None] | None,
    progress: Progress,
    keep: Keep = (),
) -> Documents:
    """Read the labelled documents of a source, all at once.

    Raises:
        SourceError: It cannot be read.
    """
    return read_documents(
        source,
        text=reading.text,
        label=reading.label,
        id=reading.id,
        keep=keep,
        encoding=reading.encoding,
        on_bad_encoding=reading.on_bad_encoding,
        format=reading.format,
        max_bad=reading.max_bad,
        rejects=rejects,
        progress=progress,
    )


def expanded(sources: Sequence[str]) -> tuple[str, ...]:
    """Replace patterns by the files that they match.

    Raises:
        SourceNotFoundError: A pattern matches no file.
    """
    found: list[str] = []
    for source in sources:
        with _explaining(source):
            found += expand([source])
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Inputs:
    """The inputs of a prediction: files, folders, archives, tables, or standard input.

    Documents get distinct names: a file keeps its path as given, and with more than one input,
    documents in a folder, an archive or a table are named with its path.

    Attributes:
        sources: Paths, or ``-`` for standard input.
        reading: How they are read.
        keep: Columns of tables to copy to the output, besides the id.
        lines: Whether every line is a separate document.
        batch: The size of a batch.
    """

    sources: tuple[str, ...]
    reading: SourceOptions
    keep: Keep = ()
    lines: bool = False
    batch: BatchSize = BATCH
    _kinds: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def check(self) -> None:
        """Refuse inputs that are not there, or not what the options need.

        Raises:
            SourceNotFoundError: There is nothing at a path.
            InputError: Columns are to be kept, and no input has any.
        """
        kinds = [self._kind(source) for source in self.sources]
        if self.keep and "table" not in kinds:
            raise InputError(
                "expected a table among the inputs, as --keep names columns, found none: remove "
                "--keep"
            )

    def shape(self, model: Model, top: int | None) -> Shape:
        """Return which columns the predictions have, from the first rows of each input."""
        ids, columns = False, dict[str, None]()
        for source in self.sources:
            if self._kind(source) != "table":
                continue
            with closing(self._stream(source, ReadReport(), _FIRST_ROWS, silent)) as batches:
                first = next(batches)
            ids |= first.ids is not None
            columns |= dict.fromkeys(first.columns or ())
        return Shape(
            multiple=model.task == "multiple",
            depth=min(top or 0, len(model.ensemble.labels)),
            ids=ids,
            columns=tuple(columns),
        )

    def stream(self, report: ReadReport, progress: Progress) -> Generator[Documents, None, None]:
        """Read the documents in batches.

        Args:
            report: Where all that was skipped, guessed or unusual is noted.
            progress: Called with the progress of reading.

        Raises:
            InputError: An input cannot be read or contains no document, or a column is missing.
        """
        number = 0
        for source in self.sources:
            if self._is_text(source):
                batches = _standard_input(self._reading(()), report)
            else:
                batches = self._stream(source, report, self.batch, progress)
            with closing(batches):
                for documents in batches:
                    if not self._is_text(source):
                        self._name(documents, source)
                    parts = _split_lines(documents, self.batch) if self.lines else [documents]
                    for part in parts:
                        number += len(part)
                        yield part
        if not number:
            what = "line" if self.lines else "document"
            why = "".join(f"; {line}" for line in report.lines())
            raise InputError(f"expected at least one {what} to predict, found none{why}")

    def _is_text(self, source: str) -> bool:
        """Return whether an input is a text on standard input, and not a table."""
        return source == STANDARD_INPUT and self.reading.format is None

    def _kind(self, source: str) -> str:
        if self._is_text(source):
            return "file"
        if source not in self._kinds:
            with _explaining(source):
                self._kinds[source] = locate(source, known_format(self.reading.format)).kind
        return self._kinds[source]

    def _stream(
        self, source: str, report: ReadReport, batch: BatchSize, progress: Progress
    ) -> Generator[Documents, None, None]:
        keep = self.keep if self._kind(source) == "table" else ()
        reading = replace(self._reading(keep), batch=batch)
        return stream_documents(source, reading, report, progress)

    def _reading(self, keep: Keep) -> Reading:
        given = self.reading
        return Reading(
            Columns(given.text or (), given.label, given.id, labelled=False, keep=keep),
            given.encoding,
            self.batch,
            given.on_bad_encoding,
            given.max_bad,
            given.format,
        )

    def _name(self, documents: Documents, source: str) -> None:
        """Give documents names that differ from those of other inputs."""
        kind = self._kind(source)
        if kind != "file" and len(self.sources) == 1:
            return
        # The names of table rows already start with the name of the table.
        place = os.path.dirname(source) if kind == "table" else source

        def named(name: str) -> str:
            return source if kind == "file" else os.path.join(place, name)

        documents.names = [named(name) for name in documents.names]
        documents.rejected = [
            (number, replace(each, name=named(each.name))) for number, each in documents.rejected
        ]


@contextmanager
def _explaining(source: str) -> Iterator[None]:
    """Say where a text goes, if that is what was given as a path."""
    try:
        yield
    except SourceNotFoundError as error:
        bare = not os.path.splitext(source)[1] and os.sep not in source
        if not bare and not any(map(str.isspace, source)):
            raise
        shown = source if len(source) <= 60 else f"{source[:60]}…"
        raise SourceNotFoundError(
            f"expected a file at {shown!r}, found nothing: check the path; a text itself goes "
            "in by a pipe,  echo 'some text' | satchel predict MODEL"
        ) from error


def _standard_input(reading: Reading, report: ReadReport) -> Generator[Documents, None, None]:
    if sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if os.name == "nt" else "Ctrl-D"
        terminal.remark(f"reading a text from the terminal: end it with {end} on a line of its own")
    texts = Collector(STANDARD_INPUT, reading, report)
    texts.add_file(STANDARD_INPUT, read_input(), None)
    texts.check()
    yield texts.take()


def _split_lines(documents: Documents, size: BatchSize) -> Iterator[Documents]:
    """Yield every line as a document, with the id and the columns of its source document."""
    places: list[int] = []
    names: list[str] = []
    texts: list[str] = []
    rejected: list[tuple[int, Skipped]] = []
    characters = 0

    def batch() -> Documents:
        part = documents.take(places)
        part.names, part.texts, part.rejected = names, texts, rejected
        return part

    left = iter([*documents.rejected, (len(documents), None)])
    before, skipped = next(left)
    for place, text in enumerate(documents.texts):
        while before == place and skipped is not None:
            rejected.append((len(texts), skipped))
            before, skipped = next(left)
        for number, line in enumerate(text.splitlines(), start=1):
            places.append(place)
            names.append(f"{documents.names[place]}:{number}")
            texts.append(line)
            characters += len(line)
            if len(texts) >= size.documents or characters >= size.characters:
                yield batch()
                places, names, texts, rejected, characters = [], [], [], [], 0
    while skipped is not None:
        rejected.append((len(texts), skipped))
        before, skipped = next(left)
    if texts or rejected:
        yield batch()
