"""Conversion between a model and its manifest and named arrays; only this module uses the names.

``docs/format.md`` lists the arrays. Reading copies nothing: a model's arrays are views of the
file's bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from satchel.features.embedding_bag import View
from satchel.features.vocabulary import Vocabulary
from satchel.inference.structure import Calibration, Ensemble, Layer, Member
from satchel.sealed.schema import (
    CalibrationEntry,
    LayerEntry,
    Manifest,
    MemberEntry,
    ViewEntry,
)


@dataclass(frozen=True, eq=False)
class Contents:
    """What a model file holds.

    Attributes:
        manifest: Everything except the arrays, terms and card.
        arrays: The arrays by name; read-only when read from a file.
        terms: The readable text of each vocabulary entry, one sequence per view; None if the
            file has none. Decoded on first use when read from a file.
        card: The model card, as Markdown.
    """

    manifest: Manifest
    arrays: dict[str, np.ndarray]
    terms: Sequence[Sequence[str]] | None = None
    card: str = field(default="", repr=False)


def contents_of(model: Ensemble) -> Contents:
    """Return the contents of a model's file."""
    arrays: dict[str, np.ndarray] = {}
    for number, view in enumerate(model.views):
        arrays |= _named(
            f"view{number}",
            hashes=view.vocabulary.hashes,
            kinds=view.vocabulary.kinds,
            weights=view.vocabulary.weights,
            rows=view.rows,
            scales=view.scales,
        )
    for number, member in enumerate(model.members):
        arrays[f"member{number}.bias"] = member.bias
        for depth, layer in enumerate(member.layers):
            first, second = _names(layer.kind)
            named = {first: layer.weight, second: layer.offset}
            arrays |= _named(f"member{number}.layer{depth}", **named)
    text = card(model) if model.card is None else model.card
    return Contents(manifest_of(model), arrays, model.terms, text)


def manifest_of(model: Ensemble) -> Manifest:
    """Return the manifest of a model."""
    return Manifest(
        format=model.format,
        satchel=model.version,
        task=model.task,
        label_type=model.label_type,
        labels=model.labels,
        views=tuple(_view_entry(view) for view in model.views),
        members=tuple(_member_entry(member) for member in model.members),
        calibration=_calibration_entry(model.calibration),
        thresholds=model.thresholds,
        training=model.training,
        scores=model.scores,
    )


def ensemble_of(contents: Contents) -> Ensemble:
    """Return the model of a file's contents.

    Args:
        contents: The checked contents of the file.
    """
    manifest, arrays = contents.manifest, contents.arrays
    calibration = manifest.calibration
    return Ensemble(
        task=manifest.task,
        labels=manifest.labels,
        views=tuple(_view(entry, arrays, f"view{n}") for n, entry in enumerate(manifest.views)),
        members=tuple(
            _member(entry, arrays, f"member{n}") for n, entry in enumerate(manifest.members)
        ),
        training=manifest.training,
        label_type=manifest.label_type,
        calibration=None
        if calibration is None
        else Calibration(
            np.array(calibration.scale, np.float32), np.array(calibration.shift, np.float32)
        ),
        thresholds=manifest.thresholds,
        scores=manifest.scores,
        terms=contents.terms,
        card=contents.card,
        format=manifest.format,
        version=manifest.satchel,
    )


def _named(prefix: str, **arrays: np.ndarray | None) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": array for name, array in arrays.items() if array is not None}


def _names(kind: str) -> tuple[str, str]:
    """Return the names of a layer's two arrays."""
    return ("kernel", "bias") if kind == "dense" else ("scale", "shift")


def _view_entry(view: View) -> ViewEntry:
    return ViewEntry(
        features=view.vocabulary.features,
        weighting=view.vocabulary.weighting,
        size=view.size,
        width=view.width,
        rows=view.rows.dtype.name,  # type: ignore[arg-type]  # checked when written
    )


