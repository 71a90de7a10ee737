"""Fitted views and members become the plain parts of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from satchel.inference.compress import quantized
from satchel.sealed.card import card
from satchel.sealed.schema import Layer, Manifest, Member, Parts, RowType, Task, Training
from satchel.sealed.schema import View as SealedView
from satchel.search.recipe import Recipe
from satchel.search.views import Counted, View


@dataclass(frozen=True)
class FittedMember:
    """A trained member in the form that the satchel carries.

    Attributes:
        view: Index of the view it sees.
        rows: float32 array of shape ``(size, width)``.
        bias: float32 array of shape ``(width,)``.
        layers: Its head; empty for a linear member.
        arrays: The arrays of the head, named ``layer0.kernel`` and so on.
        scale: Factor of its logits in the sum.
    """

    view: int
    rows: np.ndarray
    bias: np.ndarray
    layers: tuple[Layer, ...]
    arrays: Mapping[str, np.ndarray]
    scale: float


def assemble(
    views: Sequence[View],
    members: Sequence[FittedMember],
    counted: Counted,
    *,
    task: Task,
    labels: Sequence[str],
    thresholds: Sequence[float] | np.ndarray,
    training: Training,
    row_type: RowType = "float16",
) -> Parts:
    """Put a model's parts together.

    Args:
        views: The fitted views.
        members: The trained members; those of scale 0 are left out, and so are views without any.
        counted: Whose hashes and kinds the views index.
        task: ``single`` or ``multiple``.
        labels: The labels, in the order of the scores.
        thresholds: One a label for ``multiple``, else empty.
        training: Facts for the manifest.
        row_type: ``float32``, ``float16`` or ``int8``, the type in which bag rows are stored.

    Returns:
        Parts without terms; the card is written from the manifest.
    """
    members = [member for member in members if member.scale > 0] or list(members)
    used = sorted({member.view for member in members})
    arrays: dict[str, np.ndarray] = {}
    sealed_views = []
    sealed_members: list[Member] = []
    for place, number in enumerate(used):
        view, own = views[number], [member for member in members if member.view == number]
        prefix = f"view{place}"
        arrays[f"{prefix}.hashes"] = counted.hashes[view.kept]
        arrays[f"{prefix}.kinds"] = counted.kinds[view.kept]
        arrays[f"{prefix}.weights"] = view.weights
        rows = np.concatenate([member.rows for member in own], axis=1)
        if row_type == "int8":
            arrays[f"{prefix}.rows"], arrays[f"{prefix}.scales"] = quantized(rows)
        else:
            arrays[f"{prefix}.rows"] = rows.astype(row_type)
        start = 0
        for member in own:
            stop = start + member.rows.shape[1]
            name = f"member{len(sealed_members)}"
            arrays[f"{name}.bias"] = member.bias.astype(np.float32)
            for key, value in member.arrays.items():
                arrays[f"{name}.{key}"] = np.ascontiguousarray(value, dtype=np.float32)
            sealed_members.append(
                Member(
                    view=place,
                    start=start,
                    stop=stop,
                    scale=float(np.float32(member.scale)),
                    layers=tuple(member.layers),
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
        labels=tuple(labels),
        views=tuple(sealed_views),
        members=tuple(sealed_members),
        thresholds=tuple(float(threshold) for threshold in thresholds),
        training=training,
    )
    return Parts(manifest=manifest, arrays=arrays, terms=None, card=card(manifest))


def describe(recipe: Recipe) -> dict[str, str]:
    """The recipe as short settings for the manifest, for people to read."""
    settings: dict[str, str] = {}
    for number, view in enumerate(recipe.views):
        features = view.features
        parts = [f"words 1–{features.words}"] if features.words else []
        parts += ["characters {}–{}".format(*features.characters)] if features.characters else []
        parts += ["fields"] if features.fields else []
        settings[f"view {number}"] = (
            f"{', '.join(parts)}; {view.weights}; in at least {view.minimum_documents} documents"
        )
    for number, member in enumerate(recipe.members):
        fields = {name: getattr(member, name) for name in member.__struct_fields__}
        kind = type(member).__name__.removesuffix("Recipe").lower()
        settings[f"member {number}"] = f"{kind}: " + ", ".join(
            f"{name} {value}" for name, value in fields.items()
        )
    return settings
