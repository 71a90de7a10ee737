"""The single predictions behind an evaluation, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from satchel.escaping import table_row
from satchel.evaluation.outcomes import Assigned
from satchel.evaluation.result import Evaluation


@dataclass(frozen=True)
class Prediction:
    """One document's prediction.

    Attributes:
        name: The document's name, or its number from 0.
        true: Its label; several are joined by ``", "``.
        predicted: The predicted label.
        right: Whether the two are the same.
        probability: How sure the model was, where known.
        suspect: Whether the label, not the prediction, may be wrong; None if unknown.
    """

    name: str
    true: str
    predicted: str
    right: bool
    probability: float | None
    suspect: bool | None


def prediction_order(evaluation: Evaluation) -> np.ndarray:
    """Return the documents, int64 ``[n]``: wrong predictions first, most confident on top."""
    sure = evaluation.confidence
    # A stable sort: the same order on every machine.
    return np.lexsort(
        (np.zeros(evaluation.n) if sure is None else -sure, evaluation.outcomes.right)
    )


def sorted_predictions(evaluation: Evaluation) -> Iterator[Prediction]:
    """Yield every prediction in the order of `prediction_order`."""
    outcomes, sure, suspect = (
        evaluation.outcomes,
        evaluation.confidence,
        evaluation.suspect,
    )
    names = [str(label) for label in evaluation.labels]
    for index in prediction_order(evaluation).tolist():
        yield Prediction(
            name=str(index) if evaluation.names is None else evaluation.names[index],
            true=_written(names, outcomes.true, index),
            predicted=_written(names, outcomes.predicted, index),
            right=bool(outcomes.right[index]),
            probability=None if sure is None else float(sure[index]),
            suspect=None if suspect is None else bool(suspect[index]),
        )


def _written(names: list[str], side: Assigned, document: int) -> str:
    return ", ".join(names[place] for place in side.of(document).tolist())


def predictions_table(evaluation: Evaluation) -> str:
    """Return the predictions as CSV that is safe to open in a spreadsheet."""
    header = ["name", "true", "predicted", "right", "probability", "suspected_label_error"]
    rows = [table_row(header)]
    for prediction in sorted_predictions(evaluation):
        probability = None if prediction.probability is None else round(prediction.probability, 6)
        rows.append(
            table_row(
                [
                    prediction.name,
                    prediction.true,
                    prediction.predicted,
                    prediction.right,
                    probability,
                    prediction.suspect,
                ]
            )
        )
    return "".join(rows)
