"""The data behind the report's page, as plain values within a bounded number of bytes.

Which documents, classes and words it shows is decided here, and the order of the classes in the
confusion matrix, in which those that are confused stand together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from satchel.escaping import abbreviate, printable, short_names
from satchel.evaluation.context import ReportContext
from satchel.evaluation.metrics import Confusion, count_classes, divide
from satchel.evaluation.outcomes import Assigned
from satchel.evaluation.predictions import prediction_order
from satchel.evaluation.reasons import Reasons, excerpt
from satchel.evaluation.result import Evaluation

MATRIX_CLASSES = 200
"""Classes that a matrix shows at most: those with the most mistakes."""

MOST_BYTES = 2_800_000
"""Bytes of the data at most, so that the page with its script stays below 3 MB."""

_CLASSES = 1_500  # rows of the table
_MANY_CLASSES = 300  # beyond these each has fewer words
_FEW_WORDS = 5
_CELLS = 20_000
# Characters of a document: as many as fit for all mistakes.
_EXCERPTS = (480, 400, 320, 260, 200, 160, 120, 90, 60, 0)
_RIGHT_EXCERPT = 200
_SAMPLE = 300  # mistakes by which the length of excerpts is chosen
_MOST_MISTAKES = 40_000  # no more would fit
_RIGHT_DOCUMENTS = 600  # correct predictions shown in all, the least sure of each class
_RIGHT_OF_A_CLASS = 3
_LABELS_SHOWN = 12  # labels shown per document
_CURVE_POINTS = 200
_NAME = 60  # character cells
_SENTENCE = 300
_TRIALS = 200
_SETTINGS = 100
_NETWORKS = 20
_EPOCHS = 500

NONE = -1
"""The class "no label" in cells and documents."""


def page_data(evaluation: Evaluation, context: ReportContext, reasons: Reasons) -> dict[str, Any]:
    """Return the data of the page as plain values.

    Classes are referred to by their place in ``classes``; ``number`` is the place in
    ``evaluation.labels``, from 1, in every picture, table and list.
    """
    shown = _Shown(evaluation)
    data: dict[str, Any] = {
        "task": evaluation.task,
        "n": evaluation.n,
        "mistakes": int((~evaluation.outcomes.right).sum()),
        "suspects": None if evaluation.suspect is None else int(evaluation.suspect.sum()),
        "total_classes": len(evaluation.labels),
        "classes": shown.classes(reasons),
        "order": shown.order(),
        **shown.cells(),
        "explained": len(reasons.spans),
        "too_long": reasons.too_long,
        "calibration": _calibration(evaluation),
        "risk": _risk(evaluation),
        **_training(context),
    }
    return {**data, **_documents(evaluation, reasons, shown, MOST_BYTES - _size(data))}


def _training(context: ReportContext) -> dict[str, Any]:
    """Return what the context holds about the training, within bounds."""
    trials = sorted(context.trials, key=lambda trial: not trial.chosen)[:_TRIALS]
    kept = {id(trial) for trial in trials}
    return {
        "history": [
            {
                _sentence(name): _rounded(values[:_EPOCHS])
                for name, values in list(logs.items())[:10]
            }
            for logs in context.history[:_NETWORKS]
        ],
        "learning": [
            [point.documents, point.accuracy] for point in context.learning_curve[:_EPOCHS]
        ],
        "training": [
            [_sentence(name), _sentence(value)]
            for name, value in list(context.training.items())[:_SETTINGS]
        ],
        "trials": [
            [_sentence(trial.name), _sentence(trial.metric), trial.value, trial.chosen]
            for trial in context.trials
            if id(trial) in kept
        ],
        "trials_left_out": len(context.trials) - len(trials),
    }


def _sentence(text: object) -> str:
    return abbreviate(printable(text), _SENTENCE)


class _Shown:
    """The classes that the page shows, and what refers to them by their places in it."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        labels = len(evaluation.labels)
        if labels <= _CLASSES:
            self.places = np.arange(labels)
        else:
            self.places = busiest(evaluation, _CLASSES)
        # The last entry is "no label"; classes that the page does not show are -1 as well.
        self.index = np.full(labels + 1, NONE)
        self.index[self.places] = np.arange(len(self.places))

    def classes(self, reasons: Reasons) -> list[dict[str, Any]]:
        evaluation, counts = self._evaluation, count_classes(self._evaluation.outcomes)
        places = self.places.tolist()
        names = short_names(
            [evaluation.labels[place] for place in places], _NAME, [place + 1 for place in places]
        )
        known = evaluation.outcomes.model_labels
        rows = []
        for name, place in zip(names, places, strict=True):
            row: dict[str, Any] = {
                "number": place + 1,
                "name": name,
                "counts": [
                    int(counts.hits[place]),
                    int(counts.support[place]),
                    int(counts.predicted[place]),
                ],
            }
            if place >= known:
                row["unknown"] = True
            words = reasons.words.get(place, [])
            if words:
                row["explained"] = reasons.explained[place]
                row["words"] = [
                    [abbreviate(printable(each.word), 30), each.documents]
                    for each in words[: _FEW_WORDS if len(places) > _MANY_CLASSES else None]
                ]
            rows.append(row)
        return rows

    def name(self, place: int) -> str:
        return abbreviate(printable(self._evaluation.labels[place]), _NAME)

    def order(self) -> list[int]:
        found: list[int] = self.index[matrix_places(self._evaluation)].tolist()
        return found

    def cells(self) -> dict[str, Any]:
        confusion = self._evaluation.confusion
        none = confusion.classes
        inside = np.isin(confusion.true, [*self.places, none]) & np.isin(
            confusion.predicted, [*self.places, none]
        )
        kept: Confusion = confusion.where(inside).largest(_CELLS)
        columns = (self.index[kept.true], self.index[kept.predicted], kept.count)
        return {
            "cells": np.stack(columns, axis=1).ravel().tolist(),
            "cells_left_out": len(confusion) - len(kept),
            "unpaired": confusion.unpaired,
        }


