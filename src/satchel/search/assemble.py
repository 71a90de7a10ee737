"""Fitted views and members become the plain parts of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from satchel.inference.compress import quantized
from satchel.sealed.card import card
from satchel.sealed.labels import LabelType
from satchel.sealed.schema import (
    MAX_EPOCHS,
    MAX_LOGS,
    MAX_NAME,
    MAX_NUMBER,
    History,
    Layer,
    Manifest,
    Member,
    Parts,
    RowType,
    Task,
    Training,
)
from satchel.sealed.schema import View as SealedView
from satchel.search.views import View


@dataclass(frozen=True)
class FittedMember:
    """A trained member in the form that the satchel carries.

    Attributes:
        rows: float32 array of shape ``(size, width)``, or in the type in which it is stored.
        bias: float32 array of shape ``(width,)``.
        layers: Its head; empty for a linear member.
        arrays: The arrays of the head, named ``layer0.kernel`` and so on.
        scales: float32 array of shape ``(width,)``, by which columns of int8 rows are multiplied;
            None for rows of another type.
        history: Of a network, each log's values, one per epoch.
    """

    rows: np.ndarray
    bias: np.ndarray
    layers: tuple[Layer, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    scales: np.ndarray | None = None
    history: Mapping[str, list[float]] = field(default_factory=dict)


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
        shares: The trained members.
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
    histories: list[History] = []
    for number, view in enumerate(views):
        own = [share for share in shares if share.view == number]
        prefix = f"view{number}"
        arrays[f"{prefix}.hashes"] = view.hashes
        arrays[f"{prefix}.kinds"] = view.kinds
        arrays[f"{prefix}.weights"] = view.weights
        stored = [_stored(share.member, row_type) for share in own]
        arrays[f"{prefix}.rows"] = _side_by_side([rows for rows, _ in stored], 1)
        scales = [scales for _, scales in stored if scales is not None]
        if scales:
            arrays[f"{prefix}.scales"] = _side_by_side(scales, 0)
        start = 0
        for share in own:
            stop = start + share.member.rows.shape[1]
            name = f"member{len(sealed_members)}"
            if share.member.history:
                histories.append(_history(len(sealed_members), share.member.history))
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
        training=msgspec.structs.replace(training, history=tuple(histories)),
    )
    return Parts(manifest=manifest, arrays=arrays, terms=None, card=card(manifest))


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


def _stored(member: FittedMember, row_type: RowType) -> tuple[np.ndarray, np.ndarray | None]:
    if member.scales is not None:
        return member.rows, member.scales
    return quantized(member.rows) if row_type == "int8" else (member.rows.astype(row_type), None)


def _side_by_side(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
    # One alone is not copied: with thousands of classes it is most of the memory.
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=axis)
