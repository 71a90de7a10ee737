"""The result of an evaluation: figures to read, to draw, to report and to store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel.evaluation.confidence import Reliability
from satchel.evaluation.intervals import Interval
from satchel.evaluation.leaks import Leaks
from satchel.evaluation.outcomes import Label, Outcomes

if TYPE_CHECKING:
    from satchel.evaluation.pictures import Figure


@dataclass(frozen=True)
class ClassScore:
    """One class's figures.

    Attributes:
        precision: Of the documents given this class, the share that has it.
        recall: Of the documents that have it, the share that was given it.
        f1: The harmonic mean of the two.
        support: Test documents that have it.
        predicted: Test documents that were given it.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class Confused:
    """A pair of classes that the model mixes up.

    Attributes:
        true: What the documents are.
        predicted: What they were taken for.
        count: How many documents.
        share: Their share of the true class's documents.
    """

    true: Label
    predicted: Label
    count: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """How a model did on documents whose labels are known.

    Attributes:
        n: Documents.
        task: ``single`` (one label a document) or ``multiple``.
        labels: The model's labels in its order, then labels that only the test has.
        only_in_test: Labels that the model does not know; their documents count as wrong.
        accuracy: Share of documents answered wholly right (subset accuracy for ``multiple``).
        macro_f1: Plain mean of the classes' F1, over the classes that occur.
        micro_f1: F1 of all decisions pooled (for ``single`` the accuracy).
        weighted_f1: Mean of the classes' F1 weighted by support.
        per_class: Each label's figures.
        confusion_matrix: int64 ``[K, K]``, rows true and columns predicted; for ``multiple``
            int64 ``[K, 2, 2]``, each label's ``[[neither, wrongly given], [missed, right]]``.
        most_confused: The pairs with the most errors, largest first (``single`` only).
        intervals: 95 % intervals of ``accuracy`` (Wilson) and ``macro_f1`` (bootstrap).
        baselines: ``majority_class``: the accuracy of always giving the commonest answer.
        log_loss: Mean negative log probability of the truth, where probabilities were given.
        calibration_error: Expected calibration error, where probabilities were given.
        reliability: Accuracy by confidence, where probabilities were given.
        leaks: What documents known from training do to the accuracy, where these were named.
        outcomes: The answers themselves.
        answer_confidence: float64 ``[n]``, how sure each answer was, where known.
        names: The documents' names, where given.
        texts: The documents, where given.
    """

    n: int
    task: str
    labels: tuple[Label, ...]
    only_in_test: tuple[Label, ...]
    accuracy: float
    macro_f1: float
    micro_f1: float
    weighted_f1: float
    per_class: dict[Label, ClassScore]
    confusion_matrix: np.ndarray
    most_confused: tuple[Confused, ...]
    intervals: dict[str, Interval]
    baselines: dict[str, float]
    log_loss: float | None
    calibration_error: float | None
    reliability: Reliability | None
    leaks: Leaks | None
    outcomes: Outcomes
    answer_confidence: np.ndarray | None
    names: tuple[str, ...] | None
    texts: tuple[str, ...] | None

    def __repr__(self) -> str:
        return (
            f"Evaluation(n={self.n}, accuracy={self.accuracy:.4f}, macro_f1={self.macro_f1:.4f}, "
            f"classes={len(self.labels)})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain Python values, ready for JSON.

        ``per_class`` has the labels as text for its keys; ``labels`` keeps their type.
        """
        figures: dict[str, Any] = {
            "n": self.n,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "per_class": {str(label): vars(score) for label, score in self.per_class.items()},
            "confusion_matrix": self.confusion_matrix.tolist(),
            "labels": list(self.labels),
            "task": self.task,
            "micro_f1": self.micro_f1,
            "weighted_f1": self.weighted_f1,
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "baselines": dict(self.baselines),
            "most_confused": [vars(pair) for pair in self.most_confused],
            "only_in_test": list(self.only_in_test),
        }
        if self.log_loss is not None:
            figures["log_loss"] = self.log_loss
            figures["calibration_error"] = self.calibration_error
        if self.leaks is not None:
            figures["leaks"] = vars(self.leaks)
        return figures

    def summary(self) -> str:
        """Return what a person should know first, as lines of text for a terminal."""
        from satchel.evaluation.summary import summarise

        return summarise(self)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the confusion matrix (several labels a document: each label's F1).

        Args:
            path: Where to write it as PNG too; None writes nothing.

        Returns:
            The matplotlib figure; a notebook shows it.

        Raises:
            MissingDependencyError: matplotlib is not installed.
            SaveError: ``path`` could not be written.
        """
        from satchel.evaluation import pictures

        figure = pictures.main_picture(self)
        if path is not None:
            pictures.save(figure, Path(path))
        return figure

    def save_report(self, directory: str | Path) -> Path:
        """Write a folder that explains the result to a person and to a program.

        It holds ``report.html`` (with its pictures inside), ``report.json``, ``predictions.csv``
        (wrong answers first, the surest on top), ``classes.png``, for one label a document
        ``confusion_matrix.png`` and, with probabilities, ``reliability.png``.

        Args:
            directory: The folder; made where it is not there. Files of an older report are
                replaced.

        Returns:
            The path of ``report.html``.

        Raises:
            MissingDependencyError: matplotlib is not installed.
            SaveError: A file could not be written.
        """
        from satchel.evaluation.report import write_report

        return write_report(self, Path(directory))
