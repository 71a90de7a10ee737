"""How sure the figures are: 95 % intervals over which documents happened to be in the test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from satchel.evaluation.metrics import ClassCounts, macro_f1
from satchel.evaluation.outcomes import Outcomes

Z_95 = 1.959963984540054
"""The standard normal's 97.5 % quantile."""

_BLOCK = 4_000_000  # drawn counts held at once, so that memory stays bounded


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
        successes: Right answers.
        trials: All answers, at least 1.
    """
    share = successes / trials
    spread = Z_95 * Z_95 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    # Rounding must not push the end off the share itself at 0 % and 100 %.
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == trials else float(centre + half)
    return Interval(low, high)


def bootstrap_macro_f1(outcomes: Outcomes, seed: int, replicates: int = 1000) -> Interval:
    """Return the 95 % percentile bootstrap interval of macro-F1.

    Documents are drawn again with replacement. Only how often each distinct outcome (true and
    predicted labels) is drawn matters, and these counts follow a multinomial distribution, so a
    replicate costs one draw an outcome, not one a document.

    Args:
        outcomes: What was true and what was predicted.
        seed: The same seed gives the same interval.
        replicates: How often the test part is drawn again.
    """
    patterns, counts = _distinct(outcomes)
    classes = len(outcomes.labels)
    true, predicted = _split(patterns, classes, outcomes.multiple)
    shares = counts / counts.sum()
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // max(1, len(true[0]) + len(predicted[0])))
    values = []
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        draws = generator.multinomial(len(outcomes), shares, size=size)
        values.append(
            macro_f1(
                ClassCounts(
                    hits=_class_sums(draws, _common(true, predicted, classes), classes),
                    support=_class_sums(draws, true, classes),
                    predicted=_class_sums(draws, predicted, classes),
                )
            )
        )
    low, high = np.quantile(np.concatenate(values), [0.025, 0.975])
    return Interval(float(low), float(high))


def _distinct(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct outcomes, one a row, and how many documents have each."""
    if outcomes.multiple:
        both = np.hstack([outcomes.true, outcomes.predicted])
        packed, counts = np.unique(np.packbits(both, axis=1), axis=0, return_counts=True)
        return np.unpackbits(packed, axis=1, count=both.shape[1]).astype(bool), counts
    pairs = np.stack([outcomes.true, outcomes.predicted], axis=1)
    return np.unique(pairs, axis=0, return_counts=True)


def _split(
    patterns: np.ndarray, classes: int, multiple: bool
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return (outcome, class) pairs of the true and of the predicted labels."""
    if multiple:
        true, predicted = patterns[:, :classes], patterns[:, classes:]
        return np.nonzero(true), np.nonzero(predicted)  # type: ignore[return-value]
    rows = np.arange(len(patterns))
    return (rows, patterns[:, 0]), (rows, patterns[:, 1])


def _common(
    true: tuple[np.ndarray, np.ndarray],
    predicted: tuple[np.ndarray, np.ndarray],
    classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    both = np.intersect1d(true[0] * classes + true[1], predicted[0] * classes + predicted[1])
    return both // classes, both % classes


def _class_sums(
    draws: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], classes: int
) -> np.ndarray:
    """Sum the drawn counts ``[replicates, outcomes]`` of each class: ``[replicates, classes]``."""
    sums = np.zeros((len(draws), classes), dtype=np.int64)
    order = np.argsort(pairs[1], kind="stable")
    present, starts = np.unique(pairs[1][order], return_index=True)
    if len(present):
        sums[:, present] = np.add.reduceat(draws[:, pairs[0][order]], starts, axis=1)
    return sums