def _member_entry(member: Member) -> MemberEntry:
    return MemberEntry(
        view=member.view,
        start=member.start,
        stop=member.stop,
        scale=member.scale,
        layers=tuple(
            LayerEntry(
                kind=layer.kind,
                units=layer.units,
                activation=layer.activation,
                epsilon=layer.epsilon,
            )
            for layer in member.layers
        ),
    )


def _calibration_entry(calibration: Calibration | None) -> CalibrationEntry | None:
    if calibration is None:
        return None
    return CalibrationEntry(
        scale=tuple(calibration.scale.tolist()), shift=tuple(calibration.shift.tolist())
    )


def _view(entry: ViewEntry, arrays: Mapping[str, np.ndarray], prefix: str) -> View:
    vocabulary = Vocabulary(
        entry.features,
        entry.weighting,
        arrays[f"{prefix}.hashes"],
        arrays[f"{prefix}.kinds"],
        arrays[f"{prefix}.weights"],
    )
    return View(vocabulary, arrays[f"{prefix}.rows"], arrays.get(f"{prefix}.scales"))


def _member(entry: MemberEntry, arrays: Mapping[str, np.ndarray], prefix: str) -> Member:
    return Member(
        view=entry.view,
        start=entry.start,
        stop=entry.stop,
        scale=entry.scale,
        bias=arrays[f"{prefix}.bias"],
        layers=tuple(
            _layer(layer, arrays, f"{prefix}.layer{depth}")
            for depth, layer in enumerate(entry.layers)
        ),
    )


def _layer(entry: LayerEntry, arrays: Mapping[str, np.ndarray], prefix: str) -> Layer:
    first, second = _names(entry.kind)
    return Layer(
        kind=entry.kind,
        units=entry.units,
        activation=entry.activation,
        weight=arrays.get(f"{prefix}.{first}"),
        offset=arrays.get(f"{prefix}.{second}"),
        epsilon=entry.epsilon,
    )


SHOWN = 50
"""Labels in the card's table; the manifest has them all."""


def card(model: Ensemble) -> str:
    """Generate the card of a model from the model itself, so that the two cannot disagree."""
    training = model.training
    counts = dict(zip(model.labels, training.class_counts, strict=False))
    shown = sorted(counts, key=lambda label: (-counts[label], label))[:SHOWN]
    number = "one" if model.task == "single" else "any number"
    origin = f"effort {training.effort}, seed {training.seed}, backend {training.backend}"
    features = sum(view.size for view in model.views)
    members = len(model.members)
    lines = [
        "# A text classifier, sealed by Satchel",
        "",
        f"- {len(model.labels)} labels, {number} per document",
        f"- trained on {training.documents:,} documents; {origin}",
        f"- {features:,} features, {members} member{'s' * (members > 1)}",
    ]
    lines += [f"- {score.name} on {score.part}: {score.value:.4f}" for score in model.scores]
    lines += ["", "| label | training documents |", "|---|---|"]
    lines += [f"| {_cell(label)} | {counts[label]:,} |" for label in shown]
    if len(counts) > len(shown):
        lines.append(f"| … and {len(counts) - len(shown)} more | |")
    lines += ["", *_describe_predictions(model), ""]
    return "\n".join(lines)


def _describe_predictions(model: Ensemble) -> list[str]:
    """Describe its predictions, including those for texts without known features."""
    counts = model.training.class_counts
    single = model.task == "single"
    lines = [
        "It predicts one of these labels, whatever the text."
        if single
        else "It predicts every label whose probability reaches its threshold, or none."
    ]
    if model.format == 1 or not any(counts):
        lines.append("A text without any known word is predicted by the biases alone.")
    else:
        likeliest = counts.index(max(counts))
        share = counts[likeliest] / (sum(counts) if single else model.training.documents)
        label = _cell(model.labels[likeliest])
        lines += [
            "A text without any known word gets the prior: every label is as probable as it is",
            f"frequent among the training documents ({label}: {share:.4f}).",
        ]
    lines.append("It has learnt what its documents showed, their biases and accidents included.")
    return lines


def _cell(label: str) -> str:
    return " ".join(label.split()).replace("|", "\\|")
