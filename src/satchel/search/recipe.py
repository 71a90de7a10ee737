"""A recipe: everything that decides what is trained, as plain data that validation chooses from."""

from __future__ import annotations

from typing import Literal

import msgspec

from satchel.bags.features import Features, Weighting

Loss = Literal["squared_hinge", "logistic"]


class ViewRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """How one view of the documents is made from the counted features.

    Attributes:
        features: Which features it sees; never more than were counted.
        weighting: How counts become values.
        weights: The weight of a feature: ``idf`` (smoothed, as scikit-learn's), ``keras_idf`` (as
            Keras's Tokenizer) or ``none``.
        entropy: The base of the class-entropy weight that multiplies it; None for no such weight.
        minimum_documents: Features in fewer documents are left out; field tokens never are.
        maximum_features: The most features kept, those in most documents first; None keeps all.
        keep_by: What decides which features stay: documents, or occurrences (Keras's rule).
    """

    features: Features = Features()
    weighting: Weighting = Weighting()
    weights: Literal["idf", "keras_idf", "none"] = "idf"
    entropy: float | None = 1.5
    minimum_documents: int = 2
    maximum_features: int | None = None
    keep_by: Literal["documents", "occurrences"] = "documents"


class LinearRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="linear"):
    """A linear member: one-vs-rest, as wide as the classes, with no head.

    Attributes:
        view: Which view it sees.
        loss: ``squared_hinge`` (a linear SVM) or ``logistic``.
        cost: The weight of the loss against the penalty, scikit-learn's ``C``.
        bayes: How many parts of complement naive Bayes are added to four parts of the solver.
    """

    view: int = 0
    loss: Loss = "squared_hinge"
    cost: float = 1.0
    bayes: float = 0.0


class NetRecipe(msgspec.Struct, frozen=True, kw_only=True, tag="net"):
    """A network: the bag layer in Numba, the head in Keras.

    Attributes:
        view: Which view it sees.
        hidden: Width of the bag layer.
        dropout: Share of hidden numbers dropped while training.
        epochs: Passes over the documents.
        batch_size: Documents a step.
        learning_rate: The first step's; it falls linearly to 0.
        label_smoothing: Share of the target given to all classes alike.
        head: ``default`` (ReLU, dropout, dense), ``tutorial`` (512-512 with Adam) or ``own``
            (the callable that the user gave).
        validation_share: Share of the documents that the fit itself watches, taken from the end.
    """

    view: int = 0
    hidden: int = 64
    dropout: float = 0.5
    epochs: int = 4
    batch_size: int = 64
    learning_rate: float = 0.1
    label_smoothing: float = 0.0
    head: Literal["default", "tutorial", "own"] = "default"
    validation_share: float = 0.0


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Views and the members that score them.

    Attributes:
        views: At least one.
        members: At least one; their scaled logits add up.
    """

    views: tuple[ViewRecipe, ...] = (ViewRecipe(),)
    members: tuple[LinearRecipe | NetRecipe, ...] = (LinearRecipe(),)
