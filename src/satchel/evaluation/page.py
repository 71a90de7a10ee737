"""The report as one HTML page: no script, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from satchel.evaluation.answers import Answer
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.naming import printable
from satchel.evaluation.summary import advice, remarks, weakest

_WRONG_SHOWN = 200
_PAIRS_SHOWN = 10
_EXCERPT = 400  # characters of a wrongly answered document

_TITLES = {
    "confusion_matrix.png": "What is taken for what",
    "classes.png": "Class by class",
    "reliability.png": "Are the probabilities to be believed?",
}

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.big { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
.big li { border: 1px solid #ddd; border-radius: .5rem; padding: .6rem 1rem; }
.big b { display: block; font-size: 1.7rem; font-weight: 600; }
.big small { color: #666; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e5e5e5;
  vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.scroll { overflow-x: auto; } img { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0 .6rem; color: #555;
  font-size: .8rem; }
.advice li { margin: .3rem 0; } footer { color: #666; font-size: .85rem; margin-top: 3rem; }
"""

# The page may hold hostile labels and texts: escaping keeps them text, and this keeps a browser
# from running or loading anything, were an escape ever missed.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(evaluation: Evaluation, answers: Sequence[Answer], images: Mapping[str, bytes]) -> str:
    """Return the page.

    Args:
        evaluation: What to show.
        answers: As `satchel.evaluation.answers.sorted_answers` orders them.
        images: File name → PNG, put into the page as data.
    """
    body = [
        "<h1>How good the answers are</h1>",
        _tiles(evaluation),
        _list(remarks(evaluation), ""),
        _advice(evaluation),
        _confused(evaluation),
        *(_image(name, content) for name, content in images.items()),
        _classes(evaluation),
        _wrong(answers),
        _footer(evaluation),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Satchel: evaluation report</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _text(value: object) -> str:
    return escape(printable(value))


def _tiles(evaluation: Evaluation) -> str:
    low, high = evaluation.intervals["accuracy"]
    macro_low, macro_high = evaluation.intervals["macro_f1"]
    name = "all labels right" if evaluation.task == "multiple" else "accuracy"
    tiles = [
        (f"{evaluation.accuracy:.1%}", name, f"95 %: {low:.1%} to {high:.1%}"),
        (f"{evaluation.macro_f1:.3f}", "macro-F1", f"95 %: {macro_low:.3f} to {macro_high:.3f}"),
        (f"{evaluation.micro_f1:.3f}", "micro-F1", "all decisions pooled"),
        (
            f"{evaluation.baselines['majority_class']:.1%}",
            "without a model",
            "always the commonest answer",
        ),
        (f"{evaluation.n:,}", "test documents", f"{len(evaluation.labels):,} labels"),
    ]
    if evaluation.task == "single":
        del tiles[2]
    items = "".join(
        f"<li>{name}<b>{figure}</b><small>{note}</small></li>" for figure, name, note in tiles
    )
    return f'<ul class="big">{items}</ul>'


def _list(lines: Iterable[str], kind: str) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def _advice(evaluation: Evaluation) -> str:
    steps = _list(advice(evaluation), "advice")
    return f"<h2>What to do next</h2>{steps}" if steps else ""


def _table(header: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a header's flag says that its column holds numbers. Cells are HTML."""
    kinds = [' class="n"' if number else "" for _, number in header]
    head = "".join(f"<th{kind}>{name}</th>" for kind, (name, _) in zip(kinds, header, strict=True))
    lines = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _confused(evaluation: Evaluation) -> str:
    if not evaluation.most_confused:
        return ""
    header = [("true", False), ("taken for", False), ("documents", True), ("of the class", True)]
    rows = (
        (_text(pair.true), _text(pair.predicted), f"{pair.count:,}", f"{pair.share:.0%}")
        for pair in evaluation.most_confused[:_PAIRS_SHOWN]
    )
    return f"<h2>Most confused</h2>{_table(header, rows)}"


def _image(name: str, content: bytes) -> str:
    data = base64.b64encode(content).decode("ascii")
    title = _TITLES[name]
    return f'<h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{data}">'


def _classes(evaluation: Evaluation) -> str:
    place = {label: index for index, label in enumerate(evaluation.labels, start=1)}
    untested = [item for item in evaluation.per_class.items() if not item[1].support]
    header = [("#", True), ("class", False)] + [
        (name, True) for name in ("precision", "recall", "F1", "documents", "predicted")
    ]
    rows = (
        (
            str(place[label]),
            _text(label),
            f"{score.precision:.3f}",
            f"{score.recall:.3f}",
            f"{score.f1:.3f}",
            f"{score.support:,}",
            f"{score.predicted:,}",
        )
        for label, score in [*weakest(evaluation, len(place)), *untested]
    )
    return f"<h2>All classes, weakest first</h2>{_table(header, rows)}"


def _wrong(answers: Sequence[Answer]) -> str:
    wrong = [answer for answer in answers if not answer.right]
    if not wrong:
        return "<h2>Wrong answers</h2><p>None.</p>"
    header = [("document", False), ("true", False), ("predicted", False), ("probability", True)]
    rows = (
        (
            _text(answer.name) + _excerpt(answer.text),
            _text(answer.true) or "<i>none</i>",
            _text(answer.predicted) or "<i>none</i>",
            "" if answer.probability is None else f"{answer.probability:.1%}",
        )
        for answer in wrong[:_WRONG_SHOWN]
    )
    sure = wrong[0].probability is not None
    order = ", the surest first: wrong labels in the test part often stand on top" if sure else ""
    return (
        f"<h2>Wrong answers</h2><p>{min(len(wrong), _WRONG_SHOWN):,} of {len(wrong):,}{order}; "
        f"all are in predictions.csv.</p>{_table(header, rows)}"
    )


def _excerpt(text: str | None) -> str:
    if text is None:
        return ""
    start = "\n".join(printable(line) for line in text[:_EXCERPT].strip().splitlines())
    more = " …" if len(text) > _EXCERPT else ""
    return f"<pre>{escape(start)}{more}</pre>"


def _footer(evaluation: Evaluation) -> str:
    unit = (
        "Each label is judged alone; accuracy wants every label of a document right."
        if evaluation.task == "multiple"
        else "Rows of the confusion matrix are true classes, columns what they were taken for."
    )
    return (
        f"<footer><p>{unit} Macro-F1 is the plain mean over the classes that occur; a division "
        "by zero counts as 0. Intervals: Wilson (accuracy), bootstrap over documents "
        "(macro-F1). The same figures are in report.json.</p></footer>"
    )
