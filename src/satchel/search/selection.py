"""Model selection: the best linear member, then further members while validation improves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from satchel.features.spec import Features
from satchel.inference.structure import Trial
from satchel.search.calibration import fit_scale, fit_thresholds, sigmoid
from satchel.search.plan import LINEAR_SCALE, MANY_DOCUMENTS, MANY_PER_CLASS, EnsembleOption, Plan
from satchel.search.recipe import Candidate, LinearRecipe, Recipe, ViewRecipe
from satchel.search.validation import CrossValidator

MIN_GAIN = 0.75
"""A member is added if the sum improves by more than this many standard errors."""


def add_members(
    kinds: Sequence[EnsembleOption], recipe: Recipe, validator: CrossValidator
) -> Recipe:
    """Add members greedily: always the one that helps most, while any helps.

    Args:
        kinds: What may be added, each more than once.
        recipe: The sum so far, of linear members.
        validator: Folds, log and clock.

    Returns:
        The sum with the added members.
    """
    pool = _candidates(kinds, recipe)
    if validator.clock.budget is None:
        validator.prepare(pool)
    pool = [candidate for candidate in pool if _evaluate_alone(candidate, validator)]
    while pool and validator.clock.allows():
        steps = [recipe.with_added(candidate, _step(candidate)) for candidate in pool]
        best = max(steps, key=validator.measure)
        if not validator.beats(best, recipe, MIN_GAIN):
            break
        added = next(each for each, step in zip(pool, steps, strict=True) if step is best)
        recipe = best
        validator.log(f"with {_described(added)}", validator.measure(recipe))
    return recipe


def _candidates(kinds: Sequence[EnsembleOption], recipe: Recipe) -> list[Candidate]:
    """The candidates that a plan may add to the recipe so far.

    They read the selected words with the selected weights, and characters where those were
    selected.
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
            weighted = view if extra.entropy else replace(view, entropy=None)
            added.append(Candidate(weighted, extra.member))
    return [each for each in dict.fromkeys(added) if each not in recipe.candidates]


def _evaluate_alone(candidate: Candidate, validator: CrossValidator) -> bool:
    """Evaluate a candidate alone, for the log; False where the budget allows no more trials."""
    if not validator.clock.allows():
        return False
    alone = Recipe((candidate,), (1.0,))
    validator.log(f"{_described(candidate)} alone", validator.measure(alone))
    return True


def _described(candidate: Candidate) -> str:
    """Describe a candidate in the name of a trial, which is written into model files."""
    view, features = candidate.view, candidate.view.features
    source = "characters" if features.characters else f"words {features.words}"
    if features.strip:
        source += " of the body"
    if view.parts:
        source += " and parts"
    weighted = "" if view.entropy else ", entropy None"
    return f"{type(candidate.member).__name__.removesuffix('Recipe').lower()}, {source}{weighted}"


def _step(candidate: Candidate) -> float:
    return 0.5 * (LINEAR_SCALE if isinstance(candidate.member, LinearRecipe) else 1.0)


TIE = 1.0
"""The usual winner is kept unless another beats it by more than this many standard errors."""
MAX_LOSS = 0.001
"""A member that usually helps is kept unless it lowers the metric by more than this."""


