"""The manifest of a model file as structs.

The structs hold data only. There is no class name, function name, regular expression, path, URL or
date among them: every value comes from a closed list or a bounded range. The bounds are checked
when the manifest is decoded, before anything else is read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from satchel.features.spec import Features, Weighting
from satchel.inference.activations import ActivationName
from satchel.inference.structure import (
    MAX_LABELS,
    MAX_MEMBERS,
    LabelType,
    LayerKind,
    Name,
    Number,
    Record,
    Score,
    Task,
    Training,
)
from satchel.version import __version__

MAX_VOCABULARY = 2**31 - 1
MAX_WIDTH = 65_536
MAX_VIEWS = 16
MAX_LAYERS = 32

# What a model may need per document, whatever the size of its file.
MAX_COLUMNS = 1 << 18
"""Columns of all views together."""
MAX_NUMBERS = 1 << 21
"""Numbers that the members compute: their columns and the units of their layers."""
MAX_SIZE = 1e9
"""The largest absolute value of every weight: with it, the sums of any document are finite."""

Label = Annotated[str, Meta(min_length=1, max_length=1_000)]
Units = Annotated[int, Meta(ge=1, le=MAX_WIDTH)]

RowType = Literal["float32", "float16", "int8"]


class ViewEntry(Record, frozen=True, kw_only=True):
    """One view of a document: a vocabulary, its weights and its embedding rows.

    Arrays of view ``i``: ``view{i}.hashes`` uint64 [size], strictly increasing; ``view{i}.kinds``
    uint8 [size]; ``view{i}.weights`` float32 [size]; ``view{i}.rows`` [size, width] in the type
    ``rows``; and, for int8 rows only, ``view{i}.scales`` float32 [width], one per column.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        size: Entries of the vocabulary.
        width: Columns of the rows.
        rows: The stored type of the rows.
    """

    features: Features
    weighting: Weighting
    size: Annotated[int, Meta(ge=1, le=MAX_VOCABULARY)]
    width: Units
    rows: RowType = "float32"


class LayerEntry(Record, frozen=True, kw_only=True):
    """One layer of a member's head, in inference mode.

    Arrays of layer ``l`` of member ``m`` (prefix ``member{m}.layer{l}``), all float32:
    ``dense``: ``.kernel`` [inputs, units] and ``.bias`` [units]; both normalisations: ``.scale``
    and ``.shift`` [units] (batch normalisation folded into ``x * scale + shift``; layer
    normalisation with scale as gamma and shift as beta); ``activation``: none.

    Attributes:
        kind: What the layer computes.
        units: The number of outputs; equal to the number of inputs except for ``dense``.
        activation: Applied last, whatever the kind.
        epsilon: Added to the variance by layer normalisation; no other kind uses it.
    """

    kind: LayerKind
    units: Units
    activation: ActivationName = "linear"
    epsilon: Annotated[float, Meta(ge=0.0, le=1.0)] = 1e-3


class MemberEntry(Record, frozen=True, kw_only=True):
    """One member of the ensemble, over some columns of one view's sums.

    Array of member ``m``: ``member{m}.bias`` float32 [stop - start], added to the sums before
    the layers.

    Attributes:
        view: Index of the view whose sums it reads.
        start: Its first column.
        stop: The column after its last.
        scale: The factor of its logits in the sum of all members; holds weight and temperature.
        layers: Its head; empty for a linear model.
    """

    view: Annotated[int, Meta(ge=0, lt=MAX_VIEWS)]
    start: Annotated[int, Meta(ge=0, lt=MAX_WIDTH)]
    stop: Units
    scale: Number = 1.0
    layers: Annotated[tuple[LayerEntry, ...], Meta(max_length=MAX_LAYERS)] = ()


class CalibrationEntry(Record, frozen=True, kw_only=True):
    """Scale and shift of the summed logits, applied before softmax or sigmoid.

    Attributes:
        scale: The factors: one number per label, or one for all.
        shift: What is added afterwards, likewise.
    """

    scale: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=MAX_LABELS)]
    shift: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=MAX_LABELS)]


class File(Record, frozen=True, kw_only=True):
    """A member of the container, with its size and hash.

    Attributes:
        name: Its name; the container has a closed list of them.
        size: Its bytes.
        sha256: Their SHA-256, in lower-case hexadecimal.
    """

    name: Name
    size: Annotated[int, Meta(ge=0, lt=2**32)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(Record, frozen=True, kw_only=True):
    """Everything about a model except its arrays, terms and card.

    Attributes:
        format: The version of the format. A model that was read from an older one stays in it.
        satchel: The version of Satchel that made the model.
        task: ``single``: one label per document (softmax); ``multiple``: any number (sigmoid).
        label_type: The type of all labels as given by the user.
        labels: The labels as text (`labels.text_of`), in the order of the logits.
        views: The views of a document.
        members: The members whose scaled logits add up to the model's.
        calibration: Scale and shift of the sum; None for neither.
        thresholds: For ``multiple``, the lowest probability for each label; else empty.
        training: How the model was trained.
        scores: Measurements of the finished model.
        files: The other members of the container; filled in when the parts are written.
    """

    format: Literal[1, 2] = 2
    satchel: Name = __version__
    task: Task
    label_type: LabelType = "str"
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MAX_LABELS)]
    views: Annotated[tuple[ViewEntry, ...], Meta(min_length=1, max_length=MAX_VIEWS)]
    members: Annotated[tuple[MemberEntry, ...], Meta(min_length=1, max_length=MAX_MEMBERS)]
    calibration: CalibrationEntry | None = None
    thresholds: Annotated[
        tuple[Annotated[float, Meta(ge=0.0, le=1.0)], ...], Meta(max_length=MAX_LABELS)
    ] = ()
    training: Training
    scores: Annotated[tuple[Score, ...], Meta(max_length=1_000)] = ()
    files: Annotated[tuple[File, ...], Meta(max_length=3)] = ()
