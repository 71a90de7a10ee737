"""From true and predicted labels to an `Evaluation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from satchel.errors import InputError
from satchel.evaluation import metrics
from satchel.evaluation.confidence import Confidence, read_probabilities
from satchel.evaluation.context import ReportContext
from satchel.evaluation.intervals import macro_f1_interval, micro_f1_interval, wilson
from satchel.evaluation.metrics import Confusion, count_confusion, without_leaked
from satchel.evaluation.outcomes import Assigned, Label, Outcomes, Truth, encode_truth
from satchel.evaluation.result import ClassScore, Confused, Evaluation

_MOST_CONFUSED = 20


def evaluate(
    true: Iterable[object],
    predicted: Iterable[object] | None,
    labels: Iterable[object],
    *,
    probabilities: object = None,
    leaked: object = None,
    names: Iterable[object] | None = None,
    texts: Iterable[str] | None = None,
    context: ReportContext | None = None,
) -> Evaluation:
    """Evaluate predictions of one label per document.

    Args:
        true: The true label of each document; labels that the model does not know are allowed.
        predicted: The predicted label of each document; None takes the most probable one.
        labels: The model's labels, in its order.
        probabilities: float ``[n, len(labels)]``, each row summing to 1, or an iterator over
            blocks of such rows, in order, if they do not fit into memory; None leaves out what
            needs them.
        leaked: bool ``[n]``, test documents that were seen in training; None if not checked.
        names: The documents' names, for the report; None numbers them from 0.
        texts: The documents, for the report to show those predicted wrongly.
        context: What a report should show of the model and the data.

    Raises:
        InputError: No documents, unequal lengths, invalid probabilities, or neither predictions
            nor probabilities.
        LabelError: A label is missing, or a predicted label is not the model's.
    """
    truth = encode_truth(true, labels, multiple=False)
    encoded = None if predicted is None else truth.encode_predicted(predicted)
    outcomes, confidence = _outcomes(truth, encoded, probabilities, None)
    return _evaluate(outcomes, confidence, leaked, names, texts, context)


def evaluate_multiple(
    true: Iterable[Iterable[object]],
    predicted: Iterable[Iterable[object]] | None,
    labels: Iterable[object],
    *,
    probabilities: object = None,
    thresholds: Iterable[float] | None = None,
    leaked: object = None,
    names: Iterable[object] | None = None,
    texts: Iterable[str] | None = None,
    context: ReportContext | None = None,
) -> Evaluation:
    """Evaluate predictions of any number of labels per document.

    Args:
        true: The true labels of each document.
        predicted: The predicted labels of each document; None takes the labels whose probability
            reaches their threshold.
        labels: The model's labels, in its order.
        probabilities: float ``[n, len(labels)]``, each label's own probability, or an iterator
            over blocks of such rows, in order.
        thresholds: The threshold of each label; needed where ``predicted`` is None.
        leaked: As in `evaluate`.
        names: As in `evaluate`.
        texts: As in `evaluate`.
        context: As in `evaluate`.

    Raises:
        InputError: No documents, unequal lengths, invalid probabilities, or neither predictions
            nor probabilities with thresholds.
        LabelError: A label is missing, or a predicted label is not the model's.
    """
    truth = encode_truth(true, labels, multiple=True)
    encoded = None if predicted is None else truth.encode_predicted(predicted)
    minimum = None if thresholds is None else np.array(list(thresholds), dtype=np.float64)
    if encoded is None and (minimum is None or minimum.shape != (truth.model_labels,)):
        found = "none" if minimum is None else f"{len(minimum)}"
        raise InputError(
            f"expected {truth.model_labels} thresholds, one per label, to take the predicted "
            f"labels from the probabilities, found {found}: give thresholds or predicted"
        )
    outcomes, confidence = _outcomes(truth, encoded, probabilities, minimum)
    return _evaluate(outcomes, confidence, leaked, names, texts, context)


def _outcomes(
    truth: Truth,
    predicted: Assigned | None,
    probabilities: object,
    thresholds: np.ndarray | None,
) -> tuple[Outcomes, Confidence | None]:
    if probabilities is not None:
        return read_probabilities(probabilities, truth, predicted, thresholds)
    if predicted is None:
        raise InputError(
            "expected predicted labels or probabilities, found neither: give one of the two"
        )
    return truth.outcomes(predicted), None


def _evaluate(
    outcomes: Outcomes,
    confidence: Confidence | None,
    leaked: object,
    names: Iterable[object] | None,
    texts: Iterable[str] | None,
    context: ReportContext | None,
) -> Evaluation:
    counts = metrics.count_classes(outcomes)
    confusion = count_confusion(outcomes)
    right = int(outcomes.right.sum())
    intervals = {
        "accuracy": wilson(right, len(outcomes)),
        "macro_f1": macro_f1_interval(outcomes),
    }
    baselines = {"majority_class": _majority(outcomes.true)}
    if outcomes.multiple:
        intervals["micro_f1"] = micro_f1_interval(outcomes)
        baselines["majority_label_micro_f1"] = _majority_micro_f1(counts, len(outcomes))
    return Evaluation(
        n=len(outcomes),
        task="multiple" if outcomes.multiple else "single",
        labels=outcomes.labels,
        only_in_test=outcomes.labels[outcomes.model_labels :],
        accuracy=right / len(outcomes),
        macro_f1=metrics.macro_f1(counts),
        micro_f1=metrics.micro_f1(counts),
        weighted_f1=metrics.weighted_f1(counts),
        per_class=_per_class(outcomes, counts),
        confusion=confusion,
        most_confused=() if outcomes.multiple else _most_confused(outcomes, confusion, counts),
        intervals=intervals,
        baselines=baselines,
        log_loss=None if confidence is None else confidence.log_loss,
        calibration_error=None
        if confidence is None
        else confidence.reliability.expected_calibration_error,
        reliability=None if confidence is None else confidence.reliability,
        leaks=None if leaked is None else without_leaked(outcomes, leaked),
        outcomes=outcomes,
        confidence=None if confidence is None else confidence.prediction,
        suspect=None if confidence is None else confidence.suspect,
        names=None if names is None else _one_each("names", map(str, names), len(outcomes)),
        texts=None if texts is None else _one_each("texts", texts, len(outcomes)),
        context=context,
    )


def _one_each(what: str, given: Iterable[str], documents: int) -> tuple[str, ...]:
    found = tuple(given)
    if len(found) != documents:
        raise InputError(
            f"expected {what} for {documents} documents, found {len(found)}: give one per document"
        )
    return found


def _per_class(outcomes: Outcomes, counts: metrics.ClassCounts) -> dict[Label, ClassScore]:
    columns = (
        metrics.precision(counts),
        metrics.recall(counts),
        metrics.f1(counts),
        counts.support,
        counts.predicted,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {label: ClassScore(*row) for label, row in zip(outcomes.labels, rows, strict=True)}


def _most_confused(
    outcomes: Outcomes, confusion: Confusion, counts: metrics.ClassCounts
) -> tuple[Confused, ...]:
    worst = confusion.errors().largest(_MOST_CONFUSED)
    cells = zip(worst.true.tolist(), worst.predicted.tolist(), worst.count.tolist(), strict=True)
    return tuple(
        Confused(
            outcomes.labels[true],
            outcomes.labels[predicted],
            count,
            count / int(counts.support[true]),
        )
        for true, predicted, count in cells
    )


def _majority(true: Assigned) -> float:
    """Return the share of the most common label, or of the most common set of labels."""
    stops = np.cumsum(true.lengths()).tolist()
    sets = Counter(
        true.label[start:stop].tobytes() for start, stop in zip([0, *stops], stops, strict=False)
    )
    return max(sets.values()) / true.documents


def _majority_micro_f1(counts: metrics.ClassCounts, documents: int) -> float:
    """Return the micro-F1 of giving every document the most common label and no other."""
    return float(2 * counts.support.max(initial=0) / (documents + counts.support.sum()))
