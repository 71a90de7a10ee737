"""A recipe: everything that decides what is trained, as plain data that validation chooses from."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.features.spec import Features, Weighting

Loss = Literal["squared_hinge", "logistic"]


class ViewRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """How one view of the documents is made from the counted features.

    Attributes:
        features: Which features it sees.
        parts: Whether ``features.fields`` means quotes, signature and first line too, and not
            header fields alone.
        only_fields: Whether of words it sees their field tokens alone, beside characters.
        weighting: How counts become values.
        weights: The weight of a feature: ``idf`` (smoothed, as scikit-learn's), ``keras_idf`` (as
            Keras's Tokenizer) or ``none``.
        entropy: The base of the class-entropy weight that multiplies it; None for no such weight.
        minimum_documents: Features in fewer documents are left out; field tokens never are.
        maximum_features: The most features kept, those in most documents first; None keeps all.
        keep_by: What decides which features stay: documents, or occurrences (Keras's rule).
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
    """A linear member: one-vs-rest, as wide as the classes, with no head.

    Attributes:
        loss: ``squared_hinge`` (a linear SVM) or ``logistic``.
        cost: The weight of the loss against the penalty, scikit-learn's ``C``.
        passes: Passes over the documents at most; of many documents the last few change no answer.
    """

    loss: Loss = "squared_hinge"
    cost: float = 1.0
    passes: int = 6


class BayesRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="bayes"):
    """Complement naive Bayes, in closed form: a linear member too."""


class NetRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="net"):
    """A network: the bag layer in Numba, the head in Keras.

    Attributes:
        hidden: Width of the bag layer.
        dropout: Share of hidden numbers dropped while training.
        epochs: Passes over the documents.
        batch_size: Documents a step.
        learning_rate: The first step's; it falls linearly to 0.
        label_smoothing: Share of the target given to all classes alike.
        head: ``default`` (ReLU, dropout, dense), ``tutorial`` (512-512 with Adam) or ``own``
            (the callable that the user gave).
        validation_share: Share of the documents that the fit itself watches, taken from the end.
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
    """A member on a view: what can be trained, judged and added to a sum.

    Attributes:
        view: What it sees.
        member: What it is.
    """

    view: ViewRecipe
    member: MemberRecipe


class Recipe(msgspec.Struct, frozen=True):
    """A weighted sum of candidates.

    Attributes:
        candidates: At least one.
        scales: The factor of each one's logits.
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
        """The recipe with one candidate more, or with more of one that it has."""
        if candidate in self.candidates:
            place = self.candidates.index(candidate)
            scales = list(self.scales)
            scales[place] += scale
            return Recipe(self.candidates, tuple(scales))
        return Recipe((*self.candidates, candidate), (*self.scales, scale))


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
