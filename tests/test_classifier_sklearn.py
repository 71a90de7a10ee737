"""scikit-learn's contract: its checks, its tools, and the containers that people hand over."""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
import sklearn.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import f1_score, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import satchel
from corpora import LABELS, corpus
from satchel import TextClassifier
from satchel.errors import InputError, LabelError, SatchelError, SettingError, TextError
from satchel.training.heads import default_head

TEXTS, TRUE = corpus(90)
NEW, NEW_TRUE = corpus(45, seed=1)


def quick(**settings: Any) -> TextClassifier:
    return TextClassifier(**({"effort": "fast"} | settings))


@pytest.fixture(scope="module")
def fast() -> TextClassifier:
    return quick().fit(TEXTS, TRUE)


# scikit-learn's own checks. They make tables of numbers, which are no texts, so they are run on a
# classifier of numbers: each row becomes a text of words that say which column is how large.


class OfNumbers(TextClassifier):
    """The classifier behind scikit-learn's own validation of tables of numbers."""

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> OfNumbers:  # type: ignore[override]
        X, y = sklearn.utils.validation.validate_data(self, X, y, multi_output=True)
        super().fit(_told(X), y, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> Any:
        return super().predict(self._texts(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(self._texts(X))

    def decision_function(self, X: Any) -> Any:
        return super().decision_function(self._texts(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return super().score(self._texts(X), y, sample_weight)

    def _texts(self, X: Any) -> Any:
        if isinstance(X, list) and X and isinstance(X[0], str):
            return X  # asked by another of its own methods
        check_is_fitted(self)
        return _told(sklearn.utils.validation.validate_data(self, X, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def _told(X: np.ndarray) -> list[str]:
    """Words for the rank of each number: larger numbers have all the words of smaller ones."""
    steps = np.linspace(-3, 3, 13)
    return [
        " ".join(f"c{j}s{k}" for j, x in enumerate(row) for k in np.flatnonzero(x > steps)) + " row"
        for row in X
    ]


EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "documents are taken in a seeded order and some are held out to calibrate, so copies of a "
        "document are not, to the last digit, one of their number as weight"
    ),
}


@parametrize_with_checks(
    [OfNumbers(effort="fast")], expected_failed_checks=lambda _: EXPECTED_TO_FAIL
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_the_tags_say_what_it_takes() -> None:
    tags = get_tags(TextClassifier())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.classifier_tags.multi_label
    assert tags.classifier_tags.multi_class
    assert tags.target_tags.required


# Errors.


def test_not_fitted_is_satchels_error_and_scikit_learns() -> None:
    for ask in (
        lambda c: c.predict(["a"]),
        lambda c: c.predict_proba(["a"]),
        lambda c: c.decision_function(["a"]),
        lambda c: c.score(["a"], ["b"]),
    ):
        with pytest.raises(sklearn.exceptions.NotFittedError, match="call fit first") as raised:
            ask(TextClassifier())
        assert isinstance(raised.value, satchel.errors.NotFittedError)
        assert isinstance(raised.value, SatchelError)
        assert type(pickle.loads(pickle.dumps(raised.value))) is type(raised.value)  # noqa: S301


# Weights.


def test_a_document_of_weight_zero_counts_as_not_given(fast: TextClassifier) -> None:
    extra = ["puck goalie", "", "a rook and a queen"]
    weights = [*np.ones(90), 0, 0, 0]
    classifier = quick().fit(
        [*TEXTS, *extra], [*TRUE, "宇宙", "宇宙", "chess"], sample_weight=weights
    )
    assert classifier.classes_.tolist() == sorted(LABELS)
    assert classifier.n_documents_ == 90
    np.testing.assert_array_equal(classifier.predict_proba(NEW), fast.predict_proba(NEW))


@pytest.mark.parametrize(
    "settings",
    [
        {"effort": "fast"},
        {"effort": "balanced", "hidden": 16, "epochs": 4},
        {"head": default_head(), "hidden": 16, "epochs": 12},
    ],
)
def test_weights_are_heard_by_every_member(settings: dict) -> None:
    # Every text twice, with two labels: the one that weighs more must win.
    texts, labels = [*TEXTS, *TEXTS], [*TRUE, *(["other"] * 90)]
    for heavy, expected in ((0, None), (1, "other")):
        weights = np.where(np.arange(180) // 90 == heavy, 4.0, 1.0)
        classifier = TextClassifier(**settings).fit(texts, labels, sample_weight=weights)
        answers = classifier.predict(TEXTS[:30])
        wanted = TRUE[:30] if expected is None else [expected] * 30
        assert (answers == np.array(wanted)).mean() > 0.8


def test_the_score_is_weighed(fast: TextClassifier) -> None:
    labels = ["hockey & ice", *NEW_TRUE[1:]]
    right = fast.predict(NEW) == np.array(labels)
    weights = np.random.default_rng(0).random(45)
    assert fast.score(NEW, labels) == pytest.approx(right.mean())
    assert fast.score(NEW, labels, sample_weight=weights) == pytest.approx(
        np.average(right, weights=weights)
    )


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.ones(89), r"\(89,\)"),
        (np.full(90, -1.0), "at least 0"),
        (np.full(90, np.nan), "finite"),
        (np.zeros(90), "zero"),
        (np.ones((90, 2)), r"\(90, 2\)"),
    ],
)
def test_weights_that_cannot_be_are_told(weights: np.ndarray, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        quick().fit(TEXTS, TRUE, sample_weight=weights)


# Answers.


def test_the_decision_function_decides(fast: TextClassifier) -> None:
    scores = fast.decision_function(NEW)
    assert scores.shape == (45, 3)
    assert fast.classes_[scores.argmax(axis=1)].tolist() == fast.predict(NEW).tolist()
    two = quick().fit(TEXTS, [label == "cooking" for label in TRUE])
    margins = two.decision_function(NEW)
    assert margins.shape == (45,)
    assert ((margins > 0) == two.predict(NEW)).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-margins)), two.predict_proba(NEW)[:, 1], atol=1e-5)
    several = quick().fit(TEXTS, [(label,) for label in TRUE])
    holds = several.decision_function(NEW) >= 0
    assert [tuple(several.classes_[row]) for row in holds] == several.predict(NEW).tolist()


def test_classes_of_several_labels_keep_their_type() -> None:
    numbers = [(LABELS.index(label), 7) for label in TRUE]
    classifier = quick().fit(TEXTS, numbers)
    assert classifier.classes_.tolist() == [0, 1, 2, 7]
    answers = classifier.predict(NEW)
    assert sum(set(a) == {LABELS.index(b), 7} for a, b in zip(answers, NEW_TRUE, strict=True)) > 40
    assert all(isinstance(label, int) for answer in answers for label in answer)
    assert classifier.score(NEW, [(LABELS.index(label), 7) for label in NEW_TRUE]) > 0.9


# Tables of labels.


@pytest.mark.parametrize("kind", ["dense", "bool", "frame", "csr", "csc", "coo array"])
def test_an_indicator_table_makes_several_labels(kind: str) -> None:
    binarizer = MultiLabelBinarizer()
    table = binarizer.fit_transform([(label,) for label in TRUE])
    new = binarizer.transform([(label,) for label in NEW_TRUE])
    make = {
        "dense": np.asarray,
        "bool": lambda t: t.astype(bool),
        "frame": lambda t: pd.DataFrame(t, columns=LABELS),
        "csr": scipy.sparse.csr_matrix,
        "csc": scipy.sparse.csc_matrix,
        "coo array": scipy.sparse.coo_array,
    }[kind]
    classifier = quick().fit(TEXTS, make(table))
    as_sets = quick().fit(TEXTS, [(LABELS.index(label),) for label in TRUE])
    assert classifier.classes_.tolist() == (list(LABELS) if kind == "frame" else [0, 1, 2])
    if kind == "frame":
        assert classifier.classes_.tolist() == sorted(LABELS)
    np.testing.assert_array_equal(classifier.predict_proba(NEW), as_sets.predict_proba(NEW))
    answers: Any = classifier.predict(NEW)
    if scipy.sparse.issparse(make(table)):
        assert scipy.sparse.issparse(answers)
        answers = answers.toarray()
    assert answers.shape == new.shape
    assert f1_score(new, answers, average="micro") > 0.9
    assert classifier.score(NEW, make(new)) == (answers == new).all(axis=1).mean()
    weighted = quick().fit(TEXTS, make(table), sample_weight=[*np.ones(60), *np.zeros(30)])
    assert weighted.n_documents_ == 60


def test_tables_that_make_no_task_are_told() -> None:
    for wrong, told in (
        (np.full((90, 3), 2), "zeros and ones"),
        (np.ones((89, 3)), "90 documents and 89"),
        (np.array([["a", "b"]] * 90), "zeros and ones"),
        (np.zeros((90, 0)), "two classes"),
    ):
        with pytest.raises(LabelError, match=told):
            quick().fit(TEXTS, wrong)


# scikit-learn's tools.


@pytest.mark.parametrize("scoring", [None, "accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"])
def test_cross_validation_by_any_score(scoring: str | None) -> None:
    scores = cross_val_score(quick(), TEXTS, TRUE, cv=3, scoring=scoring, error_score="raise")
    assert (scores > (-0.5 if scoring == "neg_log_loss" else 0.9)).all()


def test_cross_validation_of_several_labels() -> None:
    lists = [[label, "any"] if n % 5 else [label] for n, label in enumerate(TRUE)]
    sets = np.empty(90, object)
    sets[:] = [frozenset(labels) for labels in lists]
    table = MultiLabelBinarizer().fit_transform(lists)
    folds = KFold(3, shuffle=True, random_state=0)
    # By default scikit-learn itself refuses lists of lists; with folds given it hands them on.
    for labels, cv in ((lists, folds), (sets, 3), (table, 3)):
        scores = cross_val_score(quick(), TEXTS, labels, cv=cv, error_score="raise")
        assert (scores > 0.2).all()
    micro = make_scorer(f1_score, average="micro")
    assert cross_val_score(quick(), TEXTS, table, cv=3, scoring=micro).min() > 0.7
    classifier = quick().fit(TEXTS, table)
    assert roc_auc_score(table, classifier.decision_function(TEXTS), average="micro") > 0.9


def test_weights_travel_through_scikit_learns_tools() -> None:
    weights = np.where(np.arange(90) % 2, 1.0, 2.0)
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = quick().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(
            weighted, TEXTS, TRUE, cv=2, params={"sample_weight": weights}, error_score="raise"
        )
        assert (found["test_score"] > 0.9).all()
        pipeline = Pipeline([("classifier", weighted)])
        pipeline.fit(TEXTS, TRUE, sample_weight=weights)
    expected = quick().fit(TEXTS, TRUE, sample_weight=weights)
    np.testing.assert_array_equal(pipeline.predict_proba(NEW), expected.predict_proba(NEW))


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_a_column_of_text_in_a_column_transformer(fast: TextClassifier, output: str) -> None:
    frame = pd.DataFrame({"id": range(90), "body": TEXTS})
    new = pd.DataFrame({"id": range(45), "body": NEW})
    chosen = ColumnTransformer([("text", "passthrough", ["body"])], remainder="drop")
    chosen.set_output(transform=output)
    pipeline = Pipeline([("choose", chosen), ("classify", quick())])
    pipeline.fit(frame, TRUE)
    np.testing.assert_array_equal(pipeline.predict_proba(new), fast.predict_proba(NEW))
    search = GridSearchCV(pipeline, {"classify__words": [1, 2]}, cv=2, error_score="raise")
    assert search.fit(frame, TRUE).score(new, NEW_TRUE) > 0.9


def test_clones_and_pickles_keep_all(fast: TextClassifier) -> None:
    copied = clone(quick(class_weight={"cooking": 2}, seed=3))
    assert copied.get_params() == quick(class_weight={"cooking": 2}, seed=3).get_params()
    table = MultiLabelBinarizer().fit_transform([(label,) for label in TRUE])
    for labels in (TRUE, table, scipy.sparse.csr_matrix(table)):
        classifier = quick().fit(TEXTS, labels)
        again = pickle.loads(pickle.dumps(classifier))  # noqa: S301  # our own bytes
        one, other = classifier.predict(NEW), again.predict(NEW)
        assert type(one) is type(other)
        assert (one != other).sum() == 0
        assert again.history_ == classifier.history_ == []


# Containers of texts.


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "object array": lambda t: np.array(t, object),
    "column of an array": lambda t: np.array(t, object)[:, None],
    "pandas series": pd.Series,
    "pandas series with an index of its own": lambda t: pd.Series(t, index=range(len(t), 0, -1)),
    "pandas categories": lambda t: pd.Series(t, dtype="category"),
    "pandas frame": lambda t: pd.DataFrame({"text": t}),
    "polars series": pl.Series,
    "polars frame": lambda t: pl.DataFrame({"text": t}),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_texts_and_labels_come_in_any_container(kind: str, fast: TextClassifier) -> None:
    make = CONTAINERS[kind]
    one_column = kind in ("column of an array", "pandas frame", "polars frame")
    np.testing.assert_array_equal(fast.predict_proba(make(NEW)), fast.predict_proba(NEW))
    labels = TRUE if one_column else make(TRUE)
    classifier = quick().fit(make(TEXTS), labels)
    np.testing.assert_array_equal(classifier.predict_proba(NEW), fast.predict_proba(NEW))
    assert classifier.score(make(NEW), NEW_TRUE if one_column else make(NEW_TRUE)) > 0.9
    assert not hasattr(classifier, "n_features_in_")
    assert not hasattr(classifier, "feature_names_in_")
    if one_column:
        with pytest.warns(DataConversionWarning, match="column-vector"):
            warned = quick().fit(TEXTS, make(TRUE))
        assert warned.classes_.tolist() == sorted(LABELS)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ((text for text in TEXTS), "found generator"),
        (iter(TEXTS), "list_iterator"),
        (set(TEXTS), "found set"),
        (dict.fromkeys(TEXTS), "found dict"),
        (np.array(TEXTS).reshape(45, 2), r"shape \(45, 2\)"),
        (pd.DataFrame({"a": TEXTS, "b": TEXTS}), r"DataFrame of shape \(90, 2\)"),
        (np.array("one text"), "scalar"),
        (pd.Series([*TEXTS[:-1], None]), "89|90"),
        (np.arange(90), "int"),
        (scipy.sparse.eye_array(90), r"shape \(90, 90\)"),
    ],
)
def test_containers_without_order_or_with_more_are_refused(texts: Any, told: str) -> None:
    with pytest.raises(TextError, match=told):
        quick().fit(texts, TRUE)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ((label for label in TRUE), "found generator"),
        ("cooking", "a single text"),
        (None, "requires y"),
        (dict.fromkeys(TRUE), "found dict"),
        (np.linspace(0, 1, 90), "continuous"),
    ],
)
def test_labels_that_are_none_are_refused(labels: Any, told: str) -> None:
    with pytest.raises(LabelError, match=told):
        quick().fit(TEXTS, labels)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.lists(json_like, max_size=4), st.lists(json_like, max_size=4))
def test_whatever_is_given_it_learns_or_says_why_not(texts: list, labels: list) -> None:
    with suppress(InputError):
        assert len(quick().fit(texts, labels).predict(texts)) == len(texts)
