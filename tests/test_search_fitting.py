"""From views and members to one model: it answers as they do, in the size that was asked."""

from __future__ import annotations

import dataclasses
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import COMMON, TOPIC, corpus
from satchel import sealed
from satchel.errors import TextError
from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import Vocabulary
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Ensemble, Layer, Training
from satchel.model import Model
from satchel.sealed.assembly import contents_of
from satchel.sealed.schema import RowType
from satchel.search import calibration as combine
from satchel.search import fitting
from satchel.search.dataset import Corpus, DroppedDocuments, fit_vocabulary
from satchel.search.members import TrainedMember, WeightedMember, assemble
from satchel.search.plan import plan
from satchel.search.recipe import ViewRecipe
from satchel.search.settings import Settings
from satchel.search.targets import encode
from satchel.training import linear as linear_solver

TEXTS, TRUE = corpus(45)
TARGETS = encode(TRUE)
WORDS = ViewRecipe(features=Features(words=2, hash_key=7), minimum_documents=1)
CHARACTERS = ViewRecipe(
    features=Features(words=0, characters=(2, 3), hash_key=7), minimum_documents=2
)
CORPUS = Corpus(TEXTS, TARGETS, Features(hash_key=7))
NEW = [*corpus(9, seed=1)[0], "", "none of these", "puck"]


def linear(view: Vocabulary, random: np.random.Generator) -> TrainedMember:
    rows = random.standard_normal((len(view), 3)).astype(np.float32)
    return TrainedMember(rows, random.standard_normal(3).astype(np.float32))


def network(view: Vocabulary, random: np.random.Generator) -> TrainedMember:
    rows = random.standard_normal((len(view), 5)).astype(np.float32)
    kernel = random.standard_normal((5, 3)).astype(np.float32)
    bias = random.standard_normal(3).astype(np.float32)
    layers = (Layer("activation", 5, "relu"), Layer("dense", 3, weight=kernel, offset=bias))
    return TrainedMember(rows, random.standard_normal(5).astype(np.float32), layers)


def restated(view: Vocabulary, member: TrainedMember, texts: list[str]) -> np.ndarray:
    """A member's logits ``(n, 3)``, from the definition, over dense rows."""
    place = {key: j for j, key in enumerate(view.hashes.tolist())}
    table = np.zeros((len(texts), len(view)))
    for i, text in enumerate(texts):
        for token in tokenize(text, view.features):
            if token.hash in place:
                table[i, place[token.hash]] += 1
    table = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0) * view.weights
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    hidden = table @ member.rows + member.bias
    if not member.layers:
        return hidden
    layer = member.layers[1]
    dense: np.ndarray = np.maximum(hidden, 0) @ layer.weight + layer.offset
    return dense


def put_together(
    views: list[Vocabulary], shares: list[WeightedMember], row_type: RowType = "float32"
) -> Ensemble:
    return assemble(
        views,
        shares,
        targets=TARGETS,
        thresholds=(),
        training=Training(documents=len(TEXTS), class_counts=(15, 15, 15)),
        row_type=row_type,
    )


shapes = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([linear, network]), st.floats(0.1, 4)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25)
@given(shapes, st.integers(0, 99))
def test_the_model_answers_as_its_members_do(shape: list, seed: int) -> None:
    random = np.random.default_rng(seed)
    recipes = [WORDS, CHARACTERS]
    used = sorted({view for view, _, _ in shape})
    views = [
        fit_vocabulary(CORPUS.counted(recipes[number].features), TARGETS, recipes[number])
        for number in used
    ]
    shares = []
    for number, make, scale in shape:
        place = used.index(number)
        shares.append(WeightedMember(place, make(views[place], random), scale))
    expected = np.sum(
        [share.scale * restated(views[share.view], share.member, NEW) for share in shares], axis=0
    )
    tolerances: dict[RowType, float] = {"float32": 1e-4, "float16": 0.02, "int8": 0.3}
    for row_type, tolerance in tolerances.items():
        parts = put_together(views, shares, row_type)
        model = Predictor(sealed.loads(sealed.dumps(parts)))
        expected[model.columns(NEW).known == 0] = model.model.prior
        found = model.logits(NEW)
        assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def arrays(model: Ensemble) -> dict[str, np.ndarray]:
    return contents_of(model).arrays


