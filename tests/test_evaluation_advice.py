"""Advice is given where it is useful, says how much it is about, and never contradicts itself."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations import HOSTILE, judged
from satchel.evaluation.advice import Advice, advise
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.result import Evaluation

# What a step may ask for: each begins with something to do.
STEPS = re.compile(r"(Add|Evaluate|Expect|Read|Rely|Check|Lower|Do not take|Train)\b")


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    """Any test part: few or many documents and classes, good and bad models, leaks, new labels."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = draw(st.integers(1, 12))
    n = draw(st.sampled_from([1, 2, 5, 20, 60, 200, 1000, 4000]))
    labels = [f"class {place}" for place in range(classes)]
    prior = generator.dirichlet(np.full(classes, draw(st.sampled_from([0.2, 1.0, 20.0]))))
    truth = generator.choice(classes, n, p=prior)
    scores = generator.normal(size=(n, classes)) / draw(st.sampled_from([0.3, 1.0, 3.0]))
    scores[np.arange(n), truth] += draw(st.sampled_from([0.0, 1.0, 3.0, 8.0]))
    scores[:, 0] += draw(st.sampled_from([0.0, 0.0, 4.0]))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    known = labels
    true = [labels[place] for place in truth]
    if draw(st.booleans()):
        true = ["unheard of" if generator.random() < 0.02 else label for label in true]
    leaked = None
    if draw(st.booleans()):
        leaked = generator.random(n) < draw(st.sampled_from([0.0, 0.01, 0.3, 1.0]))
    if draw(st.integers(0, 3)) == 0:
        sets = [[label] if generator.random() < 0.9 else [] for label in true]
        return evaluate_multiple(
            sets,
            None,
            known,
            probabilities=probabilities,
            thresholds=np.full(classes, draw(st.sampled_from([0.2, 0.5, 0.9]))),
            leaked=leaked,
        )
    return evaluate(true, None, known, probabilities=probabilities, leaked=leaked)


def kinds(evaluation: Evaluation) -> list[str]:
    return [found.kind for found in advise(evaluation)]


def only(evaluation: Evaluation, kind: str) -> Advice:
    (found,) = [found for found in advise(evaluation) if found.kind == kind]
    return found


@given(evaluations())
def test_every_sentence_has_a_count_and_a_step(evaluation):
    for found in advise(evaluation):
        assert re.search(r"[1-9]", found.finding)
        assert STEPS.match(found.step)
        assert found.finding.endswith(".")
        assert found.step.endswith(".")


@given(evaluations())
def test_no_sentence_is_vacuous(evaluation):
    for found in advise(evaluation):
        text = str(found)
        # These two do say something.
        text = text.replace("right for 0 of", "").replace("Expect 0.0% on", "")
        assert not re.search(r"(?<![\d.,])0(\.0+)?(%| %| documents| points| of)", text), text
        assert not re.search(r"\bnan\b|\binf\b", text), text
        assert not re.search(r"\b1 documents\b", text), text
        assert 0 <= found.documents <= evaluation.n


@given(evaluations())
def test_no_two_pieces_contradict_each_other(evaluation):
    found = kinds(evaluation)
    assert len(found) == len(set(found))
    if "no skill" in found or "all leaked" in found:
        # Whether the model is of any use comes before what single classes need.
        assert set(found) <= {"no skill", "all leaked", "unknown labels", "leaked", "small test"}
    assert not {"leaked", "all leaked"} <= set(found)
    about = [piece.classes for piece in advise(evaluation) if piece.classes]
    assert not [one for one in about for other in about if one is not other and one <= other]
    assert advise(evaluation) == advise(evaluation)


@given(evaluations())
def test_labels_are_merged_only_where_some_are_left(evaluation):
    occurring = sum(score.support + score.predicted > 0 for score in evaluation.per_class.values())
    if occurring < 3:
        assert "merge" not in " ".join(map(str, advise(evaluation)))


@given(evaluations())
def test_after_what_concerns_the_whole_test_the_largest_comes_first(evaluation):
    whole = {"no skill", "unknown labels", "leaked", "all leaked", "small test"}
    found = advise(evaluation)
    rest = [piece.documents for piece in found if piece.kind not in whole]
    assert rest == sorted(rest, reverse=True)
    assert all(piece.kind in whole for piece in found[: len(found) - len(rest)])


@given(st.integers(2, 9))
def test_where_all_is_right_there_is_nothing_to_do(classes):
    labels = [str(place) for place in range(classes)] * 200
    assert advise(evaluate(labels, labels, labels[:classes])) == []


def test_two_classes_are_never_merged():
    # The advice for film reviews was once to merge pos and neg.
    true = ["pos"] * 500 + ["neg"] * 500
    predicted = (["pos"] * 400 + ["neg"] * 100) * 2
    predicted[500:] = ["neg"] * 400 + ["pos"] * 100
    found = advise(evaluate(true, predicted, ["pos", "neg"]))
    assert "merge" not in " ".join(map(str, found))


def test_leaks_that_change_nothing_are_no_advice():
    # "2 test documents (0.0 %): the accuracy flatters", it once said.
    leaked = np.zeros(5000, dtype=bool)
    leaked[:2] = True
    evaluation = evaluate(
        ["a", "b"] * 2500, ["a", "b"] * 2400 + ["b", "a"] * 100, "ab", leaked=leaked
    )
    assert "leaked" not in kinds(evaluation)
    assert "known from training  2 of the test documents" in evaluation.summary()


