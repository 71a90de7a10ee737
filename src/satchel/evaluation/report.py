"""A folder that explains an evaluation: a page for people, figures and answers for programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from satchel.escaping import json_text
from satchel.evaluation import pictures
from satchel.evaluation.answers import answers_table
from satchel.evaluation.confidence import Reliability
from satchel.evaluation.context import ReportContext
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.page import render
from satchel.evaluation.reasons import find_reasons
from satchel.files import write_folder_atomically

PICTURES = (
    "confusion_matrix.png",
    "classes.png",
    "reliability.png",
    "risk_coverage.png",
    "training_curves.png",
    "learning_curve.png",
)
"""Every picture that a report may have."""


def write_report(evaluation: Evaluation, directory: Path, context: ReportContext) -> Path:
    """Write ``report.html``, ``report.json``, ``predictions.csv`` and the pictures.

    All are made before the first is written, and the page takes its name last: a failure leaves an
    older report whole. Pictures of an older report that this one does not have are removed.

    Args:
        evaluation: What to report.
        directory: The folder; made where it is not there.
        context: What is known of the model and the data.

    Returns:
        The path of ``report.html``.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        SaveError: A file could not be written.
    """
    drawn = pictures.all_pictures(evaluation, context)
    reasons = find_reasons(evaluation, context.explain)
    page = render(evaluation, context, reasons)
    write_folder_atomically(
        directory,
        {
            **drawn,
            "report.json": _utf8(json_text(_figures(evaluation, context)) + "\n"),
            "predictions.csv": _utf8(answers_table(evaluation)),
            "report.html": _utf8(page),
        },
    )
    for name in set(PICTURES) - set(drawn):
        with contextlib.suppress(OSError):
            (directory / name).unlink(missing_ok=True)
    return directory / "report.html"


def _figures(evaluation: Evaluation, context: ReportContext) -> dict[str, Any]:
    """Return what a program may want to know: the figures, and those of every picture."""
    figures = evaluation.to_dict()
    about = {
        "model": context.model,
        "data": context.data,
        "trained_on": context.trained_on,
        "date": None if context.date is None else context.date.isoformat(),
        "training": dict(context.training),
        "notes": list(context.notes),
    }
    figures["about"] = {name: value for name, value in about.items() if value}
    if evaluation.reliability is not None:
        figures["reliability"] = _reliability(evaluation.reliability)
    curve = evaluation.risk_coverage
    if curve is not None:
        shares = [step / 20 for step in range(1, 21)]
        figures["risk_coverage"] = [
            {"coverage": share, "risk": curve.risk_at(share)} for share in shares
        ]
    if evaluation.suspect is not None:
        figures["suspected_label_errors"] = int(evaluation.suspect.sum())
    if context.baselines:
        figures["other_methods"] = [vars(baseline) for baseline in context.baselines]
    if context.history:
        figures["training_curves"] = [
            {name: _finite(values) for name, values in logs.items()} for logs in context.history
        ]
    if context.learning_curve:
        figures["learning_curve"] = [vars(point) for point in context.learning_curve]
    if context.trials:
        figures["trials"] = [vars(trial) for trial in context.trials]
    return figures


def _reliability(found: Reliability) -> dict[str, list[float]]:
    columns = {"count": found.count, "confidence": found.confidence, "accuracy": found.accuracy}
    return {name: column.tolist() for name, column in columns.items()}


def _finite(values: Iterable[float]) -> list[float | None]:
    # JSON has no infinity, which the loss of a network that ran away may be.
    return [float(value) if isfinite(value) else None for value in values]


def _utf8(text: str) -> bytes:
    # A lone surrogate in a file name or label is the only thing that UTF-8 cannot hold.
    return text.encode("utf-8", errors="backslashreplace")
