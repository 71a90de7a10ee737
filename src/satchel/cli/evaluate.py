"""``satchel evaluate``, and the evaluations that ``train`` and ``demo`` print and save."""

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
    from satchel.cli.options import SourceOptions
    from satchel.evaluation.result import Evaluation
    from satchel.model import Model
    from satchel.sources.documents import Documents


def evaluate(
    model: Model,
    documents: Documents,
    *,
    trained_on: Sequence[str] = (),
    threads: int | None = None,
) -> Evaluation:
    """Evaluate a model on labelled documents.

    Args:
        model: The model.
        documents: Labelled documents.
        trained_on: The texts that it was trained on, where known: copies among the documents are
            counted, and the accuracy without them is reported too.
        threads: Threads to use; None takes all cores.

    Raises:
        SourceError: If the documents have no labels.
    """
    if documents.labels is None:
        raise SourceError(
            "expected labelled documents, found no labels: name their column with --label"
        )
    leaked = None
    if trained_on:
        keys = text_keys([*trained_on, *documents.texts])
        leaked = np.isin(keys[len(trained_on) :], keys[: len(trained_on)])
    # The model raises an error for probabilities that overflow; NumPy's warning adds nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        return model.evaluate(
            documents.texts,
            documents.labels,
            names=documents.names,
            leaked=leaked,
            threads=threads,
        )


def check_comparable(documents: Documents, test: Documents) -> None:
    """Refuse a test source with another kind of labels than the training documents.

    Raises:
        LabelError: One side has one label per document, the other lists.
    """
    if documents.multiple != test.multiple:
        kinds = {True: "lists of labels", False: "one label per document"}
        raise LabelError(
            f"expected test documents with {kinds[documents.multiple]}, as in training, "
            f"found {kinds[test.multiple]}: name another source with --test, or another column "
            "with --label"
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
    """Write the report of an evaluation and print its path.

    Args:
        evaluation: What to report.
        folder: The folder to write to.
        model: The model file.
        data: The test source, as the user named it.
        trained_on: The source that it was trained on, where known.
        notes: Sentences for the reader, such as which model was evaluated.
    """
    context = evaluation.context or ReportContext()
    training = context.trained_on
    if trained_on is not None:
        source = _last_part(trained_on)
        training = source if training is None else f"{training} ({source})"
    context = dataclasses.replace(
        context,
        model=None if model is None else _last_part(str(model)),
        data=None if data is None else _last_part(data),
        trained_on=training,
        notes=tuple(notes),
    )
    terminal.remark(f"wrote the report: {evaluation.save_report(folder, context)}")


def _last_part(path: str) -> str:
    """Return the last part of a path: a report may be shared, so it names no local folder."""
    return Path(path).name or path


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the summary of an evaluation to standard output."""
    for line in evaluation.summary().split("\n"):
        terminal.say(line)


@click.command("evaluate")
@click.argument("model", type=click.Path(dir_okay=False))
@click.argument("source")
@options.source_options
@options.report_option
@options.threads_option
@options.json_option
def evaluate_command(
    model: str,
    source: str,
    reading: SourceOptions,
    report: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Evaluate MODEL on the labelled text of SOURCE: a folder of folders, an archive or a table."""
    from satchel.cli.inputs import load, read_labelled, rejects_of
    from satchel.cli.output import prepare_folder

    if report is not None:
        prepare_folder(report)
    classifier = load(model)
    with terminal.progress_bars() as progress:
        with rejects_of(reading, model, source) as rejects:
            documents = read_labelled(source, reading, rejects, progress)
        evaluation = evaluate(classifier, documents, threads=threads)
    for line in documents.report.lines():
        terminal.remark(line)
    if report is not None:
        save_report(evaluation, report, model=model, data=source)
    if as_json:
        terminal.print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation)
