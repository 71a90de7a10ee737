"""The uncertainty of the figures: 95 % intervals over the sampling of test documents."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from satchel.evaluation.metrics import ClassCounts, count_classes, divide
from satchel.evaluation.outcomes import Outcomes

Z_95 = 1.959963984540054
"""The standard normal's 97.5 % quantile."""


class Interval(NamedTuple):
    """The ends of a 95 % interval."""

    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval:
    """Return the 95 % score interval of a share.

    It is the interval of E. B. Wilson (1927), "Probable inference, the law of succession, and
    statistical inference", J. Am. Stat. Assoc. 22:209-212; unlike the textbook's
    ``p ± 1.96 √(p(1−p)/n)`` it stays within 0 and 1 and is not empty at 0 % and 100 %.

    Args:
        successes: Correct predictions.
        trials: All predictions, at least 1.
    """
    low, high = _score_interval(successes / trials, trials)
    # Rounding must not push the end off the share itself at 0 % and 100 %.
    return Interval(0.0 if successes == 0 else low, 1.0 if successes == trials else high)


def macro_f1_interval(outcomes: Outcomes) -> Interval:
    """Return the 95 % interval of macro-F1 on documents of the same kind.

    A percentile bootstrap is unsuitable: F1 of a class with few documents is biased downwards, and
    drawing the documents again adds the same bias once more, so that with many classes the whole
    interval lies below its own estimate. Here, in one pass over documents and their labels:

    - the variance is the jackknife's (B. Efron and C. Stein (1981), "The jackknife estimate of
      variance", Ann. Stat. 9:586-596): macro-F1 is computed without each document in turn;
    - the bias is estimated twice, by the jackknife and by the second-order Taylor expansion of
      F1 = 2h / (2h + e) with independent Poisson counts of hits h and errors e, which is
      ``−2he / (2h + e)³`` per class. With two documents per class either can be off, so the
      interval spans both;
    - the shape is Wilson's, with the number of documents replaced by the number that would give a
      share the same variance (as for shares of complex surveys: E. L. Korn and B. I. Graubard
      (1998), Survey Methodology 24:193-201), so that the interval stays within 0 and 1 and is not
      empty where every prediction is correct;
    - it is widened to contain the estimate itself.

    ``benchmarks/intervals`` measures its coverage.
    """
    counts = count_classes(outcomes)
    occurs = int(((counts.support + counts.predicted) > 0).sum())
    if not occurs:
        return Interval(0.0, 1.0)  # no label anywhere: no information
    without = _without_each(outcomes, counts)
    estimate, bias = _estimate(counts, occurs)
    n = len(outcomes)
    variance = (n - 1) / n * float(((without - without.mean()) ** 2).sum())
    biases = (bias, (n - 1) * float(without.mean() - estimate))
    alike = _alike(counts, estimate, variance)
    ends = [_score_interval(min(max(estimate - each, 0.0), 1.0), alike) for each in biases]
    return Interval(
        max(0.0, min(estimate, *(low for low, _ in ends))),
        min(1.0, max(estimate, *(high for _, high in ends))),
    )


def micro_f1_interval(outcomes: Outcomes) -> Interval:
    """Return the 95 % interval of micro-F1: the jackknife's variance in Wilson's shape.

    With one label per document it equals that of the accuracy up to rounding.
    """
    n = len(outcomes)
    hits = np.bincount(outcomes.hit_keys // max(len(outcomes.labels), 1), minlength=n)
    size = outcomes.true.lengths() + outcomes.predicted.lengths()
    if not size.sum():
        return Interval(0.0, 1.0)
    estimate = float(2 * hits.sum() / size.sum())
    without = divide(2 * (hits.sum() - hits), size.sum() - size)
    variance = (n - 1) / n * float(((without - without.mean()) ** 2).sum())
    within = variance > 0 and 0 < estimate < 1
    low, high = _score_interval(estimate, estimate * (1 - estimate) / variance if within else n)
    return Interval(max(0.0, min(low, estimate)), min(1.0, max(high, estimate)))


def _estimate(counts: ClassCounts, occurs: int) -> tuple[float, float]:
    """Return macro-F1 and its bias by Taylor's expansion."""
    size = (counts.support + counts.predicted).astype(np.float64)
    errors = size - 2 * counts.hits
    bias = -divide(2.0 * counts.hits * errors, size**3).sum() / occurs
    return float(divide(2 * counts.hits, size).sum() / occurs), float(bias)


def _without_each(outcomes: Outcomes, counts: ClassCounts) -> np.ndarray:
    """Return macro-F1 without each document in turn, float64 ``[n]``."""
    classes, n = len(outcomes.labels), len(outcomes)
    size = counts.support + counts.predicted
    f1 = divide(2 * counts.hits, size)
    true, predicted = outcomes.true.keys(classes), outcomes.predicted.keys(classes)
    touched = np.union1d(true, predicted)
    document, label = touched // classes, touched % classes
    is_true, is_predicted = np.isin(touched, true), np.isin(touched, predicted)
    left = size[label] - is_true - is_predicted
    after = divide(2 * (counts.hits[label] - (is_true & is_predicted)), left)
    total = f1.sum() + np.bincount(document, weights=after - f1[label], minlength=n)
    occurs = (size > 0).sum() - np.bincount(document, weights=left == 0, minlength=n)
    return divide(total, occurs)


def _alike(counts: ClassCounts, estimate: float, variance: float) -> float:
    """Return how many documents would give a share the same variance."""
    if variance > 0 and 0 < estimate < 1:
        return estimate * (1 - estimate) / variance
    # All right or all wrong: the variance that a small error rate, the same in every class, would
    # cause is that of a share of as many documents as classes times their harmonic mean size.
    sizes = counts.support[counts.support > 0]
    return float(len(sizes) ** 2 / (1 / sizes).sum()) if len(sizes) else 1.0


def _score_interval(share: float, trials: float) -> tuple[float, float]:
    spread = Z_95 * Z_95 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return float(centre - half), float(centre + half)
