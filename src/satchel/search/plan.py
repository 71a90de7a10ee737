"""The search plan: which recipes are tried, from statistics of the training documents alone.

No decision depends on the name of a data set.
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
"""Documents sampled for header fields: enough to estimate a share to a few hundredths."""


@dataclass(frozen=True)
class DatasetStats:
    """Statistics of the training documents.

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
    """Compute the statistics of the training documents.

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
"""The default of Keras."""
LINEAR_SCALE = 4.0
"""A margin of 1 corresponds to about 4 nats: on this scale SVMs, Bayes and networks add up."""
MANY_DOCUMENTS = 8_000
FEW_DOCUMENTS = 6_000
FEW_FOR_RARE = 2_500
"""Below this many documents, words that occur in only one are kept, however long documents are."""
LONG_DOCUMENT = 400
"""Mean code points from which documents count as long: with much text, character n-grams then cost
more than they are worth at the effort ``balanced``, and a feature of a single document carries
little information."""
LITTLE_TEXT = 6_000_000
"""Code points in total up to which character n-grams cost seconds at most, however long documents
are."""
MANY_PER_CLASS = 50
"""Documents per class from which word bigrams mostly beat single words; with fewer, character
n-grams help, since most words of a new document have not been seen."""
MAX_TRAIN_DOCUMENTS = 20_000
"""The most training documents per validation fold: more would only cost time."""

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

Topic = Literal["words", "fields", "entropy", "characters", "C"]


@dataclass(frozen=True)
class EnsembleOption:
    """A member that may be added to a sum.

    Attributes:
        view: Which variant of the selected view it reads: the words, single words in place of
            bigrams, the parts of a post as well, its body alone, or characters.
        member: Which member is trained.
        entropy: Whether features have the selected class-entropy weights; else none.
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
        nets: Networks on words: those of the first view, or of the one selected from it.
        topics: What is decided by validation, in this order.
        extra: Members that may be added one by one.
        folds: Validation folds; 0 for no validation.
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
        """The same plan with features hashed under a key."""
        return dataclasses.replace(
            self,
            view=_keyed(self.view, key),
            characters=None if self.characters is None else _keyed(self.characters, key),
        )

    @property
    def first(self) -> Recipe:
        """The recipe that is used where nothing can be validated."""
        recipe = Recipe((), ())
        if self.linear is not None:
            recipe = recipe.with_added(Candidate(self.view, self.linear), LINEAR_SCALE)
        for net in self.nets:
            recipe = recipe.with_added(Candidate(self.view, net), 1.0 / len(self.nets))
        return recipe


def _keyed(view: ViewRecipe, key: int) -> ViewRecipe:
    return replace(view, features=replace(view.features, hash_key=key))


def plan(stats: DatasetStats, settings: Settings) -> Plan:
    """Choose what to try.

    Args:
        stats: Statistics of the training documents.
        settings: What the user asked for; what they set is not searched.

    Raises:
        SettingError: If a setting of networks would have no effect, or an optimizer has a
            learning-rate schedule.
    """
    if settings.preset == "tutorial":
        return Plan(TUTORIAL.view, nets=(TUTORIAL.member,), folds=0)  # type: ignore[arg-type]
    view = _view(stats, settings)
    net = _network(stats, settings)
    multiple = stats.task == "multiple"
    linear = LinearRecipe(C=0.1 if multiple else 1.0, max_iter=_max_iter(stats))
    if settings.head is not None:
        if settings.words is None and stats.documents >= MANY_DOCUMENTS:
            view = replace(view, features=replace(view.features, words=1))
        return Plan(view, nets=(net,), maximum_features=120_000)
    if settings.effort == "fast":
        _refuse_network_settings(settings, "effort='fast' trains")
        if settings.words is None:
            view = replace(view, features=replace(view.features, words=_words(stats)))
        return Plan(view, linear, maximum_features=120_000)
    if multiple:
        _refuse_network_settings(settings, "training on several labels per document uses")
    best = settings.effort == "best"
    short = stats.characters < LONG_DOCUMENT
    little = stats.documents * stats.characters < LITTLE_TEXT
    few = stats.documents < MANY_PER_CLASS * stats.classes
    characters = _characters(stats, settings, view) if short or little or few or best else None
    # Networks with sigmoid outputs learn rare labels too slowly to improve on a linear member.
    nets = () if multiple else (net, replace(net, variant=1)) if best else (net,)
    return Plan(
        view,
        linear,
        characters,
        nets,
        topics=_topics(stats, settings, view, characters),
        extra=_extra(stats, best),
        folds=_folds(stats, best),
        maximum_features=400_000 if best else 120_000,
    )


