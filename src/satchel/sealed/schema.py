"""What a model file says: the structs of its manifest, and the plain parts that make a model.

The structs hold data only. There is no class name, function name, regular expression, path, URL or
date among them: whatever a file may choose, it chooses from a closed list or a bounded range.
The bounds are checked when a manifest is decoded, so before anything else is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from satchel.features.spec import Features, Weighting
from satchel.sealed.labels import LabelType
from satchel.version import __version__

FORMAT = 2
"""The version of the format in which new models are written, and the newest that is read."""

MAX_LABELS = 65_536
MAX_VOCABULARY = 2**31 - 1
MAX_WIDTH = 65_536
MAX_VIEWS = 16
MAX_MEMBERS = 256
MAX_LAYERS = 32
MAX_LOGS = 64
MAX_EPOCHS = 10_000
MAX_NAME = 200
MAX_NUMBER = 1e30

# What a file may ask for with every document, whatever its own size.
MAX_COLUMNS = 1 << 18
"""Columns of all views together."""
MAX_NUMBERS = 1 << 21
"""Numbers that the members compute: their columns and the units of their layers."""
MAX_SIZE = 1e9
"""The size of every number that is computed with: with it, the bag of any document is finite."""

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Remark = Annotated[str, Meta(max_length=1_000)]
Label = Annotated[str, Meta(min_length=1, max_length=1_000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Units = Annotated[int, Meta(ge=1, le=MAX_WIDTH)]

Task = Literal["single", "multiple"]
RowType = Literal["float32", "float16", "int8"]
LayerKind = Literal["dense", "activation", "batch_normalization", "layer_normalization"]
Activation = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "softplus",
    "softsign",
    "softmax",
]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A struct that refuses fields it does not know."""


class View(_Record, frozen=True, kw_only=True):
    """One way to see a document: a vocabulary, its weights and its bag rows.

    Arrays of view ``i``: ``view{i}.hashes`` uint64 [size], strictly increasing; ``view{i}.kinds``
    uint8 [size]; ``view{i}.weights`` float32 [size]; ``view{i}.rows`` [size, width] in the type
    ``rows``; and, for int8 rows only, ``view{i}.scales`` float32 [width], one a column.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        size: Entries of the vocabulary.
        width: Columns of the bag.
        rows: The stored type of the bag rows.
    """

    features: Features
    weighting: Weighting
    size: Annotated[int, Meta(ge=1, le=MAX_VOCABULARY)]
    width: Units
    rows: RowType = "float32"


class Layer(_Record, frozen=True, kw_only=True):
    """One layer of a member's head, in inference mode.

    Arrays of layer ``l`` of member ``m`` (prefix ``member{m}.layer{l}``), all float32:
    ``dense``: ``.kernel`` [inputs, units] and ``.bias`` [units]; both normalisations: ``.scale``
    and ``.shift`` [units] (batch normalisation folded into ``x * scale + shift``; layer
    normalisation with scale as gamma and shift as beta); ``activation``: none.

    Attributes:
        kind: What the layer computes.
        units: Numbers that come out of it; equal to those that go in, save for ``dense``.
        activation: Applied last, whatever the kind.
        epsilon: Added to the variance by layer normalisation; no other kind uses it.
    """

    kind: LayerKind
    units: Units
    activation: Activation = "linear"
    epsilon: Annotated[float, Meta(ge=0.0, le=1.0)] = 1e-3


class Member(_Record, frozen=True, kw_only=True):
    """One scorer of the ensemble, over some columns of one view's bag.

    Array of member ``m``: ``member{m}.bias`` float32 [stop - start], added to the bag sum before
    the layers.

    Attributes:
        view: Index of the view whose bag it reads.
        start: Its first column.
        stop: The column after its last.
        scale: The factor of its logits in the sum of all members; holds weight and temperature.
        layers: Its head; empty for a linear model.
    """

    view: Annotated[int, Meta(ge=0, lt=MAX_VIEWS)]
    start: Annotated[int, Meta(ge=0, lt=MAX_WIDTH)]
    stop: Units
    scale: Number = 1.0
    layers: Annotated[tuple[Layer, ...], Meta(max_length=MAX_LAYERS)] = ()


