"""The report: one HTML page, complete in itself, and the files that are written beside it.

The page loads nothing, and everything in it is escaped. The summary is plain HTML; the other
sections are drawn by the page's own script from data embedded as JSON.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
from collections.abc import Iterable
from html import escape
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any

from satchel.escaping import abbreviate, json_text, printable
from satchel.evaluation import pictures
from satchel.evaluation.advice import Advice, advise
from satchel.evaluation.confidence import Reliability
from satchel.evaluation.context import ReportContext
from satchel.evaluation.intervals import Interval
from satchel.evaluation.page_data import embedded_json, page_data
from satchel.evaluation.predictions import predictions_table
from satchel.evaluation.reasons import Reasons, find_reasons
from satchel.evaluation.result import Evaluation
from satchel.evaluation.summary import verdict
from satchel.files import write_folder_atomically

_SCRIPTS = ("base.js", "documents.js", "matrix.js", "classes.js", "charts.js", "main.js")
_STEPS_FIRST = 3  # pieces of advice on the first screen
_NOTES, _NOTE = 20, 500  # the caller's notes: how many at most, and characters of each
_METHODS = 12
# Not strftime, whose months depend on the locale that the program has set.
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def render(evaluation: Evaluation, context: ReportContext, reasons: Reasons) -> str:
    """Return the page.

    Args:
        evaluation: What to show.
        context: What is known of the model and the data.
        reasons: Why documents got their labels.
    """
    style, script = _part("report.css"), _script()
    # Labels and texts may be hostile: escaping keeps them text, and this policy keeps a browser
    # from running or loading anything but the page's own script and style if one were missed.
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(script)}; style-src {_hash(style)}"
    )
    data = embedded_json(page_data(evaluation, context, reasons))
    title = _title(context)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Satchel">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#summary">Skip to the summary</a>
<nav class="sections" aria-label="Sections"><ul id="sections"></ul></nav>
<main>
{_summary(evaluation, context)}
<div id="rest"></div>
<noscript><p class="notice">The sections below the summary need JavaScript, which is disabled.
The same figures are in report.json, the predictions in predictions.csv, and the pictures are the
PNG files of this folder.</p></noscript>
</main>
{_footer(evaluation)}
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def _part(name: str) -> str:
    return resources.files("satchel.evaluation").joinpath("assets", name).read_text("utf-8")


def _script() -> str:
    body = "\n".join(_part(name) for name in _SCRIPTS)
    return f'\n(() => {{\n"use strict";\n{body}\n}})();\n'


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _title(context: ReportContext) -> str:
    if context.model and context.data:
        return f"{_short(context.model)} evaluated on {_short(context.data)}"
    if context.model or context.data:
        return f"Evaluation of {_short(context.model or context.data)}"
    return "Evaluation report"


def _short(value: object, limit: int = 120) -> str:
    return escape(abbreviate(printable(value), limit))


def _summary(evaluation: Evaluation, context: ReportContext) -> str:
    lead, detail = verdict(evaluation)
    steps = advise(evaluation)
    return f"""<section id="summary" aria-labelledby="summary-title">
<p class="kicker">Evaluation report · {_day(context.date or datetime.date.today())}</p>
<h1 id="summary-title">{_title(context)}</h1>
<p class="facts">{_facts(evaluation, context)}</p>
<p class="verdict"><strong>{escape(lead)}</strong> {escape(detail)}</p>
{_notes(context)}
<div class="figures">
{_tiles(evaluation)}
{_comparison(evaluation, context)}
</div>
{_next(steps)}
</section>"""


def _day(day: datetime.date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _facts(evaluation: Evaluation, context: ReportContext) -> str:
    labels = "any number of labels" if evaluation.task == "multiple" else "one label"
    tested = (
        f"Evaluated on {evaluation.n:,} documents of {len(evaluation.labels):,} classes, "
        f"{labels} each"
    )
    parts = [f"Trained on {_short(context.trained_on, 300)}"] if context.trained_on else []
    parts.append(tested + (f" ({_short(context.data)})" if context.data else ""))
    return ". ".join(parts) + "."


def _notes(context: ReportContext) -> str:
    items = "".join(f"<li>{_short(note, _NOTE)}</li>" for note in context.notes[:_NOTES])
    return f'<ul class="notes">{items}</ul>' if items else ""


def _tiles(evaluation: Evaluation) -> str:
    low, high = evaluation.intervals["accuracy"]
    macro = evaluation.intervals["macro_f1"]
    right = f"95% interval {100 * low:.1f}–{high:.1%}"
    tiles = [
        (
            "Macro-F1",
            f"{evaluation.macro_f1:.3f}",
            f"95% interval {macro.low:.3f}–{macro.high:.3f}",
            "Mean over classes, small ones counting as much as large ones",
        ),
    ]
    if evaluation.task == "multiple":
        micro = evaluation.intervals["micro_f1"]
        tiles = [
            (
                "Micro-F1",
                f"{evaluation.micro_f1:.3f}",
                f"95% interval {micro.low:.3f}–{micro.high:.3f}",
                "F1 of all decisions pooled",
            ),
            *tiles,
            (
                "All labels right",
                f"{evaluation.accuracy:.1%}",
                right,
                "Share of documents whose labels are all right",
            ),
        ]
    else:
        what = "Share of documents that get the right label"
        tiles.insert(0, ("Accuracy", f"{evaluation.accuracy:.1%}", right, what))
    if evaluation.calibration_error is not None:
        tiles.append(
            (
                "Calibration error",
                f"{100 * evaluation.calibration_error:.1f} points",
                f"log loss {evaluation.log_loss:.3f}",
                "How far probabilities are from the share that is right, on average",
            )
        )
    leaks = evaluation.leaks
    if leaks is not None:
        without = (
            "no documents left without them"
            if leaks.accuracy_without is None
            else f"accuracy without them {leaks.accuracy_without:.1%}"
        )
        tiles.append(
            (
                "Known from training",
                f"{leaks.count:,}",
                without if leaks.count else "no test document is a copy",
                "Test documents whose text is also in the training data",
            )
        )
    items = "".join(
        f'<div class="tile" title="{escape(meaning)}"><dt>{name}</dt>'
        f"<dd><b>{figure}</b><small>{note}</small></dd></div>"
        for name, figure, note, meaning in tiles
    )
    even = " even" if len(tiles) % 2 == 0 else ""
    return f'<dl class="tiles{even}">{items}</dl>'


def _comparison(evaluation: Evaluation, context: ReportContext) -> str:
    """Return the model's accuracy (or micro-F1) beside that of simpler methods, as bars."""
    multi_label = evaluation.task == "multiple"
    what = "Micro-F1" if multi_label else "Accuracy"
    ours = evaluation.micro_f1 if multi_label else evaluation.accuracy
    ends = evaluation.intervals["micro_f1" if multi_label else "accuracy"]
    rows: list[tuple[str, float, Interval | None]] = [("This model", ours, ends)]
    for baseline in context.baselines[:_METHODS]:
        value = baseline.micro_f1 if multi_label else baseline.accuracy
        if value is not None:
            rows.append((baseline.name, value, None))
    if multi_label:
        constant = evaluation.baselines["majority_label_micro_f1"]
        rows.append(("Always the most common label", constant, None))
    else:
        constant = evaluation.baselines["majority_class"]
        rows.append(("Always the most common label", constant, None))
    items = "".join(
        f'<tr><th scope="row">{_short(name)}</th><td>{_bar(value, ends)}</td>'
        f"<td>{f'{value:.3f}' if multi_label else f'{value:.1%}'}</td></tr>"
        for name, value, ends in rows
    )
    return (
        f'<table class="comparison"><caption>{what}, beside simpler methods</caption>'
        f"<tbody>{items}</tbody></table>"
    )


