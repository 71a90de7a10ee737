"""Answers of ``predict``, one document at a time, so that memory does not grow with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from satchel.errors import ModelFileError
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
        ModelFileError: The model's numbers overflow: there is no answer.
        TextError: A document is not text.
    """
    texts = documents.texts
    block = max(1, min(_BLOCK_DOCUMENTS, _BLOCK_CELLS // len(satchel.model.labels)))
    if len(texts) > block and sum(map(len, texts)) >= _MUCH_TEXT:
        satchel.model.warm_up()  # a block alone may look like too little for the kernels
    for start in range(0, len(texts), block):
        progress("predicting", start, len(texts))
        part = texts[start : start + block]
        # What overflows is refused below; NumPy need not say so too.
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities, known = satchel.model.predict_proba_and_known(part, threads=threads)
        finite = np.isfinite(probabilities).all(axis=1)
        if not finite.all():
            _refuse(documents.names[start + int(np.argmin(finite))])
        best = _best(satchel, probabilities)
        for place, (row, count) in enumerate(zip(probabilities, known.tolist(), strict=True)):
            number = start + place
            holding = _holding(satchel, row)
            yield Answer(
                file=documents.names[number],
                known=count,
                best=best[place] if holding is None else holding[0] if holding else None,
                holding=holding,
                top=None if top is None else _most_probable(satchel, row, top),
                id=None if documents.ids is None else documents.ids[number],
                columns={
                    name: values[number] for name, values in (documents.columns or {}).items()
                },
                explanation=_explained(satchel, documents, number) if explain else None,
            )
    progress("predicting", len(texts), len(texts))


def _choices(satchel: Satchel, columns: np.ndarray, values: np.ndarray) -> tuple[Choice, ...]:
    """Return the labels at some columns with their probabilities."""
    labels = satchel.model.labels
    rounded = np.round(values.astype(np.float64), 6).tolist()
    return tuple(
        Choice(labels[column], value)
        for column, value in zip(columns.tolist(), rounded, strict=True)
    )


def _best(satchel: Satchel, probabilities: np.ndarray) -> tuple[Choice, ...]:
    """Return the most probable label of each document."""
    columns = probabilities.argmax(axis=1)
    return _choices(satchel, columns, probabilities[np.arange(len(columns)), columns])


def _holding(satchel: Satchel, row: np.ndarray) -> tuple[Choice, ...] | None:
    """Return the labels that hold; None where a document has just one."""
    thresholds = satchel.model.thresholds
    if thresholds is None:
        return None
    columns = np.flatnonzero(row >= thresholds)
    columns = columns[np.argsort(-row[columns], kind="stable")]
    return _choices(satchel, columns, row[columns])


def _most_probable(satchel: Satchel, row: np.ndarray, count: int) -> tuple[Choice, ...]:
    """Return the most probable labels, equal ones in the model's order."""
    columns = np.arange(len(row))
    if count < len(row):
        least = np.partition(row, len(row) - count)[len(row) - count]
        columns = np.flatnonzero(row >= least)
    columns = columns[np.argsort(-row[columns], kind="stable")[:count]]
    return _choices(satchel, columns, row[columns])


def _explained(satchel: Satchel, documents: Documents, number: int) -> Explanation:
    with np.errstate(over="ignore", invalid="ignore"):
        explanation = satchel.explain(documents.texts[number])
    figures = (explanation.margin, explanation.base, explanation.remainder, explanation.rest)
    if not all(map(math.isfinite, figures)):
        _refuse(documents.names[number])
    return explanation


def _refuse(name: str) -> NoReturn:
    raise ModelFileError(
        f"expected a number for every label of {name}, found an overflow: the model is damaged "
        "or was made to fail; train it again or get it anew"
    )
