"""True and predicted labels, converted to the arrays that all metrics work on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from satchel.errors import InputError, LabelError

Label: TypeAlias = str | int | float


@dataclass(frozen=True)
class Assigned:
    """Which documents have which labels: one pair for each label of each document.

    Memory follows the pairs and not documents times labels, so that tens of thousands of labels
    cost no more than a few.

    Attributes:
        document: int64 ``[pairs]``, ascending.
        label: int64 ``[pairs]`` positions in the list of labels, ascending within a document and
            each once; with one label per document simply its label, ``[n]``.
        documents: How many documents there are, those without a label included.
    """

    document: np.ndarray
    label: np.ndarray
    documents: int

    def keys(self, labels: int) -> np.ndarray:
        """Return one ascending int64 per pair, the same in all `Assigned` of these labels."""
        return np.asarray(self.document * labels + self.label)

    def counts(self, labels: int) -> np.ndarray:
        """Return how many documents have each label, int64 ``[labels]``."""
        return np.bincount(self.label, minlength=labels)

    def lengths(self) -> np.ndarray:
        """Return how many labels each document has, int64 ``[documents]``."""
        return np.bincount(self.document, minlength=self.documents)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *np.cumsum(self.lengths()).tolist()]

    def of(self, document: int) -> np.ndarray:
        """Return the labels of one document."""
        return self.label[self._starts[document] : self._starts[document + 1]]


@dataclass(frozen=True)
class Outcomes:
    """What was true and what was predicted.

    Attributes:
        labels: The model's labels in its order, then the labels that only the test has, sorted.
        model_labels: How many of ``labels`` the model knows; these come first.
        multiple: Whether a document may have several labels, or none.
        true: The labels that the documents have.
        predicted: The labels that were predicted.
    """

    labels: tuple[Label, ...]
    model_labels: int
    multiple: bool
    true: Assigned
    predicted: Assigned

    def __len__(self) -> int:
        return self.true.documents

    @cached_property
    def hit_keys(self) -> np.ndarray:
        """The keys of the pairs that are both true and predicted, ascending int64."""
        true, predicted = (side.keys(len(self.labels)) for side in (self.true, self.predicted))
        if not self.multiple:
            return np.asarray(true[true == predicted])
        return np.intersect1d(true, predicted, assume_unique=True)

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each document is predicted entirely correctly, bool ``[n]``.

        With several labels per document every one of them must be correct: subset accuracy.
        """
        if not self.multiple:
            return np.asarray(self.true.label == self.predicted.label)
        hits = np.bincount(self.hit_keys // len(self.labels), minlength=len(self))
        return np.asarray((hits == self.true.lengths()) & (hits == self.predicted.lengths()))

    def missed(self) -> Assigned:
        """Return the true labels that were not predicted."""
        return self._without_hits(self.true)

    def wrongly_given(self) -> Assigned:
        """Return the predicted labels that are not true."""
        return self._without_hits(self.predicted)

    def _without_hits(self, side: Assigned) -> Assigned:
        kept = ~np.isin(side.keys(len(self.labels)), self.hit_keys)
        return Assigned(side.document[kept], side.label[kept], side.documents)


@dataclass(frozen=True)
class Truth:
    """The true labels, before anything is predicted.

    Attributes:
        labels: As in `Outcomes`.
        model_labels: As in `Outcomes`.
        multiple: As in `Outcomes`.
        true: The labels that the documents have.
    """

    labels: tuple[Label, ...]
    model_labels: int
    multiple: bool
    true: Assigned

    def outcomes(self, predicted: Assigned) -> Outcomes:
        """Return the outcomes with these predictions."""
        return Outcomes(self.labels, self.model_labels, self.multiple, self.true, predicted)

    def encode_predicted(self, predicted: Iterable[object]) -> Assigned:
        """Encode the predictions of one or several labels per document.

        Raises:
            InputError: Not as many as there are true ones.
            LabelError: A predicted label is not one of the model's, or a bare string stands where
                a collection of labels is expected.
        """
        known = {label: place for place, label in enumerate(self.labels[: self.model_labels])}
        given = _label_sets(predicted, self.multiple)
        if len(given) != self.true.documents:
            raise InputError(
                f"expected as many predicted as true labels, found {len(given)} and "
                f"{self.true.documents}: give one prediction per document"
            )
        foreign = {label for document in given for label in document}.difference(known)
        if foreign:
            raise LabelError(
                f"expected every predicted label among the model's {len(known)}, "
                f"found {min(foreign, key=str)!r}: predict with the model whose labels were given"
            )
        return _assigned(given, known)


def encode_truth(true: Iterable[object], labels: Iterable[object], *, multiple: bool) -> Truth:
    """Encode the true labels.

    Args:
        true: The true label of each document, or for ``multiple`` a collection of labels.
        labels: The model's labels, in its order.
        multiple: Whether a document may have several labels, or none.

    Raises:
        InputError: No documents.
        LabelError: A label is missing, a model label is a duplicate, two labels are equal as text,
            or a document has a bare string where a collection of labels is expected.
    """
    given = _label_sets(true, multiple)
    known = [plain_label(label) for label in labels]
    if len(set(known)) != len(known):
        raise LabelError(
            f"expected each of the model's labels once, found {_repeated(known)!r} "
            "more than once: remove the duplicate"
        )
    if not given:
        raise InputError(
            "expected at least one document to evaluate on, found none: check the test data"
        )
    every = _with_test_labels(known, {label for document in given for label in document})
    names = [str(label) for label in every]
    if len(set(names)) != len(names):
        raise LabelError(
            f"expected labels that differ as text, found {_repeated(names)!r} as text and as a "
            "number: convert all labels to one type"
        )
    position = {label: index for index, label in enumerate(every)}
    return Truth(every, len(known), multiple, _assigned(given, position))


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


def _label_sets(documents: Iterable[object], multiple: bool) -> list[list[Label]]:
    if not multiple:
        return [[plain_label(label)] for label in documents]
    return [_label_set(document) for document in documents]


def _label_set(document: object) -> list[Label]:
    if isinstance(document, str) or not isinstance(document, Iterable):
        raise LabelError(
            f"expected a collection of labels for each document, found {document!r}: "
            "wrap it in a list, or evaluate one label per document"
        )
    return [plain_label(label) for label in document]


def _assigned(documents: Sequence[list[Label]], position: dict[Label, int]) -> Assigned:
    places = [sorted({position[label] for label in document}) for document in documents]
    lengths = np.fromiter(map(len, places), dtype=np.int64, count=len(places))
    return Assigned(
        document=np.repeat(np.arange(len(places)), lengths),
        label=np.fromiter(
            (place for row in places for place in row), dtype=np.int64, count=int(lengths.sum())
        ),
        documents=len(places),
    )


def _repeated(values: Sequence[Label]) -> Label:
    counts = Counter(values)
    return next(value for value in values if counts[value] > 1)


def _with_test_labels(known: Sequence[Label], given: set[Label]) -> tuple[Label, ...]:
    only_in_test = given.difference(known)
    if only_in_test and only_in_test == given:
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
