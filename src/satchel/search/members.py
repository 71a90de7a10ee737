"""Members of an ensemble: trained on the rows of a view, then assembled into a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from satchel.errors import SettingError
from satchel.features.embedding_bag import View, quantized
from satchel.features.vocabulary import Vocabulary
from satchel.inference.structure import (
    MAX_EPOCHS,
    MAX_LOGS,
    MAX_NAME,
    MAX_NUMBER,
    Ensemble,
    History,
    Layer,
    Member,
    Training,
)
from satchel.progress import Progress, silent
from satchel.sealed.schema import RowType
from satchel.search.recipe import BayesRecipe, LinearRecipe, NetRecipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets

if TYPE_CHECKING:
    from satchel.features.csr import CSRMatrix


@dataclass(frozen=True)
class TrainedMember:
    """A trained member, before it becomes part of an ensemble.

    Attributes:
        rows: float32 array of shape ``(size, width)``, or in the dtype in which it is stored.
        bias: float32 array of shape ``(width,)``.
        layers: Its head; empty for a linear member.
        scales: float32 array of shape ``(width,)``, by which columns of int8 rows are multiplied;
            None for rows of another dtype.
        history: For a network, the values of each metric, one per epoch.
    """

    rows: np.ndarray
    bias: np.ndarray
    layers: tuple[Layer, ...] = ()
    scales: np.ndarray | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)

    def logits(self, vocabulary: Vocabulary, rows: CSRMatrix) -> np.ndarray:
        """The logits of documents, by the arithmetic with which the finished model predicts.

        Args:
            vocabulary: Its features.
            rows: The documents, weighted over them.
        """
        view = View(vocabulary, self.rows.astype(np.float32, copy=False))
        member = Member(0, 0, view.width, 1.0, self.bias.astype(np.float32), self.layers)
        return member(view.sums(rows))


@dataclass(frozen=True)
class WeightedMember:
    """A member and its weight in the sum.

    Attributes:
        view: Index of the view it reads.
        member: The member.
        scale: The factor of its logits.
    """

    view: int
    member: TrainedMember
    scale: float


def assemble(
    vocabularies: Sequence[Vocabulary],
    trained: Sequence[WeightedMember],
    *,
    targets: Targets,
    thresholds: Sequence[float] | np.ndarray,
    training: Training,
    row_type: RowType = "float16",
) -> Ensemble:
    """Assemble an ensemble.

    Args:
        vocabularies: One per view; each view has at least one member.
        trained: The trained members with their weights.
        targets: The training targets, for task and labels.
        thresholds: One per label for several labels per document, else empty.
        training: Facts about the training.
        row_type: ``float32``, ``float16`` or ``int8``, the dtype in which rows are stored.
    """
    views: list[View] = []
    members: list[Member] = []
    histories: list[History] = []
    for number, vocabulary in enumerate(vocabularies):
        own = [each for each in trained if each.view == number]
        stored = [_stored(each.member, row_type) for each in own]
        scales = [scales for _, scales in stored if scales is not None]
        views.append(
            View(
                vocabulary,
                _side_by_side([rows for rows, _ in stored], 1),
                _side_by_side(scales, 0) if scales else None,
            )
        )
        start = 0
        for weighted in own:
            stop = start + weighted.member.rows.shape[1]
            if weighted.member.history:
                histories.append(_history(len(members), weighted.member.history))
            bias = weighted.member.bias.astype(np.float32)
            scale = float(np.float32(weighted.scale))
            members.append(Member(number, start, stop, scale, bias, weighted.member.layers))
            start = stop
    return Ensemble(
        task=targets.task,
        labels=tuple(targets.label_texts),
        label_type=targets.label_type,
        views=tuple(views),
        members=tuple(members),
        thresholds=tuple(float(threshold) for threshold in thresholds),
        training=msgspec.structs.replace(training, history=tuple(histories)),
    )


def _history(member: int, logs: Mapping[str, list[float]]) -> History:
    """The part of a history that a file can hold: a callback may log what is not a number."""
    fit = {
        name: tuple(values)
        for name, values in logs.items()
        if len(values) <= MAX_EPOCHS
        and 0 < len(name) <= MAX_NAME
        and all(abs(value) <= MAX_NUMBER for value in values)
    }
    return History(member=member, logs=dict(list(fit.items())[:MAX_LOGS]))


def _stored(member: TrainedMember, row_type: RowType) -> tuple[np.ndarray, np.ndarray | None]:
    if member.scales is not None:
        return member.rows, member.scales
    return quantized(member.rows) if row_type == "int8" else (member.rows.astype(row_type), None)


def _side_by_side(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    # A single array is not copied: with thousands of classes it takes most of the memory.
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=axis)


class LinearTrainer(Protocol):
    """A linear member whose columns are trained a block of classes at a time, to bound memory."""

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of classes that fit into the memory limit."""

    def columns(self, begin: int, end: int) -> TrainedMember:
        """Train the classes ``begin`` to ``end``; the result does not depend on the block."""


