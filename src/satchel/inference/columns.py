"""Predictions of many documents as columns: arrays instead of one Python object per document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_HELD = 1_000
"""The most labels assigned to one document; beyond that, only the most probable are."""

_CELLS = 1 << 20
"""Probabilities that are ranked at a time, so that the temporary arrays stay small."""


@dataclass(frozen=True, eq=False)
class AssignedLabels:
    """The labels assigned to each document, where a document may have several.

    Attributes:
        offsets: int64 [n + 1]; document i has the entries ``offsets[i]:offsets[i + 1]``.
        labels: int32 [m]; the labels' numbers, from 0, for each document the most probable first;
            ties in the order of the labels.
        probabilities: float32 [m]; their probabilities.
    """

    offsets: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class PredictionColumns:
    """The predictions for n documents, by column; labels are numbers, in the model's order from 0.

    Attributes:
        label: int32 [n]; the predicted label; for the task ``multiple`` the most probable of the
            assigned ones, and -1 where none is assigned.
        probability: float32 [n]; its probability; NaN where there is no label.
        known: int64 [n]; how many distinct features of each document the model knows.
        assigned: For the task ``multiple`` all assigned labels; else None.
        top_labels: int32 [n, k]; the k most probable labels, assigned or not, the most probable
            first, ties in the order of the labels; k is 0 where none were requested.
        top_probabilities: float32 [n, k]; their probabilities.
    """

    label: np.ndarray
    probability: np.ndarray
    known: np.ndarray
    assigned: AssignedLabels | None
    top_labels: np.ndarray
    top_probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.label)


def columns_of(
    probabilities: np.ndarray, known: np.ndarray, thresholds: np.ndarray | None, top: int
) -> PredictionColumns:
    """Return the predictions for some documents.

    Args:
        probabilities: float32 [n, classes].
        known: Integer [n]; see ``PredictionColumns``.
        thresholds: float32 [classes]: the lowest probability at which each label is assigned; None
            for the task ``single``.
        top: How many of the most probable labels to include; all if there are fewer.
    """
    documents, classes = probabilities.shape
    depth = min(top, classes)
    # The most probable label comes from the k most probable where these are ranked anyway.
    ranked = most_probable(probabilities, max(depth, 1 if thresholds is None else 0))
    top_labels = ranked[:, :depth]
    assigned = None
    if thresholds is None:
        label = ranked[:, 0]
        probability = _at(probabilities, ranked[:, :1])[:, 0]
    else:
        assigned = assigned_labels(probabilities, thresholds)
        label = np.full(documents, -1, np.int32)
        probability = np.full(documents, np.nan, np.float32)
        firsts = assigned.offsets[:-1]
        some = np.diff(assigned.offsets) > 0
        label[some] = assigned.labels[firsts[some]]
        probability[some] = assigned.probabilities[firsts[some]]
    return PredictionColumns(
        label,
        probability,
        known.astype(np.int64),
        assigned,
        top_labels,
        _at(probabilities, top_labels),
    )


def _at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.take_along_axis(rows, columns, axis=1)
    return found


def most_probable(rows: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the k largest numbers of each row.

    Args:
        rows: float [n, classes], without NaN.
        k: From 0 to the number of classes.

    Returns:
        int32 [n, k], in descending order of the numbers; ties in the order of the columns.
    """
    documents, classes = rows.shape
    if k == 1:
        best: np.ndarray = rows.argmax(axis=1)  # the first of equal ones
        return best.astype(np.int32)[:, None]
    found = np.empty((documents, k), np.int32)
    step = max(1, _CELLS // classes)
    for start in range(0, documents if k else 0, step):
        found[start : start + step] = _most_probable(rows[start : start + step], k)
    return found


def _most_probable(rows: np.ndarray, k: int) -> np.ndarray:
    """Do ``most_probable`` for rows that are few enough to be ranked at once."""
    classes = rows.shape[1]
    if 2 * k > classes:  # selecting first would save little
        return np.argsort(-rows, axis=1, kind="stable")[:, :k]
    least = np.partition(rows, classes - k, axis=1)[:, classes - k, None]
    above, equal = rows > least, rows == least
    # Of the numbers equal to the k-th, the first ones fill up what the larger ones leave.
    room = k - np.count_nonzero(above, axis=1)
    chosen = above | equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room[:, None])
    columns = np.nonzero(chosen)[1].reshape(-1, k)
    order = np.argsort(-_at(rows, columns), axis=1, kind="stable")
    return _at(columns, order)


def assigned_labels(probabilities: np.ndarray, thresholds: np.ndarray) -> AssignedLabels:
    """Return the labels whose probability reaches their threshold, at most ``MOST_HELD`` each.

    Args:
        probabilities: float32 [n, classes].
        thresholds: float32 [classes].
    """
    documents, classes = probabilities.shape
    step = max(1, _CELLS // classes)
    pieces = [
        _assigned_labels(probabilities[start : start + step], thresholds)
        for start in range(0, documents, step)
    ]
    return joined_labels(pieces)


def _assigned_labels(rows: np.ndarray, thresholds: np.ndarray) -> AssignedLabels:
    documents, columns = np.nonzero(rows >= thresholds)
    values = rows[documents, columns]
    order = np.lexsort((-values, documents))  # stable: ties stay in the order of the labels
    offsets = np.searchsorted(documents, np.arange(len(rows) + 1))
    columns, values = columns[order], values[order]
    counts = np.diff(offsets)
    if counts.max(initial=0) > MOST_HELD:
        kept = np.arange(len(columns)) - np.repeat(offsets[:-1], counts) < MOST_HELD
        columns, values = columns[kept], values[kept]
        offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, MOST_HELD))])
    return AssignedLabels(offsets.astype(np.int64), columns.astype(np.int32), values)


def joined_labels(pieces: Sequence[AssignedLabels]) -> AssignedLabels:
    """Return the assigned labels of several runs of documents as one."""
    if len(pieces) == 1:
        return pieces[0]
    counts = [np.diff(piece.offsets) for piece in pieces]
    offsets = np.zeros(sum(map(len, counts)) + 1, np.int64)
    np.cumsum(np.concatenate([np.zeros(0, np.int64), *counts]), out=offsets[1:])
    return AssignedLabels(
        offsets,
        np.concatenate([np.zeros(0, np.int32), *(piece.labels for piece in pieces)]),
        np.concatenate([np.zeros(0, np.float32), *(piece.probabilities for piece in pieces)]),
    )


def joined_columns(pieces: Sequence[PredictionColumns]) -> PredictionColumns:
    """Return the predictions of several runs of documents, at least one, as one."""
    if len(pieces) == 1:
        return pieces[0]
    assigned = [piece.assigned for piece in pieces if piece.assigned is not None]
    return PredictionColumns(
        np.concatenate([piece.label for piece in pieces]),
        np.concatenate([piece.probability for piece in pieces]),
        np.concatenate([piece.known for piece in pieces]),
        joined_labels(assigned) if assigned else None,
        np.concatenate([piece.top_labels for piece in pieces]),
        np.concatenate([piece.top_probabilities for piece in pieces]),
    )
