"""Labels as numbers: one class a document, or a table of which labels hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from satchel.errors import LabelError

Task = Literal["single", "multiple"]
LONGEST_LABEL = 1_000
"""The longest label that a satchel carries, in code points."""


@dataclass(frozen=True)
class Targets:
    """What is to be learnt of ``n`` documents.

    Attributes:
        task: ``single``: one label a document; ``multiple``: any number of them.
        labels: The classes, sorted.
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

    def names(self) -> list[str] | list[tuple[str, ...]]:
        """Each document's label, or tuple of labels, as text."""
        names = [str(label) for label in self.labels]
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
        LabelError: If a label is missing, if they are of mixed kinds, or if there are fewer than
            two classes.
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
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise LabelError("expected labels of one type, found text and numbers mixed")
    classes, values = np.unique(np.asarray(labels), return_inverse=True)
    _require_two(classes)
    return Targets("single", classes, values.astype(np.int64))


def _encode_several(labels: list[tuple[object, ...]]) -> Targets:
    classes = np.array(sorted({str(label) for row in labels for label in row}))
    _require_two(classes)
    place = {label: column for column, label in enumerate(classes.tolist())}
    values = np.zeros((len(labels), len(classes)), dtype=np.float32)
    for row, names in enumerate(labels):
        for name in names:
            values[row, place[str(name)]] = 1.0
    return Targets("multiple", classes, values)


def _require_named(labels: Sequence[object]) -> None:
    for place, label in enumerate(labels):
        if label is None or label != label or not str(label).strip():
            raise LabelError(f"expected a label for every document, found {label!r} at {place}")
        if len(str(label)) > LONGEST_LABEL:
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
