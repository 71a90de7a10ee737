"""From true and predicted labels to an `Evaluation`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from satchel.errors import InputError, LabelError
from satchel.evaluation import confidence, metrics
from satchel.evaluation.evaluation import ClassScore, Confused, Evaluation
from satchel.evaluation.intervals import bootstrap_macro_f1, wilson
from satchel.evaluation.leaks import without_leaked
from satchel.evaluation.outcomes import Label, Outcomes, encode_multiple, encode_single


def evaluate(
    true: Iterable[object],
    predicted: Iterable[object],
    labels: Iterable[object],
    *,
    probabilities: object = None,
    leaked: object = None,
    names: Iterable[object] | None = None,
    texts: Iterable[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge answers of one label a document.

    Args:
        true: The right label of each document; labels that the model does not know are welcome.
        predicted: The predicted label of each document.
        labels: The model's labels, in its order.
        probabilities: float ``[n, len(labels)]``, each row summing to 1; None leaves out what
            needs them.
        leaked: bool ``[n]``, test documents that training has seen; None where nobody looked.
        names: The documents' names, for the report's list of wrong answers; None numbers them.
        texts: The documents, for the report to show the beginning of those answered wrongly.
        seed: Of the bootstrap interval.

    Raises:
        InputError: No documents, unequal lengths, or probabilities that are none.
        LabelError: A label is missing, or a predicted label is not the model's.
    """
    outcomes = encode_single(true, predicted, labels)
    return _judge(outcomes, probabilities, leaked, names, texts, seed)


def evaluate_multiple(
    true: Iterable[Iterable[object]],
    predicted: Iterable[Iterable[object]],
    labels: Iterable[object],
    *,
    probabilities: object = None,
    leaked: object = None,
    names: Iterable[object] | None = None,
    texts: Iterable[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge answers of several labels a document (or none).

    Args:
        true: The right labels of each document.
        predicted: The predicted labels of each document.
        labels: The model's labels, in its order.
        probabilities: float ``[n, len(labels)]``, each label's own probability.
        leaked: As in `evaluate`.
        names: As in `evaluate`.
        texts: As in `evaluate`.
        seed: Of the bootstrap interval.

    Raises:
        InputError: No documents, unequal lengths, or probabilities that are none.
        LabelError: A label is missing, or a predicted label is not the model's.
    """
    outcomes = encode_multiple(true, predicted, labels)
    return _judge(outcomes, probabilities, leaked, names, texts, seed)


def _judge(
    outcomes: Outcomes,
    probabilities: object,
    leaked: object,
    names: Iterable[object] | None,
    texts: Iterable[str] | None,
    seed: int,
) -> Evaluation:
    _check_differ_as_text(outcomes)
    classes = len(outcomes.labels)
    if outcomes.multiple:
        matrix = metrics.label_confusion(outcomes.true, outcomes.predicted)
        counts = metrics.counts_of_label_tables(matrix)
    else:
        matrix = metrics.confusion_matrix(outcomes.true, outcomes.predicted, classes)
        counts = metrics.counts_of_matrix(matrix)
    accuracy = metrics.accuracy(outcomes.true, outcomes.predicted)
    given = (
        None if probabilities is None else confidence.check_probabilities(probabilities, outcomes)
    )
    reliability = None if given is None else confidence.reliability(outcomes, given)
    return Evaluation(
        n=len(outcomes),
        task="multiple" if outcomes.multiple else "single",
        labels=outcomes.labels,
        only_in_test=outcomes.labels[outcomes.model_labels :],
        accuracy=accuracy,
        macro_f1=float(metrics.macro_f1(counts)),
        micro_f1=metrics.micro_f1(counts),
        weighted_f1=metrics.weighted_f1(counts),
        per_class=_per_class(outcomes, counts),
        confusion_matrix=matrix,
        most_confused=() if outcomes.multiple else _most_confused(outcomes, matrix),
        intervals={
            "accuracy": wilson(round(accuracy * len(outcomes)), len(outcomes)),
            "macro_f1": bootstrap_macro_f1(outcomes, seed),
        },
        baselines={"majority_class": _majority(outcomes.true)},
        log_loss=None if given is None else confidence.log_loss(outcomes, given),
        calibration_error=None if reliability is None else reliability.expected_calibration_error,
        reliability=reliability,
        leaks=None if leaked is None else without_leaked(outcomes, leaked),
        outcomes=outcomes,
        answer_confidence=(
            None if given is None else confidence.answer_confidence(outcomes, given)
        ),
        names=None if names is None else _one_each("names", map(str, names), len(outcomes)),
        texts=None if texts is None else _one_each("texts", texts, len(outcomes)),
    )


def _one_each(what: str, given: Iterable[str], documents: int) -> tuple[str, ...]:
    found = tuple(given)
    if len(found) != documents:
        raise InputError(f"expected {what} for {documents} documents, found {len(found)}")
    return found


def _check_differ_as_text(outcomes: Outcomes) -> None:
    names = [str(label) for label in outcomes.labels]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LabelError(
            f"expected labels that differ as text, found {twice!r} as text and as a number: "
            "convert all labels to one type"
        )


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


def _most_confused(outcomes: Outcomes, matrix: np.ndarray, top: int = 20) -> tuple[Confused, ...]:
    errors = matrix.copy()
    np.fill_diagonal(errors, 0)
    # A stable sort of the negated counts: equal counts stay in label order on every machine.
    order = np.argsort(-errors, axis=None, kind="stable")[:top]
    support = matrix.sum(axis=1)
    pairs = []
    for true, predicted in zip(*np.unravel_index(order, errors.shape), strict=True):
        count = int(errors[true, predicted])
        if count:
            share = count / int(support[true])
            pairs.append(Confused(outcomes.labels[true], outcomes.labels[predicted], count, share))
    return tuple(pairs)


def _majority(true: np.ndarray) -> float:
    """Return the share of the commonest label, or of the commonest set of labels."""
    _, counts = np.unique(true, axis=0, return_counts=True)
    return float(counts.max() / len(true))
