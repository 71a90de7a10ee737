"""A folder that explains an evaluation: a page for people, figures and answers for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from satchel.errors import SaveError
from satchel.escaping import table_row
from satchel.evaluation import pictures
from satchel.evaluation.answers import Answer, sorted_answers
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.page import render


def write_report(evaluation: Evaluation, directory: Path) -> Path:
    """Write ``report.html``, ``report.json``, ``predictions.csv`` and the pictures.

    The page holds the pictures itself, so that it can be sent alone.

    Args:
        evaluation: What to report.
        directory: The folder; made where it is not there.

    Returns:
        The path of ``report.html``.

    Raises:
        SaveError: A file could not be written.
    """
    answers = sorted_answers(evaluation)
    drawn = _draw(evaluation)
    figures = json.dumps(evaluation.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
    files = {
        **drawn,
        "report.json": _utf8(figures + "\n"),
        "predictions.csv": _utf8(_table(answers)),
        "report.html": _utf8(render(evaluation, answers, drawn)),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / name).write_bytes(content)
    except OSError as error:
        raise SaveError(f"the report in {directory} could not be written: {error}") from error
    return directory / "report.html"


def _draw(evaluation: Evaluation) -> dict[str, bytes]:
    drawn = {}
    if evaluation.task == "single":
        drawn["confusion_matrix.png"] = pictures.png(pictures.confusion_picture(evaluation))
    drawn["classes.png"] = pictures.png(pictures.class_bars(evaluation))
    if evaluation.reliability is not None:
        drawn["reliability.png"] = pictures.png(pictures.reliability_diagram(evaluation))
    return drawn


def _table(answers: Sequence[Answer]) -> str:
    rows = [table_row(["name", "true", "predicted", "right", "probability"])]
    for answer in answers:
        probability = None if answer.probability is None else round(answer.probability, 6)
        rows.append(
            table_row([answer.name, answer.true, answer.predicted, answer.right, probability])
        )
    return "".join(rows)


def _utf8(text: str) -> bytes:
    # A lone surrogate in a file name or label is the only thing that UTF-8 cannot hold.
    return text.encode("utf-8", errors="backslashreplace")
