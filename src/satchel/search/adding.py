"""Adding members to a sum, one at a time, as long as documents held out gain by it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from satchel.search.plans import LINEAR_SCALE, Extra
from satchel.search.recipe import Candidate, LinearRecipe, Recipe
from satchel.search.trials import Bench

HOPEFUL = 0.75
"""A member is added if the sum gains more than so many standard errors."""


def add_members(kinds: Sequence[Extra], recipe: Recipe, bench: Bench) -> Recipe:
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


def _candidates(kinds: Sequence[Extra], recipe: Recipe) -> list[Candidate]:
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


def _affordable(candidate: Candidate, bench: Bench) -> bool:
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
