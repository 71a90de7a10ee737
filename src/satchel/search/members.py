"""Members: a recipe's linear solvers and networks, trained on the rows of their view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from satchel.errors import SettingError
from satchel.inference.compress import quantized
from satchel.progress import Progress, silent
from satchel.sealed.schema import Layer, RowType
from satchel.search.assemble import FittedMember
from satchel.search.recipe import BayesRecipe, LinearRecipe, NetRecipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets

if TYPE_CHECKING:
    from satchel.bags.rows import Rows


class Machines(Protocol):
    """A linear member whose columns are trained some classes at a time, to bound the memory."""

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of classes that fit into the memory allowed for them."""

    def columns(self, begin: int, end: int) -> FittedMember:
        """Train the classes ``begin`` to ``end``; the same numbers whatever the block."""


def linear_machines(
    recipe: LinearRecipe | BayesRecipe,
    rows: Rows,
    targets: Targets,
    settings: Settings,
    *,
    seed: int,
) -> Machines:
    """Set up a linear member.

    Args:
        recipe: What to train.
        rows: The documents, as its view weighs them.
        targets: Their labels.
        settings: Class weight.
        seed: Decides the order of the documents.
    """
    if isinstance(recipe, BayesRecipe):
        return _Bayes(rows, targets)
    return _Solver(recipe, rows, targets, class_weights(targets, settings), seed)


class LinearSum:
    """The linear members of one view as one matrix, in the type in which it is stored.

    Args:
        shares: Each linear member's recipe and the factor of its scores.
        rows: The documents, as the view weighs them.
        targets: Their labels.
        settings: Class weight.
        seed: Decides the order of the documents.
        row_type: The type in which rows are stored.

    Attributes:
        blocks: Ranges of classes, to be given to :meth:`train` in any order, by any thread.
    """

    def __init__(
        self,
        shares: Sequence[tuple[LinearRecipe | BayesRecipe, float]],
        rows: Rows,
        targets: Targets,
        settings: Settings,
        *,
        seed: int,
        row_type: RowType,
    ) -> None:
        self._machines = [
            (linear_machines(recipe, rows, targets, settings, seed=seed), np.float32(scale))
            for recipe, scale in shares
        ]
        self.blocks = max((machines.blocks() for machines, _ in self._machines), key=len)
        classes = len(targets.labels)
        self._table = np.empty((rows.columns, classes), row_type)
        self._scales = np.ones(classes, np.float32) if row_type == "int8" else None
        self._bias = np.empty(classes, np.float32)

    def train(self, block: tuple[int, int]) -> None:
        """Train some classes of every member and add them up."""
        own = slice(*block)
        total = None
        for machines, scale in self._machines:
            part = machines.columns(*block)
            table, bias = part.rows, part.bias
            table *= scale
            bias *= scale
            if total is not None:
                table += total.rows
                bias += total.bias
            total = FittedMember(table, bias)
        assert total is not None  # there is at least one share
        self._bias[own] = total.bias
        if self._scales is None:
            self._table[:, own] = total.rows
        else:
            self._table[:, own], self._scales[own] = quantized(total.rows)

    def member(self) -> FittedMember:
        """The sum, once every block is trained."""
        return FittedMember(self._table, self._bias, scales=self._scales)


