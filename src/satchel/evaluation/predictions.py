"""The single predictions behind an evaluation, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from satchel.escaping import table_row
from satchel.evaluation.outcomes import Assigned
from satchel.evaluation.result import Evaluation


@dataclass(frozen=True)
class Answer:
    """One document's answer.

    Attributes:
        name: The document's name, or its number from 0.
        true: Its label; several are joined by ``", "``.
        predicted: The label it was given.
        right: Whether the two are the same.
        probability: How sure the model was, where known.
        suspect: Whether the label, not the answer, may be wrong; None where not known.
    """

    name: str
    true: str
    predicted: str
    right: bool
    probability: float | None
    suspect: bool | None


def answer_order(evaluation: Evaluation) -> np.ndarray:
    """Return the documents, int64 ``[n]``: wrong answers first, the surest of each on top."""
    sure = evaluation.answer_confidence
    # A stable sort: the same order on every machine.
    return np.lexsort(
        (np.zeros(evaluation.n) if sure is None else -sure, evaluation.outcomes.right)
    )


def sorted_answers(evaluation: Evaluation) -> Iterator[Answer]:
    """Yield every answer in the order of `answer_order`."""
    outcomes, sure, suspect = (
        evaluation.outcomes,
        evaluation.answer_confidence,
        evaluation.suspect,
    )
    names = [str(label) for label in evaluation.labels]
    for index in answer_order(evaluation).tolist():
        yield Answer(
            name=str(index) if evaluation.names is None else evaluation.names[index],
            true=_written(names, outcomes.true, index),
            predicted=_written(names, outcomes.predicted, index),
            right=bool(outcomes.right[index]),
            probability=None if sure is None else float(sure[index]),
            suspect=None if suspect is None else bool(suspect[index]),
        )


def _written(names: list[str], side: Assigned, document: int) -> str:
    return ", ".join(names[place] for place in side.of(document).tolist())


def answers_table(evaluation: Evaluation) -> str:
    """Return the answers as CSV that no spreadsheet runs."""
    header = ["name", "true", "predicted", "right", "probability", "suspected_label_error"]
    rows = [table_row(header)]
    for answer in sorted_answers(evaluation):
        probability = None if answer.probability is None else round(answer.probability, 6)
        rows.append(
            table_row(
                [
                    answer.name,
                    answer.true,
                    answer.predicted,
                    answer.right,
                    probability,
                    answer.suspect,
                ]
            )
        )
    return "".join(rows)
