"""The measures equal scikit-learn's, and the rules for empty and odd input hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from satchel.errors import InputError, LabelError
from satchel.evaluation import Evaluation, evaluate, evaluate_multiple, find_leaked

pytestmark = pytest.mark.fast

LABELS = ["alpha", "b/c", "日本", "=1+1", "x"]


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[str], list[str], list[str]]:
    """True labels (some unknown to the model), predicted labels, the model's labels."""
    known = draw(st.lists(st.sampled_from(LABELS), min_size=1, unique=True))
    n = draw(st.integers(1, 40))
    true = draw(st.lists(st.sampled_from(LABELS), min_size=n, max_size=n))
    predicted = draw(st.lists(st.sampled_from(known), min_size=n, max_size=n))
    return true, predicted, known


@st.composite
def several(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted indicators of four labels."""
    n = draw(st.integers(1, 30))
    bits = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=n, max_size=n)
    return np.array(draw(bits)), np.array(draw(bits))


def as_sets(indicators: np.ndarray) -> list[list[str]]:
    return [[LABELS[column] for column in np.flatnonzero(row)] for row in indicators]


def probabilities_for(n: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), size=n)


@settings(deadline=None, max_examples=40)
@given(answered())
def test_one_label_a_document_equals_scikit_learn(case):
    true, predicted, known = case
    result = evaluate(true, predicted, known)

    order = list(result.labels)
    assert order[: len(known)] == known
    assert order[len(known) :] == sorted(set(true) - set(known))
    assert result.n == len(true)
    assert result.accuracy == pytest.approx(oracle.accuracy_score(true, predicted))
    # One more label, as scikit-learn warns about a matrix of one.
    expected = oracle.confusion_matrix(true, predicted, labels=[*order, "nowhere"])
    np.testing.assert_array_equal(result.confusion_matrix, expected[:-1, :-1])
    for name in ("macro", "micro", "weighted"):
        f1 = oracle.f1_score(true, predicted, average=name, zero_division=0)
        assert getattr(result, f"{name}_f1") == pytest.approx(f1), name
    columns = oracle.precision_recall_fscore_support(true, predicted, labels=order, zero_division=0)
    for label, precision, recall, f1, support in zip(order, *columns, strict=True):
        score = result.per_class[label]
        assert (score.precision, score.recall, score.f1) == pytest.approx((precision, recall, f1))
        assert score.support == support


@settings(deadline=None, max_examples=40)
@given(several())
def test_several_labels_a_document_equal_scikit_learn(case):
    true, predicted = case
    result = evaluate_multiple(as_sets(true), as_sets(predicted), LABELS[:4])

    assert result.accuracy == pytest.approx(oracle.accuracy_score(true, predicted))
    expected = oracle.multilabel_confusion_matrix(true, predicted)
    np.testing.assert_array_equal(result.confusion_matrix, expected)
    micro = oracle.f1_score(true, predicted, average="micro", zero_division=0)
    assert result.micro_f1 == pytest.approx(micro)
    occurs = np.flatnonzero((true | predicted).any(axis=0))
    if len(occurs):
        macro = oracle.f1_score(true, predicted, average="macro", labels=occurs, zero_division=0)
        assert result.macro_f1 == pytest.approx(macro)
    else:
        assert result.macro_f1 == 0
    f1 = oracle.f1_score(true, predicted, average=None, zero_division=0)
    assert [score.f1 for score in result.per_class.values()] == pytest.approx(list(f1))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 99), st.sampled_from(["f4", "f8"]))
def test_log_loss_equals_scikit_learn(n, classes, seed, dtype):
    probabilities = probabilities_for(n, classes, seed).astype(dtype)
    true = np.random.default_rng(seed).integers(0, classes, n)
    result = evaluate(
        true, probabilities.argmax(axis=1), range(classes), probabilities=probabilities
    )
    # scikit-learn is given what float32 rounding makes of the row, as it warns otherwise.
    exact = probabilities.astype("f8")
    expected = oracle.log_loss(
        true, exact / exact.sum(axis=1, keepdims=True), labels=range(classes)
    )
    assert result.log_loss == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(several(), st.integers(0, 99))
def test_log_loss_of_several_labels_is_the_mean_of_the_labels_own(case, seed):
    true, predicted = case
    probabilities = np.random.default_rng(seed).random(true.shape)
    result = evaluate_multiple(
        as_sets(true), as_sets(predicted), LABELS[:4], probabilities=probabilities
    )
    columns = [
        oracle.log_loss(true[:, column], probabilities[:, column], labels=[False, True])
        for column in range(4)
    ]
    assert result.log_loss == pytest.approx(np.mean(columns))


def test_a_certain_and_wrong_answer_has_a_finite_log_loss():
    result = evaluate(["b"], ["a"], ["a", "b"], probabilities=[[1.0, 0.0]])
    assert result.log_loss == pytest.approx(-np.log(np.finfo(np.float64).eps))


def test_a_label_that_only_the_test_has_counts_as_probability_zero():
    result = evaluate(["new"], ["a"], ["a", "b"], probabilities=[[0.5, 0.5]])
    assert result.only_in_test == ("new",)
    assert result.log_loss == pytest.approx(-np.log(np.finfo(np.float64).eps))
    assert result.confusion_matrix.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_calibration_error_of_known_cases():
    # Four answers at 0.75, three of them right: nothing to complain about.
    good = evaluate("aaab", "aaaa", "ab", probabilities=[[0.75, 0.25]] * 4)
    assert good.calibration_error == pytest.approx(0)
    # The same answers claimed at 0.95.
    bold = evaluate("aaab", "aaaa", "ab", probabilities=[[0.95, 0.05]] * 4)
    assert bold.calibration_error == pytest.approx(0.2)
    assert bold.reliability is not None
    assert bold.reliability.mean_gap == pytest.approx(0.2)
    assert bold.reliability.count.sum() == 4


def test_one_document():
    result = evaluate(["a"], ["a"], ["a", "b"])
    assert (result.n, result.accuracy, result.macro_f1) == (1, 1.0, 1.0)
    low, high = result.intervals["accuracy"]
    assert low == pytest.approx(0.2065, abs=1e-4)  # one success of one trial, Wilson
    assert high == 1.0
    assert result.most_confused == ()


def test_a_class_never_predicted_has_figures_of_zero():
    result = evaluate(["a", "b", "b"], ["a", "a", "a"], ["a", "b", "c"])
    assert vars(result.per_class["b"]) == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 2,
        "predicted": 0,
    }
    # c occurs nowhere, so it does not weigh on the mean: (F1 of a + 0) / 2.
    assert result.macro_f1 == pytest.approx((2 / 4) / 2)


def test_most_confused_pairs_are_ordered_and_shared_out():
    true = ["a"] * 5 + ["b"] * 4
    predicted = ["b", "b", "b", "a", "a", "a", "b", "b", "b"]
    pairs = evaluate(true, predicted, ["a", "b"]).most_confused
    assert [(pair.true, pair.predicted, pair.count, pair.share) for pair in pairs] == [
        ("a", "b", 3, 0.6),
        ("b", "a", 1, 0.25),
    ]


def test_the_baseline_is_the_commonest_answer():
    assert evaluate("aab", "aaa", "ab").baselines["majority_class"] == pytest.approx(2 / 3)
    sets = evaluate_multiple([["a"], ["a"], ["a", "b"]], [[], [], []], "ab")
    assert sets.baselines["majority_class"] == pytest.approx(2 / 3)


def test_leaked_documents_are_left_out_of_the_second_accuracy():
    leaked = find_leaked([11, 22], [22, 33, 44])
    assert leaked.tolist() == [True, False, False]
    result = evaluate("aab", "aaa", "ab", leaked=leaked)
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.leaks is not None
    assert result.leaks.count == 1
    assert result.leaks.accuracy_without == pytest.approx(1 / 2)
    leaks = evaluate("a", "a", "a", leaked=[True]).leaks
    assert leaks is not None
    assert leaks.accuracy_without is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([], [], ["a"]), "at least one document"),
        ((["a"], ["a", "a"], ["a"]), "as many predicted as true labels, found 2 and 1"),
    ],
)
def test_impossible_input_is_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        evaluate(*arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([None], ["a"], ["a"]), "found None"),
        (([float("nan")], [1], [1]), "found nan"),
        (([np.float64("nan")], [1], [1]), "found nan"),
        ((["a"], ["z"], ["a"]), "found 'z'"),
        ((["a"], ["a"], ["a", "a"]), "'a' twice"),
        (([0, 1], ["0", "1"], ["0", "1"]), "convert one of the two"),
        (([1, "1"], [1, 1], [1]), "convert all labels to one type"),
    ],
)
def test_impossible_labels_are_refused(arguments, says):
    with pytest.raises(LabelError, match=says):
        evaluate(*arguments)


def test_a_bare_text_is_not_a_collection_of_labels():
    with pytest.raises(LabelError, match="wrap it in a list"):
        evaluate_multiple(["ab"], [["a"]], ["a", "b"])


@pytest.mark.parametrize(
    ("probabilities", "says"),
    [
        ([[0.5, 0.5]], r"shape \(2, 2\), found \(1, 2\)"),
        ([[np.nan, 0.5], [0.5, 0.5]], "found .nan, 0.5. for document 0"),
        ([[0.5, 0.5], [1.5, -0.5]], "between 0 and 1.*document 1"),
        ([[0.5, 0.5], [0.5, 0.1]], "raw scores"),
    ],
)
def test_impossible_probabilities_are_refused(probabilities, says):
    with pytest.raises(InputError, match=says):
        evaluate("ab", "ab", "ab", probabilities=probabilities)


def test_leaked_must_be_one_truth_value_a_document():
    with pytest.raises(InputError, match="2 truth values"):
        evaluate("ab", "ab", "ab", leaked=[0, 1])


def test_numpy_labels_become_plain_ones():
    result = evaluate(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 1]))
    assert isinstance(result, Evaluation)
    assert result.labels == (0, 1)
    assert all(type(label) is int for label in result.labels)


@settings(deadline=None, max_examples=40)
@given(answered(), st.integers(0, 9))
def test_the_same_seed_gives_the_same_intervals(case, seed):
    first, second = (evaluate(*case, seed=seed).intervals for _ in range(2))
    assert first == second
    for low, high in first.values():
        assert 0 <= low <= high <= 1
