"""What a report says of the model that was judged: its training, and why it answered so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from satchel.evaluation.context import Question, ReportContext, Span, TrialResult
from satchel.inference.model import Model
from satchel.sealed.labels import text_of

_STRONGEST = 100
"""Token occurrences of one document that are marked."""


class ModelReasons:
    """Explains answers of a model, as `satchel.evaluation.context.Explain` asks.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(self, questions: Sequence[Question]) -> Iterator[list[Span]]:
        """Yield what spoke for each label; nothing where the model does not know it."""
        known = set(self._model.labels)
        for question in questions:
            label = text_of(question.label)
            against = None if question.against is None else text_of(question.against)
            if label not in known:
                yield []
                continue
            if against not in known or against == label:
                against = None
            found = self._model.explain(question.text, label, against, top=_STRONGEST)
            yield [(token.start, token.end, token.value) for token in found.tokens]


def report_context(model: Model) -> ReportContext:
    """Return what a model file says of its training, and how to explain its answers."""
    manifest = model.parts.manifest
    training = manifest.training
    facts = {
        "effort": training.effort,
        "seed": str(training.seed),
        "backend": training.backend,
        "features": f"{sum(view.size for view in manifest.views):,}",
        **training.settings,
        "versions": ", ".join(f"{name} {version}" for name, version in training.versions.items()),
    }
    return ReportContext(
        trained_on=f"{training.documents:,} documents of {len(manifest.labels):,} classes",
        training={name: value for name, value in facts.items() if value},
        trials=tuple(
            TrialResult(trial.name, trial.metric, trial.value, trial.chosen)
            for trial in training.trials
        ),
        history=tuple(dict(each.logs) for each in training.history),
        explain=ModelReasons(model),
    )