def _bar(share: float, ends: Interval | None) -> str:
    interval = ""
    if ends is not None:
        low, high = (100 * end for end in ends)
        interval = (
            f'<rect class="interval" x="{low:.2f}" y="4" width="{high - low:.2f}" height="2"/>'
        )
    return (
        '<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10"/>'
        f'<rect class="{"ours" if ends is not None else "theirs"}" '
        f'width="{100 * share:.2f}" height="10"/>{interval}</svg>'
    )


def _next(steps: list[Advice]) -> str:
    if not steps:
        return (
            '<section class="next" aria-labelledby="next-title">'
            '<h2 id="next-title">What to do next</h2>'
            "<p>Nothing stands out: the mistakes are few and of many kinds. Read some of them "
            "below before trusting the figures.</p></section>"
        )
    first = _steps(steps[:_STEPS_FIRST])
    more = ""
    if len(steps) > _STEPS_FIRST:
        rest = steps[_STEPS_FIRST:]
        word = "finding" if len(rest) == 1 else "findings"
        more = f"<details><summary>{len(rest)} more {word}</summary>{_steps(rest)}</details>"
    return (
        '<section class="next" aria-labelledby="next-title">'
        f'<h2 id="next-title">What to do next</h2>{first}{more}</section>'
    )


def _steps(steps: Iterable[Advice]) -> str:
    items = "".join(
        f"<li>{escape(step.finding)} <strong>{escape(step.step)}</strong></li>" for step in steps
    )
    return f"<ol>{items}</ol>"


def _footer(evaluation: Evaluation) -> str:
    unit = (
        "Labels are evaluated separately; accuracy requires all labels of a document to be right."
        if evaluation.task == "multiple"
        else "Rows of the confusion matrix are true classes, columns are predicted classes."
    )
    return (
        f"<footer><p>{unit} Macro-F1 is the plain mean over the classes that occur; a division by "
        "zero counts as 0. Intervals: Wilson for shares, jackknife for macro-F1. Suspected wrong "
        "labels: confident learning (Northcutt and others, 2021). Calibration error: 15 bins of "
        "equal width. # is the class's place in the list of labels, the same in every table and "
        "picture.</p><p>Beside this page: report.json (all figures), predictions.csv (all "
        "predictions) and the figures as PNG.</p></footer>"
    )


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

    All are made before the first is written, and the page is renamed last: a failure leaves an
    older report whole. Pictures of an older report that this one does not have are removed.

    Args:
        evaluation: What to report.
        directory: The folder; created if missing.
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
            "predictions.csv": _utf8(predictions_table(evaluation)),
            "report.html": _utf8(page),
        },
    )
    for name in set(PICTURES) - set(drawn):
        with contextlib.suppress(OSError):
            (directory / name).unlink(missing_ok=True)
    return directory / "report.html"


def _figures(evaluation: Evaluation, context: ReportContext) -> dict[str, Any]:
    """Return the figures for programs, including those of every picture."""
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
    # JSON has no infinity, which the loss of a diverged network may be.
    return [float(value) if isfinite(value) else None for value in values]


def _utf8(text: str) -> bytes:
    # A lone surrogate in a file name or label is the only thing that UTF-8 cannot hold.
    return text.encode("utf-8", errors="backslashreplace")
