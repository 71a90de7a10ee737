"""The measures equal scikit-learn's, and the rules for empty and odd input hold."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from satchel.errors import InputError, LabelError
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.result import Evaluation

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
    result = evaluate("aab", "aaa", "ab", leaked=[True, False, False])
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
        ((["a"], ["a"], ["a", "a"]), "'a' more than once"),
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
        ([[0.5, 0.5], [0.5, 0.1]], "not logits"),
    ],
)
def test_impossible_probabilities_are_refused(probabilities, says):
    with pytest.raises(InputError, match=says):
        evaluate("ab", "ab", "ab", probabilities=probabilities)


def test_leaked_must_be_one_truth_value_a_document():
    with pytest.raises(InputError, match="2 booleans"):
        evaluate("ab", "ab", "ab", leaked=[0, 1])


def test_numpy_labels_become_plain_ones():
    result = evaluate(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 1]))
    assert isinstance(result, Evaluation)
    assert result.labels == (0, 1)
    assert all(type(label) is int for label in result.labels)


@st.composite
def blocks(draw: st.DrawFn, n: int) -> list[slice]:
    """Ways to cut ``n`` rows into blocks, empty ones included."""
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=4)))
    return [slice(start, stop) for start, stop in zip([0, *cuts], [*cuts, n], strict=True)]


@given(st.data(), st.integers(1, 30), st.integers(2, 5), st.integers(0, 99))
def test_probabilities_in_blocks_give_the_same_figures(data, n, classes, seed):
    probabilities = probabilities_for(n, classes, seed).astype(np.float32)
    true = np.random.default_rng(seed).integers(0, classes + 1, n)  # one label is not the model's
    pieces = data.draw(blocks(n))
    whole = evaluate(
        true, probabilities.argmax(axis=1), range(classes), probabilities=probabilities
    )
    cut = evaluate(
        true, None, range(classes), probabilities=(probabilities[piece] for piece in pieces)
    )
    assert_same_figures(whole, cut)


@given(st.data(), several(), st.integers(0, 99))
def test_probabilities_of_several_labels_in_blocks_give_the_same_figures(data, case, seed):
    true, _ = case
    probabilities = np.random.default_rng(seed).random(true.shape).astype(np.float32)
    thresholds = np.array([0.2, 0.5, 0.6, 0.9], np.float32)
    predicted = as_sets(probabilities >= thresholds)
    pieces = data.draw(blocks(len(true)))
    whole = evaluate_multiple(as_sets(true), predicted, LABELS[:4], probabilities=probabilities)
    cut = evaluate_multiple(
        as_sets(true),
        None,
        LABELS[:4],
        thresholds=thresholds,
        probabilities=(probabilities[piece] for piece in pieces),
    )
    assert_same_figures(whole, cut)


def assert_same_figures(one: Evaluation, other: Evaluation) -> None:
    first, second = one.to_dict(), other.to_dict()
    for loose in ("log_loss", "calibration_error"):  # sums in another order
        assert first.pop(loose) == pytest.approx(second.pop(loose))
    assert first == second
    np.testing.assert_array_equal(one.confidence, other.confidence)
    assert one.reliability is not None
    assert other.reliability is not None
    np.testing.assert_allclose(one.reliability.accuracy, other.reliability.accuracy)
    np.testing.assert_array_equal(one.suspect, other.suspect)


@pytest.mark.parametrize(
    ("given_blocks", "says"),
    [
        ([[[0.5, 0.5]]], r"shape \(2, 2\), found \(1, 2\)"),
        ([[[0.5, 0.5]] * 2, [[0.5, 0.5]]], r"shape \(2, 2\), found \(3, 2\)"),
        ([[[0.5, 0.5]], [[0.5, 0.5, 0.0]]], r"shape \(2, 2\), found \(2, 3\)"),
        ([[[0.5, 0.5]], [[0.5, 1.5]]], "document 1"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(given_blocks, says):
    with pytest.raises(InputError, match=says):
        evaluate("ab", None, "ab", probabilities=iter(given_blocks))


def test_answers_come_from_somewhere():
    with pytest.raises(InputError, match="found neither"):
        evaluate("ab", None, "ab")
    with pytest.raises(InputError, match=r"expected 2 thresholds.*found none"):
        evaluate_multiple([["a"]], None, "ab", probabilities=[[0.5, 0.5]])


@given(answered())
def test_the_pairs_hold_what_the_matrix_holds(case):
    result = evaluate(*case)
    pairs = result.confusion
    assert (pairs.count > 0).all()
    assert pairs.count.sum() == result.n
    np.testing.assert_array_equal(pairs.matrix(), result.confusion_matrix)
    errors = result.confusion_matrix.copy()
    np.fill_diagonal(errors, 0)
    assert pairs.errors().count.sum() == errors.sum()
    assert [pair.count for pair in result.most_confused] == sorted(
        pairs.errors().count.tolist(), reverse=True
    )[:20]


def test_with_several_labels_what_was_missed_meets_what_was_given_instead():
    result = evaluate_multiple(
        [["a"], ["a", "b"], ["c"], ["c"], []], [["b"], ["a"], ["a", "c"], ["c"], []], "abc"
    )
    none = 3
    cells = zip(
        result.confusion.true.tolist(),
        result.confusion.predicted.tolist(),
        result.confusion.count.tolist(),
        strict=True,
    )
    # a for b, a right, b missed, c right twice, a given beside c.
    assert list(cells) == [(0, 0, 1), (0, 1, 1), (1, none, 1), (2, 2, 2), (none, 0, 1)]


def test_documents_with_very_many_wrong_labels_are_not_paired():
    labels = [str(place) for place in range(200)]
    result = evaluate_multiple([labels[:100], ["1"]], [labels[100:], ["2"]], labels)
    assert result.confusion.unpaired == 1
    assert len(result.confusion) == 1


def test_beyond_two_thousand_classes_the_square_is_refused_and_the_pairs_serve():
    result = evaluate(["0", "1"], ["0", "2"], map(str, range(2001)))
    with pytest.raises(InputError, match=r"at most 2,000 classes.*use evaluation\.confusion"):
        result.confusion_matrix  # noqa: B018
    assert result.confusion.count.tolist() == [1, 1]


@pytest.mark.parametrize(("classes", "form"), [(500, "matrix"), (501, "triples")])
def test_the_json_says_in_which_form_the_confusion_is(classes, form):
    figures = evaluate(["0", "1"], ["0", "2"], map(str, range(classes))).to_dict()
    assert figures["confusion_form"] == form
    assert ("confusion_matrix" in figures) is (form == "matrix")
    if form == "triples":
        assert figures["confusion_triples"] == [[0, 0, 1], [1, 2, 1]]


def suspects(result: Evaluation) -> list[int]:
    assert result.suspect is not None
    return np.flatnonzero(result.suspect).tolist()


def test_suspects_are_wrong_answers_as_sure_as_right_ones():
    probabilities = [[0.9, 0.1]] * 8 + [[0.95, 0.05], [0.6, 0.4]] + [[0.1, 0.9]] * 4
    true = ["a"] * 8 + ["b", "b"] + ["b"] * 4
    result = evaluate(true, None, "ab", probabilities=probabilities)
    assert suspects(result) == [8]
    assert suspects(evaluate(["new"], None, "ab", probabilities=[[1.0, 0.0]])) == []


def test_suspects_among_several_labels():
    probabilities = [[0.9, 0.1], [0.8, 0.2], [0.95, 0.1], [0.1, 0.4], [0.1, 0.45]]
    true = [["a"], ["a"], [], ["b"], []]
    result = evaluate_multiple(true, None, "ab", probabilities=probabilities, thresholds=[0.5, 0.3])
    # a is given surer than where it is right; b is too, but is less likely than not.
    assert suspects(result) == [2]


def test_risk_and_coverage_of_a_known_case():
    curve = evaluate(
        "aabb", None, "ab", probabilities=[[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.3, 0.7]]
    ).risk_coverage
    assert curve is not None
    # Answers of equal confidence come together: 0.9 right; both of 0.8, one of them wrong; 0.7.
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 1 / 4])
    assert curve.coverage_at(0.25) == 1.0
    assert curve.coverage_at(0.1) == 0.25


MANY_LABELS = """
import resource
import numpy as np
from satchel.evaluation import evaluate, evaluate_multiple
generator = np.random.default_rng(0)
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
labels = [f"label {place}" for place in range(65_536)]
true = generator.integers(0, 65_536, 20_000)
predicted = np.where(generator.random(20_000) < 0.8, true, generator.integers(0, 65_536, 20_000))
def rows(n):
    for start in range(0, n, 50):
        yield np.full((min(50, n - start), 65_536), 1 / 65_536, np.float32)
name = labels.__getitem__
one = evaluate(map(name, true), map(name, predicted), labels)
sure = evaluate(map(name, true[:400]), None, labels, probabilities=rows(400))
sets = [[name(place), name(place - 1)] for place in true]
many = evaluate_multiple(sets, [row[:1] for row in sets], labels)
for each in (one, sure, many):
    assert len(str(each.to_dict())) < 30_000_000
    each.summary()
print(one.accuracy, sure.accuracy, many.micro_f1)
"""


def test_tens_of_thousands_of_labels_cost_no_square():
    # A square would take 32 GB, documents times labels 1.3 GB as bytes and 10 GB as float64.
    done = subprocess.run(
        [sys.executable, "-c", MANY_LABELS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
