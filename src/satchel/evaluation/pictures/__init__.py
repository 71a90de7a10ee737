"""The one home of matplotlib: figures of an evaluation, drawn without pyplot's global state."""

from __future__ import annotations

import io
from pathlib import Path

from satchel.errors import MissingDependencyError, SaveError
from satchel.evaluation.evaluation import Evaluation

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingDependencyError("matplotlib", "train", "drawing an evaluation") from error

from satchel.evaluation.pictures.bars import class_bars
from satchel.evaluation.pictures.confusion import confusion_picture
from satchel.evaluation.pictures.reliability import reliability_diagram

__all__ = [
    "Figure",
    "class_bars",
    "confusion_picture",
    "main_picture",
    "png",
    "reliability_diagram",
    "save",
]


def main_picture(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix, or each label's F1 where a document may have several labels."""
    return (
        class_bars(evaluation) if evaluation.task == "multiple" else confusion_picture(evaluation)
    )


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
    content = png(figure)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SaveError(f"the picture {path} could not be written: {error}") from error
