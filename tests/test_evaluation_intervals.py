"""The intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.evaluation.intervals import bootstrap_macro_f1, wilson
from satchel.evaluation.metrics import confusion_matrix, counts_of_matrix, macro_f1
from satchel.evaluation.outcomes import Outcomes

pytestmark = pytest.mark.fast


def outcomes(true: np.ndarray, predicted: np.ndarray, classes: int) -> Outcomes:
    return Outcomes(tuple(range(classes)), classes, true, predicted)


@settings(deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_in_range(case):
    successes, trials = case
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    # R. G. Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))],
)
def test_wilson_equals_published_intervals(successes, trials, expected):
    assert tuple(wilson(successes, trials)) == pytest.approx(expected, abs=5e-5)


def test_wilson_covers_the_true_share_in_about_95_of_100_samples():
    draws = np.random.default_rng(0).binomial(100, 0.9, size=2000)
    covered = [low <= 0.9 <= high for low, high in (wilson(int(draw), 100) for draw in draws)]
    assert 0.92 < np.mean(covered) < 0.98


def test_bootstrap_agrees_with_drawing_documents_one_by_one():
    generator = np.random.default_rng(0)
    true = generator.integers(0, 4, 300)
    predicted = np.where(generator.random(300) < 0.7, true, generator.integers(0, 4, 300))
    values = []
    for _ in range(3000):
        rows = generator.integers(0, 300, 300)
        matrix = confusion_matrix(true[rows], predicted[rows], 4)
        values.append(float(macro_f1(counts_of_matrix(matrix))))
    expected = np.quantile(values, [0.025, 0.975])
    found = bootstrap_macro_f1(outcomes(true, predicted, 4), seed=1, replicates=3000)
    assert tuple(found) == pytest.approx(tuple(expected), abs=0.006)


def test_bootstrap_of_several_labels_agrees_with_one_label_when_each_has_one():
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 3, (2, 200))
    single = bootstrap_macro_f1(outcomes(true, predicted, 3), seed=0)
    identity = np.eye(3, dtype=bool)
    several = bootstrap_macro_f1(outcomes(identity[true], identity[predicted], 3), seed=0)
    assert tuple(several) == pytest.approx(tuple(single), abs=0.01)


def test_more_documents_give_a_narrower_interval():
    widths = []
    for n in (100, 10_000):
        generator = np.random.default_rng(0)
        true = generator.integers(0, 3, n)
        predicted = np.where(generator.random(n) < 0.8, true, 0)
        low, high = bootstrap_macro_f1(outcomes(true, predicted, 3), seed=0)
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_no_label_at_all_gives_an_interval_of_zero():
    nothing = np.zeros((5, 3), dtype=bool)
    assert tuple(bootstrap_macro_f1(outcomes(nothing, nothing, 3), seed=0)) == (0.0, 0.0)
