"""Labels as people give them, turned into the integer arrays that every measure works on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from satchel.errors import InputError, LabelError

Label: TypeAlias = str | int | float


@dataclass(frozen=True)
class Outcomes:
    """What was true and what was predicted, as positions in ``labels``.

    Attributes:
        labels: The model's labels in its order, then the labels that only the test has, sorted.
        model_labels: How many of ``labels`` the model knows; these come first.
        true: int64 ``[n]`` positions, or bool ``[n, len(labels)]`` for several labels a document.
        predicted: As ``true``.
    """

    labels: tuple[Label, ...]
    model_labels: int
    true: np.ndarray
    predicted: np.ndarray

    def __len__(self) -> int:
        return len(self.true)

    @property
    def multiple(self) -> bool:
        """Whether a document may have several labels."""
        return self.true.ndim == 2


def plain_label(label: object) -> Label:
    """Return a label as a plain Python value.

    Raises:
        LabelError: The label is missing (None or NaN) or is neither text nor a number.
    """
    value = label.item() if isinstance(label, np.generic) else label
    if not isinstance(value, str | int | float) or value != value:
        raise LabelError(
            f"expected a label that is text or a number, found {value!r}: "
            "leave out documents without a label before evaluating"
        )
    return value


def encode_single(
    true: Iterable[object], predicted: Iterable[object], labels: Iterable[object]
) -> Outcomes:
    """Encode one label a document.

    Args:
        true: The right label of each document.
        predicted: The predicted label of each document.
        labels: The model's labels, in its order.

    Raises:
        InputError: No documents, or a different number of true and predicted labels.
        LabelError: A label is missing, or a predicted label is not one of the model's.
    """
    given = [plain_label(label) for label in true]
    answered = [plain_label(label) for label in predicted]
    known = _model_labels(labels)
    _check_lengths(len(given), len(answered))
    _check_predicted(answered, known)
    every = _with_test_labels(known, given)
    position = {label: index for index, label in enumerate(every)}
    return Outcomes(
        labels=every,
        model_labels=len(known),
        true=np.array([position[label] for label in given], dtype=np.int64),
        predicted=np.array([position[label] for label in answered], dtype=np.int64),
    )


def encode_multiple(
    true: Iterable[Iterable[object]],
    predicted: Iterable[Iterable[object]],
    labels: Iterable[object],
) -> Outcomes:
    """Encode several labels a document; a document may have none.

    Args:
        true: The right labels of each document.
        predicted: The predicted labels of each document.
        labels: The model's labels, in its order.

    Raises:
        InputError: No documents, or a different number of true and predicted documents.
        LabelError: A label is missing, a predicted label is not one of the model's, or a document
            has a bare string where a collection of labels is expected.
    """
    given = [_label_set(document) for document in true]
    answered = [_label_set(document) for document in predicted]
    known = _model_labels(labels)
    _check_lengths(len(given), len(answered))
    _check_predicted([label for document in answered for label in document], known)
    every = _with_test_labels(known, [label for document in given for label in document])
    position = {label: index for index, label in enumerate(every)}
    return Outcomes(
        labels=every,
        model_labels=len(known),
        true=_indicators(given, position),
        predicted=_indicators(answered, position),
    )


def _label_set(document: Iterable[object]) -> list[Label]:
    if isinstance(document, str):
        raise LabelError(
            f"expected a collection of labels for each document, found the text {document!r}: "
            "wrap it in a list, or evaluate one label a document"
        )
    return [plain_label(label) for label in document]


def _indicators(documents: Sequence[list[Label]], position: dict[Label, int]) -> np.ndarray:
    indicators = np.zeros((len(documents), len(position)), dtype=bool)
    for row, document in enumerate(documents):
        indicators[row, [position[label] for label in document]] = True
    return indicators


def _model_labels(labels: Iterable[object]) -> list[Label]:
    known = [plain_label(label) for label in labels]
    if len(set(known)) != len(known):
        repeated = next(label for label in known if known.count(label) > 1)
        raise LabelError(f"expected each of the model's labels once, found {repeated!r} twice")
    return known


def _check_lengths(given: int, answered: int) -> None:
    if given != answered:
        raise InputError(f"expected as many predicted as true labels, found {answered} and {given}")
    if not given:
        raise InputError("expected at least one document to evaluate on, found none")


def _check_predicted(answered: Sequence[Label], known: Sequence[Label]) -> None:
    foreign = set(answered).difference(known)
    if foreign:
        label = min(foreign, key=str)
        raise LabelError(
            f"expected every predicted label among the model's {len(known)}, found {label!r}"
        )


def _with_test_labels(known: Sequence[Label], given: Sequence[Label]) -> tuple[Label, ...]:
    only_in_test = set(given).difference(known)
    if only_in_test and only_in_test == set(given):
        as_text = {str(label) for label in known}
        confused = [label for label in only_in_test if str(label) in as_text]
        if confused:
            found = min(confused, key=str)
            raise LabelError(
                f"expected labels of the model's type, found {found!r} ({type(found).__name__}) "
                f"where the model has {str(found)!r} as {type(known[0]).__name__}: "
                "convert one of the two"
            )
    return (*known, *sorted(only_in_test, key=lambda label: (str(label), str(type(label)))))
