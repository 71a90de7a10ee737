"""The result of an evaluation: figures to print, draw, report and store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel.evaluation.confidence import Reliability, RiskCoverage, risk_coverage
from satchel.evaluation.context import ReportContext
from satchel.evaluation.intervals import Interval
from satchel.evaluation.metrics import Confusion, Leaks, count_classes, label_tables
from satchel.evaluation.outcomes import Label, Outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from satchel.inference.structure import Task


SQUARE_IN_JSON = 500
"""Classes up to which `Evaluation.to_dict` holds the confusion matrix as a square."""


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
    """A pair of classes that the model confuses.

    Attributes:
        true: What the documents are.
        predicted: What they were predicted as.
        count: How many documents.
        share: Their share of the true class's documents.
    """

    true: Label
    predicted: Label
    count: int
    share: float


@dataclass(frozen=True)
class Evaluation:
    """How well a model performs on documents whose labels are known.

    Attributes:
        n: Documents.
        task: ``single`` (one label per document) or ``multiple``.
        labels: The model's labels in its order, then labels that only the test has.
        only_in_test: Labels that the model does not know; their documents count as wrong.
        accuracy: Share of documents predicted entirely correctly (``multiple``: subset accuracy).
        macro_f1: Plain mean of the classes' F1, over the classes that occur.
        micro_f1: F1 of all decisions pooled (for ``single`` the accuracy).
        weighted_f1: Mean of the classes' F1 weighted by support.
        per_class: Each label's figures.
        confusion: Which class was predicted as which, as pairs with counts.
        most_confused: The pairs with the most errors, largest first (``single`` only).
        intervals: 95 % intervals of ``accuracy`` (Wilson), ``macro_f1`` and, for ``multiple``,
            ``micro_f1`` (jackknife).
        baselines: ``majority_class``: the accuracy of always predicting the most common label, or
            for ``multiple`` the most common set of labels; for ``multiple`` also
            ``majority_label_micro_f1``: the micro-F1 of always predicting the most common label
            alone.
        log_loss: Mean negative log probability of the truth, where probabilities were given.
        calibration_error: Expected calibration error, where probabilities were given.
        reliability: Accuracy by confidence, where probabilities were given.
        leaks: How documents seen in training affect the accuracy, if they were checked for.
        outcomes: The true and predicted labels.
        confidence: float64 ``[n]``, the confidence of each prediction, where known.
        suspect: bool ``[n]``, wrong predictions whose label may be the wrong one, where known.
        names: The documents' names, where given.
        texts: The documents, where given.
        context: What a report shows of the model and the data, where known.
    """

    n: int
    task: Task
    labels: tuple[Label, ...]
    only_in_test: tuple[Label, ...]
    accuracy: float
    macro_f1: float
    micro_f1: float
    weighted_f1: float
    per_class: dict[Label, ClassScore]
    confusion: Confusion
    most_confused: tuple[Confused, ...]
    intervals: dict[str, Interval]
    baselines: dict[str, float]
    log_loss: float | None
    calibration_error: float | None
    reliability: Reliability | None
    leaks: Leaks | None
    outcomes: Outcomes
    confidence: np.ndarray | None
    suspect: np.ndarray | None
    names: tuple[str, ...] | None
    texts: tuple[str, ...] | None
    context: ReportContext | None

    def __repr__(self) -> str:
        return (
            f"Evaluation(n={self.n}, accuracy={self.accuracy:.4f}, macro_f1={self.macro_f1:.4f}, "
            f"classes={len(self.labels)})"
        )

    @cached_property
    def confusion_matrix(self) -> np.ndarray:
        """The confusion matrix as an array, for up to 2,000 classes.

        int64 ``[K, K]``, rows true and columns predicted; for ``multiple`` int64 ``[K, 2, 2]``,
        each label's ``[[neither, wrongly given], [missed, right]]``, for any number of labels.

        Raises:
            InputError: There are more classes; use ``confusion``, the pairs that occur.
        """
        if self.task == "multiple":
            return label_tables(count_classes(self.outcomes), self.n)
        return self.confusion.matrix()

    @cached_property
    def risk_coverage(self) -> RiskCoverage | None:
        """Errors left if only the most confident predictions are kept, if these are known."""
        if self.confidence is None:
            return None
        return risk_coverage(self.confidence, self.outcomes.right)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain Python values, ready for JSON.

        ``per_class`` has the labels as text for its keys; ``labels`` keeps their type. Up to 500
        classes ``confusion_form`` is ``matrix`` and ``confusion_matrix`` holds the square (for
        ``multiple`` it is ``tables``, two by two for each label); beyond, it is ``triples``, and
        ``confusion_triples`` holds ``[true, predicted, count]`` for each pair of classes that
        occurs, as positions in ``labels``.
        """
        figures: dict[str, Any] = {
            "n": self.n,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "per_class": {str(label): vars(score) for label, score in self.per_class.items()},
            **self._confusion_to_dict(),
            "labels": list(self.labels),
            "confusion_form": self._confusion_form(),
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

    def _confusion_form(self) -> str:
        if self.task == "multiple":
            return "tables"
        return "matrix" if len(self.labels) <= SQUARE_IN_JSON else "triples"

    def _confusion_to_dict(self) -> dict[str, Any]:
        if self._confusion_form() != "triples":
            return {"confusion_matrix": self.confusion_matrix.tolist()}
        cells = (self.confusion.true, self.confusion.predicted, self.confusion.count)
        return {"confusion_triples": np.stack(cells, axis=1).tolist()}

    def summary(self) -> str:
        """Return the main results as lines of text for a terminal."""
        from satchel.evaluation.summary import summarise

        return summarise(self)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the confusion matrix (several labels per document: each label's F1).

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

    def save_report(self, directory: str | Path, context: ReportContext | None = None) -> Path:
        """Write a folder that presents the result to people and to programs.

        It holds ``report.html`` (one page, complete in itself), ``report.json``,
        ``predictions.csv`` (wrong predictions first, the most confident on top) and the figures as
        PNG. A failure leaves an older report whole.

        Args:
            directory: The folder; created if missing. Files of an older report are replaced.
            context: What the page should show of the model, its training and the data, and how to
                explain predictions; None takes that of the evaluation.

        Returns:
            The path of ``report.html``.

        Raises:
            MissingDependencyError: matplotlib is not installed.
            SaveError: A file could not be written.
        """
        from satchel.evaluation.page import write_report

        return write_report(self, Path(directory), context or self.context or ReportContext())
