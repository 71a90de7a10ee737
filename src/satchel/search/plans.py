"""From facts and an effort to a plan: which recipes are worth trying on these documents."""

from __future__ import annotations

from dataclasses import dataclass

from satchel.bags.features import Features, Weighting
from satchel.search.facts import Facts
from satchel.search.recipe import LinearRecipe, NetRecipe, Recipe, ViewRecipe
from satchel.search.settings import Settings

TUTORIAL = Recipe(
    views=(
        ViewRecipe(
            features=Features(rules="keras", words=1),
            weighting=Weighting(term_frequency="log", norm="none"),
            weights="keras_idf",
            minimum_documents=1,
            # Keras keeps the words of index 1 to num_words - 1.
            maximum_features=14_999,
            keep_by="occurrences",
        ),
    ),
    members=(
        NetRecipe(
            hidden=512,
            dropout=0.3,
            epochs=30,
            batch_size=100,
            learning_rate=1e-3,
            head="tutorial",
            validation_share=0.1,
        ),
    ),
)
"""The 2018 tutorial: 15,000 words by Keras's rules, its tf-idf, 512-512, Adam, 30 epochs."""


@dataclass(frozen=True)
class Plan:
    """What a search may try.

    Attributes:
        views: View recipes that are tried in place of one another, the simplest first.
        members: Members that are trained on the winning view and combined.
        validate: Whether there is anything to choose, so that documents are held out.
    """

    views: tuple[ViewRecipe, ...]
    members: tuple[LinearRecipe | NetRecipe, ...]
    validate: bool = True

    @property
    def counted(self) -> Features:
        """The features that have to be counted so that every view finds its own."""
        features = [view.features for view in self.views]
        characters = [each.characters for each in features if each.characters is not None]
        return Features(
            rules=features[0].rules,
            min_length=features[0].min_length,
            words=max(each.words for each in features),
            characters=characters[0] if characters else None,
            fields=any(each.fields for each in features),
            strip=features[0].strip,
        )


def plan(facts: Facts, settings: Settings) -> Plan:
    """Choose what to try.

    Args:
        facts: What the training documents look like.
        settings: What the user asked for; what they set is not searched.
    """
    if settings.preset == "tutorial":
        return Plan(TUTORIAL.views, TUTORIAL.members, validate=False)
    net = NetRecipe(hidden=settings.hidden or 128, epochs=settings.epochs or 4)
    view = ViewRecipe(
        features=Features(
            words=settings.words or 2,
            characters=settings.characters,
            fields=facts.structure > 0.5,
            strip=settings.strip,  # type: ignore[arg-type]  # Features checks the names
        )
    )
    return Plan((view,), (LinearRecipe(), net))
