"""Predictions for a stream of documents: one batch is read while the one before it is predicted."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from satchel.errors import PredictionError
from satchel.inference.columns import PredictionColumns
from satchel.sources.documents import Documents, Skipped, listed

if TYPE_CHECKING:
    from satchel.inference.explain import Explanation
    from satchel.model import Model

DIGITS: Final = 6
"""Probabilities are rounded to so many digits, which is what float32 holds of them."""


@dataclass(frozen=True, slots=True)
class ScoredLabel:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one document.

    Attributes:
        file: The document's name.
        known: How many of its features the model knows; with 0 the prediction is the same for every
            such document.
        best: The label; for several labels per document the most probable of those assigned, None
            without any.
        assigned: For several labels per document those assigned, the most probable first; else
            None.
        top: The most probable labels, assigned or not; None where not requested.
        id: Value of the column ``id`` of a table; None where there is none.
        columns: Values of the columns that are kept.
        explanation: The explanation, where requested.
        rejected: Why the document could not be read; None where it was predicted.
    """

    file: str
    known: int
    best: ScoredLabel | None
    assigned: tuple[ScoredLabel, ...] | None = None
    top: tuple[ScoredLabel, ...] | None = None
    id: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    explanation: Explanation | None = None
    rejected: str | None = None


@dataclass(frozen=True)
class PredictedBatch:
    """A batch of documents with their predictions.

    Attributes:
        documents: The documents, and between them those that were rejected.
        columns: The predictions for the documents.
        labels: The labels of the model, in its order.
        top: Whether the most probable labels were requested.
        explanations: One per document; None where not requested.
    """

    documents: Documents
    columns: PredictionColumns
    labels: Sequence[str]
    top: bool = False
    explanations: Sequence[Explanation] | None = None

    def rows(self) -> Iterator[Prediction]:
        """Yield one prediction per document, in the order of the source, rejected ones included."""
        rejected = iter(self.documents.rejected)
        place, skipped = next(rejected, _NONE_LEFT)
        for number, prediction in enumerate(self._predictions()):
            while place <= number:
                yield _row_of(skipped)
                place, skipped = next(rejected, _NONE_LEFT)
            yield prediction
        while place < _NONE_LEFT[0]:
            yield _row_of(skipped)
            place, skipped = next(rejected, _NONE_LEFT)

    def _predictions(self) -> Iterator[Prediction]:
        documents, found = self.documents, self.columns
        numbers = found.label.tolist()
        scores = self._rounded(found.probability)
        known = found.known.tolist()
        tops = zip(found.top_labels.tolist(), found.top_probabilities.tolist(), strict=True)
        bounds: Iterator[tuple[int, int]] = iter(())
        if found.assigned is not None:
            bounds = pairwise(found.assigned.offsets.tolist())
            assigned_labels = found.assigned.labels.tolist()
            assigned_scores = self._rounded(found.assigned.probabilities)
        kept = {name: listed(cells) for name, cells in (documents.columns or {}).items()}
        for row, (file, number, score) in enumerate(
            zip(documents.names, numbers, scores, strict=True)
        ):
            assigned = None
            if found.assigned is not None:
                start, stop = next(bounds)
                assigned = self._scored(assigned_labels[start:stop], assigned_scores[start:stop])
            best, probabilities = next(tops)
            yield Prediction(
                file=file,
                known=known[row],
                best=ScoredLabel(self.labels[number], score) if number >= 0 else None,
                assigned=assigned,
                top=self._scored(best, [round(each, DIGITS) for each in probabilities])
                if self.top
                else None,
                id=None if documents.ids is None else documents.ids[row],
                columns={name: cells[row] for name, cells in kept.items()},
                explanation=None if self.explanations is None else self.explanations[row],
            )

    def _scored(self, numbers: list[int], scores: list[float]) -> tuple[ScoredLabel, ...]:
        labels = self.labels
        return tuple(
            ScoredLabel(labels[number], score)
            for number, score in zip(numbers, scores, strict=True)
        )

    @staticmethod
    def _rounded(probabilities: Any) -> list[float]:
        return [round(each, DIGITS) for each in probabilities.tolist()]


_NONE_LEFT: Final = (1 << 62, Skipped("", ""))


def _row_of(skipped: Skipped) -> Prediction:
    return Prediction(skipped.document, 0, None, rejected=skipped.reason)


def predict_batches(
    model: Model,
    batches: Iterable[Documents],
    *,
    top: int | None = None,
    explain: bool = False,
    threads: int | None = None,
) -> Iterator[PredictedBatch]:
    """Yield the batches with their predictions; the next one is read meanwhile.

    Args:
        model: The model.
        batches: The documents, as ``sources.reading.stream_documents`` yields them.
        top: How many of the most probable labels to include; None for none.
        explain: Whether to explain each prediction.
        threads: Threads that predict; None takes all cores.

    Raises:
        PredictionError: The logits of a document overflow; the message names the document.
        TextError: A document is not text.
    """
    for documents in read_ahead(batches):
        with _naming(documents.names):
            columns = model.predictor.columns(documents.texts, top, threads)
        explanations = None
        if explain:
            explanations = []
            for name, text in zip(documents.names, documents.texts, strict=True):
                with _naming([name]):
                    explanations.append(model.explain(text))
        yield PredictedBatch(
            documents, columns, model.ensemble.labels, top is not None, explanations
        )


def predictions(model: Model, documents: Documents, *, top: int | None = None) -> list[Prediction]:
    """Return the predictions for a few documents; see `predict_batches`."""
    return [row for batch in predict_batches(model, [documents], top=top) for row in batch.rows()]


T = TypeVar("T")


def read_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items; the next one is made in another thread while one is worked on."""
    source = iter(items)
    try:
        with ThreadPoolExecutor(1, "satchel-reader") as pool:
            future = pool.submit(next, source, None)
            while (item := future.result()) is not None:
                future = pool.submit(next, source, None)
                yield item
    finally:
        if isinstance(source, Generator):
            source.close()  # its files and processes, even where it was not read to its end


@contextmanager
def _naming(names: Sequence[str]) -> Iterator[None]:
    """Name the document in the error where logits overflow."""
    try:
        yield
    except PredictionError as error:
        raise PredictionError(f"{names[error.document]}: {error}", error.document) from None
