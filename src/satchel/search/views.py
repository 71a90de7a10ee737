"""A view: which counted features are kept, what each weighs, and the rows that come of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.bags import weights
from satchel.bags.hashing import CHARACTER_KIND, FIELD_KIND, PART_KIND
from satchel.bags.rows import Rows
from satchel.bags.weighing import weigh
from satchel.search.corpus import Counted
from satchel.search.recipe import ViewRecipe
from satchel.search.targets import Targets


@dataclass(frozen=True)
class View:
    """A fitted view.

    Attributes:
        recipe: What it was made from.
        kept: bool array over the counted columns.
        hashes: uint64 array of shape ``(size,)``, strictly increasing.
        kinds: uint8 array of shape ``(size,)``.
        weights: float32 array of shape ``(size,)``, the weight of each kept feature.
    """

    recipe: ViewRecipe
    kept: np.ndarray
    hashes: np.ndarray
    kinds: np.ndarray
    weights: np.ndarray

    @property
    def size(self) -> int:
        """How many features are kept."""
        return len(self.weights)

    def narrowed(self, kept: np.ndarray) -> View:
        """The view with some of its features.

        Args:
            kept: bool array of shape ``(size,)``.
        """
        columns = self.kept.copy()
        columns[self.kept] = kept
        return View(self.recipe, columns, self.hashes[kept], self.kinds[kept], self.weights[kept])

    def rows(self, counted: Counted) -> Rows:
        """The documents as weighed rows over the kept features."""
        return weigh(
            counted.rows.select_columns(self.kept),
            self.weights,
            self.recipe.weighting,
            self.kinds >= FIELD_KIND,
        )


def fit_view(counted: Counted, targets: Targets, recipe: ViewRecipe) -> View:
    """Choose a view's features and weigh them, from these documents alone.

    Args:
        counted: The training documents.
        targets: Their labels, for the class-entropy weight.
        recipe: What to keep and how to weigh.

    Returns:
        The view; its features keep the order of their hashes.
    """
    documents = counted.rows.column_counts()
    least = np.where(counted.kinds >= FIELD_KIND, 1, recipe.minimum_documents)
    allowed = _allowed(counted.kinds, recipe)
    kept = allowed & (documents >= least)
    if not kept.any():
        # A handful of documents may share no word at all: rare words are better than none.
        kept = allowed & (documents >= 1)
    if recipe.maximum_features is not None and kept.sum() > recipe.maximum_features:
        worth = documents if recipe.keep_by == "documents" else counted.rows.column_sums()
        kept = strongest(kept, worth, recipe.maximum_features)
    rows = counted.rows.select_columns(kept)
    weight = _weigh(rows, documents[kept], len(counted), targets, recipe)
    weight = weight.astype(np.float32)
    return View(recipe, kept, counted.hashes[kept], counted.kinds[kept], weight)


def strongest(kept: np.ndarray, worth: np.ndarray, most: int) -> np.ndarray:
    """Keep the columns of the greatest worth.

    Args:
        kept: bool array over columns: the candidates.
        worth: Array over columns.
        most: How many to keep.

    Returns:
        bool array over columns. Ties go to the smaller hash, by which the columns are sorted.
    """
    candidates = np.flatnonzero(kept)
    order = np.argsort(-worth[candidates], kind="stable")[:most]
    chosen = np.zeros_like(kept)
    chosen[candidates[order]] = True
    return chosen


def _allowed(kinds: np.ndarray, recipe: ViewRecipe) -> np.ndarray:
    features = recipe.features
    allowed = (kinds >= 1) & (kinds <= (0 if recipe.only_fields else features.words))
    if features.characters is not None:
        allowed |= kinds == CHARACTER_KIND
    if features.fields:
        allowed |= kinds == FIELD_KIND
        if recipe.parts:
            allowed |= kinds == PART_KIND
    return allowed


def _weigh(
    rows: Rows, documents: np.ndarray, n: int, targets: Targets, recipe: ViewRecipe
) -> np.ndarray:
    if recipe.weights == "none":
        return np.ones(rows.columns)
    if recipe.weights == "keras_idf":
        return weights.keras_inverse_document_frequency(documents, n)
    weight = weights.inverse_document_frequency(documents, n)
    if recipe.entropy is not None:
        copies, classes = targets.one_by_one()
        weight = weight * weights.class_entropy(
            rows[copies], classes, len(targets.labels), base=recipe.entropy
        )
    return weight
