"""Members: a recipe's linear solvers and networks, trained on the rows of their view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from satchel.progress import Progress, silent
from satchel.sealed.schema import Layer
from satchel.search.assemble import FittedMember
from satchel.search.recipe import BayesRecipe, LinearRecipe, MemberRecipe, NetRecipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets

if TYPE_CHECKING:
    from satchel.bags.rows import Rows


def train_member(
    recipe: MemberRecipe,
    rows: Rows,
    targets: Targets,
    settings: Settings,
    *,
    seed: int,
    final: bool = False,
    progress: Progress = silent,
) -> FittedMember:
    """Train one member.

    Args:
        recipe: What to train.
        rows: The documents, as its view weighs them.
        targets: Their labels.
        settings: Class weight, threads, backend, head and callbacks.
        seed: Decides order, starting weights and dropout.
        final: Whether this is the fit that the user keeps: only then do callbacks run.
        progress: Told of each epoch.

    Returns:
        The member in the form that the satchel carries.
    """
    class_weight = balanced(targets) if settings.class_weight == "balanced" else None
    if isinstance(recipe, BayesRecipe):
        from satchel.network.bayes import complement_bayes

        classes = len(targets.labels)
        table = complement_bayes(rows, targets.values, classes)
        return FittedMember(table, np.zeros(classes, np.float32))
    if isinstance(recipe, LinearRecipe):
        return _train_linear(recipe, rows, targets, class_weight, seed)
    return _train_net(recipe, rows, targets, settings, class_weight, seed, final, progress)


def processors(threads: int | None) -> int:
    """How many members to train side by side: the threads asked for, else one a processor."""
    from satchel.network.threads import processors as available

    return threads or available()


def balanced(targets: Targets) -> np.ndarray:
    """Class weights that make classes equal, scikit-learn's ``n / (K · n_k)``, float64 (K,)."""
    counts = np.maximum(targets.counts(), 1)
    weights: np.ndarray = len(targets) / (len(counts) * counts)
    return weights


def _train_linear(
    recipe: LinearRecipe,
    rows: Rows,
    targets: Targets,
    class_weight: np.ndarray | None,
    seed: int,
) -> FittedMember:
    from satchel.network.linear import train_linear

    fitted = train_linear(
        rows,
        targets.values,
        n_classes=len(targets.labels),
        loss=recipe.loss,
        C=recipe.cost,
        max_passes=recipe.passes,
        task=targets.task,
        class_weight=class_weight,
        seed=seed,
        # Members are trained side by side, which pays more than sharing one member's classes.
        threads=1,
    )
    return FittedMember(fitted.table, fitted.bias)


def _train_net(
    recipe: NetRecipe,
    rows: Rows,
    targets: Targets,
    settings: Settings,
    class_weight: np.ndarray | None,
    seed: int,
    final: bool,
    progress: Progress,
) -> FittedMember:
    from satchel.network.backends import use_backend

    use_backend(settings.backend)
    from satchel.network.training import TUTORIAL, train_network

    choices: dict[str, Any]
    if recipe.head == "tutorial":
        choices = dict(TUTORIAL)
    else:
        choices = {
            "head": settings.head if recipe.head == "own" else None,
            "hidden": recipe.hidden,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            "dropout": recipe.dropout,
            "label_smoothing": recipe.label_smoothing,
        }
    choices["epochs"] = recipe.epochs
    validation = None
    values = targets.values
    if recipe.validation_share:
        cut = int(len(targets) * (1 - recipe.validation_share))
        validation = (rows[cut:], values[cut:])
        rows, values = rows[:cut], values[:cut]
    trained = train_network(
        rows,
        values,
        n_classes=len(targets.labels),
        validation=validation,
        class_weight=class_weight,
        task=targets.task,
        seed=seed + recipe.variant,
        callbacks=settings.callbacks if final else (),
        threads=settings.threads,
        progress=progress,
        **choices,
    )
    parts = trained.parts()
    layers = tuple(Layer(**layer) for layer in parts.layers)
    return FittedMember(trained.table, trained.bias, layers, parts.arrays)
