"""Labels as numbers: one class a document, or a table of which labels hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from satchel.errors import LabelError
from satchel.sealed.labels import LabelType, array_of, text_of, type_of

Task = Literal["single", "multiple"]
LONGEST_LABEL = 1_000
"""The longest label that a satchel carries, in code points."""


@dataclass(frozen=True)
class Targets:
    """What is to be learnt of ``n`` documents.

    Attributes:
        task: ``single``: one label a document; ``multiple``: any number of them.
        labels: The classes, sorted, in the type in which they were given: an array of text
            (objects where a label is very long), integers, floats or booleans.
        values: ``single``: int64 array of shape ``(n,)``, the class of each document;
            ``multiple``: float32 array of shape ``(n, n_classes)`` of zeros and ones.
    """

    task: Task
    labels: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: np.ndarray) -> Targets:
        return Targets(self.task, self.labels, self.values[index])

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
        if self.task == "single":
            return [names[value] for value in self.values.tolist()]
        return [tuple(names[k] for k in np.flatnonzero(row)) for row in self.values]

    @property
    def indicator(self) -> np.ndarray:
        """float32 array of shape ``(n, n_classes)``: 1 where a label holds."""
        if self.task == "multiple":
            return self.values
        table: np.ndarray = np.eye(len(self.labels), dtype=np.float32)[self.values]
        return table

    def one_by_one(self) -> tuple[np.ndarray, np.ndarray]:
        """Every pair of a document and one of its classes: two int64 arrays."""
        if self.task == "multiple":
            documents, classes = np.nonzero(self.values)
            return documents, classes
        return np.arange(len(self)), self.values

    def counts(self) -> np.ndarray:
        """int64 array of shape ``(n_classes,)``: documents of each class."""
        if self.task == "multiple":
            sums: np.ndarray = self.values.sum(axis=0).astype(np.int64)
            return sums
        return np.bincount(self.values, minlength=len(self.labels))


def encode(labels: Sequence[object]) -> Targets:
    """Turn labels into targets; sequences of labels make a task of several labels a document.

    Args:
        labels: One label a document (text, numbers), or one tuple, list or set of labels.

    Raises:
        LabelError: If a label is missing, if they are of mixed kinds or of none that a model
            file carries, or if there are fewer than two classes.
    """
    several = [isinstance(label, (tuple, list, set, frozenset)) for label in labels]
    if any(several):
        if not all(several):
            raise LabelError(
                "expected one label for every document or a list of labels for every document, "
                f"found both: {labels[several.index(False)]!r} is a single label"
            )
        rows: list[tuple[object, ...]] = [tuple(row) for row in labels]  # type: ignore[arg-type]
        for row in rows:
            _require_named(row)
        return _encode_several(rows)
    _require_named(labels)
    classes, values = _classes(labels)
    _require_two(classes)
    return Targets("single", classes, values)


def _classes(labels: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct labels, sorted, and the place of each label among them, int64 [n]."""
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise LabelError("expected labels of one type, found text and numbers mixed")
    if True in kinds or not labels:
        # Not by way of an array of text, whose every element has the room of the longest label.
        texts = [str(label) for label in labels]
        distinct = sorted(set(texts))
        place = {label: number for number, label in enumerate(distinct)}
        values = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
        return array_of(distinct, "str"), values
    array = np.asarray(labels)
    # NumPy takes integers that fit no type of 64 bits together for objects or even for floats.
    whole = array.dtype.kind == "f" and all(isinstance(each, (int, np.integer)) for each in labels)
    if array.ndim != 1 or array.dtype.kind not in "biuf" or whole or array.dtype.itemsize > 8:
        raise LabelError(
            "expected labels to be text, booleans, or integers or floats of at most 64 bits, found "
            f"{type(labels[0]).__name__} ({labels[0]!r:.60}): turn them into text"
        )
    classes, values = np.unique(array, return_inverse=True)
    return classes, values.astype(np.int64)


def _encode_several(labels: list[tuple[object, ...]]) -> Targets:
    classes, columns = _classes([label for row in labels for label in row])
    _require_two(classes)
    values = np.zeros((len(labels), len(classes)), dtype=np.float32)
    values[np.repeat(np.arange(len(labels)), list(map(len, labels))), columns] = 1.0
    return Targets("multiple", classes, values)


def _require_named(labels: Sequence[object]) -> None:
    for place, label in enumerate(labels):
        if label is None or label != label or not str(label).strip():
            raise LabelError(f"expected a label for every document, found {label!r} at {place}")
        if len(text_of(label)) > LONGEST_LABEL:
            raise LabelError(
                f"expected labels of at most {LONGEST_LABEL:,} characters, found one of "
                f"{len(str(label)):,} at {place}: {str(label)[:40]!r}…"
            )


def _require_two(classes: np.ndarray) -> None:
    if len(classes) < 2:
        found = f"only {str(classes[0])!r}" if len(classes) else "none"
        raise LabelError(
            f"expected documents of at least two labels, found {found}: there is nothing to tell "
            "apart"
        )
