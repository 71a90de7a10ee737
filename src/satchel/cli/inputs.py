"""What commands read: the model, the documents of files, folders, tables and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from satchel.bulk.writers import Shape
from satchel.cli import terminal
from satchel.cli.options import SourceOptions
from satchel.cli.output import prepare_file
from satchel.errors import (
    InputError,
    ModelFileError,
    SourceError,
    SourceNotFoundError,
)
from satchel.progress import Progress
from satchel.sources.collecting import BATCH, EVERYTHING, BatchSize, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, ReadReport, Skipped, counted, join
from satchel.sources.opening import STANDARD_INPUT, expand, known_format
from satchel.sources.reading import locate, stream_documents
from satchel.sources.rejects import rejects_file

if TYPE_CHECKING:
    from satchel.inference.structure import Ensemble
    from satchel.model import Model
    from satchel.sealed.assembly import Contents


def read_contents(path: str, *, mapped: bool = False) -> Contents:
    """Read what a model file holds.

    Args:
        path: The file.
        mapped: Whether its arrays stay in the file, so that processes share them.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: The operating system refuses to read it.
        ModelFileError: It is damaged, foreign or hostile.
    """
    from satchel.sealed import store

    if not path:  # pathlib would treat it as the current folder
        raise SourceNotFoundError("expected the path of a model file, found an empty path")
    try:
        return store.read_contents(path, mapped=mapped)
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


def load(path: str, *, mapped: bool = False) -> Model:
    """Open a model file, ready to predict; see `read_contents`."""
    from satchel.model import Model
    from satchel.sealed.assembly import ensemble_of

    return Model(ensemble_of(read_contents(path, mapped=mapped)))


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


def reading_of(
    given: SourceOptions, *, labelled: bool, keep: Keep = (), batch: BatchSize = EVERYTHING
) -> Reading:
    """Return how to read sources: as the user wants, with or without labels."""
    return Reading(
        Columns(given.text or (), given.label, given.id, labelled, keep),
        given.encoding,
        batch,
        given.on_bad_encoding,
        given.max_bad,
        given.format,
    )


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
    how = reading_of(reading, labelled=True, keep=keep)
    return join(list(stream_documents(source, how, ReadReport(rejects=rejects), progress)))


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

    def check(self) -> None:
        """Refuse inputs that are not there, or not what the options need.

        Raises:
            SourceNotFoundError: There is nothing at a path.
            InputError: Columns are to be kept, and no input has any.
        """
        tables = self._tables()
        if self.keep and not tables:
            raise InputError(
                "expected a table among the inputs, as --keep names columns, found none: remove "
                "--keep"
            )
        from_terminal = sys.stdin is not None and sys.stdin.isatty()
        if STANDARD_INPUT in self.sources and STANDARD_INPUT not in tables and from_terminal:
            end = "Ctrl-Z and Enter" if os.name == "nt" else "Ctrl-D"
            terminal.remark(
                f"reading a text from the terminal: end it with {end} on a line of its own"
            )

    def _tables(self) -> list[str]:
        """Return the inputs that are tables."""
        found = []
        for source in self.sources:
            # Standard input is one document unless its format is given.
            if source == STANDARD_INPUT and self.reading.format is None:
                continue
            with _explaining(source):
                if locate(source, known_format(self.reading.format)).kind == "table":
                    found.append(source)
        return found

    def shape(self, model: Model, top: int | None) -> Shape:
        """Return which columns the predictions have, from the first rows of each input."""
        ids, columns = False, dict[str, None]()
        # How many rows may be rejected is asked when all are read, with those noted.
        reading = replace(self._reading(_FIRST_ROWS), max_bad=1.0)
        for source in self._tables():
            with closing(stream_documents(source, reading)) as batches:
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
        batches = stream_documents(self.sources, self._reading(self.batch), report, progress)
        number = 0
        with closing(batches):
            for documents in batches:
                for part in _split_lines(documents, self.batch) if self.lines else [documents]:
                    number += len(part)
                    yield part
        if not number:
            raise InputError("expected at least one line to predict, found none")

    def _reading(self, batch: BatchSize) -> Reading:
        return reading_of(self.reading, labelled=False, keep=self.keep, batch=batch)


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
