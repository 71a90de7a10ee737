"""Evaluating documents and printing the outcome: shared by ``train``, ``evaluate`` and ``demo``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from satchel.cli import terminal
from satchel.errors import SourceError
from satchel.evaluation.context import History, ReportContext
from satchel.sources.duplicates import text_keys

if TYPE_CHECKING:
    from satchel.evaluation.evaluation import Evaluation
    from satchel.satchel import Satchel
    from satchel.sources.documents import Documents


def judge(
    satchel: Satchel,
    documents: Documents,
    *,
    learnt: Sequence[str] = (),
    threads: int | None = None,
) -> Evaluation:
    """Evaluate a model on labelled documents.

    Args:
        satchel: The model.
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
    return satchel.evaluate(
        documents.texts,
        documents.labels,
        names=documents.names,
        leaked=leaked,
        threads=threads,
    )


def save_report(
    evaluation: Evaluation,
    folder: str | Path,
    *,
    model: str | Path | None = None,
    data: str | None = None,
    trained_on: str | None = None,
    history: Sequence[History] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the report of an evaluation and say where it is.

    Args:
        evaluation: What to report.
        folder: Where to.
        model: The model file.
        data: What it was judged on, as the user named it.
        trained_on: The source that it learnt from, where it is known.
        history: The logs of its networks, where they are at hand.
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
        history=tuple(history),
        notes=tuple(notes),
    )
    terminal.remark(f"wrote the report: {evaluation.save_report(folder, context)}")


def _last_part(path: str) -> str:
    """Return the name at the end of a path; a report may travel, so no folder of this machine."""
    return Path(path).name or path


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the summary of an evaluation on standard output."""
    terminal.console().print(evaluation.summary(), markup=False, soft_wrap=True)