def _documents(
    evaluation: Evaluation, reasons: Reasons, shown: _Shown, room: int
) -> dict[str, Any]:
    """Return mistakes, the most confident first, and a few correct predictions, within ``room``."""
    order = prediction_order(evaluation)
    right = evaluation.outcomes.right[order]
    mistakes = order[~right][:_MOST_MISTAKES].tolist()
    examples = _least_sure(evaluation, order[right])
    limit = _excerpt_limit(evaluation, mistakes, len(examples), reasons, shown, room)
    right_rows = [
        _document(evaluation, index, min(limit, _RIGHT_EXCERPT), reasons, shown)
        for index in examples
    ]
    room -= sum(map(_size, right_rows))
    rows: list[list[Any]] = []
    for index in mistakes:
        row = _document(evaluation, index, limit, reasons, shown)
        room -= _size(row)
        if room < 0:  # too many even at this length: the least confident ones are dropped
            break
        rows.append(row)
    return {
        "documents": rows + right_rows,
        "mistakes_shown": len(rows),
        "sure": evaluation.confidence is not None,
    }


def _excerpt_limit(
    evaluation: Evaluation,
    mistakes: list[int],
    others: int,
    reasons: Reasons,
    shown: _Shown,
    room: int,
) -> int:
    """Return the longest excerpt with which all mistakes should fit, estimated from a sample."""
    if evaluation.texts is None or not mistakes:
        return _EXCERPTS[0]
    sample = mistakes[:: max(1, len(mistakes) // _SAMPLE)]
    for limit in _EXCERPTS:
        sizes = [_size(_document(evaluation, index, limit, reasons, shown)) for index in sample]
        typical = sum(sizes) / len(sizes)
        if 1.1 * typical * (len(mistakes) + others) <= room:
            return limit
    return _EXCERPTS[-1]


def _size(value: object) -> int:
    return len(embedded_json(value).encode()) + 1


def _least_sure(evaluation: Evaluation, right: np.ndarray) -> list[int]:
    """Return a few correct predictions of every class, the least sure ones."""
    taken: dict[int, int] = {}
    found = []
    for document in right[::-1].tolist():
        labels = evaluation.outcomes.true.of(document)
        label = int(labels[0]) if len(labels) else NONE
        if taken.get(label, 0) < _RIGHT_OF_A_CLASS:
            taken[label] = taken.get(label, 0) + 1
            found.append(document)
            if len(found) == _RIGHT_DOCUMENTS:
                break
    return found


def _document(
    evaluation: Evaluation, index: int, limit: int, reasons: Reasons, shown: _Shown
) -> list[Any]:
    """Return ``[name, true, predicted, probability, suspect, text, cut, marks]``.

    ``true`` and ``predicted`` are lists of places; ``cut`` is 1 where the document begins before
    the text, plus 2 where it goes on; ``marks`` are flat triples of start, length and strength.
    Without texts the last three are left out.
    """
    outcomes, sure = evaluation.outcomes, evaluation.confidence
    name = str(index) if evaluation.names is None else evaluation.names[index]
    row: list[Any] = [
        abbreviate(printable(name), _NAME),
        _written(shown, outcomes.true, index),
        _written(shown, outcomes.predicted, index),
        None if sure is None else round(float(sure[index]), 4),
        int(evaluation.suspect is not None and bool(evaluation.suspect[index])),
    ]
    if evaluation.texts is not None:
        part = excerpt(evaluation.texts[index], reasons.spans.get(index, []), limit)
        marks = [number for mark in part.marks for number in mark]
        row += [part.text, part.cut_before + 2 * part.cut_after, marks]
    return row


def _written(shown: _Shown, side: Assigned, document: int) -> list[Any]:
    """Return the labels of a document: a place, or the name of a class that the page lacks."""
    places = side.of(document).tolist()
    written: list[Any] = []
    for place in places[:_LABELS_SHOWN]:
        at = int(shown.index[place])
        written.append(at if at != NONE else shown.name(place))
    if len(places) > _LABELS_SHOWN:
        written.append(f"and {len(places) - _LABELS_SHOWN:,} more")
    return written


def _calibration(evaluation: Evaluation) -> dict[str, Any] | None:
    found = evaluation.reliability
    if found is None:
        return None
    return {
        "count": found.count.tolist(),
        "confidence": _rounded(found.confidence),
        "accuracy": _rounded(found.accuracy),
        "error": found.expected_calibration_error,
        "gap": found.mean_gap,
        "chance": found.chance_error,
    }


def _risk(evaluation: Evaluation) -> dict[str, Any] | None:
    curve = evaluation.risk_coverage
    if curve is None:
        return None
    chosen = np.unique(np.linspace(0, len(curve.risk) - 1, _CURVE_POINTS).round().astype(int))
    return {
        "coverage": _rounded(curve.coverage[chosen]),
        "risk": _rounded(curve.risk[chosen]),
        "confidence": _rounded(curve.confidence[chosen]),
        "at": [[risk, round(curve.coverage_at(risk), 4)] for risk in (0.01, 0.02, 0.05, 0.1, 0.2)],
    }


def _rounded(values: Sequence[float] | np.ndarray) -> list[float | None]:
    # JSON has no infinity: values of a diverged loss are left out of its curve.
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def matrix_places(evaluation: Evaluation) -> np.ndarray:
    """Return the classes that the matrix shows, in the order in which it shows them, int64."""
    return order_classes(evaluation.confusion, busiest(evaluation, MATRIX_CLASSES))


def busiest(evaluation: Evaluation, most: int) -> np.ndarray:
    """Return the ``most`` classes with the most mistakes, ascending int64."""
    counts = count_classes(evaluation.outcomes)
    occurs = counts.support + counts.predicted
    order = np.lexsort((-occurs, 2 * counts.hits - occurs))
    return np.sort(order[:most])


def order_classes(confusion: Confusion, places: np.ndarray) -> np.ndarray:
    """Order some classes so that confused ones are neighbours.

    Agglomerative clustering with average linkage; where two clusters meet, they are turned so that
    their most confused ends touch. The time grows with the third power of the number of classes:
    meant for the few hundred that a picture can show.

    Args:
        confusion: Which class was predicted as which.
        places: int64 ``[m]``, the classes to order, ascending.

    Returns:
        The same classes, reordered. Where nothing is confused they stay as they are; the same
        counts give the same order.
    """
    near = _likeness(confusion, places)
    chains = [[index] for index in range(len(places))]
    between = near.copy()  # mean likeness of two clusters; -1 for clusters merged into others
    np.fill_diagonal(between, -1)
    size = np.ones(len(places))
    while len(places):
        one, other = sorted(int(each) for each in divmod(int(between.argmax()), len(places)))
        if between[one, other] <= 0:
            break
        chains[one] = _joined(chains[one], chains[other], near)
        chains[other] = []
        merged = size[one] * between[one] + size[other] * between[other]
        alive = between[one] >= 0
        merged = np.where(alive, merged / (size[one] + size[other]), -1)
        size[one] += size[other]
        between[one] = between[:, one] = merged
        between[other] = between[:, other] = -1
        between[one, one] = -1
    # Clusters with no mistakes between them are ordered by their first class.
    rest = sorted((chain for chain in chains if chain), key=min)
    return places[np.array([index for chain in rest for index in chain], dtype=np.int64)]


def _likeness(confusion: Confusion, places: np.ndarray) -> np.ndarray:
    """Return how much each two classes are confused, as shares of their documents, ``[m, m]``."""
    counts = confusion.square(places)
    shares = divide(counts, counts.sum(axis=1, keepdims=True))
    np.fill_diagonal(shares, 0)
    # The square root lets many small confusions weigh as much as one large one.
    return np.asarray(np.sqrt(shares + shares.T))


def _joined(one: list[int], other: list[int], near: np.ndarray) -> list[int]:
    """Join two chains at the ends that are most alike."""
    touching = [
        (near[one[-1], other[0]], one + other),
        (near[one[-1], other[-1]], one + other[::-1]),
        (near[one[0], other[0]], one[::-1] + other),
        (near[one[0], other[-1]], other + one),
    ]
    return max(touching, key=lambda pair: pair[0])[1]


def embedded_json(value: object) -> str:
    """Return JSON that may stand in an HTML script element of a data type.

    Without any ``<`` nothing in it can end the element or begin a comment.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