def _network(stats: DatasetStats, settings: Settings) -> NetRecipe:
    recipe = NetRecipe(
        hidden=settings.hidden or 64,
        epochs=settings.epochs or _epochs(stats.documents),
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
        SettingError: If it is a schedule: the rate already falls linearly to 0.
    """
    try:
        return float(optimizer.get_config()["learning_rate"])
    except (TypeError, KeyError):
        raise SettingError(
            "expected an optimizer whose learning rate is a number, found a schedule: give a "
            "number, which falls linearly to 0, or put a LearningRateScheduler among the "
            "callbacks"
        ) from None


def _refuse_network_settings(settings: Settings, why: str) -> None:
    if settings.of_networks:
        raise SettingError(
            f"{why} no network, so {', '.join(settings.of_networks)} would have no effect: "
            "remove it, or give a head of your own"
        )


def _words(stats: DatasetStats) -> int:
    """Bigrams where they mostly beat single words."""
    return 2 if stats.documents >= MANY_PER_CLASS * stats.classes else 1


def _view(stats: DatasetStats, settings: Settings) -> ViewRecipe:
    rich = stats.documents >= MANY_DOCUMENTS or (
        stats.characters >= LONG_DOCUMENT and stats.documents >= FEW_FOR_RARE
    )
    # Interpolates between few classes, where words of a single class are common, and many.
    share = min(1.0, max(0.0, (stats.classes - 8) / 8))
    multiple = stats.task == "multiple"
    return ViewRecipe(
        features=Features(
            words=settings.words or 2,
            characters=None if settings.characters is None else tuple(settings.characters),  # type: ignore[arg-type]
            fields=stats.structure > 0.5 and "headers" not in settings.strip,
            strip=tuple(settings.strip),  # type: ignore[arg-type]  # Features checks the names
        ),
        entropy=1.5 if multiple else 1.5 - 0.3 * share,
        minimum_documents=2 if rich else 1,
    )


def _characters(stats: DatasetStats, settings: Settings, view: ViewRecipe) -> ViewRecipe | None:
    if settings.characters is not None:
        return None
    short = stats.characters < LONG_DOCUMENT
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


def _folds(stats: DatasetStats, best: bool) -> int:
    if stats.documents < 1_000:
        return 5
    return 3 if stats.documents < FEW_DOCUMENTS or best else 1


def _max_iter(stats: DatasetStats) -> int:
    """With few documents the solver converges in about 12 passes, which cost little there.

    After fewer passes, how copies of a text with different labels are predicted still depends on
    the order of the documents.
    """
    return 6 if stats.documents >= MANY_DOCUMENTS else 12


def _topics(
    stats: DatasetStats, settings: Settings, view: ViewRecipe, characters: ViewRecipe | None
) -> tuple[Topic, ...]:
    topics: list[Topic] = []
    best = settings.effort == "best"
    small = stats.documents < MANY_DOCUMENTS or best
    # With many documents the usual winner is a safe choice, and each decision costs seconds. A
    # thorough search need not decide between words and bigrams, with fields or without: it adds
    # them all to the sum.
    if small and not best and settings.words is None:
        topics.append("words")
    if small and not best and view.features.fields:
        topics.append("fields")
    if small:
        topics.append("entropy")
    if characters is not None:
        topics.append("characters")
    if small:
        topics.append("C")
    return tuple(topics)


def _extra(stats: DatasetStats, best: bool) -> tuple[EnsembleOption, ...]:
    if stats.task == "multiple":
        return ()
    extra = THOROUGH if best else CHEAP if stats.documents < MANY_DOCUMENTS else (BAYES,)
    return tuple(
        dataclass_replace(each, member=replace(each.member, max_iter=_max_iter(stats)))
        if isinstance(each.member, LinearRecipe)
        else each
        for each in extra
    )