def asked(**changes: Any) -> Settings:
    return Settings(**({"effort": "fast"} | changes))


def fitted(texts: list[str], labels: list, **changes: Any) -> Ensemble:
    return fitting.fit(texts, encode(labels), asked(**changes)).model


def test_a_fitted_model_is_sealed_as_it_answers() -> None:
    parts = fitted(TEXTS, TRUE, effort="balanced")
    again = sealed.loads(sealed.dumps(parts))
    np.testing.assert_array_equal(Predictor(again).logits(NEW), Predictor(parts).logits(NEW))
    assert again.training.documents == len(TEXTS)
    assert again.training.class_counts == (15, 15, 15)
    assert all(np.diff(again.views[0].vocabulary.hashes.astype(object)) > 0)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_pruning_keeps_the_strongest(monkeypatch: pytest.MonkeyPatch, effort: str) -> None:
    monkeypatch.setattr(
        fitting, "plan", lambda *args: dataclasses.replace(plan(*args), maximum_features=40)
    )
    texts, labels = corpus(90)
    parts = fitted(texts, labels, effort=effort, words=1)
    for view in parts.views:
        assert view.size == 40
    kept = set(parts.views[0].vocabulary.hashes.tolist())
    features = parts.views[0].vocabulary.features

    def survivors(words: list[str]) -> int:
        return sum(token.hash in kept for token in tokenize(" ".join(words), features))

    topical = [word for words in TOPIC.values() for word in words]
    assert survivors(topical) == len(topical) == 30
    assert survivors(COMMON) <= 10
    new, truth = corpus(45, seed=1)
    assert np.mean(Model(parts).predict(new) == np.array(truth)) > 0.95


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_empty_documents_change_nothing_but_are_not_counted(effort: str) -> None:
    with_empty = fitted(["", *TEXTS, "\n \t"], [TRUE[0], *TRUE, TRUE[1]], effort=effort)
    without = fitted(TEXTS, TRUE, effort=effort)
    assert sealed.dumps(with_empty) == sealed.dumps(without)


def test_nothing_but_empty_documents_is_told() -> None:
    with pytest.raises(TextError, match="found no word in any of them"):
        fitted(["", " ", "\n"], ["a", "b", "a"])


def test_settings_and_trials_are_told_in_the_manifest() -> None:
    training = fitted(TEXTS, TRUE, effort="balanced", seed=5).training
    assert training.seed == 5
    assert training.effort == "balanced"
    assert {"numpy", "keras"} <= training.versions.keys()
    assert training.settings
    assert sum(trial.chosen for trial in training.trials) == 1
    assert all(trial.metric == "accuracy" for trial in training.trials)


# What was chosen, trained on other documents.


@pytest.mark.parametrize("effort", ["fast", "balanced"])
@pytest.mark.parametrize("several", [False, True])
def test_what_was_chosen_trained_on_the_same_documents_is_the_same_model(
    effort: str, several: bool
) -> None:
    labels = [(label, "any") if n % 7 else (label,) for n, label in enumerate(TRUE)]
    targets = encode(labels if several else TRUE)
    first = fitting.fit(TEXTS, targets, asked(effort=effort))
    again = fitting.refit(first.choice, TEXTS, targets, asked(effort=effort))
    assert sealed.dumps(again.model) == sealed.dumps(first.model)


def test_what_was_chosen_on_a_part_is_trained_on_all() -> None:
    some, texts_too = slice(None, None, 2), ["only here", "and here only"]
    first = fitting.fit(TEXTS[some], encode(TRUE[some]), asked(effort="balanced"))
    # A label that the part did not have may come with the rest.
    texts, labels = [*TEXTS, *texts_too], [*TRUE, "new", "new"]
    whole = fitting.refit(first.choice, texts, encode(labels), asked(effort="balanced"))
    training = whole.model.training
    assert training.documents == 47
    assert training.settings == first.model.training.settings
    assert training.trials == first.model.training.trials
    model = Model(whole.model)
    assert model.predict(["only here"]).tolist() == ["new"]
    new, truth = corpus(30, seed=3)
    assert np.mean(model.predict(new) == np.array(truth)) > 0.9


