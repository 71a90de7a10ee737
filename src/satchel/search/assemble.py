"""Fitted views and members become the plain parts of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from satchel.inference.compress import quantized
from satchel.sealed.card import card
from satchel.sealed.labels import LabelType
from satchel.sealed.schema import Layer, Manifest, Member, Parts, RowType, Task, Training
from satchel.sealed.schema import View as SealedView
from satchel.search.views import View


@dataclass(frozen=True)
class FittedMember:
    """A trained member in the form that the satchel carries.

    Attributes:
        rows: float32 array of shape ``(size, width)``.
        bias: float32 array of shape ``(width,)``.
        layers: Its head; empty for a linear member.
        arrays: The arrays of the head, named ``layer0.kernel`` and so on.
    """

    rows: np.ndarray
    bias: np.ndarray
    layers: tuple[Layer, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """A member's share of the sum.

    Attributes:
        view: Index of the view it sees.
        member: The member.
        scale: The factor of its logits.
    """

    view: int
    member: FittedMember
    scale: float


def assemble(
    views: Sequence[View],
    shares: Sequence[Share],
    *,
    task: Task,
    labels: Sequence[str],
    label_type: LabelType,
    thresholds: Sequence[float] | np.ndarray,
    training: Training,
    row_type: RowType = "float16",
) -> Parts:
    """Put a model's parts together.

    Args:
        views: The fitted views; each has at least one share.
        shares: The trained members. Linear ones of one view are added up into one.
        task: ``single`` or ``multiple``.
        labels: The labels as text, in the order of the scores.
        label_type: The type in which they were given.
        thresholds: One a label for ``multiple``, else empty.
        training: Facts for the manifest.
        row_type: ``float32``, ``float16`` or ``int8``, the type in which bag rows are stored.

    Returns:
        Parts without terms; the card is written from the manifest.
    """
    arrays: dict[str, np.ndarray] = {}
    sealed_views = []
    sealed_members: list[Member] = []
    for number, view in enumerate(views):
        own = _merged([share for share in shares if share.view == number])
        prefix = f"view{number}"
        arrays[f"{prefix}.hashes"] = view.hashes
        arrays[f"{prefix}.kinds"] = view.kinds
        arrays[f"{prefix}.weights"] = view.weights
        rows = np.concatenate([share.member.rows for share in own], axis=1)
        if row_type == "int8":
            arrays[f"{prefix}.rows"], arrays[f"{prefix}.scales"] = quantized(rows)
        else:
            arrays[f"{prefix}.rows"] = rows.astype(row_type)
        start = 0
        for share in own:
            stop = start + share.member.rows.shape[1]
            name = f"member{len(sealed_members)}"
            arrays[f"{name}.bias"] = share.member.bias.astype(np.float32)
            for key, value in share.member.arrays.items():
                arrays[f"{name}.{key}"] = np.ascontiguousarray(value, dtype=np.float32)
            sealed_members.append(
                Member(
                    view=number,
                    start=start,
                    stop=stop,
                    scale=float(np.float32(share.scale)),
                    layers=tuple(share.member.layers),
                )
            )
            start = stop
        sealed_views.append(
            SealedView(
                features=view.recipe.features,
                weighting=view.recipe.weighting,
                size=view.size,
                width=start,
                rows=row_type,
            )
        )
    manifest = Manifest(
        task=task,
        label_type=label_type,
        labels=tuple(labels),
        views=tuple(sealed_views),
        members=tuple(sealed_members),
        thresholds=tuple(float(threshold) for threshold in thresholds),
        training=training,
    )
    return Parts(manifest=manifest, arrays=arrays, terms=None, card=card(manifest))


def _merged(shares: Sequence[Share]) -> list[Share]:
    """Linear shares of one view as one matrix, first; then the others."""
    linear = [share for share in shares if not share.member.layers]
    others = [share for share in shares if share.member.layers]
    if not linear:
        return others
    rows = np.zeros_like(linear[0].member.rows)
    bias = np.zeros_like(linear[0].member.bias)
    for share in linear:
        rows += np.float32(share.scale) * share.member.rows
        bias += np.float32(share.scale) * share.member.bias
    return [Share(linear[0].view, FittedMember(rows, bias), 1.0), *others]
