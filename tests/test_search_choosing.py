"""What validation decides: which differences count, and which members are added."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from satchel.features.spec import Features
from satchel.progress import silent
from satchel.search.dataset import Corpus
from satchel.search.plan import EnsembleOption, Plan
from satchel.search.recipe import BayesRecipe, Candidate, LinearRecipe, Recipe, ViewRecipe
from satchel.search.selection import add_members, choose
from satchel.search.settings import Settings
from satchel.search.targets import encode
from satchel.search.validation import Clock, CrossValidator, Fold

pytestmark = pytest.mark.fast

N = 400
TRUTH = np.arange(N) % 2
VIEW = ViewRecipe()
SOLVER, BAYES = Candidate(VIEW, LinearRecipe()), Candidate(VIEW, BayesRecipe())
SINGLE = Candidate(replace(VIEW, features=replace(VIEW.features, words=1)), LinearRecipe())


def logits(right: np.ndarray, sure: float = 1.0) -> np.ndarray:
    """Scores that name the true class where they are right."""
    named = np.where(right, TRUTH, 1 - TRUTH)
    return (sure * np.eye(2)[named]).astype(np.float32)


def validator(held_out: dict[Candidate, np.ndarray], budget: float | None = None) -> CrossValidator:
    """Held-out scores of candidates as if they had been trained on two folds."""
    texts = [f"document {number}" for number in range(N)]
    corpus = Corpus(texts, encode([str(c) for c in TRUTH]), Features())
    halves = np.array_split(np.arange(N), 2)
    folds = [Fold(train=halves[1], test=halves[0]), Fold(train=halves[0], test=halves[1])]
    made = CrossValidator(corpus, folds, Settings(), Clock(budget), silent)
    made._logits = {each: np.split(scores, 2) for each, scores in held_out.items()}
    return made


def alone(candidate: Candidate) -> Recipe:
    return Recipe((candidate,), (1.0,))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_only_documents_that_one_alone_gets_right_count(mine: int, yours: int, both: int) -> None:
    place = np.arange(N)
    one = (place < mine) | (place >= N - both)
    other = ((place >= mine) & (place < mine + yours)) | (place >= N - both)
    made = validator({SOLVER: logits(one), BAYES: logits(other)})
    gain, error = mine - yours, np.sqrt(mine + yours)
    for errors in (0.5, 1.0, 2.0):
        if abs(gain - errors * error) > 1e-6:
            assert made.beats(alone(SOLVER), alone(BAYES), errors) == (gain > errors * error)
    assert not made.beats(alone(SOLVER), alone(SOLVER), 0.0)


@pytest.mark.parametrize("budget", [None, 60.0])
def test_a_member_that_mends_documents_is_added_and_others_are_not(budget: float | None) -> None:
    place = np.arange(N)
    unsure = logits(place >= 40)  # wrong on 40
    mends = np.where(place[:, None] < 40, logits(np.ones(N, bool), 3.0), 0.0).astype(np.float32)
    harms = logits(place % 2 == 0, 0.1)
    made = validator({SOLVER: unsure, BAYES: mends, SINGLE: harms}, budget)
    kinds = (EnsembleOption("words", BayesRecipe()), EnsembleOption("single words", LinearRecipe()))
    recipe = add_members(kinds, Recipe((SOLVER,), (1.0,)), made)
    assert recipe.candidates == (SOLVER, BAYES)
    assert made.measure(recipe) == 1.0
    assert [trial.name for trial in made.trials] == [
        "bayes, words 2 alone",
        "linear, words 1 alone",
        "with bayes, words 2",
    ]


def test_nothing_is_added_where_nothing_helps() -> None:
    place = np.arange(N)
    made = validator({SOLVER: logits(place >= 40), BAYES: logits(place < 40, 0.1)})
    recipe = Recipe((SOLVER,), (1.0,))
    assert add_members((EnsembleOption("words", BayesRecipe()),), recipe, made) == recipe
    # Characters are not among what was chosen, so that nothing on them can be added.
    assert add_members((EnsembleOption("characters", BayesRecipe()),), recipe, made) == recipe


@pytest.mark.parametrize("fields_help", [True, False])
def test_characters_see_fields_where_words_do(fields_help: bool) -> None:
    words = replace(VIEW, features=Features(fields=True))
    without = replace(VIEW, features=Features(fields=False))
    grams = replace(VIEW, features=Features(words=1, characters=(4, 4), fields=True))
    grams = replace(grams, only_fields=True)
    bare = replace(VIEW, features=Features(words=0, characters=(4, 4)))
    place = np.arange(N)
    good, bad = logits(place >= 20), logits(place >= 200)
    scores = {words: good if fields_help else bad, without: bad if fields_help else good}
    scores |= {grams: good, bare: good}
    made = validator({Candidate(view, LinearRecipe()): each for view, each in scores.items()})
    plan = Plan(words, LinearRecipe(), characters=grams, topics=("fields", "characters"))
    chosen = choose(plan, made).recipe.views
    assert chosen == ((words, grams) if fields_help else (without, bare))
