"""What a recipe may depend on, and what is tried: from statistics of the training documents alone.

The name of a data set is never among them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from typing import Any, Literal

import numpy as np
from msgspec.structs import replace

from satchel.errors import SettingError
from satchel.features.preprocess import FIRST, name_spaces
from satchel.features.spec import Features, Weighting
from satchel.inference.structure import Task
from satchel.search.recipe import (
    BayesRecipe,
    Candidate,
    LinearRecipe,
    NetRecipe,
    Recipe,
    ViewRecipe,
)
from satchel.search.settings import Settings
from satchel.search.targets import Targets

SAMPLE = 2_000
"""Documents looked at for header fields: enough to tell a share to a few hundredths."""


@dataclass(frozen=True)
class DatasetStats:
    """Facts of the training documents.

    Attributes:
        documents: How many there are.
        classes: How many classes.
        task: ``single`` or ``multiple``.
        characters: Mean length of a document in code points.
        structure: Share of documents with header fields, quoted lines or a signature.
    """

    documents: int
    classes: int
    task: Task
    characters: float
    structure: float


def gather(texts: Sequence[str], targets: Targets) -> DatasetStats:
    """Look at the training documents.

    Args:
        texts: The documents, at least one.
        targets: Their labels.
    """
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    return DatasetStats(
        documents=len(texts),
        classes=len(targets.labels),
        task=targets.task,
        characters=float(np.mean([len(text) for text in texts])),
        structure=sum(map(_has_structure, sample)) / len(sample),
    )


def _has_structure(text: str) -> bool:
    return not {"", FIRST}.issuperset(name_spaces(text.lower())[1])


ADAM_RATE = 1e-3
"""Keras's own default."""
LINEAR_SCALE = 4.0
"""A margin of 1 is worth about 4 nats: on this footing solvers, Bayes and networks add up."""
MANY_DOCUMENTS = 8_000
FEW_DOCUMENTS = 6_000
FEW_FOR_RARE = 2_500
"""Documents below which a word of one document alone is worth keeping, however long they are."""
LONG_DOCUMENT = 400
"""Mean code points from which a document is long: where there is much text, character n-grams then
cost more than they add to balanced effort, and a feature of one document alone tells little."""
LITTLE_TEXT = 6_000_000
"""Code points in all up to which character n-grams cost seconds at most, however long documents
are."""
MANY_A_CLASS = 50
"""Documents a class from which pairs of words mostly win over words alone; with fewer, parts of
words help, since most words of a new document have not been seen."""
MOST_LEARNT = 20_000
"""Documents that a validation fold learns from at most: more would only cost time."""

TUTORIAL = Candidate(
    ViewRecipe(
        features=Features(rules="keras", words=1),
        weighting=Weighting(term_frequency="log", norm="none"),
        weights="keras_idf",
        entropy=None,
        minimum_documents=1,
        # Keras keeps the words of index 1 to num_words - 1.
        maximum_features=14_999,
        keep_by="occurrences",
    ),
    NetRecipe(
        hidden=512,
        dropout=0.3,
        epochs=30,
        batch_size=100,
        learning_rate=1e-3,
        head="tutorial",
        validation_share=0.1,
    ),
)

Topic = Literal["words", "fields", "entropy", "characters", "cost"]


@dataclass(frozen=True)
class EnsembleOption:
    """A member that may be added to a sum.

    Attributes:
        view: What it sees of what was chosen: the words, single words in place of pairs, the parts
            of a post as well, its body alone, or characters.
        member: What it is.
        entropy: Whether features have the chosen class-entropy weights; else none.
    """

    view: Literal["words", "single words", "parts", "bare", "characters"]
    member: LinearRecipe | BayesRecipe
    entropy: bool = True


BAYES = EnsembleOption("words", BayesRecipe())
CHEAP = (
    BAYES,
    EnsembleOption("single words", LinearRecipe()),
    EnsembleOption("characters", BayesRecipe()),
)
THOROUGH = tuple(
    EnsembleOption(view, member, entropy)
    for view in ("words", "single words", "parts", "bare", "characters")
    for entropy in (True, False)
    for member in (LinearRecipe(), BayesRecipe())
)