def test_thresholds_follow_their_labels_and_new_labels_get_the_median() -> None:
    labels = [(label, "any") if n % 3 else (label,) for n, label in enumerate(TRUE)]
    first = fitting.fit(TEXTS, encode(labels), asked())
    grown = [*labels, ("a first label",), ("a first label",)]
    whole = fitting.refit(first.choice, [*TEXTS, "red rag", "red flag"], encode(grown), asked())
    thresholds = dict(zip(whole.model.labels, whole.model.thresholds, strict=True))
    before = dict(zip(first.model.labels, first.model.thresholds, strict=True))
    new = thresholds.pop("a first label")
    assert thresholds == before
    assert new == np.median(list(before.values()))


# Dropped documents are counted.


def test_documents_that_teach_nothing_are_counted_with_the_reason() -> None:
    texts, labels = corpus(9_000, seed=4)
    rare = ["uniqueword otherunique", "neverseenbefore"]
    targets = encode([*labels, *labels[:4]])
    fitted_model = fitting.fit([*texts, *rare, "", " \n"], targets, asked())
    assert fitted_model.dropped == DroppedDocuments(without_words=2, without_shared_words=2)
    assert fitted_model.model.training.documents == 9_000
    assert len(fitted_model.dropped) == 4
    lines = fitted_model.dropped.lines()
    assert "2 documents without a word" in lines[0]
    assert "2 documents none of whose words occurs in another" in lines[1]
    assert fitting.fit(TEXTS, TARGETS, asked()).dropped.lines() == []


# Many classes: some at a time, with the same result.


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("most", [None, 20])
def test_blocks_of_classes_change_rounding_alone(
    monkeypatch: pytest.MonkeyPatch, several: bool, most: int | None
) -> None:
    words = [f"topic{k} thing{k}" for k in range(12)]
    texts = [f"{words[n % 12]} {' '.join(TEXTS[n % 45].split()[:5])}" for n in range(120)]
    labels = [f"class {n % 12:02d}" for n in range(120)]
    targets = encode([(label, "any") for label in labels] if several else labels)
    settings = {"effort": "balanced"} | ({} if several else {"hidden": 8, "epochs": 2})
    if most is not None:
        monkeypatch.setattr(
            fitting, "plan", lambda *args: dataclasses.replace(plan(*args), maximum_features=most)
        )
    whole = fitting.fit(texts, targets, asked(**settings)).model
    monkeypatch.setattr(linear_solver, "BLOCK_BYTES", 1)
    blocked = fitting.fit(texts, targets, asked(**settings)).model
    assert arrays(blocked).keys() == arrays(whole).keys()
    for name, array in arrays(whole).items():
        near = 1 if array.dtype == np.int8 else 1e-6
        np.testing.assert_allclose(arrays(blocked)[name], array, rtol=1e-5, atol=near, err_msg=name)
    np.testing.assert_allclose(blocked.thresholds, whole.thresholds, rtol=1e-4)
    found, expected = (Predictor(parts).logits(texts) for parts in (blocked, whole))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_memory_does_not_grow_with_documents_times_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limits, set low, hold back what would otherwise be 60 MB of tables."""
    classes = 1_600
    random = np.random.default_rng(0)
    labels = [f"class {k}" for k in range(classes) for _ in range(2)]
    texts = [f"own{k} own{k // 2} w{random.integers(100)}" for k in range(classes) for _ in "ab"]
    monkeypatch.setattr(linear_solver, "BLOCK_BYTES", 2**20)
    monkeypatch.setattr(combine, "CHUNK", 2**14)
    monkeypatch.setattr(fitting, "MAX_LOGITS", 2**14)
    monkeypatch.setattr(fitting, "MIN_TEST_DOCUMENTS", 100)
    targets = encode(labels)
    tracemalloc.start()
    parts = fitting.fit(texts, targets, asked(words=1, threads=1)).model
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    model = sum(array.nbytes for array in arrays(parts).values())
    # The model is features times classes; so is what it is put together from.
    assert peak < 3 * model + 8e6
