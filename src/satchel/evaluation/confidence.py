"""Do the probabilities mean what they say: log loss, calibration error, reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.evaluation.metrics import divide
from satchel.evaluation.outcomes import Outcomes

BINS = 15
"""Bins of equal width; the number that Guo et al. (2017), arXiv:1706.04599, use."""


@dataclass(frozen=True)
class Reliability:
    """How often answers of each confidence are right.

    Attributes:
        count: int64 ``[bins]``, answers in each bin of equal width between 0 and 1.
        confidence: float64 ``[bins]``, their mean probability (0 in an empty bin).
        accuracy: float64 ``[bins]``, the share of them that is right (0 in an empty bin).
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_calibration_error(self) -> float:
        """The mean gap between confidence and accuracy, weighted by answers."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float(divide((gaps * self.count).sum(), self.count.sum()))

    @property
    def mean_gap(self) -> float:
        """Mean confidence less accuracy: above 0 the model is too sure of itself, below too shy."""
        gaps = self.confidence - self.accuracy
        return float(divide((gaps * self.count).sum(), self.count.sum()))


def check_probabilities(probabilities: object, outcomes: Outcomes) -> np.ndarray:
    """Return the probabilities as a float array ``[n, model labels]``.

    Raises:
        InputError: Wrong shape, a value that is not between 0 and 1, or (one label a document)
            a row that does not sum to 1.
    """
    array = np.asarray(probabilities)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    expected = (len(outcomes), outcomes.model_labels)
    if array.shape != expected:
        raise InputError(f"expected probabilities of shape {expected}, found {array.shape}")
    if not ((array >= 0) & (array <= 1)).all():
        row = int(np.argmin(((array >= 0) & (array <= 1)).all(axis=1)))
        raise InputError(
            f"expected probabilities between 0 and 1, found {array[row].tolist()} "
            f"for document {row}"
        )
    if not outcomes.multiple:
        gaps = np.abs(array.sum(axis=1, dtype=np.float64) - 1)
        if gaps.max() > 1e-3:
            row = int(gaps.argmax())
            raise InputError(
                f"expected the probabilities of a document to sum to 1, found a sum of "
                f"{array[row].sum():g} for document {row}: give probabilities, not raw scores"
            )
    return array


def log_loss(outcomes: Outcomes, probabilities: np.ndarray) -> float:
    """Return the mean negative log probability of the truth.

    For several labels a document it is the mean over documents and model labels of the two-way
    log loss. Probabilities are kept off 0 and 1 by the machine epsilon of their dtype, as
    scikit-learn does; a document whose label the model does not know counts as probability 0.
    """
    epsilon = float(np.finfo(probabilities.dtype).eps)
    clipped = np.clip(probabilities.astype(np.float64), epsilon, 1 - epsilon)
    if outcomes.multiple:
        truth = outcomes.true[:, : outcomes.model_labels]
        return float(-np.mean(np.log(np.where(truth, clipped, 1 - clipped))))
    given = np.full(len(outcomes), epsilon)
    known = np.flatnonzero(outcomes.true < outcomes.model_labels)
    given[known] = clipped[known, outcomes.true[known]]
    return float(-np.mean(np.log(given)))


def answer_confidence(outcomes: Outcomes, probabilities: np.ndarray) -> np.ndarray:
    """Return, float64 ``[n]``, how sure the model was of each answer.

    One label: the probability of the predicted label. Several: the least sure of the document's
    yes-or-no decisions, since one wrong decision makes the answer wrong.
    """
    chosen = probabilities.astype(np.float64)
    if outcomes.multiple:
        given = outcomes.predicted[:, : outcomes.model_labels]
        return np.asarray(np.where(given, chosen, 1 - chosen).min(axis=1))
    return np.asarray(chosen[np.arange(len(outcomes)), outcomes.predicted])


def reliability(outcomes: Outcomes, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Put answers in bins by confidence.

    One label: the predicted label's probability against whether it is right. Several labels: each
    label's probability against whether the document has it, over all documents and labels.
    """
    if outcomes.multiple:
        sure = probabilities.astype(np.float64).ravel()
        right = outcomes.true[:, : outcomes.model_labels].ravel()
    else:
        sure = answer_confidence(outcomes, probabilities)
        right = outcomes.true == outcomes.predicted
    bin_of = np.minimum((sure * bins).astype(np.int64), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    return Reliability(
        count=count,
        confidence=divide(np.bincount(bin_of, weights=sure, minlength=bins), count),
        accuracy=divide(np.bincount(bin_of, weights=right, minlength=bins), count),
    )
