"""A recipe in words, for the manifest and for people."""

from __future__ import annotations

from satchel.search.recipe import BayesRecipe, LinearRecipe, MemberRecipe, Recipe, ViewRecipe


def describe(recipe: Recipe) -> dict[str, str]:
    """Say what was chosen.

    Args:
        recipe: What was trained.

    Returns:
        ``view 0``, ``member 0`` … and a line on each.
    """
    views = recipe.views
    said = {f"view {number}": view_line(view) for number, view in enumerate(views)}
    for number, (candidate, scale) in enumerate(zip(recipe.candidates, recipe.scales, strict=True)):
        said[f"member {number}"] = (
            f"{member_line(candidate.member)}, on view {views.index(candidate.view)}, "
            f"weight {scale:.3g}"
        )
    return said


def view_line(view: ViewRecipe) -> str:
    """One line on a view."""
    features = view.features
    said = []
    if features.words and not view.only_fields:
        names = {1: "words", 2: "words and pairs of words"}
        said.append(names.get(features.words, f"word 1–{features.words}-grams"))
    if features.characters is not None:
        said.append("characters {}–{}".format(*features.characters))
    if features.fields:
        said.append("header fields and other parts" if view.parts else "header fields")
    if features.strip:
        said.append(f"without {', '.join(features.strip)}")
    weight = view.weights if view.entropy is None else f"{view.weights} × class entropy"
    return f"{', '.join(said)}; {weight}; in {view.minimum_documents} documents or more"


def member_line(member: MemberRecipe) -> str:
    """One line on a member."""
    if isinstance(member, BayesRecipe):
        return "complement naive Bayes"
    if isinstance(member, LinearRecipe):
        name = "linear SVM" if member.loss == "squared_hinge" else "logistic regression"
        return f"{name}, cost {member.cost:g}"
    return f"network, hidden {member.hidden}, {member.epochs} epochs"
