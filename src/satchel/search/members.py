"""Members of an ensemble: trained on the rows of a view, then put together to a model."""

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
    """A trained member, before it takes its place in a model.

    Attributes:
        rows: float32 array of shape ``(size, width)``, or in the type in which it is stored.
        bias: float32 array of shape ``(width,)``.
        layers: Its head; empty for a linear member.
        scales: float32 array of shape ``(width,)``, by which columns of int8 rows are multiplied;
            None for rows of another type.
        history: Of a network, each log's values, one per epoch.
    """

    rows: np.ndarray
    bias: np.ndarray
    layers: tuple[Layer, ...] = ()
    scales: np.ndarray | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)

    def logits(self, vocabulary: Vocabulary, rows: CSRMatrix) -> np.ndarray:
        """The logits of documents, by the arithmetic that will answer for the finished model.

        Args:
            vocabulary: Its features.
            rows: The documents, weighed over them.
        """
        view = View(vocabulary, self.rows.astype(np.float32))
        member = Member(0, 0, view.width, 1.0, self.bias.astype(np.float32), self.layers)
        return member(view.sums(rows))


@dataclass(frozen=True)
class WeightedMember:
    """A member's share of the sum.

    Attributes:
        view: Index of the view it sees.
        member: The member.
        scale: The factor of its logits.
    """

    view: int
    member: TrainedMember
    scale: float


def assemble(
    vocabularies: Sequence[Vocabulary],
    shares: Sequence[WeightedMember],
    *,
    targets: Targets,
    thresholds: Sequence[float] | np.ndarray,
    training: Training,
    row_type: RowType = "float16",
) -> Ensemble:
    """Put a model together.

    Args:
        vocabularies: One for each view; each has at least one share.
        shares: The trained members.
        targets: What was to be learnt: task and labels.
        thresholds: One per label for several labels per document, else empty.
        training: Facts about the training.
        row_type: ``float32``, ``float16`` or ``int8``, the type in which rows are stored.
    """
    views: list[View] = []
    members: list[Member] = []
    histories: list[History] = []
    for number, vocabulary in enumerate(vocabularies):
        own = [share for share in shares if share.view == number]
        stored = [_stored(share.member, row_type) for share in own]
        scales = [scales for _, scales in stored if scales is not None]
        views.append(
            View(
                vocabulary,
                _side_by_side([rows for rows, _ in stored], 1),
                _side_by_side(scales, 0) if scales else None,
            )
        )
        start = 0
        for share in own:
            stop = start + share.member.rows.shape[1]
            if share.member.history:
                histories.append(_history(len(members), share.member.history))
            bias = share.member.bias.astype(np.float32)
            scale = float(np.float32(share.scale))
            members.append(Member(number, start, stop, scale, bias, share.member.layers))
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
    """What a file carries of a history: a callback may have logged what is no number."""
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
    # One alone is not copied: with thousands of classes it is most of the memory.
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=axis)


class LinearTrainer(Protocol):
    """A linear member whose columns are trained some classes at a time, to bound the memory."""

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of classes that fit into the memory allowed for them."""

    def columns(self, begin: int, end: int) -> TrainedMember:
        """Train the classes ``begin`` to ``end``; the same numbers whatever the block."""


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
        rows: CSRMatrix,
        targets: Targets,
        settings: Settings,
        *,
        seed: int,
        row_type: RowType,
    ) -> None:
        self._machines = [
            (linear_trainer(recipe, rows, targets, settings, seed=seed), np.float32(scale))
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
            total = TrainedMember(table, bias)
        assert total is not None  # there is at least one share
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
    from satchel.training.backends import use_backend

    use_backend(settings.backend)
    from satchel.training.network import TUTORIAL, train_network

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
    layers = trained.layers().layers
    return TrainedMember(trained.table, trained.bias, layers, history=dict(trained.history))


def processors(threads: int | None) -> int:
    """How many members to train side by side: the threads asked for, else one a processor."""
    from satchel.training.backends import processors as available

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


def _watched(rows: CSRMatrix, targets: Targets) -> tuple[CSRMatrix, np.ndarray, np.ndarray | None]:
    return rows, _network_targets(targets), targets.weights


class _Solver:
    """The dual solver's machines."""

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
            C=recipe.cost,
            max_iter=recipe.passes,
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
