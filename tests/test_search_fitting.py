"""From views and members to one model: it answers as they do, in the size that was asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import COMMON, TOPIC, corpus
from satchel import sealed
from satchel.bags.features import Features
from satchel.bags.tokens import tokenize
from satchel.errors import TextError
from satchel.inference.model import Model
from satchel.progress import silent
from satchel.sealed.schema import Layer, Parts, Training
from satchel.search import fitting
from satchel.search.assemble import FittedMember, Share, assemble
from satchel.search.corpus import Corpus
from satchel.search.recipe import ViewRecipe
from satchel.search.settings import Settings
from satchel.search.targets import encode
from satchel.search.views import View, fit_view

TEXTS, TRUE = corpus(45)
TARGETS = encode(TRUE)
WORDS = ViewRecipe(features=Features(words=2, hash_key=7), minimum_documents=1)
CHARACTERS = ViewRecipe(
    features=Features(words=0, characters=(2, 3), hash_key=7), minimum_documents=2
)
CORPUS = Corpus(TEXTS, TARGETS, Features(hash_key=7))
NEW = [*corpus(9, seed=1)[0], "", "none of these", "puck"]


def linear(view: View, random: np.random.Generator) -> FittedMember:
    rows = random.standard_normal((view.size, 3)).astype(np.float32)
    return FittedMember(rows, random.standard_normal(3).astype(np.float32))


def network(view: View, random: np.random.Generator) -> FittedMember:
    rows = random.standard_normal((view.size, 5)).astype(np.float32)
    layers = (
        Layer(kind="activation", units=5, activation="relu"),
        Layer(kind="dense", units=3),
    )
    arrays = {
        "layer1.kernel": random.standard_normal((5, 3)).astype(np.float32),
        "layer1.bias": random.standard_normal(3).astype(np.float32),
    }
    return FittedMember(rows, random.standard_normal(5).astype(np.float32), layers, arrays)


def restated(view: View, member: FittedMember, texts: list[str]) -> np.ndarray:
    """A member's logits ``(n, 3)``, from the definition, over dense rows."""
    place = {key: j for j, key in enumerate(view.hashes.tolist())}
    table = np.zeros((len(texts), view.size))
    for i, text in enumerate(texts):
        for token in tokenize(text, view.recipe.features):
            if token.hash in place:
                table[i, place[token.hash]] += 1
    table = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0) * view.weights
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    hidden = table @ member.rows + member.bias
    if not member.layers:
        return hidden
    dense: np.ndarray = (
        np.maximum(hidden, 0) @ member.arrays["layer1.kernel"] + member.arrays["layer1.bias"]
    )
    return dense


def put_together(views: list[View], shares: list[Share], row_type: str = "float32") -> Parts:
    return assemble(
        views,
        shares,
        task="single",
        labels=TARGETS.label_texts,
        label_type=TARGETS.label_type,
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
        fit_view(CORPUS.counted(recipes[number].features), TARGETS, recipes[number])
        for number in used
    ]
    shares = []
    for number, make, scale in shape:
        place = used.index(number)
        shares.append(Share(place, make(views[place], random), scale))
    expected = sum(share.scale * restated(views[share.view], share.member, NEW) for share in shares)
    for row_type, tolerance in (("float32", 1e-4), ("float16", 0.02), ("int8", 0.3)):
        parts = put_together(views, shares, row_type)
        found = Model(sealed.loads(sealed.dumps(parts))).scores(NEW)
        assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def fitted(texts: list[str], labels: list, **changes: object) -> Parts:
    asked = Settings(**{"effort": "fast", "hidden": 16, "epochs": 4} | changes)
    return fitting.fit(texts, encode(labels), asked, silent)


def test_a_fitted_model_is_sealed_as_it_answers() -> None:
    parts = fitted(TEXTS, TRUE, effort="balanced")
    again = sealed.loads(sealed.dumps(parts))
    np.testing.assert_array_equal(Model(again).scores(NEW), Model(parts).scores(NEW))
    assert again.manifest.training.documents == len(TEXTS)
    assert again.manifest.training.class_counts == (15, 15, 15)
    assert all(np.diff(again.arrays["view0.hashes"].astype(object)) > 0)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_pruning_keeps_the_strongest(monkeypatch: pytest.MonkeyPatch, effort: str) -> None:
    plan = fitting.plan
    monkeypatch.setattr(
        fitting, "plan", lambda *args: dataclasses.replace(plan(*args), maximum_features=40)
    )
    texts, labels = corpus(90)
    parts = fitted(texts, labels, effort=effort, words=1)
    for view in parts.manifest.views:
        assert view.size == 40
    kept = set(parts.arrays["view0.hashes"].tolist())
    features = parts.manifest.views[0].features

    def survivors(words: list[str]) -> int:
        return sum(token.hash in kept for token in tokenize(" ".join(words), features))

    topical = [word for words in TOPIC.values() for word in words]
    assert survivors(topical) == len(topical) == 30
    assert survivors(COMMON) <= 10
    accuracy = Model(parts).predict(corpus(45, seed=1)[0])
    assert np.mean(np.array(accuracy) == corpus(45, seed=1)[1]) > 0.95


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_empty_documents_change_nothing_but_are_not_counted(effort: str) -> None:
    with_empty = fitted(["", *TEXTS, "\n \t"], [TRUE[0], *TRUE, TRUE[1]], effort=effort)
    without = fitted(TEXTS, TRUE, effort=effort)
    assert sealed.dumps(with_empty) == sealed.dumps(without)


def test_nothing_but_empty_documents_is_told() -> None:
    with pytest.raises(TextError, match="found none that has a single one"):
        fitted(["", " ", "\n"], ["a", "b", "a"])


def test_settings_and_trials_are_told_in_the_manifest() -> None:
    training = fitted(TEXTS, TRUE, effort="balanced", seed=5).manifest.training
    assert training.seed == 5
    assert training.effort == "balanced"
    assert {"numpy", "keras"} <= training.versions.keys()
    assert training.settings
    assert sum(trial.chosen for trial in training.trials) == 1
    assert all(trial.metric == "accuracy" for trial in training.trials)
