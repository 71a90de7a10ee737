"""Choosing a recipe: questions answered in turn on documents held out of the training part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from satchel.search import combine
from satchel.search.adding import add_members
from satchel.search.plans import LINEAR_SCALE, MANY_A_CLASS, MANY_DOCUMENTS, Plan
from satchel.search.recipe import (
    Candidate,
    LinearRecipe,
    Recipe,
    ViewRecipe,
)
from satchel.search.trials import Bench

SURE = 1.0
"""What mostly wins is kept unless another beats it by more than so many standard errors."""
HARM = 0.001
"""A member that mostly helps is kept unless it takes away more than this."""


@dataclass(frozen=True)
class Choice:
    """What validation decided.

    Attributes:
        recipe: Candidates and their scales.
        thresholds: One a label for several labels a document, else empty.
    """

    recipe: Recipe
    thresholds: np.ndarray


def choose(plan: Plan, bench: Bench) -> Choice:
    """Answer the plan's questions in turn, then bring the sum to probabilities.

    Args:
        plan: The first recipe and the questions.
        bench: Folds, log and clock; without folds the plan's first recipe stands.
    """
    if not bench.folds:
        classes = len(bench.corpus.targets.labels)
        several = bench.corpus.targets.task == "multiple"
        return Choice(plan.first, np.full(classes if several else 0, 0.5))
    recipe = plan.first
    if plan.linear is not None:
        recipe = _choose_linear(plan, plan.linear, bench)
        recipe = add_members(plan.extra, recipe, bench)
        recipe = _add_nets(plan, recipe, bench)
    bench.log("the sum of all members", bench.measure(recipe), chosen=True)
    return _calibrated(recipe, bench)


def _best_first(options: Sequence[tuple[str, Recipe]], bench: Bench) -> Recipe:
    """The first option that none beats by more than a tie; no further trials after the budget."""
    judged: list[Recipe] = []
    if bench.clock.budget is None:
        bench.prepare(candidate for _, recipe in options for candidate in recipe.candidates)
    for name, recipe in options:
        if judged and not bench.clock.allows():
            break
        judged.append(recipe)
        bench.log(name, bench.measure(recipe))
    best = max(judged, key=bench.measure)
    return next(recipe for recipe in judged if not bench.beats(best, recipe, SURE))


def _choose_linear(plan: Plan, linear: LinearRecipe, bench: Bench) -> Recipe:
    view = plan.view

    def ask(name: str, views: Iterable[tuple[object, ViewRecipe]]) -> ViewRecipe:
        options = [
            (f"{name} {value}", Recipe((Candidate(each, linear),), (LINEAR_SCALE,)))
            for value, each in views
        ]
        return _best_first(options, bench).candidates[0].view

    recipe = Recipe((Candidate(view, linear),), (LINEAR_SCALE,))
    for topic in plan.topics:
        if topic == "words":
            targets = bench.corpus.targets
            orders = (2, 1) if len(targets) >= MANY_A_CLASS * len(targets.labels) else (1, 2)
            view = ask(
                "words",
                [(n, replace(view, features=replace(view.features, words=n))) for n in orders],
            )
        elif topic == "fields":
            view = ask(
                "fields",
                [
                    (on, replace(view, features=replace(view.features, fields=on)))
                    for on in (True, False)
                ],
            )
        elif topic == "entropy":
            bases = dict.fromkeys((view.entropy, 1.5, 1.2, None))
            view = ask("entropy", [(base, replace(view, entropy=base)) for base in bases])
        if topic in ("words", "fields", "entropy"):
            recipe = Recipe((Candidate(view, linear),), (LINEAR_SCALE,))
        elif topic == "characters" and plan.characters is not None:
            characters = replace(plan.characters, entropy=view.entropy)
            if not view.features.fields:
                bare = replace(characters.features, words=0, fields=False)
                characters = replace(characters, features=bare, only_fields=False)
            added = recipe.with_added(Candidate(characters, linear), LINEAR_SCALE)
            recipe = _kept_unless_harmful("characters", added, recipe, bench)
        elif topic == "cost":
            recipe = _choose_cost(recipe, linear, bench)
    return recipe


def _choose_cost(recipe: Recipe, linear: LinearRecipe, bench: Bench) -> Recipe:
    """One cost for every linear member, that of characters never above the first one's."""
    options = []
    for factor in (1.0, 0.3, 3.0):
        candidates = []
        for each in recipe.candidates:
            own = min(factor, 1.0) if each.view.features.characters else factor
            solver = replace(linear, cost=linear.cost * own)
            candidates.append(Candidate(each.view, solver))
        option = Recipe(tuple(candidates), recipe.scales)
        options.append((f"cost {linear.cost * factor:g}", option))
    return _best_first(options, bench)


def _kept_unless_harmful(name: str, added: Recipe, recipe: Recipe, bench: Bench) -> Recipe:
    if not bench.clock.allows():
        return recipe
    without, result = bench.measure(recipe), bench.measure(added)
    bench.log(f"with {name}", result)
    return added if result >= without - HARM else recipe


def _add_nets(plan: Plan, recipe: Recipe, bench: Bench) -> Recipe:
    """The networks, as a group, on words."""
    if not plan.nets:
        return recipe
    view = recipe.candidates[0].view
    if len(bench.corpus.texts) >= MANY_DOCUMENTS and view.features.words > 1:
        # With many documents there are so many pairs that a network learns them by heart.
        view = replace(view, features=replace(view.features, words=1))
    added = recipe
    for net in plan.nets:
        added = added.with_added(Candidate(view, net), 1.0 / len(plan.nets))
    if any(len(fold.learn) > bench.network_learnt for fold in bench.folds):
        # Folds train networks on a part of so many documents: that tells how sure of itself the
        # sum is, but not what a network on all of them adds.
        bench.log("with networks", bench.measure(added))
        return added
    return _kept_unless_harmful("networks", added, recipe, bench)


def _calibrated(recipe: Recipe, bench: Bench) -> Choice:
    """Bring the sum to the scale on which its probabilities are honest (Guo et al. 2017)."""
    scores = bench.sums(recipe)
    together = np.concatenate(scores)
    truth = np.concatenate([targets.indicator for targets in bench.truths])
    task = bench.corpus.targets.task
    factor = float(combine.fit_scales(together[None], truth, task)[0])
    scaled = Recipe(recipe.candidates, tuple(scale * factor for scale in recipe.scales))
    thresholds = np.zeros(0)
    if task == "multiple":
        thresholds = combine.fit_thresholds(1.0 / (1.0 + np.exp(-factor * together)), truth)
    return Choice(scaled, np.clip(thresholds, 0.0, 1.0))
