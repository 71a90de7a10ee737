"""Evaluating documents and printing the outcome: shared by ``train``, ``evaluate`` and ``demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.cli import terminal

if TYPE_CHECKING:
    from satchel.evaluation.evaluation import Evaluation
    from satchel.satchel import Satchel
    from satchel.sources.documents import Documents


def judge(satchel: Satchel, documents: Documents, threads: int | None = None) -> Evaluation:
    """Evaluate a model on labelled documents."""
    assert documents.labels is not None  # labelled reading says so or raises
    return satchel.evaluate(
        documents.texts, documents.labels, names=documents.names, threads=threads
    )


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the summary of an evaluation on standard output."""
    terminal.console().print(evaluation.summary(), markup=False, soft_wrap=True)
