"""The quality of probabilities: log loss, calibration error, risk and coverage.

Probabilities are read in blocks of documents and only what the figures need is kept, so that
memory follows the documents and their labels, not documents times labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.evaluation.metrics import divide
from satchel.evaluation.outcomes import Assigned, Outcomes, Truth

BINS = 15
"""Bins of equal width; the number that Guo et al. (2017), arXiv:1706.04599, use."""

_MORE_LIKELY = 0.5
_CELLS = 2_000_000  # probabilities worked on at once


@dataclass(frozen=True)
class Reliability:
    """How often predictions of each confidence are correct.

    Attributes:
        count: int64 ``[bins]``, predictions in each bin of equal width between 0 and 1.
        confidence: float64 ``[bins]``, their mean probability (0 in an empty bin).
        accuracy: float64 ``[bins]``, the share of them that is correct (0 in an empty bin).
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_calibration_error(self) -> float:
        """The mean gap between confidence and accuracy, weighted by predictions."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float(divide((gaps * self.count).sum(), self.count.sum()))

    @property
    def mean_gap(self) -> float:
        """Mean confidence less accuracy: above 0 if overconfident, below 0 if underconfident."""
        gaps = self.confidence - self.accuracy
        return float(divide((gaps * self.count).sum(), self.count.sum()))

    @property
    def chance_error(self) -> float:
        """The calibration error that chance alone gives well-calibrated probabilities, roughly.

        In a bin of m predictions the accuracy of well-calibrated probabilities is off by
        ``√(2 p (1 − p) / (π m))`` on average.
        """
        spread = self.confidence * (1 - self.confidence)
        gaps = np.sqrt(2 / np.pi * divide(spread, self.count))
        return float(divide((gaps * self.count).sum(), self.count.sum()))


@dataclass(frozen=True)
class Confidence:
    """What the probabilities say about the predictions.

    Attributes:
        log_loss: The mean negative log probability of the truth; for several labels per document
            the mean over documents and model labels of the two-way log loss.
        reliability: One label: the predicted label's probability against whether it is correct.
            Several: each label's probability against whether the document has it.
        prediction: float64 ``[n]``, the confidence of each prediction: the probability of the
            predicted label, or of the least certain of the document's binary decisions, since one
            wrong decision makes the prediction wrong.
        suspect: bool ``[n]``, wrong predictions so confident that the label may be the
            wrong one; see `_suspects`.
    """

    log_loss: float
    reliability: Reliability
    prediction: np.ndarray
    suspect: np.ndarray


def read_probabilities(
    given: object,
    truth: Truth,
    predicted: Assigned | None,
    thresholds: np.ndarray | None,
) -> tuple[Outcomes, Confidence]:
    """Read probabilities once, and derive the predictions from them if none are given.

    Args:
        given: float ``[n, model labels]``, or an iterator over blocks of such rows, in order.
        truth: The true labels.
        predicted: The predictions; None takes the most probable label, or all labels whose
            probability reaches their threshold.
        thresholds: float ``[model labels]``, for several labels per document without ``predicted``.

    Raises:
        InputError: Wrong shape, a value that is not between 0 and 1, or (one label per document)
            a row that does not sum to 1.
    """
    columns, documents = truth.model_labels, truth.true.documents
    tally = _Tally(truth, predicted, thresholds)
    row = 0
    for block in _blocks(given):
        if block.ndim != 2 or block.shape[1] != columns or row + len(block) > documents:
            found = (row + len(block), *block.shape[1:])
            raise InputError(
                f"expected probabilities of shape {(documents, columns)}, found {found}"
            )
        step = max(1, _CELLS // max(columns, 1))
        for start in range(0, len(block), step):
            piece = block[start : start + step]
            _check_piece(piece, row, truth.multiple)
            tally.add(row, piece)
            row += len(piece)
    if row != documents:
        raise InputError(
            f"expected probabilities of shape {(documents, columns)}, found {(row, columns)}"
        )
    return tally.result()


def _blocks(given: object) -> Iterator[np.ndarray]:
    blocks: Iterable[object] = given if isinstance(given, Iterator) else [given]
    for block in blocks:
        array = np.asarray(block)
        yield array if array.dtype.kind == "f" else array.astype(np.float64)


def _check_piece(piece: np.ndarray, first: int, multiple: bool) -> None:
    within = ((piece >= 0) & (piece <= 1)).all(axis=1)
    if not within.all():
        row = int(np.argmin(within))
        raise InputError(
            f"expected probabilities between 0 and 1, found {_shown(piece[row])} "
            f"for document {first + row}"
        )
    if not multiple:
        sums = piece.sum(axis=1, dtype=np.float64)
        row = int(np.abs(sums - 1).argmax())
        if abs(sums[row] - 1) > 1e-3:
            raise InputError(
                f"expected the probabilities of a document to sum to 1, found a sum of "
                f"{sums[row]:g} for document {first + row}: give probabilities, not logits"
            )


def _shown(row: np.ndarray) -> str:
    outside = row[~((row >= 0) & (row <= 1))]
    return f"{row.tolist()}" if len(row) <= 10 else f"{outside[0]:g} among {len(row):,}"


class _Tally:
    """Accumulates, block by block, what the figures need."""

    def __init__(
        self, truth: Truth, predicted: Assigned | None, thresholds: np.ndarray | None
    ) -> None:
        documents = truth.true.documents
        self._truth = truth
        self._predicted = predicted
        self._thresholds = thresholds
        self._keys: list[np.ndarray] = []  # keys of the predictions taken from the probabilities
        self._confidence = np.zeros(documents)
        self._loss = 0.0
        self._count = np.zeros(BINS, dtype=np.int64)
        self._sure = np.zeros(BINS)
        self._right = np.zeros(BINS)
        self._of_predicted: list[np.ndarray] = []

    def add(self, row: int, block: np.ndarray) -> None:
        """Take the probabilities of the documents from ``row`` on."""
        exact = block.astype(np.float64)
        epsilon = float(np.finfo(block.dtype).eps)
        true_rows, true_columns = self._pairs(self._truth.true, row, exact)
        known = true_columns < exact.shape[1]
        rows, columns = self._decide(row, exact)
        self._of_predicted.append(exact[rows, columns])
        # As in scikit-learn, probabilities are kept away from 0 and 1 by the dtype's epsilon.
        if self._truth.multiple:
            sure = 1 - exact
            sure[rows, columns] = exact[rows, columns]
            self._confidence[row : row + len(exact)] = sure.min(axis=1, initial=1.0)
            has = np.zeros(exact.shape, dtype=bool)
            has[true_rows[known], true_columns[known]] = True
            self._bin(exact.ravel(), has.ravel())
            clipped = np.clip(exact, epsilon, 1 - epsilon)
            self._loss -= float(np.log(np.where(has, clipped, 1 - clipped)).sum())
        else:
            self._confidence[row : row + len(exact)] = exact[rows, columns]
            self._bin(exact[rows, columns], true_columns == columns)
            # A label that the model does not know counts as probability 0.
            of_true = np.zeros(len(exact))
            of_true[known] = exact[true_rows[known], true_columns[known]]
            self._loss -= float(np.log(np.clip(of_true, epsilon, 1 - epsilon)).sum())

    def _decide(self, row: int, exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and columns of the predictions of a block."""
        if self._predicted is not None:
            return self._pairs(self._predicted, row, exact)
        if not self._truth.multiple:
            rows, columns = np.arange(len(exact)), exact.argmax(axis=1)
        else:
            rows, columns = np.nonzero(exact >= self._thresholds)
        self._keys.append((rows + row) * exact.shape[1] + columns)
        return rows, columns

    @staticmethod
    def _pairs(side: Assigned, row: int, exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start, stop = np.searchsorted(side.document, [row, row + len(exact)])
        return side.document[start:stop] - row, side.label[start:stop]

    def _bin(self, sure: np.ndarray, right: np.ndarray) -> None:
        bin_of = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
        self._count += np.bincount(bin_of, minlength=BINS)
        self._sure += np.bincount(bin_of, weights=sure, minlength=BINS)
        self._right += np.bincount(bin_of, weights=right, minlength=BINS)

    def result(self) -> tuple[Outcomes, Confidence]:
        """Return the outcomes and the figures."""
        documents, columns = self._truth.true.documents, self._truth.model_labels
        predicted = self._predicted
        if predicted is None:
            keys = np.concatenate(self._keys)
            predicted = Assigned(keys // max(columns, 1), keys % max(columns, 1), documents)
        outcomes = self._truth.outcomes(predicted)
        of_predicted = np.concatenate(self._of_predicted)
        return outcomes, Confidence(
            log_loss=self._loss / (documents * (columns if outcomes.multiple else 1)),
            reliability=Reliability(
                count=self._count,
                confidence=divide(self._sure, self._count),
                accuracy=divide(self._right, self._count),
            ),
            prediction=self._confidence,
            suspect=_suspects(outcomes, columns, of_predicted),
        )


def _suspects(outcomes: Outcomes, known: int, of_predicted: np.ndarray) -> np.ndarray:
    """Return which documents may be labelled wrongly, bool ``[n]``.

    A wrong prediction is suspicious if the model is as sure of it as of half its correct
    predictions with that label, and finds it more likely than not. The idea is that of confident
    learning (C. Northcutt, L. Jiang and I. Chuang (2021), "Confident learning: estimating
    uncertainty in dataset labels", J. Artif. Intell. Res. 70:1373-1411), which takes the mean over
    the documents that have the label; the median of the correct predictions does not depend on
    whether probabilities are too high.
    """
    true, predicted = outcomes.true, outcomes.predicted
    hit = np.isin(predicted.keys(len(outcomes.labels)), outcomes.hit_keys)
    usual = _medians(predicted.label[hit], of_predicted[hit], known)
    confident = ~hit & (of_predicted >= np.maximum(usual[predicted.label], _MORE_LIKELY))
    suspect = np.zeros(len(outcomes), dtype=bool)
    suspect[predicted.document[confident]] = True
    if not outcomes.multiple:
        # Where the model does not know the true label, its prediction is no evidence against it.
        suspect &= true.label < known
    return suspect


def _medians(groups: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return each group's (upper) median, float64 ``[count]``; infinity for an empty one."""
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    middle = np.cumsum(sizes) - sizes + sizes // 2
    medians = np.full(count, np.inf)
    filled = sizes > 0
    medians[filled] = values[order][middle[filled]]
    return medians


@dataclass(frozen=True)
class RiskCoverage:
    """How many errors are left if only the most confident predictions are kept.

    Attributes:
        coverage: float64 ``[points]``, ascending shares of the documents kept, the last 1.
        risk: float64 ``[points]``, the error rate of these predictions.
        confidence: float64 ``[points]``, the lowest confidence among them.
    """

    coverage: np.ndarray
    risk: np.ndarray
    confidence: np.ndarray

    def coverage_at(self, risk: float) -> float:
        """Return the largest share of documents that can be kept with at most this risk."""
        within = np.flatnonzero(self.risk <= risk)
        return float(self.coverage[within[-1]]) if len(within) else 0.0

    def risk_at(self, coverage: float) -> float:
        """Return the share of wrong predictions among at least this share of the documents."""
        return float(self.risk[np.searchsorted(self.coverage, min(coverage, 1.0) - 1e-12)])


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> RiskCoverage:
    """Return risk by coverage, with predictions of equal confidence kept or dropped together.

    Args:
        confidence: float64 ``[n]``.
        right: bool ``[n]``, whether each prediction is correct.
    """
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    ends = np.append(np.flatnonzero(sure[1:] != sure[:-1]), len(sure) - 1)
    kept = ends + 1
    return RiskCoverage(kept / len(sure), np.cumsum(~right[order])[ends] / kept, sure[ends])