@dataclass(frozen=True)
class SelectedRecipe:
    """What validation selected: all that is needed to train it on any documents of the task.

    Attributes:
        recipe: Candidates and their scales.
        labels: The classes that it was selected for.
        thresholds: One per label for several labels per document, else empty.
        features: Those of the first view: a document without any of them is dropped.
        minimum_documents: Features in fewer documents are used by no view.
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
        """Thresholds of these labels; a label unseen in validation gets the median."""
        if not len(self.thresholds):
            return self.thresholds
        known = dict(zip(self.labels.tolist(), self.thresholds.tolist(), strict=True))
        middle = float(np.median(self.thresholds))
        return np.array([known.get(label, middle) for label in labels.tolist()])


def choose(plan: Plan, validator: CrossValidator) -> SelectedRecipe:
    """Decide the plan's topics in turn, then calibrate the sum.

    Args:
        plan: The first recipe and the topics.
        validator: Folds, log and clock; without folds the plan's first recipe is selected.
    """
    targets = validator.corpus.targets
    recipe = plan.first
    thresholds = np.full(len(targets.labels) if targets.task == "multiple" else 0, 0.5)
    if validator.folds:
        if plan.linear is not None:
            recipe = _choose_linear(plan, plan.linear, validator)
            recipe = add_members(plan.extra, recipe, validator)
            recipe = _add_nets(plan, recipe, validator)
        validator.log("the sum of all members", validator.measure(recipe), chosen=True)
        recipe, thresholds = _calibrated(recipe, validator)
    return SelectedRecipe(
        recipe,
        targets.labels,
        thresholds,
        plan.view.features,
        plan.view.minimum_documents,
        plan.maximum_features,
        tuple(validator.trials),
    )


def _best_first(options: Sequence[tuple[str, Recipe]], validator: CrossValidator) -> Recipe:
    """The first option that is tied with the best; once the budget is spent, no more are tried."""
    tried: list[Recipe] = []
    if validator.clock.budget is None:
        validator.prepare(candidate for _, recipe in options for candidate in recipe.candidates)
    for name, recipe in options:
        if tried and not validator.clock.allows():
            break
        tried.append(recipe)
        validator.log(name, validator.measure(recipe))
    best = max(tried, key=validator.measure)
    return next(recipe for recipe in tried if not validator.beats(best, recipe, TIE))


def _choose_linear(plan: Plan, linear: LinearRecipe, validator: CrossValidator) -> Recipe:
    view = plan.view

    def best_view(name: str, views: Iterable[tuple[object, ViewRecipe]]) -> ViewRecipe:
        options = [
            (f"{name} {value}", Recipe((Candidate(each, linear),), (LINEAR_SCALE,)))
            for value, each in views
        ]
        return _best_first(options, validator).candidates[0].view

    recipe = Recipe((Candidate(view, linear),), (LINEAR_SCALE,))
    for topic in plan.topics:
        if topic == "words":
            targets = validator.corpus.targets
            orders = (2, 1) if len(targets) >= MANY_PER_CLASS * len(targets.labels) else (1, 2)
            view = best_view(
                "words",
                [(n, replace(view, features=replace(view.features, words=n))) for n in orders],
            )
        elif topic == "fields":
            view = best_view(
                "fields",
                [
                    (on, replace(view, features=replace(view.features, fields=on)))
                    for on in (True, False)
                ],
            )
        elif topic == "entropy":
            bases = dict.fromkeys((view.entropy, 1.5, 1.2, None))
            view = best_view("entropy", [(base, replace(view, entropy=base)) for base in bases])
        if topic in ("words", "fields", "entropy"):
            recipe = Recipe((Candidate(view, linear),), (LINEAR_SCALE,))
        elif topic == "characters" and plan.characters is not None:
            characters = replace(plan.characters, entropy=view.entropy)
            if not view.features.fields:
                bare = replace(characters.features, words=0, fields=False)
                characters = replace(characters, features=bare, only_fields=False)
            added = recipe.with_added(Candidate(characters, linear), LINEAR_SCALE)
            recipe = _kept_unless_harmful("characters", added, recipe, validator)
        elif topic == "C":
            recipe = _choose_regularisation(recipe, linear, validator)
    return recipe


def _choose_regularisation(
    recipe: Recipe, linear: LinearRecipe, validator: CrossValidator
) -> Recipe:
    """One ``C`` for every linear member; that of characters is never above the first one's."""
    options = []
    for factor in (1.0, 0.3, 3.0):
        candidates = []
        for each in recipe.candidates:
            own = min(factor, 1.0) if each.view.features.characters else factor
            solver = replace(linear, C=linear.C * own)
            candidates.append(Candidate(each.view, solver))
        option = Recipe(tuple(candidates), recipe.scales)
        options.append((f"cost {linear.C * factor:g}", option))
    return _best_first(options, validator)


def _kept_unless_harmful(
    name: str, added: Recipe, recipe: Recipe, validator: CrossValidator
) -> Recipe:
    if not validator.clock.allows():
        return recipe
    without, result = validator.measure(recipe), validator.measure(added)
    validator.log(f"with {name}", result)
    return added if result >= without - MAX_LOSS else recipe


def _add_nets(plan: Plan, recipe: Recipe, validator: CrossValidator) -> Recipe:
    """Add the networks, as a group, on words."""
    if not plan.nets:
        return recipe
    view = recipe.candidates[0].view
    if len(validator.corpus.texts) >= MANY_DOCUMENTS and view.features.words > 1:
        # With many documents there are so many bigrams that a network overfits to them.
        view = replace(view, features=replace(view.features, words=1))
    added = recipe
    for net in plan.nets:
        added = added.with_added(Candidate(view, net), 1.0 / len(plan.nets))
    if any(len(fold.train) > validator.max_network_documents for fold in validator.folds):
        # Folds train networks on a subset of so many documents: that suffices to calibrate the sum,
        # but does not show what a network trained on all of them adds.
        validator.log("with networks", validator.measure(added))
        return added
    return _kept_unless_harmful("networks", added, recipe, validator)


def _calibrated(recipe: Recipe, validator: CrossValidator) -> tuple[Recipe, np.ndarray]:
    """Scale the sum so that its probabilities are calibrated (Guo et al. 2017).

    Returns:
        The recipe with calibrated scales, and for several labels per document their thresholds.
    """
    scores = np.concatenate(validator.sums(recipe))
    truths = validator.truths
    multiple = validator.corpus.targets.task == "multiple"
    truth = np.concatenate([each.table() if multiple else each.classes for each in truths])
    weights = np.concatenate([each.counting for each in truths])
    task = validator.corpus.targets.task
    factor = fit_scale(scores, truth, task, weights=weights)
    scaled = Recipe(recipe.candidates, tuple(scale * factor for scale in recipe.scales))
    thresholds = np.zeros(0)
    if multiple:
        thresholds = fit_thresholds(sigmoid(factor * scores), truth, weights)
    return scaled, np.clip(thresholds, 0.0, 1.0)
