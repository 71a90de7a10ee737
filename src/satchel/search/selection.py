"""Which recipe wins: the best linear member, then others while held-out documents gain by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from satchel.features.spec import Features
from satchel.inference.structure import Trial
from satchel.search.calibration import fit_scale, fit_thresholds, sigmoid
from satchel.search.plan import LINEAR_SCALE, MANY_A_CLASS, MANY_DOCUMENTS, EnsembleOption, Plan
from satchel.search.recipe import Candidate, LinearRecipe, Recipe, ViewRecipe
from satchel.search.validation import CrossValidator

HOPEFUL = 0.75
"""A member is added if the sum gains more than so many standard errors."""


def add_members(kinds: Sequence[EnsembleOption], recipe: Recipe, bench: CrossValidator) -> Recipe:
    """Add members bit by bit, always the one that helps most, while one helps at all.

    Args:
        kinds: What may be added; the same more than once.
        recipe: The sum so far, of linear members.
        bench: Folds, log and clock.

    Returns:
        The sum with what was added.
    """
    pool = _candidates(kinds, recipe)
    if bench.clock.budget is None:
        bench.prepare(pool)
    pool = [candidate for candidate in pool if _affordable(candidate, bench)]
    while pool and bench.clock.allows():
        steps = [recipe.with_added(candidate, _step(candidate)) for candidate in pool]
        best = max(steps, key=bench.measure)
        if not bench.beats(best, recipe, HOPEFUL):
            break
        added = next(each for each, step in zip(pool, steps, strict=True) if step is best)
        recipe = best
        bench.log(f"with {_described(added)}", bench.measure(recipe))
    return recipe


def _candidates(kinds: Sequence[EnsembleOption], recipe: Recipe) -> list[Candidate]:
    """The candidates that a plan may add to what was chosen.

    They see the chosen words with the chosen weights, and characters where those were chosen.
    """
    words = recipe.candidates[0].view
    single = replace(words, features=replace(words.features, words=1))
    bare = replace(words.features, fields=False, strip=("headers", "quotes", "signatures"))
    characters = [each.view for each in recipe.candidates if each.view.features.characters]
    views = {
        "words": [words],
        "single words": [single] if words.features.words > 1 else [],
        "parts": [replace(words, parts=True)] if words.features.fields else [],
        "bare": [replace(words, features=bare)] if words.features.fields else [],
        "characters": characters,
    }
    added = []
    for extra in kinds:
        for view in views[extra.view]:
            weighed = view if extra.entropy else replace(view, entropy=None)
            added.append(Candidate(weighed, extra.member))
    return [each for each in dict.fromkeys(added) if each not in recipe.candidates]


def _affordable(candidate: Candidate, bench: CrossValidator) -> bool:
    if not bench.clock.allows():
        return False
    alone = Recipe((candidate,), (1.0,))
    bench.log(f"{_described(candidate)} alone", bench.measure(alone))
    return True


def _described(candidate: Candidate) -> str:
    view, features = candidate.view, candidate.view.features
    seen = "characters" if features.characters else f"words {features.words}"
    if features.strip:
        seen += " of the body"
    if view.parts:
        seen += " and parts"
    weighed = "" if view.entropy else ", entropy None"
    return f"{type(candidate.member).__name__.removesuffix('Recipe').lower()}, {seen}{weighed}"


def _step(candidate: Candidate) -> float:
    return 0.5 * (LINEAR_SCALE if isinstance(candidate.member, LinearRecipe) else 1.0)


SURE = 1.0
"""What mostly wins is kept unless another beats it by more than so many standard errors."""
HARM = 0.001
"""A member that mostly helps is kept unless it takes away more than this."""


@dataclass(frozen=True)
class SelectedRecipe:
    """What validation decided: all that is needed to train it on any documents of the task.

    Attributes:
        recipe: Candidates and their scales.
        labels: The classes that it was chosen for.
        thresholds: One a label for several labels a document, else empty.
        features: Those of the first view: a document without any of them is left out.
        minimum_documents: Features in fewer documents are of no use to any view.
        maximum_features: The most features of a view in the finished model; None for no limit.
        trials: What was tried.
    """

    recipe: Recipe
    labels: np.ndarray
    thresholds: np.ndarray
    features: Features
    minimum_documents: int
    maximum_features: int | None
    trials: tuple[Trial, ...]

    def thresholds_for(self, labels: np.ndarray) -> np.ndarray:
        """Thresholds of these labels; one that was not there to be judged gets the median."""
        if not len(self.thresholds):
            return self.thresholds
        known = dict(zip(self.labels.tolist(), self.thresholds.tolist(), strict=True))
        middle = float(np.median(self.thresholds))
        return np.array([known.get(label, middle) for label in labels.tolist()])


def choose(plan: Plan, bench: CrossValidator) -> SelectedRecipe:
    """Answer the plan's questions in turn, then bring the sum to probabilities.

    Args:
        plan: The first recipe and the questions.
        bench: Folds, log and clock; without folds the plan's first recipe stands.
    """
    targets = bench.corpus.targets
    recipe = plan.first
    thresholds = np.full(len(targets.labels) if targets.task == "multiple" else 0, 0.5)
    if bench.folds:
        if plan.linear is not None:
            recipe = _choose_linear(plan, plan.linear, bench)
            recipe = add_members(plan.extra, recipe, bench)
            recipe = _add_nets(plan, recipe, bench)
        bench.log("the sum of all members", bench.measure(recipe), chosen=True)
        recipe, thresholds = _calibrated(recipe, bench)
    return SelectedRecipe(
        recipe,
        targets.labels,
        thresholds,
        plan.view.features,
        plan.view.minimum_documents,
        plan.maximum_features,
        tuple(bench.trials),
    )


def _best_first(options: Sequence[tuple[str, Recipe]], bench: CrossValidator) -> Recipe:
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


def _choose_linear(plan: Plan, linear: LinearRecipe, bench: CrossValidator) -> Recipe:
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


def _choose_cost(recipe: Recipe, linear: LinearRecipe, bench: CrossValidator) -> Recipe:
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


def _kept_unless_harmful(name: str, added: Recipe, recipe: Recipe, bench: CrossValidator) -> Recipe:
    if not bench.clock.allows():
        return recipe
    without, result = bench.measure(recipe), bench.measure(added)
    bench.log(f"with {name}", result)
    return added if result >= without - HARM else recipe


def _add_nets(plan: Plan, recipe: Recipe, bench: CrossValidator) -> Recipe:
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


def _calibrated(recipe: Recipe, bench: CrossValidator) -> tuple[Recipe, np.ndarray]:
    """Bring the sum to the scale on which its probabilities are honest (Guo et al. 2017).

    Returns:
        The recipe with its scales brought there, and the thresholds of several labels.
    """
    scores = np.concatenate(bench.sums(recipe))
    truths = bench.truths
    several = bench.corpus.targets.task == "multiple"
    truth = np.concatenate([each.table() if several else each.classes for each in truths])
    weights = np.concatenate([each.counting for each in truths])
    task = bench.corpus.targets.task
    factor = fit_scale(scores, truth, task, weights=weights)
    scaled = Recipe(recipe.candidates, tuple(scale * factor for scale in recipe.scales))
    thresholds = np.zeros(0)
    if several:
        thresholds = fit_thresholds(sigmoid(factor * scores), truth, weights)
    return scaled, np.clip(thresholds, 0.0, 1.0)
