"""What a report can show beyond the figures: the model, its training, the data, explanations.

An evaluation knows labels and arrays only. The caller, who has the model, provides the rest, for a
model file by `report_context`; what is missing is left out of the page.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from satchel.evaluation.outcomes import Label
from satchel.inference.predictor import Predictor
from satchel.sealed.labels import text_of

History: TypeAlias = Mapping[str, Sequence[float]]
"""A network's logs, one value per epoch, by Keras's names: ``loss``, ``accuracy`` and, on held-out
documents, the same with ``val_`` before them."""

HELD_OUT = "val_"
"""What the names of logs on held-out documents begin with."""

Span: TypeAlias = tuple[int, int, float]
"""Start, end and value of a stretch of a text, in code points; values above 0 support a label."""


@dataclass(frozen=True)
class Question:
    """Why did a document get a label?

    Attributes:
        text: The document.
        label: The label to explain.
        against: The label to compare with; None for the strongest of the others, or, where a
            document may have several labels, for none.
    """

    text: str
    label: Label
    against: Label | None = None


class Explain(Protocol):
    """Returns which stretches of documents supported or opposed a label."""

    def __call__(self, questions: Sequence[Question]) -> Iterable[Sequence[Span]]:
        """Explain some predictions, in their order.

        Returns:
            For each question the stretches that contributed, each the whole text of one
            occurrence of a feature; they may overlap.
        """
        ...


@dataclass(frozen=True)
class Baseline:
    """What a simpler method reaches on the same documents.

    Attributes:
        name: The method, such as ``linear SVM``.
        accuracy: Share of documents predicted entirely correctly.
        macro_f1: Macro-F1, where known.
        micro_f1: Micro-F1, where a document may have several labels.
    """

    name: str
    accuracy: float
    macro_f1: float | None = None
    micro_f1: float | None = None


@dataclass(frozen=True)
class LearningPoint:
    """What a model trained on fewer documents reaches.

    Attributes:
        documents: Number of training documents.
        accuracy: Its accuracy on documents that it has not seen.
    """

    documents: int
    accuracy: float


@dataclass(frozen=True)
class TrialResult:
    """One setting that was tried during training.

    Attributes:
        name: What was tried.
        metric: What was measured on held-out documents.
        value: The measurement.
        chosen: Whether the model uses it.
    """

    name: str
    metric: str
    value: float
    chosen: bool = False


@dataclass(frozen=True)
class ReportContext:
    """What a report shows besides the figures; every part is optional.

    Attributes:
        model: What was evaluated, such as the model's file name.
        data: What it was evaluated on, such as the name of the test source.
        trained_on: What it was trained on, in words.
        date: The day to print; None for today.
        training: Settings of the training, name → value.
        notes: Sentences that a reader of the figures must see, such as what was left out.
        baselines: Simpler methods on the same documents.
        history: The logs of each network that was trained.
        learning_curve: Accuracy by number of training documents.
        trials: What was tried during training.
        explain: Explains predictions; None leaves out the deciding words.
    """

    model: str | None = None
    data: str | None = None
    trained_on: str | None = None
    date: datetime.date | None = None
    training: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    baselines: Sequence[Baseline] = ()
    history: Sequence[History] = ()
    learning_curve: Sequence[LearningPoint] = ()
    trials: Sequence[TrialResult] = ()
    explain: Explain | None = None


_STRONGEST = 100
"""Token occurrences explained per document, those with the largest contributions."""


class ModelReasons:
    """Explains predictions of a model; an `Explain`.

    Args:
        predictor: The model.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def __call__(self, questions: Sequence[Question]) -> Iterator[list[Span]]:
        """Yield the spans of each question, none where the model does not know the label."""
        known = set(self._predictor.model.labels)
        for question in questions:
            label = text_of(question.label)
            against = None if question.against is None else text_of(question.against)
            if label not in known:
                yield []
                continue
            if against not in known or against == label:
                against = None
            found = self._predictor.explain(question.text, label, against, top=_STRONGEST)
            yield [(token.start, token.end, token.value) for token in found.tokens]


def report_context(predictor: Predictor) -> ReportContext:
    """Return what a model file records of its training, and how to explain its predictions."""
    model = predictor.model
    training = model.training
    settings = {
        "effort": training.effort,
        "seed": str(training.seed),
        "backend": training.backend,
        "features": f"{sum(view.size for view in model.views):,}",
        **training.settings,
        "versions": ", ".join(f"{name} {version}" for name, version in training.versions.items()),
    }
    return ReportContext(
        trained_on=f"{training.documents:,} documents of {len(model.labels):,} classes",
        training={name: value for name, value in settings.items() if value},
        trials=tuple(
            TrialResult(trial.name, trial.metric, trial.value, trial.chosen)
            for trial in training.trials
        ),
        history=tuple(dict(each.logs) for each in training.history),
        explain=ModelReasons(predictor),
    )
