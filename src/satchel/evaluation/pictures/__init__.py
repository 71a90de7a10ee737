"""Figures of an evaluation, drawn with matplotlib, without pyplot's global state."""

from __future__ import annotations

import io
from pathlib import Path

from satchel.errors import MissingDependencyError
from satchel.evaluation.context import ReportContext
from satchel.evaluation.result import Evaluation
from satchel.files import write_atomically

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingDependencyError("matplotlib", "train", "drawing an evaluation") from error

from satchel.evaluation.pictures.charts import (
    class_bars,
    learning_picture,
    reliability_diagram,
    risk_coverage_picture,
    training_picture,
)
from satchel.evaluation.pictures.confusion import confusion_picture

__all__ = [
    "Figure",
    "all_pictures",
    "class_bars",
    "confusion_picture",
    "learning_picture",
    "main_picture",
    "png",
    "reliability_diagram",
    "risk_coverage_picture",
    "save",
    "training_picture",
]


def main_picture(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix, or each label's F1 where a document may have several labels."""
    return (
        class_bars(evaluation) if evaluation.task == "multiple" else confusion_picture(evaluation)
    )


def all_pictures(evaluation: Evaluation, context: ReportContext) -> dict[str, bytes]:
    """Return every picture for which there is data: file name → PNG."""
    drawn = {"classes.png": class_bars(evaluation)}
    if evaluation.task == "single":
        drawn["confusion_matrix.png"] = confusion_picture(evaluation)
    if evaluation.reliability is not None:
        drawn["reliability.png"] = reliability_diagram(evaluation)
        drawn["risk_coverage.png"] = risk_coverage_picture(evaluation)
    if context.history:
        drawn["training_curves.png"] = training_picture(context.history)
    if context.learning_curve:
        drawn["learning_curve.png"] = learning_picture(context.learning_curve)
    return {name: png(figure) for name, figure in drawn.items()}


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file's bytes."""
    buffer = io.BytesIO()
    # No software field: the same figures give the same bytes.
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the figure to ``path`` as PNG.

    Raises:
        SaveError: The file could not be written.
    """
    write_atomically(path, png(figure))
