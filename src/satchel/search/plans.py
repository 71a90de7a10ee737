"""From facts and an effort to a plan: the first recipe, and the questions worth asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from satchel.bags.features import Features, Weighting
from satchel.search.facts import Facts
from satchel.search.recipe import LinearRecipe, NetRecipe, ViewRecipe
from satchel.search.settings import Settings

MANY_DOCUMENTS = 10_000
MOST_LEARNT = 20_000
"""Documents that a validation fold learns from at most: more would only cost time."""
LONG_DOCUMENT = 250
"""Code points of a document from which on a feature of one document alone tells little."""

TUTORIAL_VIEW = ViewRecipe(
    features=Features(rules="keras", words=1),
    weighting=Weighting(term_frequency="log", norm="none"),
    weights="keras_idf",
    entropy=None,
    minimum_documents=1,
    # Keras keeps the words of index 1 to num_words - 1.
    maximum_features=14_999,
    keep_by="occurrences",
)
TUTORIAL_NET = NetRecipe(
    hidden=512,
    dropout=0.3,
    epochs=30,
    batch_size=100,
    learning_rate=1e-3,
    head="tutorial",
    validation_share=0.1,
)


@dataclass(frozen=True)
class Question:
    """Alternatives that are tried in place of one another, the one that mostly wins first.

    Attributes:
        name: What is asked.
        values: The alternatives.
        apply: Puts one of them into a view and a linear member.
    """

    name: str
    values: tuple[Any, ...]
    apply: Callable[[ViewRecipe, LinearRecipe, Any], tuple[ViewRecipe, LinearRecipe]]


@dataclass(frozen=True)
class Plan:
    """What a search may try.

    Attributes:
        view: The first view.
        linear: The linear member; None for networks alone.
        nets: The networks beside it.
        questions: Asked in turn, judged by the linear member alone, which trains in a moment.
        folds: Validation folds; 0 validates nothing.
        most_learnt: The most documents that a fold learns from.
        maximum_bytes: The most bytes of the finished model's vocabulary; None for no limit.
    """

    view: ViewRecipe
    linear: LinearRecipe | None
    nets: tuple[NetRecipe, ...]
    questions: tuple[Question, ...] = ()
    folds: int = 1
    most_learnt: int = MOST_LEARNT
    maximum_bytes: int | None = None

    @property
    def members(self) -> tuple[LinearRecipe | NetRecipe, ...]:
        """The linear member, if any, and the networks."""
        return (*([self.linear] if self.linear else []), *self.nets)

    @property
    def counted(self) -> Features:
        """The features to count, so that every alternative finds its own."""
        words = [self.view.features.words]
        fields = [self.view.features.fields]
        for question in self.questions:
            words += question.values if question.name == "words" else ()
            fields += question.values if question.name == "fields" else ()
        return replace(self.view.features, words=max(words), fields=any(fields))


def plan(facts: Facts, settings: Settings) -> Plan:
    """Choose what to try.

    Args:
        facts: What the training documents look like.
        settings: What the user asked for; what they set is not searched.
    """
    if settings.preset == "tutorial":
        return Plan(TUTORIAL_VIEW, None, (TUTORIAL_NET,), folds=0)
    rich = facts.documents >= MANY_DOCUMENTS or facts.characters >= LONG_DOCUMENT
    view = ViewRecipe(
        features=Features(
            words=settings.words or 2,
            characters=settings.characters,
            fields=facts.structure > 0.5,
            strip=settings.strip,  # type: ignore[arg-type]  # Features checks the names
        ),
        weighting=Weighting(norm="l2_fields"),
        minimum_documents=2 if rich else 1,
        entropy=1.5 if facts.classes == 2 or facts.task == "multiple" else 1.2,
    )
    net = NetRecipe(
        hidden=settings.hidden or 64,
        epochs=settings.epochs or (4 if facts.documents >= 8_000 else 8),
        head="own" if settings.head is not None else "default",
    )
    if settings.head is not None:
        return Plan(view, None, (net,), folds=1)
    if settings.effort == "fast":
        return Plan(view, None, (net,), folds=0 if facts.task == "single" else 1)
    small = facts.documents < 6_000
    return Plan(
        view,
        LinearRecipe(cost=1.0 if facts.task == "single" else 0.1),
        # Networks of sigmoids learn rare labels too slowly to help a linear member.
        (net,) if facts.task == "single" else (),
        questions=_questions(facts, settings, view),
        folds=3 if small else 1,
        maximum_bytes=14_000_000,
    )


def _questions(facts: Facts, settings: Settings, view: ViewRecipe) -> tuple[Question, ...]:
    questions = []
    several = facts.task == "multiple"
    if settings.words is None:
        questions.append(Question("words", (2, 1) if several else (1, 2), _with_words))
    if view.features.fields:
        questions.append(Question("fields", (True, False), _with_fields))
    if facts.documents >= MANY_DOCUMENTS and not several:
        # A linear member takes a second or so here, and what mostly wins wins more surely.
        return tuple(questions)
    bases = (1.5, None) if facts.classes == 2 else (1.5, 1.2, None) if several else (1.2, 1.5, None)
    questions.append(Question("entropy", bases, _with_entropy))
    costs = (0.1, 0.03, 0.3) if several else (1.0, 4.0, 0.25)
    questions.append(Question("cost", costs, _with_cost))
    return tuple(questions)


def _with_words(
    view: ViewRecipe, linear: LinearRecipe, value: int
) -> tuple[ViewRecipe, LinearRecipe]:
    return replace(view, features=replace(view.features, words=value)), linear


def _with_fields(
    view: ViewRecipe, linear: LinearRecipe, value: bool
) -> tuple[ViewRecipe, LinearRecipe]:
    return replace(view, features=replace(view.features, fields=value)), linear


def _with_entropy(
    view: ViewRecipe, linear: LinearRecipe, value: float | None
) -> tuple[ViewRecipe, LinearRecipe]:
    return replace(view, entropy=value), linear


def _with_cost(
    view: ViewRecipe, linear: LinearRecipe, value: float
) -> tuple[ViewRecipe, LinearRecipe]:
    return view, replace(linear, cost=value)