def test_leaks_that_flatter_name_the_accuracy_to_expect():
    leaked = np.array([True] * 500 + [False] * 500)
    evaluation = evaluate(
        ["a", "b"] * 500, ["a", "b"] * 250 + ["a", "a"] * 250, "ab", leaked=leaked
    )
    found = only(evaluation, "leaked")
    assert "500 documents" in found.finding
    assert "25.0 points" in found.finding
    assert "Expect 50.0%" in found.step


def test_what_few_documents_show_is_not_what_to_expect():
    # One copy, answered rightly, and one other document: "expect 0.0 %" would be absurd.
    evaluation = evaluate("ab", "aa", "ab", leaked=[True, False])
    assert "leaked" not in kinds(evaluation)
    leaked = np.array([True] * 50 + [False] * 5)
    evaluation = evaluate(["a", "b"] * 27 + ["a"], ["a", "b"] * 25 + ["b"] * 5, "ab", leaked=leaked)
    found = only(evaluation, "all leaked")
    assert "50 of 55 test documents" in found.finding


def test_a_small_test_says_how_many_documents_it_wants():
    found = only(evaluate(["a", "b"] * 20, ["a", "b"] * 18 + ["b", "a"] * 2, "ab"), "small test")
    assert "40 documents give the accuracy to within 10 points only" in found.finding
    (number,) = re.findall(r"about ([\d,]+) documents", found.step)
    wanted = int(number.replace(",", ""))
    right = [True] * round(0.87 * wanted) + [False] * (wanted - round(0.87 * wanted))
    labels = ["a", "b"] * wanted
    big = evaluate(
        labels[:wanted],
        [label if fine else "ab"[label == "a"] for label, fine in zip(labels, right, strict=False)],
        "ab",
    )
    assert "small test" not in kinds(big)


def test_a_pair_taken_for_each_other_and_a_class_that_drains_away():
    true = ["ibm"] * 100 + ["mac"] * 100 + ["space"] * 100 + ["med"] * 100
    predicted = ["ibm"] * 80 + ["mac"] * 20 + ["mac"] * 85 + ["ibm"] * 15
    predicted += ["space"] * 100 + ["med"] * 70 + ["space"] * 30
    evaluation = evaluate(true, predicted, ["ibm", "mac", "space", "med"])
    pair = only(evaluation, "confused pair")
    assert (
        "ibm and mac are confused with each other in 35 documents, 54% of all mistakes"
        in pair.finding
    )
    drain = only(evaluation, "one-way confusion")
    assert "30 of 100 documents of med are predicted as space" in drain.finding
    assert "Add training documents of med" in drain.step
    assert "weak class" not in kinds(evaluation)  # med is told of already


def test_a_class_that_is_never_predicted():
    evaluation = evaluate(
        ["a", "b", "c"] * 100, ["a", "b", "a"] * 100, ["a", "b", "c", "spare", "more"]
    )
    found = only(evaluation, "never predicted")
    assert found.finding == "c is never predicted, though 100 documents of the test data have it."
    assert "2 of the model's 5 labels have no test documents (spare, more)" in str(
        only(evaluation, "untested classes")
    )


def test_labels_that_the_model_does_not_know():
    found = only(evaluate(["a", "b", "new"] * 100, ["a", "b", "a"] * 100, "ab"), "unknown labels")
    assert "100 documents have labels that the model does not know (new)" in found.finding


@pytest.mark.parametrize(("sure", "mood"), [(0.95, "too high"), (0.55, "too low")])
def test_probabilities_that_are_off(sure, mood):
    evaluation = evaluate(
        ["a", "b"] * 400,
        None,
        "ab",
        probabilities=[[sure, 1 - sure], [1 - sure, sure]] * 300
        + [[sure, 1 - sure], [sure, 1 - sure]] * 100,
    )
    assert mood in only(evaluation, "calibration").finding


def test_few_documents_say_nothing_of_probabilities():
    evaluation = evaluate("aab", "aaa", "ab", probabilities=[[0.99, 0.01]] * 3)
    assert "calibration" not in kinds(evaluation)


def test_a_useless_model_is_told_so_and_nothing_else():
    evaluation = evaluate(["a"] * 60 + ["b"] * 40, ["a", "b"] * 50, "ab")
    assert kinds(evaluation)[0] == "no skill"
    found = only(evaluation, "no skill")
    assert "right for 50 of 100 documents" in found.finding
    assert "right for 60" in found.finding
    several = evaluate_multiple([["a"]] * 60 + [["b"]] * 40, [["b"]] * 100, "ab")
    assert "always predicting the most common label alone would reach 0.600" in str(
        only(several, "no skill")
    )


def test_the_summary_names_pairs_weak_classes_and_advice():
    true = ["ibm"] * 300 + ["mac"] * 300 + ["space"] * 300
    predicted = ["ibm"] * 200 + ["mac"] * 100 + ["mac"] * 220 + ["ibm"] * 80 + ["space"] * 300
    text = evaluate(true, predicted, ["ibm", "mac", "space"]).summary()
    assert re.search(r"ibm +→ +mac +100 \(33% of the class\)", text)
    assert re.search(r"weakest classes\n +ibm", text)
    assert "space" not in text.split("weakest classes")[1]  # a class without a mistake is not weak
    assert "• ibm and mac are confused with each other in 180 documents" in text


def test_the_summary_cannot_steer_the_terminal():
    text = judged(HOSTILE, skill=0.5).summary()
    assert "\x1b" not in text
    assert "\u202e" not in text