@dataclass(frozen=True)
class Plan:
    """What a search may try.

    Attributes:
        view: The first view, of words.
        linear: The linear member on it; None for networks alone.
        characters: The view of character n-grams whose linear member may be added; None for none.
        nets: Networks on the first view.
        topics: What is asked, in this order.
        extra: What may be added bit by bit.
        folds: Validation folds; 0 validates nothing.
        maximum_features: The most features of a view in the finished model.
    """

    view: ViewRecipe
    linear: LinearRecipe | None = None
    characters: ViewRecipe | None = None
    nets: tuple[NetRecipe, ...] = ()
    topics: tuple[Topic, ...] = ()
    extra: tuple[EnsembleOption, ...] = ()
    folds: int = 1
    maximum_features: int | None = None

    def with_hash_key(self, key: int) -> Plan:
        """The same plan with features under a key."""
        return dataclasses.replace(
            self,
            view=_keyed(self.view, key),
            characters=None if self.characters is None else _keyed(self.characters, key),
        )

    @property
    def first(self) -> Recipe:
        """The recipe that stands where nothing can be validated."""
        recipe = Recipe((), ())
        if self.linear is not None:
            recipe = recipe.with_added(Candidate(self.view, self.linear), LINEAR_SCALE)
        for net in self.nets:
            recipe = recipe.with_added(Candidate(self.view, net), 1.0 / len(self.nets))
        return recipe


def _keyed(view: ViewRecipe, key: int) -> ViewRecipe:
    return replace(view, features=replace(view.features, hash_key=key))


def plan(facts: DatasetStats, settings: Settings) -> Plan:
    """Choose what to try.

    Args:
        facts: What the training documents look like.
        settings: What the user asked for; what they set is not searched.
    """
    if settings.preset == "tutorial":
        return Plan(TUTORIAL.view, nets=(TUTORIAL.member,), folds=0)  # type: ignore[arg-type]
    view = _view(facts, settings)
    net = _network(facts, settings)
    several = facts.task == "multiple"
    linear = LinearRecipe(cost=0.1 if several else 1.0, passes=_passes(facts))
    if settings.head is not None:
        if settings.words is None and facts.documents >= MANY_DOCUMENTS:
            view = replace(view, features=replace(view.features, words=1))
        return Plan(view, nets=(net,), maximum_features=120_000)
    if settings.effort == "fast":
        _refuse_network_settings(settings, "effort='fast' trains")
        if settings.words is None:
            view = replace(view, features=replace(view.features, words=_words(facts)))
        return Plan(view, linear, maximum_features=120_000)
    if several:
        _refuse_network_settings(settings, "several labels per document are learnt with")
    best = settings.effort == "best"
    short = facts.characters < LONG_DOCUMENT
    little = facts.documents * facts.characters < LITTLE_TEXT
    few = facts.documents < MANY_A_CLASS * facts.classes
    characters = _characters(facts, settings, view) if short or little or few or best else None
    # Networks of sigmoids learn rare labels too slowly to help a linear member.
    nets = () if several else (net, replace(net, variant=1)) if best else (net,)
    return Plan(
        view,
        linear,
        characters,
        nets,
        topics=_topics(facts, settings, view, characters),
        extra=_extra(facts, best),
        folds=_folds(facts, best),
        maximum_features=400_000 if best else 120_000,
    )


def _network(facts: DatasetStats, settings: Settings) -> NetRecipe:
    recipe = NetRecipe(
        hidden=settings.hidden or 64,
        epochs=settings.epochs or _epochs(facts.documents),
        batch_size=settings.batch_size or NetRecipe().batch_size,
        head="own" if settings.head is not None else "default",
    )
    rate = settings.learning_rate
    if rate is None and settings.optimizer == "adam":
        rate = ADAM_RATE
    elif rate is None and settings.optimizer not in (None, "adagrad"):
        rate = rate_of(settings.optimizer)
    return recipe if rate is None else replace(recipe, learning_rate=rate)


