"""From bag sums to class scores: a member's layers, in NumPy alone.

The schema of a satchel lists the layers; what they compute is Keras's layer of the same name in
inference mode, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.features.embedding_bag import BagTable
from satchel.features.hashing import FIELD_KIND
from satchel.features.vocabulary import Lookup
from satchel.inference.activations import ACTIVATIONS, sigmoid, softmax
from satchel.sealed.schema import Layer, LayerKind, Manifest, Parts, Task


@dataclass(frozen=True, slots=True)
class Step:
    """One layer with its arrays at hand.

    Attributes:
        kind: The layer's kind, as in the schema.
        activation: The name of the activation that ends the step; ``linear`` for none.
        weight: Dense: kernel [in, out]; normalisation: scale [n]; activation: None.
        offset: Dense: bias [out]; normalisation: shift [n]; activation: None.
        epsilon: Added to the variance by a layer normalisation.
    """

    kind: LayerKind
    activation: str
    weight: np.ndarray | None
    offset: np.ndarray | None
    epsilon: float

    def before_activation(self, x: np.ndarray) -> np.ndarray:
        """Return what the step's activation is applied to.

        Args:
            x: [n, in].
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
        """Return the step's output [n, out] for an input [n, in]."""
        return ACTIVATIONS[self.activation](self.before_activation(x))


@dataclass(frozen=True, slots=True)
class MemberNetwork:
    """A member of the ensemble: from the bag sums of its view to its share of the scores.

    Attributes:
        view: The index of the view whose bag it reads.
        start: Its first column of the bag.
        stop: The column after its last.
        scale: The factor of its logits in the score.
        bias: float32 [stop - start], added to the bag sum.
        steps: Its layers; none for a linear member, whose columns are the classes.
    """

    view: int
    start: int
    stop: int
    scale: float
    bias: np.ndarray
    steps: tuple[Step, ...]

    def __call__(self, bag: np.ndarray) -> np.ndarray:
        """Return scale × logits, float32 [n, classes], for the view's bag sums [n, width]."""
        z: np.ndarray = bag[:, self.start : self.stop] + self.bias
        for step in self.steps:
            z = step(z)
        return z if self.scale == 1.0 else z * np.float32(self.scale)


def member_networks(parts: Parts) -> tuple[MemberNetwork, ...]:
    """Return the members of a model, ready to run.

    Args:
        parts: A model's plain parts, checked by the schema.
    """
    return tuple(
        MemberNetwork(
            view=member.view,
            start=member.start,
            stop=member.stop,
            scale=member.scale,
            bias=parts.arrays[f"member{m}.bias"],
            steps=tuple(
                _step(parts, f"member{m}.layer{index}", layer)
                for index, layer in enumerate(member.layers)
            ),
        )
        for m, member in enumerate(parts.manifest.members)
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the sum of the members is brought to.

    Attributes:
        scale: float32 [classes] or [1], its factor.
        shift: float32 [classes] or [1], added then.
    """

    scale: np.ndarray
    shift: np.ndarray


def calibration_of(manifest: Manifest) -> Calibration | None:
    """Return a model's calibration as arrays; None where it has none."""
    stated = manifest.calibration
    if stated is None:
        return None
    return Calibration(np.array(stated.scale, np.float32), np.array(stated.shift, np.float32))


def scores(
    members: Sequence[MemberNetwork],
    bags: Sequence[np.ndarray],
    calibration: Calibration | None = None,
) -> np.ndarray:
    """Return the class scores of documents.

    Args:
        members: The model's members.
        bags: One float32 [n, width] of bag sums a view.
        calibration: What their sum is brought to; None leaves it.

    Returns:
        float32 [n, classes]; not finite where the numbers of a model overflow.
    """
    total = members[0](bags[members[0].view])
    for member in members[1:]:
        total = total + member(bags[member.view])
    if calibration is not None:
        total = total * calibration.scale + calibration.shift
    return total


def probabilities(score: np.ndarray, task: Task) -> np.ndarray:
    """Turn scores into probabilities.

    Args:
        score: float32 [n, classes].
        task: ``single``: one label a document, softmax; ``multiple``: several, sigmoid.

    Returns:
        float32 [n, classes].
    """
    if task == "multiple":
        return sigmoid(score)
    return softmax(score)


def _step(parts: Parts, prefix: str, layer: Layer) -> Step:
    first = "kernel" if layer.kind == "dense" else "scale"
    second = "bias" if layer.kind == "dense" else "shift"
    bare = layer.kind == "activation"
    return Step(
        kind=layer.kind,
        activation=layer.activation,
        weight=None if bare else parts.arrays[f"{prefix}.{first}"],
        offset=None if bare else parts.arrays[f"{prefix}.{second}"],
        epsilon=layer.epsilon,
    )


def bag_tables(parts: Parts) -> tuple[BagTable, ...]:
    """Return a table for each view of a model, over the model's own arrays."""
    return tuple(
        BagTable(
            view.features,
            view.weighting,
            Lookup(parts.arrays[f"view{index}.hashes"]),
            parts.arrays[f"view{index}.weights"],
            parts.arrays[f"view{index}.rows"],
            parts.arrays.get(f"view{index}.scales"),
            parts.arrays[f"view{index}.kinds"] >= FIELD_KIND,
        )
        for index, view in enumerate(parts.manifest.views)
    )


_LIMIT = 87.0  # exp(-87) is the least that float32 holds in full


def prior_scores(manifest: Manifest) -> np.ndarray | None:
    """Return the scores whose probabilities are the shares of the labels in training.

    Args:
        manifest: A model's manifest.

    Returns:
        float32 [classes]: the logarithm of each label's share, or, where a document may have
        several labels, its log-odds; None where a file does not know the shares (all counts are 0)
        and in format 1: such a model answers by its biases.
    """
    counts = np.array(manifest.training.class_counts, np.float64)
    if manifest.format == 1 or not counts.any():
        return None
    with np.errstate(divide="ignore"):
        if manifest.task == "single":
            scores = np.log(counts / counts.sum())
        else:
            others = manifest.training.documents - counts
            scores = np.log(counts) - np.log(others)
    clipped: np.ndarray = np.clip(scores, -_LIMIT, _LIMIT).astype(np.float32)
    return clipped
