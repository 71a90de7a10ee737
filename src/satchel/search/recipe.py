"""Recipes: everything that decides what is trained, as plain data that validation selects from."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.features.spec import Features, Weighting

Loss = Literal["squared_hinge", "logistic"]


class ViewRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """How one view of the documents is derived from the counted features.

    Attributes:
        features: Which features it contains.
        parts: Whether ``features.fields`` covers quotes, signature and first line too, not only
            header fields.
        only_fields: Whether it contains field tokens but no words, beside characters.
        weighting: How counts become values.
        weights: The weight of a feature: ``idf`` (smoothed, as scikit-learn's), ``keras_idf`` (as
            Keras's Tokenizer) or ``none``.
        entropy: The base of the class-entropy weight, a further factor; None for no such weight.
        minimum_documents: Features in fewer documents are dropped; field tokens never are.
        maximum_features: The most features kept, the most frequent first; None keeps all.
        keep_by: Frequency by which features are kept: documents, or occurrences (Keras's rule).
    """

    features: Features = Features()
    parts: bool = False
    only_fields: bool = False
    weighting: Weighting = Weighting(norm="l2_fields")
    weights: Literal["idf", "keras_idf", "none"] = "idf"
    entropy: float | None = 1.5
    minimum_documents: int = 2
    maximum_features: int | None = None
    keep_by: Literal["documents", "occurrences"] = "documents"


class LinearRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="linear"):
    """A linear member: one-vs-rest, one column per class, without a head.

    Attributes:
        loss: ``squared_hinge`` (a linear SVM) or ``logistic``.
        C: Inverse regularisation strength, as in scikit-learn.
        max_iter: The most passes over the documents; with many documents the last few change no
            prediction.
    """

    loss: Loss = "squared_hinge"
    C: float = 1.0
    max_iter: int = 6


class BayesRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="bayes"):
    """Complement naive Bayes, fitted in closed form: also a linear member."""


class NetRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="net"):
    """A network: the bag layer in Numba, the head in Keras.

    Attributes:
        hidden: Width of the bag layer.
        dropout: Share of hidden units dropped in training.
        epochs: Passes over the documents.
        batch_size: Documents per step.
        learning_rate: The initial learning rate; it falls linearly to 0.
        label_smoothing: Share of the target spread over all classes.
        head: ``default`` (ReLU, dropout, dense), ``tutorial`` (512-512 with Adam) or ``own``
            (the callable that the user gave).
        validation_share: Share of the documents held out for validation, taken from the end.
        variant: Added to the seed, so that several networks of one kind differ.
    """

    hidden: int = 64
    dropout: float = 0.5
    epochs: int = 5
    batch_size: int = 64
    learning_rate: float = 0.1
    label_smoothing: float = 0.0
    head: Literal["default", "tutorial", "own"] = "default"
    validation_share: float = 0.0
    variant: int = 0


MemberRecipe = LinearRecipe | BayesRecipe | NetRecipe


class Candidate(msgspec.Struct, frozen=True):
    """A member on a view: it can be trained, evaluated and added to a sum.

    Attributes:
        view: The view that it reads.
        member: The member.
    """

    view: ViewRecipe
    member: MemberRecipe


class Recipe(msgspec.Struct, frozen=True):
    """A weighted sum of candidates.

    Attributes:
        candidates: At least one.
        scales: The factor of the logits of each.
    """

    candidates: tuple[Candidate, ...]
    scales: tuple[float, ...]

    @property
    def views(self) -> tuple[ViewRecipe, ...]:
        """The distinct views, in order of first use."""
        return tuple(dict.fromkeys(candidate.view for candidate in self.candidates))

    @property
    def networks(self) -> tuple[NetRecipe, ...]:
        """The networks among the members."""
        members = (candidate.member for candidate in self.candidates)
        return tuple(member for member in members if isinstance(member, NetRecipe))

    def with_added(self, candidate: Candidate, scale: float) -> Recipe:
        """The recipe with a candidate added, or with the scale of an existing one raised."""
        if candidate in self.candidates:
            place = self.candidates.index(candidate)
            scales = list(self.scales)
            scales[place] += scale
            return Recipe(self.candidates, tuple(scales))
        return Recipe((*self.candidates, candidate), (*self.scales, scale))


def describe(recipe: Recipe) -> dict[str, str]:
    """Describe a recipe; the lines are written into model files.

    Args:
        recipe: What was trained.

    Returns:
        ``view 0``, ``member 0`` …, each with one line.
    """
    views = recipe.views
    lines = {f"view {number}": view_line(view) for number, view in enumerate(views)}
    for number, (candidate, scale) in enumerate(zip(recipe.candidates, recipe.scales, strict=True)):
        lines[f"member {number}"] = (
            f"{member_line(candidate.member)}, on view {views.index(candidate.view)}, "
            f"weight {scale:.3g}"
        )
    return lines


def view_line(view: ViewRecipe) -> str:
    """One line about a view."""
    features = view.features
    parts = []
    if features.words and not view.only_fields:
        names = {1: "words", 2: "words and pairs of words"}
        parts.append(names.get(features.words, f"word 1–{features.words}-grams"))
    if features.characters is not None:
        parts.append("characters {}–{}".format(*features.characters))
    if features.fields:
        parts.append("header fields and other parts" if view.parts else "header fields")
    if features.strip:
        parts.append(f"without {', '.join(features.strip)}")
    weight = view.weights if view.entropy is None else f"{view.weights} × class entropy"
    return f"{', '.join(parts)}; {weight}; in {view.minimum_documents} documents or more"


def member_line(member: MemberRecipe) -> str:
    """One line about a member."""
    if isinstance(member, BayesRecipe):
        return "complement naive Bayes"
    if isinstance(member, LinearRecipe):
        name = "linear SVM" if member.loss == "squared_hinge" else "logistic regression"
        return f"{name}, cost {member.C:g}"
    return f"network, hidden {member.hidden}, {member.epochs} epochs"