def linear_trainer(
    recipe: LinearRecipe | BayesRecipe,
    rows: CSRMatrix,
    targets: Targets,
    settings: Settings,
    *,
    seed: int,
) -> LinearTrainer:
    """Set up a linear member.

    Args:
        recipe: What to train.
        rows: The documents, weighted by its view.
        targets: Their labels.
        settings: Class weight.
        seed: Decides the order of the documents.
    """
    if isinstance(recipe, BayesRecipe):
        return _Bayes(rows, targets)
    return _Solver(recipe, rows, targets, class_weights(targets, settings), seed)


class LinearSum:
    """The weighted sum of the linear members of one view, in the dtype in which it is stored.

    Args:
        members: The recipe of each linear member and the factor of its logits.
        rows: The documents, weighted by the view.
        targets: Their labels.
        settings: Class weight.
        seed: Decides the order of the documents.
        row_type: The dtype in which rows are stored.

    Attributes:
        blocks: Ranges of classes, to be passed to :meth:`train` in any order, from any thread.
    """

    def __init__(
        self,
        members: Sequence[tuple[LinearRecipe | BayesRecipe, float]],
        rows: CSRMatrix,
        targets: Targets,
        settings: Settings,
        *,
        seed: int,
        row_type: RowType,
    ) -> None:
        self._trainers = [
            (linear_trainer(recipe, rows, targets, settings, seed=seed), np.float32(scale))
            for recipe, scale in members
        ]
        self.blocks = max((trainer.blocks() for trainer, _ in self._trainers), key=len)
        classes = len(targets.labels)
        self._table = np.empty((rows.columns, classes), row_type)
        self._scales = np.ones(classes, np.float32) if row_type == "int8" else None
        self._bias = np.empty(classes, np.float32)

    def train(self, block: tuple[int, int]) -> None:
        """Train one block of classes of every member and sum them."""
        own = slice(*block)
        total = None
        for trainer, scale in self._trainers:
            part = trainer.columns(*block)
            table, bias = part.rows, part.bias
            table *= scale
            bias *= scale
            if total is not None:
                table += total.rows
                bias += total.bias
            total = TrainedMember(table, bias)
        assert total is not None  # there is at least one member
        self._bias[own] = total.bias
        if self._scales is None:
            self._table[:, own] = total.rows
        else:
            self._table[:, own], self._scales[own] = quantized(total.rows)

    def member(self) -> TrainedMember:
        """The sum, once every block is trained."""
        return TrainedMember(self._table, self._bias, scales=self._scales)


def train_network_member(
    recipe: NetRecipe,
    rows: CSRMatrix,
    targets: Targets,
    settings: Settings,
    *,
    seed: int,
    final: bool = False,
    validation: tuple[CSRMatrix, Targets] | None = None,
    progress: Progress = silent,
) -> TrainedMember:
    """Train a network.

    Args:
        recipe: What to train.
        rows: The documents, weighted by its view.
        targets: Their labels.
        settings: Class weight, threads, backend, head, optimiser, loss and callbacks.
        seed: Decides document order, initial weights and dropout.
        final: Whether this is the final fit: only then do callbacks run.
        validation: Documents on which the network is evaluated after each epoch, or None.
        progress: Called after each epoch.

    Returns:
        The member in the form that the model file holds, with its history.
    """
    from satchel.training.backends import use_backend

    use_backend(settings.backend)
    from satchel.training.network import TUTORIAL, train_network

    options: dict[str, Any]
    if recipe.head == "tutorial":
        options = dict(TUTORIAL)
    else:
        options = {
            "head": settings.head if recipe.head == "own" else None,
            "hidden": recipe.hidden,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            "optimizer": settings.optimizer or "adagrad",
            "loss": settings.loss,
            "dropout": recipe.dropout,
            "label_smoothing": recipe.label_smoothing,
        }
    options["epochs"] = recipe.epochs
    if recipe.validation_share and validation is None:
        cut = int(len(targets) * (1 - recipe.validation_share))
        validation = (rows[cut:], targets[cut:])
        rows, targets = rows[:cut], targets[:cut]
    trained = train_network(
        rows,
        _network_targets(targets),
        n_classes=len(targets.labels),
        validation=None if validation is None else _with_weights(*validation),
        sample_weight=targets.weights,
        class_weight=class_weights(targets, settings),
        task=targets.task,
        seed=seed + recipe.variant,
        callbacks=settings.callbacks if final else (),
        threads=settings.threads,
        progress=progress,
        **options,
    )
    layers = trained.layers().layers
    return TrainedMember(trained.table, trained.bias, layers, history=dict(trained.history))