class Calibration(_Record, frozen=True, kw_only=True):
    """What the summed logits are brought to before they become probabilities.

    Attributes:
        scale: Their factors: one number for each label, or one for all.
        shift: What is added then, likewise.
    """

    scale: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=MAX_LABELS)]
    shift: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=MAX_LABELS)]


class Trial(_Record, frozen=True, kw_only=True):
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


class History(_Record, frozen=True, kw_only=True):
    """How the training of one member went.

    Attributes:
        member: Index of the member.
        logs: What was measured, one number each epoch, by name, such as ``val_loss``.
    """

    member: Annotated[int, Meta(ge=0, lt=MAX_MEMBERS)]
    logs: Annotated[
        dict[Name, Annotated[tuple[Number, ...], Meta(max_length=MAX_EPOCHS)]],
        Meta(max_length=MAX_LOGS),
    ]


class Training(_Record, frozen=True, kw_only=True):
    """Where a model comes from: facts that are the same for the same training, so no dates.

    Attributes:
        documents: Documents that it learnt from.
        class_counts: Of these, how many had each label, in the order of the labels; all 0 where
            that is not known. They are the answer to a text without a known feature.
        seed: The seed that was given.
        backend: The Keras backend, or what else trained it.
        effort: The effort that was asked for.
        fingerprint: A hash of the training data, in hexadecimal; empty where none was taken.
        versions: Versions of the libraries that trained it.
        settings: What training chose, for people to read.
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


class Score(_Record, frozen=True, kw_only=True):
    """One measurement of the finished model.

    Attributes:
        name: What was measured, such as ``accuracy``.
        part: On which documents, such as ``validation`` or ``test``.
        value: The measurement.
    """

    name: Name
    part: Name
    value: Number


class File(_Record, frozen=True, kw_only=True):
    """A member of the container, as the manifest vouches for it.

    Attributes:
        name: Its name; the container has a closed list of them.
        size: Its bytes.
        sha256: Their SHA-256, in lower-case hexadecimal.
    """

    name: Name
    size: Annotated[int, Meta(ge=0, lt=2**32)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(_Record, frozen=True, kw_only=True):
    """Everything about a model but its numbers, terms and card.

    Attributes:
        format: The version of the format. A model that was read from an older one stays in it.
        satchel: The version of Satchel that made the model.
        task: ``single``: one label a document (softmax); ``multiple``: any number (sigmoid).
        label_type: The type of all labels as people gave them.
        labels: The labels as text (`labels.text_of`), in the order of the scores.
        views: The views of a document.
        members: The scorers whose scaled logits add up to the scores.
        calibration: What the sum is brought to; None leaves it.
        thresholds: For ``multiple``, the least probability at which each label holds; else empty.
        training: Where the model comes from.
        scores: How well it did.
        files: The other members of the container; filled in when the parts are written.
    """

    format: Literal[1, 2] = 2
    satchel: Name = __version__
    task: Task
    label_type: LabelType = "str"
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MAX_LABELS)]
    views: Annotated[tuple[View, ...], Meta(min_length=1, max_length=MAX_VIEWS)]
    members: Annotated[tuple[Member, ...], Meta(min_length=1, max_length=MAX_MEMBERS)]
    calibration: Calibration | None = None
    thresholds: Annotated[
        tuple[Annotated[float, Meta(ge=0.0, le=1.0)], ...], Meta(max_length=MAX_LABELS)
    ] = ()
    training: Training
    scores: Annotated[tuple[Score, ...], Meta(max_length=1_000)] = ()
    files: Annotated[tuple[File, ...], Meta(max_length=3)] = ()


@dataclass(frozen=True, eq=False)
class Parts:
    """A model as plain parts: what a model file holds, and what prediction is built from.

    Attributes:
        manifest: Everything but the numbers, terms and card.
        arrays: The arrays that `View`, `Layer` and `Member` name; read-only when read from a file.
        terms: The readable text of each vocabulary entry, one sequence a view; None where the file
            carries none. Prediction does not need it. Decoded on first use when read from a file.
        card: What people should know about the model, as Markdown.
    """

    manifest: Manifest
    arrays: dict[str, np.ndarray]
    terms: Sequence[Sequence[str]] | None = None
    card: str = field(default="", repr=False)
