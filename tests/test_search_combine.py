"""How sure a sum is: the optimum is one, and thresholds are worth their name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.search import calibration
from satchel.search.calibration import RIDGE, USUAL, fit_scale, fit_thresholds

pytestmark = pytest.mark.fast

seeds = st.integers(0, 2**32 - 1)
tasks = st.sampled_from(["single", "multiple"])


def problem(seed: int, task: str, n: int = 60, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Scores ``(n, classes)`` that know something, and the truth."""
    random = np.random.default_rng(seed)
    hidden = random.standard_normal((n, classes)) * 2
    if task == "single":
        truth = (hidden + random.gumbel(size=hidden.shape)).argmax(axis=1)
    else:
        truth = (hidden + random.logistic(size=hidden.shape) > 0).astype(float)
    noise = random.standard_normal((n, classes)) * random.uniform(0.2, 3)
    return (hidden + noise) * 10.0 ** random.uniform(-3, 3), truth


def loss(scale: float, scores: np.ndarray, truth: np.ndarray, task: str) -> float:
    """Negative log-likelihood per document, with the pull towards the usual spread."""
    score = scale * scores
    if task == "single":
        right = score[np.arange(len(truth)), truth]
        likelihood = right.sum() - np.logaddexp.reduce(score, axis=1).sum()
    else:
        likelihood = (truth * score - np.logaddexp(0, score)).sum()
    return float(-likelihood / len(truth) + RIDGE / 2 * (scale * scores.std() - USUAL) ** 2)


@given(seeds, tasks)
def test_no_other_scale_makes_the_documents_likelier(seed: int, task: str) -> None:
    scores, truth = problem(seed, task)
    scale = fit_scale(scores, truth, task)
    assert scale > 0
    best = loss(scale, scores, truth, task)
    for factor in (0.0, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0, 10.0):
        assert loss(scale * factor, scores, truth, task) >= best - 1e-9


@given(seeds, tasks)
def test_a_scale_is_above_nothing_whatever_the_scores(seed: int, task: str) -> None:
    random = np.random.default_rng(seed)
    scores = random.standard_normal((12, 3)) * 10.0 ** random.integers(-3, 3)
    scores[random.random(12) < 0.2] = 0
    truth = random.integers(0, 3, 12)
    scale = fit_scale(scores, truth if task == "single" else np.eye(3)[truth], task)
    assert 0 < scale < np.inf


@given(seeds, tasks, st.floats(1e-3, 1e3))
def test_the_unit_of_the_scores_does_not_matter(seed: int, task: str, factor: float) -> None:
    scores, truth = problem(seed, task)
    scale, other = fit_scale(scores, truth, task), fit_scale(scores * factor, truth, task)
    assert other * factor == pytest.approx(scale, rel=1e-5)


@given(seeds, tasks)
def test_a_weight_is_so_many_copies(seed: int, task: str) -> None:
    scores, truth = problem(seed, task)
    weights = np.random.default_rng(seed).integers(0, 3, len(truth)).astype(float)
    copies = np.repeat(np.arange(len(truth)), weights.astype(int))
    weighed = fit_scale(scores, truth, task, weights=weights)
    assert weighed == pytest.approx(fit_scale(scores[copies], truth[copies], task), rel=1e-5)
    table = np.eye(4)[truth] if task == "single" else truth
    found = fit_thresholds(scores, table, weights)
    again = fit_thresholds(scores[copies], table[copies])
    for k in np.flatnonzero(table[copies].any(axis=0)):
        column = scores[copies][:, k]
        np.testing.assert_array_equal(column >= found[k], column >= again[k])


@given(seeds, tasks)
def test_chunks_of_documents_change_rounding_alone(seed: int, task: str) -> None:
    scores, truth = problem(seed, task)
    whole = fit_scale(scores, truth, task)
    before, calibration.CHUNK = calibration.CHUNK, 7 * scores.shape[1]
    try:
        assert fit_scale(scores, truth, task) == pytest.approx(whole, rel=1e-6)
    finally:
        calibration.CHUNK = before


@pytest.mark.parametrize("task", ["single", "multiple"])
def test_scores_that_are_always_wrong_keep_the_usual_scale(task: str) -> None:
    scores, truth = problem(0, task)
    assert fit_scale(-scores, truth, task) == pytest.approx(USUAL / scores.std(), rel=1e-6)


def test_separable_documents_do_not_send_the_scale_to_infinity() -> None:
    truth = np.arange(30) % 3
    assert 0 < fit_scale(np.eye(3)[truth] * 2 - 1, truth, "single") < 100


def test_scores_far_too_small_are_scaled_up() -> None:
    # As of thousands of classes, where what is right stands out from a spread of nearly nothing.
    random = np.random.default_rng(0)
    truth = random.integers(0, 400, 300)
    scores = random.standard_normal((300, 400)) * 0.01
    scores[np.arange(300), truth] += np.where(random.random(300) < 0.9, 0.3, 0.0)
    scale = fit_scale(scores, truth, "single")
    best = loss(scale, scores, truth, "single")
    assert all(loss(scale * f, scores, truth, "single") >= best for f in (0.5, 0.99, 1.01, 2))


def f1(probabilities: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> float:
    said = probabilities >= thresholds
    hits = (said & (truth > 0)).sum()
    return float(2 * hits / (said.sum() + truth.sum()))


@given(seeds)
def test_each_threshold_is_the_best_of_all_for_its_label(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(0.02, 0.98, (25, 3)).round(2)
    truth = (random.random((25, 3)) < probabilities).astype(np.float32)
    found = fit_thresholds(probabilities, truth)
    for k in np.flatnonzero(truth.sum(axis=0)):
        column, holds = probabilities[:, k], truth[:, k] > 0

        def smoothed(
            threshold: float, column: np.ndarray = column, holds: np.ndarray = holds
        ) -> float:
            said = column >= threshold
            return 2 * (said & holds).sum() / (said.sum() + holds.sum() + 2)

        assert smoothed(found[k]) == max(smoothed(threshold) for threshold in column)


@given(seeds)
def test_thresholds_beat_a_half_where_labels_are_rare(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Calibrated and unsure, as probabilities of rare labels are: few reach a half.
    probabilities = random.beta(0.3, 3.0, (400, 5))
    truth = (random.random(probabilities.shape) < probabilities).astype(np.float32)
    thresholds = fit_thresholds(probabilities, truth)
    assert f1(probabilities, truth, thresholds) >= f1(probabilities, truth, np.full(5, 0.5))


def test_a_label_that_never_holds_asks_for_more_than_any_document_but_the_surest() -> None:
    probabilities = np.array([[0.3, 0.6], [0.2, 0.1]])
    thresholds = fit_thresholds(probabilities, np.array([[0, 1], [0, 0]], np.float32))
    assert (probabilities[:, 0] >= thresholds[0]).sum() <= 1
    assert 0.1 < thresholds[1] <= 0.6


def test_thresholds_of_scores_say_what_thresholds_of_probabilities_say() -> None:
    random = np.random.default_rng(0)
    scores = random.standard_normal((60, 3)).round(1)
    truth = (random.standard_normal((60, 3)) < scores).astype(np.float32)
    probabilities = 1 / (1 + np.exp(-scores))
    np.testing.assert_array_equal(
        scores >= fit_thresholds(scores, truth),
        probabilities >= fit_thresholds(probabilities, truth),
    )