def rate_of(optimizer: Any) -> float:
    """The learning rate of a Keras optimizer.

    Raises:
        SettingError: If it is a schedule: the rate falls linearly to 0 by itself.
    """
    try:
        return float(optimizer.get_config()["learning_rate"])
    except (TypeError, KeyError):
        raise SettingError(
            "expected an optimizer whose learning rate is a number, found a schedule: the rate "
            "falls linearly to 0 by itself, and a LearningRateScheduler among the callbacks can "
            "change that"
        ) from None


def _refuse_network_settings(settings: Settings, why: str) -> None:
    if settings.of_networks:
        raise SettingError(
            f"{why} no network, so {', '.join(settings.of_networks)} would do nothing: "
            "leave it out, or give a head of your own"
        )


def _words(facts: DatasetStats) -> int:
    """Pairs where they mostly win over words alone."""
    return 2 if facts.documents >= MANY_A_CLASS * facts.classes else 1


def _view(facts: DatasetStats, settings: Settings) -> ViewRecipe:
    rich = facts.documents >= MANY_DOCUMENTS or (
        facts.characters >= LONG_DOCUMENT and facts.documents >= FEW_FOR_RARE
    )
    # Halfway between few classes, where a word of one class is nothing rare, and many.
    share = min(1.0, max(0.0, (facts.classes - 8) / 8))
    several = facts.task == "multiple"
    return ViewRecipe(
        features=Features(
            words=settings.words or 2,
            characters=None if settings.characters is None else tuple(settings.characters),  # type: ignore[arg-type]
            fields=facts.structure > 0.5 and "headers" not in settings.strip,
            strip=tuple(settings.strip),  # type: ignore[arg-type]  # Features checks the names
        ),
        entropy=1.5 if several else 1.5 - 0.3 * share,
        minimum_documents=2 if rich else 1,
    )


def _characters(facts: DatasetStats, settings: Settings, view: ViewRecipe) -> ViewRecipe | None:
    if settings.characters is not None:
        return None
    short = facts.characters < LONG_DOCUMENT
    # Field tokens are those of words, so words have to be read where fields are.
    return replace(
        view,
        features=replace(
            view.features,
            words=1 if view.features.fields else 0,
            characters=(3, 5) if short else (4, 4),
        ),
        only_fields=view.features.fields,
        minimum_documents=2 if short else 3,
    )


def _epochs(documents: int) -> int:
    for most, epochs in ((8_000, 8), (20_000, 4), (100_000, 3)):
        if documents < most:
            return epochs
    return 2


def _folds(facts: DatasetStats, best: bool) -> int:
    if facts.documents < 1_000:
        return 5
    return 3 if facts.documents < FEW_DOCUMENTS or best else 1


def _passes(facts: DatasetStats) -> int:
    """With few documents the machines are solved in about 12 passes, which cost nothing there.

    Fewer leave copies of a text that have different labels to the order of the documents.
    """
    return 6 if facts.documents >= MANY_DOCUMENTS else 12


def _topics(
    facts: DatasetStats, settings: Settings, view: ViewRecipe, characters: ViewRecipe | None
) -> tuple[Topic, ...]:
    topics: list[Topic] = []
    best = settings.effort == "best"
    small = facts.documents < MANY_DOCUMENTS or best
    # With many documents what mostly wins wins surely, and each question costs seconds. A thorough
    # search need not decide between words and pairs, with fields or without: it adds them up.
    if small and not best and settings.words is None:
        topics.append("words")
    if small and not best and view.features.fields:
        topics.append("fields")
    if small:
        topics.append("entropy")
    if characters is not None:
        topics.append("characters")
    if small:
        topics.append("cost")
    return tuple(topics)


def _extra(facts: DatasetStats, best: bool) -> tuple[EnsembleOption, ...]:
    if facts.task == "multiple":
        return ()
    extra = THOROUGH if best else CHEAP if facts.documents < MANY_DOCUMENTS else (BAYES,)
    return tuple(
        dataclass_replace(each, member=replace(each.member, passes=_passes(facts)))
        if isinstance(each.member, LinearRecipe)
        else each
        for each in extra
    )