def processors(threads: int | None) -> int:
    """How many members to train in parallel: ``threads``, else one per processor."""
    from satchel.training.backends import processors as available

    return threads or available()


def class_weights(targets: Targets, settings: Settings) -> np.ndarray | None:
    """The weight of each class, float64 array of shape ``(n_classes,)``, or None for ones.

    ``balanced`` is scikit-learn's ``n / (K · n_k)``; labels missing from a mapping have weight 1.

    Raises:
        SettingError: If a mapping has a key that is not a label, and lacks a label.
    """
    requested = settings.class_weight
    if requested is None:
        return None
    if isinstance(requested, Mapping):
        labels = targets.labels.tolist()
        known = set(labels)
        unknown = [key for key in requested if key not in known]
        missing = [label for label in labels if label not in requested]
        if unknown and missing:
            raise SettingError(
                f"expected the keys of class_weight to be labels, found {unknown[0]!r}, "
                f"and no weight for the label {missing[0]!r}: correct the key"
            )
        return np.array([float(requested.get(label, 1.0)) for label in labels])
    counts = targets.counted_weights()
    counts[counts == 0] = 1.0
    weights: np.ndarray = targets.counting.sum() / (len(counts) * counts)
    return weights


def _network_targets(targets: Targets) -> np.ndarray:
    return targets.classes if targets.task == "single" else targets.table()


def _with_weights(
    rows: CSRMatrix, targets: Targets
) -> tuple[CSRMatrix, np.ndarray, np.ndarray | None]:
    return rows, _network_targets(targets), targets.weights


class _Solver:
    """One-vs-rest classifiers trained by the dual solver."""

    def __init__(
        self,
        recipe: LinearRecipe,
        rows: CSRMatrix,
        targets: Targets,
        class_weight: np.ndarray | None,
        seed: int,
    ) -> None:
        from satchel.training.linear import LinearProblem

        def positive(begin: int, end: int) -> np.ndarray:
            return targets.table(begin, end, np.bool_)

        self._problem = LinearProblem(
            rows,
            targets.classes if targets.task == "single" else positive,
            n_classes=len(targets.labels),
            loss=recipe.loss,
            C=recipe.C,
            max_iter=recipe.max_iter,
            sample_weight=targets.weights,
            class_weight=class_weight,
            task=targets.task,
            seed=seed,
        )

    def blocks(self) -> list[tuple[int, int]]:
        return self._problem.blocks()

    def columns(self, begin: int, end: int) -> TrainedMember:
        solved = self._problem.solve(begin, end)
        return TrainedMember(solved.table, solved.bias)


class _Bayes:
    """Complement naive Bayes."""

    def __init__(self, rows: CSRMatrix, targets: Targets) -> None:
        from satchel.training.linear import ComplementBayes

        self._bayes = ComplementBayes(
            rows, targets.classes, len(targets.labels), sample_weight=targets.weights
        )
        self._size, self._classes = rows.columns, len(targets.labels)

    def blocks(self) -> list[tuple[int, int]]:
        from satchel.training.linear import class_blocks

        return class_blocks(self._classes, 12 * self._size)

    def columns(self, begin: int, end: int) -> TrainedMember:
        return TrainedMember(self._bayes.columns(begin, end), np.zeros(end - begin, np.float32))
