"""The estimator: scikit-learn's contract, copies, files, and what stays the same."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

import satchel
from corpora import LABELS, corpus
from satchel import TextClassifier, sealed
from satchel.errors import LabelError, NotFittedError, TextError

TEXTS, TRUE = corpus(90)
NEW, NEW_TRUE = corpus(45, seed=1)


def quick(**settings: Any) -> TextClassifier:
    return TextClassifier(**({"effort": "fast"} | settings))


def sealed_bytes(classifier: TextClassifier) -> bytes:
    return sealed.dumps(classifier.model_.ensemble)


@pytest.fixture(scope="module")
def balanced() -> TextClassifier:
    return TextClassifier().fit(TEXTS, TRUE)


@pytest.fixture(scope="module")
def fast() -> TextClassifier:
    return quick().fit(TEXTS, TRUE)


# scikit-learn's contract.


def test_it_learns(balanced: TextClassifier, fast: TextClassifier) -> None:
    assert balanced.score(NEW, NEW_TRUE) > 0.95
    assert fast.score(NEW, NEW_TRUE) > 0.95


def test_the_constructor_stores_its_arguments_untouched() -> None:
    arguments: dict[str, Any] = {
        "effort": "best", "preset": None, "head": len, "hidden": 7, "epochs": 3,
        "learning_rate": 0.5, "batch_size": 9, "optimizer": object(), "loss": len,
        "validation_split": 0.5, "words": 1, "characters": (2, 3), "strip": ["headers"],
        "class_weight": {"a": 2}, "budget": 1.5, "max_size": 10_000, "callbacks": [object()],
        "backend": "jax", "seed": 9, "threads": 1, "progress": print,
    }  # fmt: skip
    classifier = TextClassifier(**arguments)
    assert classifier.get_params() == arguments
    assert all(classifier.get_params()[name] is value for name, value in arguments.items())
    nonsense: dict[str, Any] = {name: object() for name in arguments}
    assert TextClassifier(**nonsense).get_params() == nonsense


def test_clone_and_set_params(fast: TextClassifier) -> None:
    copied = clone(fast)
    assert copied.get_params() == fast.get_params()
    assert not hasattr(copied, "model_")
    assert copied.set_params(hidden=5, seed=3) is copied
    assert (copied.hidden, copied.seed) == (5, 3)
    with pytest.raises(ValueError, match="nonsense"):
        copied.set_params(nonsense=1)


def test_fit_changes_no_argument() -> None:
    callbacks: list = []
    strip = ["quotes"]
    classifier = quick(callbacks=callbacks, strip=strip)
    before = classifier.get_params()
    assert classifier.fit(TEXTS, TRUE) is classifier
    assert classifier.get_params() == before
    assert (callbacks, strip) == ([], ["quotes"])


def test_grid_search_cross_validation_and_pipelines() -> None:
    search = GridSearchCV(quick(), {"words": [1, 2]}, cv=2, error_score="raise")
    search.fit(TEXTS, TRUE)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.predict(NEW[:2]).tolist() == NEW_TRUE[:2]
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("lower", lower), ("classifier", quick())])
    assert cross_val_score(pipeline, TEXTS, TRUE, cv=2, error_score="raise").mean() > 0.9
    pipeline.set_params(classifier__words=1).fit(TEXTS, TRUE)
    assert pipeline.score(NEW, NEW_TRUE) > 0.9
    assert pipeline.predict_proba(NEW).shape == (45, 3)


def test_a_second_fit_starts_afresh(fast: TextClassifier) -> None:
    classifier = quick().fit(["red blue", "green grey"] * 5, [1, 2] * 5)
    classifier.fit(TEXTS, TRUE)
    assert classifier.classes_.tolist() == sorted(LABELS)
    assert classifier.n_documents_ == 90
    assert sealed_bytes(classifier) == sealed_bytes(fast)


def test_before_fit_every_question_is_refused(tmp_path: Path) -> None:
    classifier = TextClassifier()
    asked = [
        lambda: classifier.predict(["a"]),
        lambda: classifier.predict_proba(["a"]),
        lambda: classifier.score(["a"], ["b"]),
        lambda: classifier.evaluate(["a"], ["b"]),
        lambda: classifier.explain("a"),
        lambda: classifier.save(tmp_path / "m.satchel"),
    ]
    for ask in asked:
        with pytest.raises(NotFittedError, match="call fit first"):
            ask()
    with pytest.raises(ValueError, match="fit"):
        check_is_fitted(classifier)
    assert list(tmp_path.iterdir()) == []


def test_a_fit_that_fails_leaves_the_model_of_before(fast: TextClassifier) -> None:
    classifier = copy.deepcopy(fast)
    with pytest.raises(LabelError):
        classifier.fit(TEXTS, ["same"] * len(TEXTS))
    assert classifier.classes_.tolist() == sorted(LABELS)
    assert classifier.predict(NEW[:3]).tolist() == fast.predict(NEW[:3]).tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, str, object])
def test_answers_come_in_the_type_of_the_labels(dtype: type) -> None:
    labels: np.ndarray = np.array([-1, 20, 3] * 30).astype(dtype)
    classifier = quick().fit(TEXTS, labels)
    assert classifier.classes_.tolist() == sorted(set(labels.tolist()))
    answers = classifier.predict(NEW)
    assert answers.dtype == classifier.classes_.dtype
    if dtype is not object:
        assert classifier.classes_.dtype.kind == labels.dtype.kind
    assert (answers == np.array([-1, 20, 3] * 15).astype(dtype)).mean() > 0.95
    assert classifier.score(NEW, labels[:45]) > 0.95


def test_texts_may_come_in_any_sequence(fast: TextClassifier) -> None:
    polars = pytest.importorskip("polars")
    expected = fast.predict_proba(NEW)
    for kind in (tuple, np.array, lambda t: np.array(t, dtype=object), polars.Series):
        np.testing.assert_array_equal(fast.predict_proba(kind(NEW)), expected)
    trained = quick().fit(polars.Series(TEXTS), polars.Series(TRUE))
    assert sealed_bytes(trained) == sealed_bytes(fast)
    trained = quick().fit(np.array(TEXTS), np.array(TRUE))
    assert sealed_bytes(trained) == sealed_bytes(fast)


def test_no_documents_give_no_answers(fast: TextClassifier) -> None:
    assert fast.predict([]).shape == (0,)
    assert fast.predict_proba([]).shape == (0, 3)


def test_probabilities_are_probabilities(balanced: TextClassifier) -> None:
    probabilities = balanced.predict_proba(NEW)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (probabilities >= 0).all()
    best = balanced.classes_[probabilities.argmax(axis=1)]
    assert best.tolist() == balanced.predict(NEW).tolist()


def test_the_fast_effort_loads_no_keras(tmp_path: Path) -> None:
    program = (
        "import sys, json\n"
        "from satchel.model import Model\n"
        "from satchel.search.fitting import fit\n"
        "from satchel.search.settings import Settings\n"
        "from satchel.search.targets import encode\n"
        "texts, labels = json.load(sys.stdin)\n"
        "Model(fit(texts, encode(labels), Settings(effort='fast')).model).save(sys.argv[1])\n"
        "print({'keras', 'jax', 'torch', 'tensorflow', 'sklearn'} & set(sys.modules))"
    )
    path = tmp_path / "m.satchel"
    answer = subprocess.run(
        [sys.executable, "-c", program, path],
        input=json.dumps([TEXTS, TRUE]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "set()"
    assert satchel.load(path).score(NEW, NEW_TRUE) > 0.95


def test_history_is_kept_of_every_network(balanced: TextClassifier, fast: TextClassifier) -> None:
    (history,) = balanced.history_
    assert set(history) == {"loss", "accuracy"}
    assert len(history["loss"]) == 8
    assert history["loss"][-1] < history["loss"][0]
    assert fast.history_ == []
    two = TextClassifier("best", epochs=2, hidden=8, budget=1e-6).fit(TEXTS, TRUE)
    nets = [member for member in two.model_.ensemble.members if member.layers]
    assert len(two.history_) == len(nets)


def test_documents_left_out_are_counted(balanced: TextClassifier) -> None:
    assert (balanced.n_documents_, balanced.n_dropped_) == (90, 0)
    some = quick().fit([*TEXTS, "", "  "], [*TRUE, "cooking", "cooking"])
    assert (some.n_documents_, some.n_dropped_) == (90, 2)


# Copies and files.


def test_a_loaded_model_answers_to_the_bit(balanced: TextClassifier, tmp_path: Path) -> None:
    path = tmp_path / "model.satchel"
    balanced.save(path)
    loaded = satchel.load(path)
    logits = balanced.model_.predictor.logits(NEW)
    np.testing.assert_array_equal(loaded.predictor.logits(NEW), logits)
    np.testing.assert_array_equal(loaded.predict_proba(NEW), balanced.predict_proba(NEW))
    assert loaded.predict(NEW).tolist() == balanced.predict(NEW).tolist()
    assert loaded.classes_.tolist() == balanced.classes_.tolist()
    loaded.save(tmp_path / "again.satchel")
    assert (tmp_path / "again.satchel").read_bytes() == path.read_bytes()


def test_a_pickle_holds_the_sealed_bytes_and_answers_alike(balanced: TextClassifier) -> None:
    pickled = pickle.dumps(balanced)
    assert sealed_bytes(balanced) in pickled
    again = pickle.loads(pickled)  # noqa: S301  # our own bytes
    np.testing.assert_array_equal(again.predict_proba(NEW), balanced.predict_proba(NEW))
    assert again.get_params() == balanced.get_params()
    again = copy.deepcopy(balanced)
    np.testing.assert_array_equal(again.predict_proba(NEW), balanced.predict_proba(NEW))


def test_one_by_one_is_as_good_as_all_at_once(balanced: TextClassifier) -> None:
    texts = [*NEW[:12], "", "zzz"]
    alone = np.concatenate([balanced.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(balanced.predict_proba(texts), alone, atol=1e-5)
    many = balanced.predict_proba(texts * 40)
    np.testing.assert_allclose(many, np.tile(alone, (40, 1)), atol=1e-5)


def test_the_order_of_the_training_documents_matters_only_a_little(
    balanced: TextClassifier,
) -> None:
    # Networks and solvers take the documents in the order of a seeded shuffle of their places, and
    # the key of the hash is that of the texts in their order, so another order gives another file;
    # what it says of clear documents stays, and so do its features.
    order = np.random.default_rng(5).permutation(len(TEXTS))
    other = TextClassifier().fit([TEXTS[i] for i in order], [TRUE[i] for i in order])
    assert sealed_bytes(other) != sealed_bytes(balanced)
    assert other.predict(NEW).tolist() == balanced.predict(NEW).tolist()
    weights = [
        np.sort(each.model_.ensemble.views[0].vocabulary.weights) for each in (other, balanced)
    ]
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)


def test_explanations_name_the_words_that_count(balanced: TextClassifier) -> None:
    found = balanced.explain("the puck of the goalie").to_dict()
    best = max(found["tokens"], key=lambda token: token["value"])
    assert {"puck", "goalie"} & set(best["text"].split())


def test_evaluation_comes_with_the_labels_given(fast: TextClassifier) -> None:
    evaluation = fast.evaluate(NEW, NEW_TRUE)
    assert evaluation.accuracy == fast.score(NEW, NEW_TRUE)
    assert evaluation.confusion_matrix.sum() == len(NEW)


# Invalid training data raise errors.


@pytest.mark.parametrize(
    ("texts", "labels", "error", "told"),
    [
        (["a", "b"], ["x", "y", "z"], LabelError, "2 documents and 3 labels"),
        (["a", "b"], ["x", "x"], LabelError, "one class, 'x'"),
        ([], [], LabelError, "none"),
        (["a", None, "c"], ["x", "y", "x"], TextError, "1"),
        (["a", b"b", "c"], ["x", "y", "x"], TextError, "bytes"),
        (["a", 3.5, "c"], ["x", "y", "x"], TextError, "float"),
        (["a", "b", "\ud800"], ["x", "y", "x"], TextError, "2"),
        (["", " ", "\n"], ["x", "y", "x"], TextError, "no word in any of them"),
        ("ab", ["x", "y"], TextError, "list"),
        (["a", "b"], ["x", None], LabelError, "found None at 1"),
        (["a", "b"], ["x", ["y"]], LabelError, "'x' is a single label"),
    ],
)
def test_invalid_training_data_raise_errors(
    texts: list, labels: list, error: type, told: str
) -> None:
    with pytest.raises(error) as raised:
        quick().fit(texts, labels)
    assert told in str(raised.value)


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"], float("nan")])
def test_a_document_that_is_no_text_is_named(fast: TextClassifier, text: object) -> None:
    with pytest.raises(TextError, match=r"\b1\b|second"):
        fast.predict(["fine", text])


def test_one_text_in_place_of_several_is_told(fast: TextClassifier) -> None:
    with pytest.raises(TextError, match="list"):
        fast.predict("one text")
