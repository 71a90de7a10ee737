"""``satchel evaluate``, and the evaluation that ``train`` and ``demo`` print and save like it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from satchel.cli import options, terminal
from satchel.errors import LabelError, SourceError
from satchel.evaluation.context import ReportContext
from satchel.sources.splitting import text_keys

if TYPE_CHECKING:
    from satchel.evaluation.result import Evaluation
    from satchel.model import Model
    from satchel.sources.documents import Documents


def judge(
    model: Model,
    documents: Documents,
    *,
    learnt: Sequence[str] = (),
    threads: int | None = None,
) -> Evaluation:
    """Evaluate a model on labelled documents.

    Args:
        model: The model.
        documents: Labelled documents.
        learnt: The texts that it learnt from, where they are at hand: copies among the documents
            are counted, and the accuracy is told without them too.
        threads: Threads to use; None takes all cores.

    Raises:
        SourceError: If the documents carry no labels.
    """
    if documents.labels is None:
        raise SourceError("expected labelled documents to judge by, found no labels")
    leaked = None
    if learnt:
        keys = text_keys([*learnt, *documents.texts])
        leaked = np.isin(keys[len(learnt) :], keys[: len(learnt)])
    # Probabilities that overflow are refused there; NumPy need not say so too.
    with np.errstate(over="ignore", invalid="ignore"):
        return model.evaluate(
            documents.texts,
            documents.labels,
            names=documents.names,
            leaked=leaked,
            threads=threads,
        )


def check_comparable(documents: Documents, test: Documents) -> None:
    """Refuse a test whose documents have another number of labels than those to learn from.

    Raises:
        LabelError: One side has one label a document, the other lists.
    """
    if documents.multiple != test.multiple:
        kinds = {True: "lists of labels", False: "one label a document"}
        raise LabelError(
            f"expected a test of the same kind as the documents to learn from, which have "
            f"{kinds[documents.multiple]}; found {kinds[test.multiple]}: name other text with "
            "--test, or another column with --label"
        )


def save_report(
    evaluation: Evaluation,
    folder: str | Path,
    *,
    model: str | Path | None = None,
    data: str | None = None,
    trained_on: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the report of an evaluation and say where it is.

    Args:
        evaluation: What to report.
        folder: Where to.
        model: The model file.
        data: What it was judged on, as the user named it.
        trained_on: The source that it learnt from, where it is known.
        notes: Sentences that a reader must know, such as which model was judged.
    """
    context = evaluation.context or ReportContext()
    learnt = context.trained_on
    if trained_on is not None:
        source = _last_part(trained_on)
        learnt = source if learnt is None else f"{learnt} ({source})"
    context = dataclasses.replace(
        context,
        model=None if model is None else _last_part(str(model)),
        data=None if data is None else _last_part(data),
        trained_on=learnt,
        notes=tuple(notes),
    )
    terminal.remark(f"wrote the report: {evaluation.save_report(folder, context)}")


def _last_part(path: str) -> str:
    """Return the name at the end of a path; a report may travel, so no folder of this machine."""
    return Path(path).name or path


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the summary of an evaluation on standard output."""
    for line in evaluation.summary().split("\n"):
        terminal.say(line)


@click.command("evaluate")
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("source")
@options.column_options
@options.report_option
@options.threads_option
@options.json_option
def evaluate_command(
    model: str,
    source: str,
    text: tuple[str, ...] | None,
    label: str | None,
    report: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Judge MODEL on the labelled text of SOURCE (a folder of folders, an archive or a table)."""
    from satchel.cli.inputs import load
    from satchel.cli.output import prepare_folder

    pass
    from satchel.sources.reading import read_documents

    if report is not None:
        prepare_folder(report)
    classifier = load(model)
    with terminal.progress_bars() as progress:
        documents = read_documents(source, text=text, label=label, progress=progress)
        evaluation = judge(classifier, documents, threads=threads)
    for line in documents.remarks.lines():
        terminal.remark(line)
    if report is not None:
        save_report(evaluation, report, model=model, data=source)
    if as_json:
        terminal.print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation)