def train_network_member(
    recipe: NetRecipe,
    rows: Rows,
    targets: Targets,
    settings: Settings,
    *,
    seed: int,
    final: bool = False,
    validation: tuple[Rows, Targets] | None = None,
    progress: Progress = silent,
) -> FittedMember:
    """Train a network.

    Args:
        recipe: What to train.
        rows: The documents, as its view weighs them.
        targets: Their labels.
        settings: Class weight, threads, backend, head, optimiser, loss and callbacks.
        seed: Decides order, starting weights and dropout.
        final: Whether this is the fit that the user keeps: only then do callbacks run.
        validation: Documents that are judged after each epoch, or None.
        progress: Told of each epoch.

    Returns:
        The member in the form that the satchel carries, with its history.
    """
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
            "optimizer": settings.optimizer or "adagrad",
            "loss": settings.loss,
            "dropout": recipe.dropout,
            "label_smoothing": recipe.label_smoothing,
        }
    choices["epochs"] = recipe.epochs
    if recipe.validation_share and validation is None:
        cut = int(len(targets) * (1 - recipe.validation_share))
        validation = (rows[cut:], targets[cut:])
        rows, targets = rows[:cut], targets[:cut]
    trained = train_network(
        rows,
        _network_targets(targets),
        n_classes=len(targets.labels),
        validation=None if validation is None else _watched(*validation),
        sample_weight=targets.weights,
        class_weight=class_weights(targets, settings),
        task=targets.task,
        seed=seed + recipe.variant,
        callbacks=settings.callbacks if final else (),
        threads=settings.threads,
        progress=progress,
        **choices,
    )
    parts = trained.parts()
    layers = tuple(Layer(**layer) for layer in parts.layers)
    return FittedMember(
        trained.table, trained.bias, layers, parts.arrays, history=dict(trained.history)
    )


def processors(threads: int | None) -> int:
    """How many members to train side by side: the threads asked for, else one a processor."""
    from satchel.network.threads import processors as available

    return threads or available()


def class_weights(targets: Targets, settings: Settings) -> np.ndarray | None:
    """The weight of each class, float64 array of shape ``(n_classes,)``, or None for ones.

    ``balanced`` is scikit-learn's ``n / (K · n_k)``; labels that a mapping does not name weigh 1.

    Raises:
        SettingError: If a mapping names what is no label, and does not name every label.
    """
    asked = settings.class_weight
    if asked is None:
        return None
    if isinstance(asked, Mapping):
        labels = targets.labels.tolist()
        known = set(labels)
        unknown = [key for key in asked if key not in known]
        missing = [label for label in labels if label not in asked]
        if unknown and missing:
            raise SettingError(
                f"expected the keys of class_weight to be labels, found {unknown[0]!r}; "
                f"without a weight: {missing[0]!r}"
            )
        return np.array([float(asked.get(label, 1.0)) for label in labels])
    counts = targets.counted_weights()
    counts[counts == 0] = 1.0
    weights: np.ndarray = targets.counting.sum() / (len(counts) * counts)
    return weights


def _network_targets(targets: Targets) -> np.ndarray:
    return targets.classes if targets.task == "single" else targets.table()


def _watched(rows: Rows, targets: Targets) -> tuple[Rows, np.ndarray, np.ndarray | None]:
    return rows, _network_targets(targets), targets.weights


class _Solver:
    """The dual solver's machines."""

    def __init__(
        self,
        recipe: LinearRecipe,
        rows: Rows,
        targets: Targets,
        class_weight: np.ndarray | None,
        seed: int,
    ) -> None:
        from satchel.network.linear import LinearProblem

        def positive(begin: int, end: int) -> np.ndarray:
            return targets.table(begin, end, np.bool_)

        self._problem = LinearProblem(
            rows,
            targets.classes if targets.task == "single" else positive,
            n_classes=len(targets.labels),
            loss=recipe.loss,
            C=recipe.cost,
            max_passes=recipe.passes,
            sample_weight=targets.weights,
            class_weight=class_weight,
            task=targets.task,
            seed=seed,
        )

    def blocks(self) -> list[tuple[int, int]]:
        return self._problem.blocks()

    def columns(self, begin: int, end: int) -> FittedMember:
        solved = self._problem.solve(begin, end)
        return FittedMember(solved.table, solved.bias)


class _Bayes:
    """Complement naive Bayes."""

    def __init__(self, rows: Rows, targets: Targets) -> None:
        from satchel.network.bayes import ComplementBayes

        self._bayes = ComplementBayes(
            rows, targets.classes, len(targets.labels), sample_weight=targets.weights
        )
        self._size, self._classes = rows.columns, len(targets.labels)

    def blocks(self) -> list[tuple[int, int]]:
        from satchel.network.linear import class_blocks

        return class_blocks(self._classes, 12 * self._size)

    def columns(self, begin: int, end: int) -> FittedMember:
        return FittedMember(self._bayes.columns(begin, end), np.zeros(end - begin, np.float32))
