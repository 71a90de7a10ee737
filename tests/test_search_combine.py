"""How members are combined: the optimum is one, and thresholds are worth their name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.search import combine
from satchel.search.combine import RIDGE, fit_scales, fit_thresholds

seeds = st.integers(0, 2**32 - 1)
tasks = st.sampled_from(["single", "multiple"])


def problem(
    seed: int, task: str, members: int = 3, n: int = 60, classes: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Logits ``(members, n, classes)`` of members that know something, and the truth."""
    random = np.random.default_rng(seed)
    hidden = random.standard_normal((n, classes)) * 2
    if task == "single":
        noise = random.gumbel(size=hidden.shape)
        truth = (hidden + noise).argmax(axis=1)
    else:
        truth = (hidden + random.logistic(size=hidden.shape) > 0).astype(float)
    noise = random.standard_normal((members, n, classes)) * random.uniform(0.2, 3, (members, 1, 1))
    return (hidden + noise) * random.uniform(0.1, 5, (members, 1, 1)), truth


def loss(scales: np.ndarray, logits: np.ndarray, truth: np.ndarray, task: str) -> float:
    """Negative log-likelihood a document, with the pull towards equal shares."""
    score = np.tensordot(scales, logits, axes=1)
    if task == "single":
        likelihood = (
            score[np.arange(len(truth)), truth].sum() - np.logaddexp.reduce(score, axis=1).sum()
        )
    else:
        likelihood = (truth * score - np.logaddexp(0, score)).sum()
    share = scales * logits.std(axis=(1, 2)) - 2 / len(scales)
    return float(-likelihood / len(truth) + RIDGE / 2 * (share**2).sum())


@settings(derandomize=True)
@given(seeds, tasks)
def test_no_other_scales_make_the_documents_likelier(seed: int, task: str) -> None:
    logits, truth = problem(seed, task)
    scales = fit_scales(logits, truth, task)
    assert (scales >= 0).all()
    best = loss(scales, logits, truth, task)
    random = np.random.default_rng(seed + 1)
    for size in (1e-3, 0.05, 0.5):
        for step in random.standard_normal((20, len(scales))):
            other = np.maximum(scales + size * step / logits.std(axis=(1, 2)), 0)
            assert loss(other, logits, truth, task) >= best - 1e-8


@given(seeds, tasks, st.integers(1, 5))
def test_scales_are_never_negative_whatever_the_logits(seed: int, task: str, members: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.standard_normal((members, 12, 3)) * 10.0 ** random.integers(-3, 3)
    truth = random.integers(0, 3, 12)
    if task == "multiple":
        truth = np.eye(3)[truth]
    scales = fit_scales(logits, truth, task)
    assert np.isfinite(scales).all()
    assert (scales >= 0).all()
    assert scales.any()


@given(seeds, tasks, st.floats(1e-3, 1e3))
def test_a_members_unit_does_not_matter(seed: int, task: str, factor: float) -> None:
    logits, truth = problem(seed, task)
    stretched = logits.copy()
    stretched[1] *= factor
    scales, other = fit_scales(logits, truth, task), fit_scales(stretched, truth, task)
    np.testing.assert_allclose(other * [1, factor, 1], scales, rtol=1e-5, atol=1e-7)


@given(seeds, tasks)
def test_a_weight_is_so_many_copies(seed: int, task: str) -> None:
    logits, truth = problem(seed, task)
    weights = np.random.default_rng(seed).integers(0, 3, len(truth))
    copies = np.repeat(np.arange(len(truth)), weights)
    weighed = fit_scales(logits, truth, task, weights=weights.astype(float))
    copied = fit_scales(logits[:, copies], truth[copies], task)
    np.testing.assert_allclose(weighed, copied, rtol=1e-5, atol=1e-8)
    found = fit_thresholds(logits[0], np.eye(4)[truth] if task == "single" else truth, weights)
    table = np.eye(4)[truth] if task == "single" else truth
    again = fit_thresholds(logits[0][copies], table[copies])
    for k in range(4):
        said = logits[0][copies][:, k] >= found[k], logits[0][copies][:, k] >= again[k]
        if table[copies][:, k].any():
            np.testing.assert_array_equal(*said)


@given(seeds, tasks)
def test_chunks_of_documents_change_rounding_alone(seed: int, task: str) -> None:
    logits, truth = problem(seed, task)
    whole = fit_scales(logits, truth, task)
    before, combine.CHUNK = combine.CHUNK, 7 * logits.shape[0] * logits.shape[2]
    try:
        np.testing.assert_allclose(fit_scales(logits, truth, task), whole, rtol=1e-6, atol=1e-9)
    finally:
        combine.CHUNK = before


@pytest.mark.parametrize("task", ["single", "multiple"])
def test_a_member_that_is_always_wrong_gets_nothing(task: str) -> None:
    logits, truth = problem(0, task, members=2)
    logits[1] = -logits[1]
    scales = fit_scales(logits, truth, task)
    assert scales[0] > 0
    assert scales[1] == 0


def test_twins_share_alike() -> None:
    logits, truth = problem(1, "single", members=2)
    logits[1] = logits[0]
    scales = fit_scales(logits, truth, "single")
    np.testing.assert_allclose(scales[0], scales[1], rtol=1e-6)


def test_separable_documents_do_not_send_the_scales_to_infinity() -> None:
    truth = np.arange(30) % 3
    scales = fit_scales(np.eye(3)[truth][None] * 2 - 1, truth, "single")
    assert 0 < scales[0] < 100


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
