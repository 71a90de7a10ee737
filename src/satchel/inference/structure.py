"""The structure of a trained model: views of a text, members that compute logits, and metadata.

A model is a tuple of views and a tuple of members over them. Training builds these, prediction runs
them, export traverses them, and ``sealed`` alone turns them into names and bytes. The bounds of the
metadata are those of the model file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from satchel.features.csr import CSRMatrix
from satchel.features.embedding_bag import View
from satchel.inference.activations import ACTIVATIONS, ActivationName, sigmoid, softmax
from satchel.version import __version__

FORMAT: Literal[2] = 2
"""The version of the file format in which new models are written, and the newest that is read."""

MAX_LABELS = 65_536
MAX_MEMBERS = 256
MAX_LOGS = 64
MAX_EPOCHS = 10_000
MAX_NAME = 200
MAX_NUMBER = 1e30

_LIMIT = 87.0  # exp(-87) is about the smallest number that float32 holds in full precision

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Remark = Annotated[str, Meta(max_length=1_000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]

Task = Literal["single", "multiple"]
LabelType = Literal["str", "int", "float", "bool"]
LayerKind = Literal["dense", "activation", "batch_normalization", "layer_normalization"]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of a member's head: what Keras's layer of that name computes in inference mode.

    Attributes:
        kind: ``dense``: ``x @ weight + offset``; ``batch_normalization``, folded:
            ``x * weight + offset``; ``layer_normalization``: the same after subtracting the mean
            and dividing by the standard deviation; ``activation``: nothing but the activation.
        units: The number of outputs; equal to the number of inputs except for ``dense``.
        activation: Applied last, whatever the kind.
        weight: float32: dense ``[inputs, units]``, normalisation ``[units]``; activation: None.
        offset: float32 ``[units]``; activation: None.
        epsilon: Added to the variance by a layer normalisation.
    """

    kind: LayerKind
    units: int
    activation: ActivationName = "linear"
    weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    epsilon: float = 1e-3

    def before_activation(self, x: np.ndarray) -> np.ndarray:
        """Return what the layer's activation is applied to.

        Args:
            x: ``[n, inputs]``.
        """
        if self.weight is None or self.offset is None:
            return x
        if self.kind == "layer_normalization":
            x = x - x.mean(axis=-1, keepdims=True)
            x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.epsilon)
        y: np.ndarray = x @ self.weight if self.kind == "dense" else x * self.weight
        y += self.offset
        return y

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output ``[n, units]`` for an input ``[n, inputs]``."""
        return ACTIVATIONS[self.activation](self.before_activation(x))


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of the ensemble: from some columns of one view's sums to logits.

    Attributes:
        view: The index of the view whose sums it reads.
        start: Its first column.
        stop: The column after its last.
        scale: The factor of its logits in the sum of all members; holds weight and temperature.
        bias: float32 ``[stop - start]``, added to the sums before the layers.
        layers: Its head; empty for a linear member, whose columns are the classes.
    """

    view: int
    start: int
    stop: int
    scale: float
    bias: np.ndarray
    layers: tuple[Layer, ...] = ()

    @property
    def width(self) -> int:
        """Columns that it reads."""
        return self.stop - self.start

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """Return scale × logits, float32 ``[n, classes]``, for the view's sums ``[n, width]``."""
        z: np.ndarray = sums[:, self.start : self.stop] + self.bias
        for layer in self.layers:
            z = layer(z)
        return z if self.scale == 1.0 else z * np.float32(self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Scale and shift of the members' sum, applied before softmax or sigmoid.

    Attributes:
        scale: float32 ``[classes]`` or ``[1]``, the factor.
        shift: float32 ``[classes]`` or ``[1]``, added afterwards.
    """

    scale: np.ndarray
    shift: np.ndarray


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A struct that rejects unknown fields."""


class Trial(Record, frozen=True, kw_only=True):
    """One setting that was tried during training.

    Attributes:
        name: What was tried.
        metric: What was measured on held-out documents.
        value: The measurement.
        chosen: Whether the model uses it.
    """

    name: Name
    metric: Name
    value: Number
    chosen: bool = False


class History(Record, frozen=True, kw_only=True):
    """How the training of one member went.

    Attributes:
        member: Index of the member.
        logs: What was measured, one number per epoch, by name, such as ``val_loss``.
    """

    member: Annotated[int, Meta(ge=0, lt=MAX_MEMBERS)]
    logs: Annotated[
        dict[Name, Annotated[tuple[Number, ...], Meta(max_length=MAX_EPOCHS)]],
        Meta(max_length=MAX_LOGS),
    ]


class Training(Record, frozen=True, kw_only=True):
    """How a model was trained: the same for the same training, so no dates.

    Attributes:
        documents: Documents that it was trained on.
        class_counts: How many of them had each label, in the order of the labels; all 0 if that is
            not known. They give the prediction for a text without known features.
        seed: The seed that was given.
        backend: The Keras backend, or whatever else trained it.
        effort: The requested effort.
        fingerprint: A hash of the training data, in hexadecimal; empty if there is none.
        versions: Versions of the libraries that trained it.
        settings: The settings that training chose, as readable text.
        trials: What was tried.
        history: How the training of members went.
    """

    documents: Count
    class_counts: Annotated[tuple[Count, ...], Meta(max_length=MAX_LABELS)]
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    backend: Remark = ""
    effort: Remark = ""
    fingerprint: Annotated[str, Meta(pattern=r"^[0-9a-f]{0,128}\Z")] = ""
    versions: Annotated[dict[Name, Remark], Meta(max_length=100)] = {}
    settings: Annotated[dict[Name, Remark], Meta(max_length=1_000)] = {}
    trials: Annotated[tuple[Trial, ...], Meta(max_length=1_000)] = ()
    history: Annotated[tuple[History, ...], Meta(max_length=MAX_MEMBERS)] = ()


class Score(Record, frozen=True, kw_only=True):
    """One measurement of the finished model.

    Attributes:
        name: What was measured, such as ``accuracy``.
        part: On which documents, such as ``validation`` or ``test``.
        value: The measurement.
    """

    name: Name
    part: Name
    value: Number


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A trained model: what a model file holds, and what prediction runs.

    Attributes:
        task: ``single``: one label per document (softmax); ``multiple``: any number (sigmoid).
        labels: The labels as text, in the order of the logits.
        label_type: The type of all labels as given by the user.
        views: The views of a document.
        members: The members whose scaled logits add up to the model's.
        calibration: Scale and shift of the sum; None for neither.
        thresholds: For ``multiple``, the lowest probability at which each label is assigned; else
            empty.
        training: How the model was trained.
        scores: Measurements of the finished model.
        terms: The readable text of each feature, one sequence per view; None if the file has
            none. Nothing depends on it.
        card: The model card, as Markdown; None for the card generated from all this.
        format: The version of the file format; a model that was read from an older file stays in
            it.
        version: The version of Satchel that made the model.
    """

    task: Task
    labels: tuple[str, ...]
    views: tuple[View, ...]
    members: tuple[Member, ...]
    training: Training
    label_type: LabelType = "str"
    calibration: Calibration | None = None
    thresholds: tuple[float, ...] = ()
    scores: tuple[Score, ...] = ()
    terms: Sequence[Sequence[str]] | None = None
    card: str | None = field(default=None, repr=False)
    format: Literal[1, 2] = FORMAT
    version: str = __version__

    @cached_property
    def prior(self) -> np.ndarray | None:
        """The logits whose probabilities are the shares of the labels in training.

        They are the prediction for a text without any known feature. The biases, which would
        decide otherwise, were fitted together with the features of documents; without features
        they mean little: on Reuters R8 they favour a class of 29 % over one of 52 %.

        float32 ``[classes]``: the logarithm of each label's share, or, where a document may have
        several labels, its log-odds; None if the shares are not known (all counts are 0) and in
        format 1: the biases of such a model decide.
        """
        counts = np.array(self.training.class_counts, np.float64)
        if self.format == 1 or not counts.any():
            return None
        with np.errstate(divide="ignore"):
            if self.task == "single":
                logits = np.log(counts / counts.sum())
            else:
                logits = np.log(counts) - np.log(self.training.documents - counts)
        clipped: np.ndarray = np.clip(logits, -_LIMIT, _LIMIT).astype(np.float32)
        return clipped

    def weighed(self, counts: Sequence[CSRMatrix]) -> list[CSRMatrix]:
        """Return the weighted and normalised values of features from their counts, for each view.

        Args:
            counts: How often each feature occurs in each document, for each view.
        """
        return [view.vocabulary.weigh(rows) for view, rows in zip(self.views, counts, strict=True)]

    def logits(self, sums: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits of documents, before softmax or sigmoid.

        Args:
            sums: The documents' sums in each view, float32 ``[n, width]``.

        Returns:
            float32 ``[n, classes]``; not finite where the model's weights make them overflow.
        """
        total = self.members[0](sums[self.members[0].view])
        for member in self.members[1:]:
            total = total + member(sums[member.view])
        if self.calibration is not None:
            total = total * self.calibration.scale + self.calibration.shift
        return total

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits into probabilities, float32 ``[n, classes]``: by softmax or sigmoid."""
        return sigmoid(logits) if self.task == "multiple" else softmax(logits)
