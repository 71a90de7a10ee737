"""Labels as numbers: one class per document, or any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from satchel.errors import LabelError
from satchel.inference.structure import LabelType, Task
from satchel.sealed.labels import array_of, text_of, type_of
from satchel.sources.files import LONGEST_LABEL


@dataclass(frozen=True)
class Targets:
    """The targets of ``n`` documents.

    Attributes:
        task: ``single``: one label per document; ``multiple``: any number of them.
        labels: The classes, sorted, in the type in which they were given: an array of text
            (objects where a label is very long), integers, floats or booleans, of shape
            ``(n_classes,)``.
        offsets: int64 array of shape ``(n + 1,)``: document ``i`` has the classes
            ``classes[offsets[i]:offsets[i + 1]]``; for ``single`` exactly one.
        classes: int64 array: the classes of all documents, ascending within a document.
        weights: float64 array of shape ``(n,)``: the weight of each document; None for 1.
    """

    task: Task
    labels: np.ndarray
    offsets: np.ndarray
    classes: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: np.ndarray | slice) -> Targets:
        """Some documents, by an array of indices, of booleans, or by a slice."""
        chosen = np.arange(len(self))[index]
        lengths = (self.offsets[1:] - self.offsets[:-1])[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return Targets(
            self.task,
            self.labels,
            offsets,
            self.classes[starts + np.arange(offsets[-1])],
            None if self.weights is None else self.weights[chosen],
        )

    def with_weights(self, weights: np.ndarray | None) -> Targets:
        """The same documents with these weights, float64 array of shape ``(n,)`` or None."""
        return replace(self, weights=weights)

    @property
    def counting(self) -> np.ndarray:
        """float64 array of shape ``(n,)``: the weight of each document, ones by default."""
        return np.ones(len(self)) if self.weights is None else self.weights

    @property
    def label_type(self) -> LabelType:
        """The type of all labels."""
        return type_of(self.labels)

    @property
    def label_texts(self) -> list[str]:
        """The classes as text, as a model file holds them."""
        return [text_of(label) for label in self.labels.tolist()]

    def names(self) -> list[str] | list[tuple[str, ...]]:
        """Each document's label, or tuple of labels, as text."""
        names = self.label_texts
        held = [names[k] for k in self.classes.tolist()]
        if self.task == "single":
            return held
        return [tuple(held[begin:end]) for begin, end in pairwise(self.offsets.tolist())]

    def table(
        self, begin: int = 0, end: int | None = None, dtype: type[np.generic] = np.float32
    ) -> np.ndarray:
        """Which labels hold, as a table.

        Args:
            begin: The first class.
            end: The class after the last; None for all.
            dtype: The type of the table.

        Returns:
            Array of shape ``(n, end - begin)``: 1 where a label holds.
        """
        end = len(self.labels) if end is None else end
        documents, classes = self.one_by_one()
        own = (classes >= begin) & (classes < end)
        table = np.zeros((len(self), end - begin), dtype)
        table[documents[own], classes[own] - begin] = 1
        return table

    def one_by_one(self) -> tuple[np.ndarray, np.ndarray]:
        """Every pair of a document and one of its classes: two int64 arrays."""
        documents = np.repeat(np.arange(len(self)), self.offsets[1:] - self.offsets[:-1])
        return documents, self.classes

    def counts(self) -> np.ndarray:
        """int64 array of shape ``(n_classes,)``: documents of each class."""
        return np.bincount(self.classes, minlength=len(self.labels))

    def counted_weights(self) -> np.ndarray:
        """float64 array of shape ``(n_classes,)``: the weight of each class's documents."""
        documents, classes = self.one_by_one()
        return np.bincount(classes, self.counting[documents], len(self.labels))


