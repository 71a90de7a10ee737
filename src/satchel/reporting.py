"""What a report says of the model that was judged: its training, and why it answered so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from satchel.bags.bag_table import BagTable
from satchel.bags.features import Features
from satchel.bags.rows import Rows
from satchel.bags.sums import shared_features
from satchel.bags.tokens import tokenize
from satchel.evaluation.context import Question, ReportContext, Span, TrialResult
from satchel.inference.attribution import column_effects
from satchel.inference.model import Model
from satchel.inference.places import Places

_STRONGEST = 100  # features of one document that are looked for in its text
_TOGETHER = 256  # documents counted together
_NUMBERS = 4_000_000  # of their sums and scores, held at once


class ModelReasons:
    """Explains many answers of a model, as `satchel.evaluation.context.Explain` asks.

    What a feature adds is what `Model.explain` says; here the documents are counted together,
    their text is read once for all views, and only their strongest features are placed.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._place = {label: place for place, label in enumerate(model.labels)}
        self._readings = _readings(model)

    def __call__(self, questions: Sequence[Question]) -> Iterator[list[Span]]:
        """Yield what spoke for each label; nothing where the model does not know it."""
        columns = sum(view.rows.shape[1] for view in self._model.views) + len(self._place)
        step = min(max(1, _NUMBERS // columns), _TOGETHER)
        for start in range(0, len(questions), step):
            yield from self._explain(questions[start : start + step])

    def _explain(self, questions: Sequence[Question]) -> Iterator[list[Span]]:
        model = self._model
        bags = model.weighed([question.text for question in questions])
        sums = [
            np.array([_values(rows, n) @ _matrix(view, rows, n) for n in range(len(questions))])
            for view, rows in zip(model.views, bags, strict=True)
        ]
        scores = model.scores_of_bags([bag_sum.astype(np.float32) for bag_sum in sums])
        for number, question in enumerate(questions):
            direction = self._direction(question, scores[number])
            if direction is None:
                yield []
                continue
            effects = [np.zeros(bag_sum.shape[1]) for bag_sum in sums]
            for member in model.members:
                columns = slice(member.start, member.stop)
                effects[member.view][columns] += column_effects(
                    member, sums[member.view][number], direction
                )
            yield self._spans(question.text, number, bags, effects)

    def _direction(self, question: Question, scores: np.ndarray) -> np.ndarray | None:
        """Return +1 at the label and -1 at what it is compared with, float64 [classes]."""
        label = self._place.get(str(question.label))
        if label is None:
            return None
        direction = np.zeros(len(self._place))
        direction[label] = 1.0
        against = None if question.against is None else self._place.get(str(question.against))
        if against is None and self._model.task == "single" and len(scores) > 1:
            order = np.argsort(-scores, kind="stable")
            against = int(order[0] if order[0] != label else order[1])
        if against is not None and against != label:
            direction[against] = -1.0
        return direction

    def _spans(
        self, text: str, number: int, bags: Sequence[Rows], effects: Sequence[np.ndarray]
    ) -> list[Span]:
        """Share each feature's value among its occurrences."""
        found: list[Span] = []
        for reading in self._readings:
            worth: dict[int, float] = defaultdict(float)
            for view in reading.views:
                table, rows = self._model.views[view], bags[view]
                ids = rows.ids[rows.offsets[number] : rows.offsets[number + 1]]
                values = _values(rows, number) * (_matrix(table, rows, number) @ effects[view])
                for feature, value in zip(
                    table.known.hashes[ids].tolist(), values.tolist(), strict=True
                ):
                    worth[feature] += value
            strongest = sorted(worth, key=lambda feature: (-abs(worth[feature]), feature))
            kept = set(strongest[:_STRONGEST])
            places: dict[int, list[tuple[int, int]]] = defaultdict(list)
            original = Places(text, reading.features)
            for token in tokenize(text, reading.features):
                if token.hash in kept:
                    places[token.hash].append(original.span(token.start, token.end))
            found += [
                (start, end, worth[feature] / len(spans))
                for feature, spans in places.items()
                for start, end in spans
            ]
        return found


@dataclass
class _Reading:
    """Views that one reading of a text serves."""

    features: Features
    views: list[int]


def _readings(model: Model) -> list[_Reading]:
    readings: list[_Reading] = []
    for place, view in enumerate(model.views):
        for reading in readings:
            features = shared_features([reading.features, view.features])
            if features is not None:
                reading.features = features
                reading.views.append(place)
                break
        else:
            readings.append(_Reading(view.features, [place]))
    return readings


def _values(rows: Rows, number: int) -> np.ndarray:
    start, stop = rows.offsets[number : number + 2]
    return rows.values[start:stop].astype(np.float64)


def _matrix(view: BagTable, rows: Rows, number: int) -> np.ndarray:
    start, stop = rows.offsets[number : number + 2]
    return view.expanded(rows.ids[start:stop]).astype(np.float64)


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
        explain=ModelReasons(model),
    )
