"""Evaluating documents and printing the outcome: shared by ``train``, ``evaluate`` and ``demo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from satchel.cli import terminal
from satchel.errors import SourceError
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


def save_report(evaluation: Evaluation, folder: str | Path) -> None:
    """Write the report of an evaluation and say where it is."""
    terminal.remark(f"wrote the report: {evaluation.save_report(folder)}")


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the summary of an evaluation on standard output."""
    for line in evaluation.summary().split("\n"):
        terminal.say(line)
