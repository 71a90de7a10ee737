"""The linear member solves what liblinear solves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model, svm

from satchel.errors import LabelError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.inference.structure import Task
from satchel.training import linear
from satchel.training.linear import LinearMember, LinearProblem
from test_training_bag_layer import sparse


def problem(seed: int, classes: int, documents: int = 60, columns: int = 30):
    generator = np.random.default_rng(seed)
    dense = generator.random((documents, columns)) * (generator.random((documents, columns)) < 0.3)
    targets = (dense @ generator.normal(size=(columns, classes))).argmax(axis=1)
    targets[:classes] = np.arange(classes)
    return dense.astype(np.float32), targets


def train_linear(
    rows: CSRMatrix, targets: np.ndarray, *, n_classes: int, **options
) -> LinearMember:
    """All classes, solved at once."""
    return LinearProblem(rows, targets, n_classes=n_classes, **options).solve(0, n_classes)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(2, 5), st.sampled_from([0.1, 1.0, 4.0]), st.booleans())
def test_it_equals_scikit_learns_linear_svc(seed, classes, C, balanced):
    dense, targets = problem(seed, classes)
    weight = len(targets) / (classes * np.bincount(targets, minlength=classes))
    peer = svm.LinearSVC(
        C=C,
        tol=1e-7,
        max_iter=100_000,
        random_state=0,
        dual=True,
        class_weight=dict(enumerate(weight)) if balanced else None,
    ).fit(dense, targets)
    ours = train_linear(
        sparse(dense),
        targets,
        n_classes=classes,
        C=C,
        tolerance=1e-5,
        max_iter=5000,
        class_weight=weight if balanced else None,
        seed=seed,
    )
    assert ours.solved.all()
    table, bias = (ours.table, ours.bias) if classes > 2 else (ours.table[:, 1:], ours.bias[1:])
    np.testing.assert_allclose(table.T, peer.coef_, atol=1e-3)
    np.testing.assert_allclose(bias, peer.intercept_, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(3, 5), st.sampled_from([0.1, 1.0, 30.0]))
def test_the_logistic_variant_equals_liblinears(seed, classes, C):
    dense, targets = problem(seed, classes)
    ours = train_linear(
        sparse(dense),
        targets,
        n_classes=classes,
        loss="logistic",
        C=C,
        tolerance=1e-4,
        max_iter=5000,
    )
    assert ours.solved.all()
    for k in range(classes):
        peer = linear_model.LogisticRegression(C=C, solver="liblinear", tol=1e-8, max_iter=10_000)
        peer.fit(dense, targets == k)
        np.testing.assert_allclose(ours.table[:, k], peer.coef_[0], atol=2e-3)
        assert ours.bias[k] == pytest.approx(peer.intercept_[0], abs=2e-3)


def test_a_stopped_solution_has_the_objective_of_the_exact_one_to_a_thousandth():
    dense, targets = problem(3, 4, documents=300, columns=200)

    def objective(member):
        margins = np.where(targets[:, None] == np.arange(4), 1, -1) * (
            dense @ member.table + member.bias
        )
        losses = np.maximum(1 - margins, 0) ** 2
        return ((member.table**2).sum(axis=0) + member.bias**2) / 2 + losses.sum(axis=0)

    exact = objective(
        train_linear(sparse(dense), targets, n_classes=4, tolerance=1e-6, max_iter=9999)
    )
    quick = objective(train_linear(sparse(dense), targets, n_classes=4, tolerance=0.01))
    assert (quick >= exact * (1 - 1e-6)).all()
    np.testing.assert_allclose(quick, exact, rtol=1e-3)


def test_neither_the_company_of_other_classes_nor_their_number_changes_a_bit():
    dense, targets = problem(1, 7, documents=200)
    whole = train_linear(sparse(dense), targets, n_classes=7)
    for bounds in ((0, 3, 7), range(8)):
        parts = LinearProblem(sparse(dense), targets, n_classes=7)
        solved = [parts.solve(*block) for block in pairwise(bounds)]
        assert np.concatenate([each.table for each in solved], axis=1).tobytes() == (
            whole.table.tobytes()
        )
        assert np.concatenate([each.bias for each in solved]).tobytes() == whole.bias.tobytes()
        assert np.concatenate([each.passes for each in solved]).tolist() == whole.passes.tolist()
    other = train_linear(sparse(dense), targets, n_classes=7, seed=1)
    assert other.table.tobytes() != whole.table.tobytes()


def test_several_labels_are_one_machine_each():
    dense, _ = problem(2, 3, documents=150)
    labels = (dense[:, :3] > 0.2).astype(np.float32)
    member = train_linear(
        sparse(dense), labels, n_classes=3, task="multiple", C=100, tolerance=1e-2, max_iter=9999
    )
    assert (((dense @ member.table + member.bias) > 0) == labels).mean() > 0.97


def test_a_document_of_weight_two_counts_as_two_and_of_zero_as_none():
    dense, targets = problem(4, 3)
    weight = np.ones(len(dense))
    weight[:10], weight[10:20] = 2, 0
    repeated = np.concatenate([np.arange(10), np.arange(10), np.arange(20, len(dense))])
    settings_: dict[str, Any] = {"n_classes": 3, "tolerance": 1e-6, "max_iter": 9999}
    weighted = train_linear(sparse(dense), targets, sample_weight=weight, **settings_)
    copied = train_linear(sparse(dense[repeated]), targets[repeated], **settings_)
    np.testing.assert_allclose(weighted.table, copied.table, atol=1e-4)


def test_an_unsolved_class_says_so():
    dense, targets = problem(5, 3)
    member = train_linear(sparse(dense), targets, n_classes=3, tolerance=1e-9, max_iter=2)
    assert not member.solved.any()
    assert (member.passes == 2).all()


@pytest.mark.parametrize(
    ("setting", "value"), [("loss", "hinge"), ("C", 0.0), ("tolerance", -1.0), ("max_iter", 0)]
)
def test_settings_are_checked(setting, value):
    dense, targets = problem(0, 3)
    with pytest.raises(SettingError, match=setting):
        train_linear(sparse(dense), targets, n_classes=3, **{setting: value})


def test_targets_are_checked():
    dense, targets = problem(0, 3)
    with pytest.raises(LabelError, match="from 0 to 1"):
        train_linear(sparse(dense), targets, n_classes=2)
    with pytest.raises(LabelError, match="one target per document"):
        train_linear(sparse(dense), targets[1:], n_classes=3)
    with pytest.raises(LabelError, match="sample weights"):
        train_linear(sparse(dense), targets, n_classes=3, sample_weight=np.full(60, -1.0))


@pytest.mark.parametrize("task", ["single", "multiple"])
@pytest.mark.parametrize("classes", [2, 7])
def test_classes_solved_block_by_block_are_those_solved_at_once(
    task: Task, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense, targets = problem(5, classes)
    table = np.eye(classes, dtype=np.bool_)[targets]
    whole = train_linear(
        sparse(dense), targets if task == "single" else table, n_classes=classes, task=task
    )
    monkeypatch.setattr(linear, "BLOCK_BYTES", 3 * (8 * dense.shape[1] + 9 * len(dense)))
    for given_targets in (table, lambda begin, end: np.ascontiguousarray(table[:, begin:end])):
        parts = LinearProblem(sparse(dense), given_targets, n_classes=classes, task=task)
        blocks = parts.blocks()
        assert len(blocks) == (3 if classes == 7 else 1)
        solved = [parts.solve(*block) for block in blocks]
        np.testing.assert_array_equal(np.concatenate([s.table for s in solved], 1), whole.table)
        np.testing.assert_array_equal(np.concatenate([s.bias for s in solved]), whole.bias)
