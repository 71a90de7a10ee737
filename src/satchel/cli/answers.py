"""Answers of ``predict``, one document at a time, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from satchel.errors import PredictionError
from satchel.progress import Progress, silent

if TYPE_CHECKING:
    from satchel.inference.explain import Explanation
    from satchel.satchel import Satchel
    from satchel.sources.documents import Documents

_BLOCK_DOCUMENTS = 16_384
_BLOCK_CELLS = 2_000_000  # probabilities held at a time: 8 MB, and a few times that on the way
_MUCH_TEXT = 2_500_000  # code points from which the kernels are worth their start


@dataclass(frozen=True, slots=True)
class Choice:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one document.

    Attributes:
        file: The document's name.
        known: How many of its features the model knows; with 0 the answer does not depend on it.
        best: The label; for several labels a document the most probable of those that hold, and
            None where none does.
        holding: For several labels a document those that hold, the most probable first; else None.
        top: The most probable labels, whether they hold or not; None where they were not asked for.
        id: What the column ``id`` of a table has; None where there is none.
        columns: What the columns that were kept have.
        explanation: Why, where it was asked for.
    """

    file: str
    known: int
    best: Choice | None
    holding: tuple[Choice, ...] | None = None
    top: tuple[Choice, ...] | None = None
    id: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    explanation: Explanation | None = None


def answers_of(
    satchel: Satchel,
    documents: Documents,
    *,
    top: int | None = None,
    explain: bool = False,
    threads: int | None = None,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """Yield one answer a document, in their order.

    Args:
        satchel: The model.
        documents: The documents.
        top: How many of the most probable labels to tell; None for none.
        explain: Whether to say why.
        threads: Threads to use; None takes all cores.
        progress: Told how many documents are answered.

    Raises:
        PredictionError: The model's numbers overflow: there is no answer.
        TextError: A document is not text.
    """
    texts = documents.texts
    several = satchel.manifest.task == "multiple"
    block = max(1, min(_BLOCK_DOCUMENTS, _BLOCK_CELLS // len(satchel.model.labels)))
    if len(texts) > block and sum(map(len, texts)) >= _MUCH_TEXT:
        satchel.model.warm_up()  # a block alone may look like too little for the kernels
    for start in range(0, len(texts), block):
        progress("predicting", start, len(texts))
        with _naming(documents.names, start):
            rankings = satchel.model.rank(texts[start : start + block], top or 1, threads)
        for number, ranking in enumerate(rankings, start):
            best = tuple(_choice(*pair) for pair in ranking.best)
            holding = tuple(_choice(*pair) for pair in ranking.holding) if several else None
            first = best if holding is None else holding
            yield Answer(
                file=documents.names[number],
                known=ranking.known,
                best=first[0] if first else None,
                holding=holding,
                top=None if top is None else best,
                id=None if documents.ids is None else documents.ids[number],
                columns={
                    name: values[number] for name, values in (documents.columns or {}).items()
                },
                explanation=_explained(satchel, documents, number) if explain else None,
            )
    progress("predicting", len(texts), len(texts))


def _choice(label: str, probability: float) -> Choice:
    return Choice(label, round(probability, 6))


def _explained(satchel: Satchel, documents: Documents, number: int) -> Explanation:
    with _naming(documents.names, number):
        return satchel.explain(documents.texts[number])


@contextmanager
def _naming(names: Sequence[str], first: int) -> Iterator[None]:
    """Say which document it was whose scores overflowed."""
    try:
        yield
    except PredictionError as error:
        raise PredictionError(f"{names[first + error.document]}: {error}", error.document) from None