def encode(labels: Sequence[object]) -> Targets:
    """Turn labels into targets; collections of labels make a task of multiple labels per document.

    Args:
        labels: One label per document (text or number), or one tuple, list or set of labels per
            document.

    Raises:
        LabelError: If a label is missing, too long or ends with NUL, if labels are of mixed types
            or of one that a model file cannot hold, or if there are fewer than two classes.
    """
    multiple = [isinstance(label, (tuple, list, set, frozenset)) for label in labels]
    if any(multiple):
        if not all(multiple):
            raise LabelError(
                "expected one label for every document or a list of labels for every document, "
                f"found both: {labels[multiple.index(False)]!r} is a single label"
            )
        rows: list[tuple[object, ...]] = [tuple(row) for row in labels]  # type: ignore[arg-type]
        for row in rows:
            _require_valid_names(row)
        return _encode_multiple(rows)
    _require_valid_names(labels)
    classes, values = _as_numbers(labels)
    _require_two(classes)
    return Targets("single", classes, np.arange(len(labels) + 1), values)


def _encode_multiple(rows: list[tuple[object, ...]]) -> Targets:
    try:
        distinct = [tuple(dict.fromkeys(row)) for row in rows]
    except TypeError as error:
        raise LabelError(f"expected labels that are text or numbers, found {error}") from None
    classes, values = _as_numbers([label for row in distinct for label in row])
    _require_two(classes)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in distinct])])
    documents = np.repeat(np.arange(len(rows)), np.diff(offsets))
    return Targets("multiple", classes, offsets, values[np.lexsort((values, documents))])


def encode_pairs(offsets: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> Targets:
    """Turn the contents of a sparse table into targets of multiple labels per document.

    Args:
        offsets: int array of shape ``(n + 1,)``: where each document's classes begin.
        classes: int array: the columns of the labels that hold, ascending within a document.
        labels: The name of each column.

    Raises:
        LabelError: If there are fewer than two columns, or one has an invalid name.
    """
    _require_two(labels)
    _require_valid_names(labels.tolist())
    return Targets("multiple", labels, offsets.astype(np.int64), classes.astype(np.int64))


def _as_numbers(labels: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """The classes, sorted, and the class of each label: two arrays, the second one int64."""
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise LabelError(
            "expected labels of one type, found text and numbers mixed: turn all of them into text"
        )
    if True in kinds or not labels:
        # Not through an array of text, where every element takes the space of the longest label.
        texts = [str(label) for label in labels]
        distinct = sorted(set(texts))
        position = {label: number for number, label in enumerate(distinct)}
        values = np.fromiter(map(position.__getitem__, texts), np.int64, len(texts))
        return array_of(distinct, "str"), values
    array = np.asarray(labels)
    # NumPy converts integers that share no 64-bit type to objects or even to floats.
    whole = array.dtype.kind == "f" and all(isinstance(each, (int, np.integer)) for each in labels)
    if array.ndim != 1 or array.dtype.kind not in "biuf" or whole or array.dtype.itemsize > 8:
        raise LabelError(
            "expected labels to be text, booleans, or integers or floats of at most 64 bits, found "
            f"{type(labels[0]).__name__} ({labels[0]!r:.60}): turn them into text"
        )
    classes, values = np.unique(array, return_inverse=True)
    return classes, values.astype(np.int64)


def _require_valid_names(labels: Sequence[object]) -> None:
    for position, label in enumerate(labels):
        if label is None or label != label or not str(label).strip():
            raise LabelError(
                f"expected a label for every document, found {label!r} at {position}: give it one "
                "or remove the document"
            )
        if str(label).endswith("\0"):
            raise LabelError(
                f"expected labels without a trailing NUL character, found {label!r} at {position}: "
                "remove it"
            )
        if len(text_of(label)) > LONGEST_LABEL:
            raise LabelError(
                f"expected labels of at most {LONGEST_LABEL:,} characters, found one of "
                f"{len(str(label)):,} at {position}: {str(label)[:40]!r}…"
            )


def _require_two(classes: np.ndarray) -> None:
    if len(classes) < 2:
        found = f"one class, {str(classes[0])!r}" if len(classes) else "none"
        raise LabelError(
            f"expected documents of at least two classes, found {found}: "
            "add documents of another class"
        )
