"""The single answers behind an evaluation, in the order in which a person wants to read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class Answer:
    """One document's answer.

    Attributes:
        name: The document's name, or its number.
        true: Its label; several are joined by ``", "``.
        predicted: The label it was given.
        right: Whether the two are the same.
        probability: How sure the model was, where known.
        text: The document, where it was given.
    """

    name: str
    true: str
    predicted: str
    right: bool
    probability: float | None
    text: str | None


def sorted_answers(evaluation: Evaluation) -> list[Answer]:
    """Return every answer, wrong ones first, the surest errors on top."""
    names, texts = evaluation.names, evaluation.texts
    outcomes = evaluation.outcomes
    same = outcomes.true == outcomes.predicted
    right = same.all(axis=1) if outcomes.multiple else same
    sure = evaluation.answer_confidence
    order = np.lexsort((np.zeros(evaluation.n) if sure is None else -sure, right))
    return [
        Answer(
            name=str(index) if names is None else names[index],
            true=_written(evaluation, outcomes.true[index]),
            predicted=_written(evaluation, outcomes.predicted[index]),
            right=bool(right[index]),
            probability=None if sure is None else float(sure[index]),
            text=None if texts is None else texts[index],
        )
        for index in order.tolist()
    ]


def _written(evaluation: Evaluation, answer: np.ndarray) -> str:
    places = np.flatnonzero(answer) if evaluation.outcomes.multiple else [answer]
    return ", ".join(str(evaluation.labels[place]) for place in places)
