"""Smaller models: fewer vocabulary entries, narrower rows and, where little fits, fewer members.

An entry's worth is how far its row moves the scores: the length of the row, each column weighed by
how strongly its member passes it on. On 20 Newsgroups this beat every measure that also counts how
often or how heavily an entry occurs: a rare word with a long row is what a document hangs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from satchel.errors import SettingError
from satchel.inference import forward
from satchel.inference.forward import MemberNetwork
from satchel.inference.members import keep_members
from satchel.inference.model import Model
from satchel.sealed.schema import Calibration, Manifest, Parts, RowType
from satchel.sealed.store import dumps

_ENTRY_BYTES = 8 + 1 + 4  # hash, kind and weight
# Where fewer entries fit, more of them for fewer members are better: a linear model of
# 20 Newsgroups loses 0.2 points with a tenth of its vocabulary, and 1.5 with a thirtieth.
_ENOUGH = 0.1


def compress(
    parts: Parts,
    *,
    max_bytes: int | None = None,
    rows: RowType = "int8",
    texts: Sequence[str] | None = None,
    terms: bool = False,
) -> Parts:
    """Make a model smaller.

    Vocabulary entries are dropped, the least worth first, until the file is small enough. Where
    that would leave less than a tenth of them, members go too, the widest first.

    Args:
        parts: The model.
        max_bytes: The largest file wanted; None keeps every vocabulary entry and member.
        rows: The type of the stored bag rows.
        texts: Documents of the model's own kind, a few hundred; with them the smaller model is made
            as sure of its answers as the larger one is. None leaves its scores as they come.
        terms: Whether the readable terms stay; predicting and explaining do not need them.

    Returns:
        The smaller model; its views and members state what was kept.

    Raises:
        SettingError: The model cannot be made as small as that.
        ModelFileError: The model's numbers are so large that rows of this type cannot hold them.
        TextError: One of the texts is not text.
    """
    before = Model(parts) if texts else None
    if not terms:
        parts = replace(parts, terms=None)
    with np.errstate(all="ignore"):  # what overflows is refused when written
        if max_bytes is None:
            everything = [np.arange(view.size) for view in parts.manifest.views]
            smaller = _narrowed(parts, everything, rows)
        else:
            # Scales that are set later may take more digits, and those a step of the alignment.
            scales = len(parts.manifest.members)
            if parts.manifest.calibration is not None:
                scales = 2 * len(parts.manifest.labels)
            spare = 64 + 24 * scales if texts else 0
            smaller = _fitting(parts, rows, max_bytes - spare)
    if before is not None and texts:
        smaller = _as_sure(smaller, texts, before.predict_proba(texts))
    return smaller


def _fitting(parts: Parts, rows: RowType, max_bytes: int) -> Parts:
    """Return the model with its least worthy entries, and members if need be, left out."""
    entries = sum(view.size for view in parts.manifest.views)
    while True:
        smaller = _largest_that_fits(parts, rows, max_bytes)
        kept = sum(view.size for view in smaller.manifest.views) if smaller else 0
        members = parts.manifest.members
        if len(members) == 1 or kept >= _ENOUGH * entries:
            break
        widths = [member.stop - member.start for member in members]
        widest = len(widths) - 1 - widths[::-1].index(max(widths))
        parts = keep_members(parts, [m for m in range(len(members)) if m != widest])
    if smaller is None:
        raise SettingError(
            f"the model cannot have about {max_bytes:,} bytes: what is no vocabulary entry (the "
            "layers, labels and training facts) alone takes about as much; allow more, or train a "
            "smaller head"
        )
    return smaller


def _largest_that_fits(parts: Parts, rows: RowType, max_bytes: int) -> Parts | None:
    """Return the model with the most entries whose file is no larger than asked, or None."""
    views = parts.manifest.views
    entry_bytes = [_ENTRY_BYTES + view.width * np.dtype(rows).itemsize for view in views]
    worth = _worth(Model(parts))
    per_byte = [values / size for values, size in zip(worth, entry_bytes, strict=True)]
    order = np.argsort(-np.concatenate(per_byte), kind="stable")
    starts = np.cumsum([0, *(view.size for view in views)])
    best: Parts | None = None
    low, high = 1, min(len(order), max_bytes // min(entry_bytes))
    while low <= high:
        count = (low + high) // 2
        smaller = _narrowed(parts, _by_view(order[:count], starts), rows)
        if len(dumps(smaller)) <= max_bytes:
            low, best = count + 1, smaller
        else:
            high = count - 1
    return best


def _by_view(chosen: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """Return the chosen entries of each view, ascending; never none, for a view has one."""
    chosen = np.sort(chosen)
    bounds = np.searchsorted(chosen, starts)
    return [
        chosen[low:high] - start if high > low else np.array([0])
        for start, low, high in zip(starts[:-1], bounds[:-1], bounds[1:], strict=True)
    ]


def _worth(model: Model) -> list[np.ndarray]:
    """Return how far each entry's row moves the scores, float64 [V] a view."""
    worth = []
    for index, view in enumerate(model.views):
        rows = view.expanded(np.arange(view.size))
        squares = np.zeros(view.size)
        for member in model.members:
            if member.view == index:
                moved = rows[:, member.start : member.stop] * _column_strength(member)
                if model.calibration is not None and not member.steps:
                    moved = moved * model.calibration.scale
                if model.task == "single" and not member.steps:
                    # Softmax does not see what all classes share.
                    moved = moved - moved.mean(axis=1, keepdims=True)
                squares += np.einsum("ij,ij->i", moved, moved)
        worth.append(np.sqrt(squares))
    return worth


def _column_strength(member: MemberNetwork) -> np.ndarray:
    """Return how strongly each column of a member's bag acts on the scores, float32 [columns]."""
    dense = next((step for step in member.steps if step.kind == "dense"), None)
    strength = np.full(member.stop - member.start, abs(member.scale), np.float32)
    if dense is not None and dense.weight is not None:
        strength *= np.linalg.norm(dense.weight, axis=1)
    return strength


def _narrowed(parts: Parts, kept: Sequence[np.ndarray], rows: RowType) -> Parts:
    """Return the model with these entries alone, its rows stored in this type."""
    arrays = dict(parts.arrays)
    views = []
    for index, (view, entries) in enumerate(zip(parts.manifest.views, kept, strict=True)):
        prefix = f"view{index}."
        for name in ("hashes", "kinds", "weights"):
            arrays[prefix + name] = arrays[prefix + name][entries]
        expanded = arrays[prefix + "rows"][entries].astype(np.float32)
        scales = arrays.pop(prefix + "scales", None)
        if scales is not None:
            expanded *= scales
        if rows == "int8":
            arrays[prefix + "rows"], arrays[prefix + "scales"] = quantized(expanded)
        else:
            arrays[prefix + "rows"] = expanded.astype(rows)
        views.append(msgspec.structs.replace(view, size=len(entries), rows=rows))
    terms = parts.terms
    if terms is not None:
        terms = [
            [terms[index][entry] for entry in entries.tolist()]
            for index, entries in enumerate(kept)
        ]
    manifest = msgspec.structs.replace(parts.manifest, views=tuple(views), files=())
    return replace(parts, manifest=manifest, arrays=arrays, terms=terms)


def quantized(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as int8 and the scale of each column.

    Args:
        rows: float32 [V, width].

    Returns:
        int8 [V, width] and float32 [width]; their product is within half a scale of the rows.
    """
    scales = np.abs(rows).max(axis=0) / np.float32(127)
    scales[scales == 0] = 1.0
    return np.rint(rows / scales).astype(np.int8), scales.astype(np.float32)


def _as_sure(parts: Parts, texts: Sequence[str], target: np.ndarray) -> Parts:
    """Return the model with its scores scaled so that its probabilities come nearest the target.

    Args:
        parts: The model.
        texts: Documents.
        target: float32 [n, classes], the probabilities that they should have.
    """
    model = Model(parts)
    # Texts without a known feature get the prior, whatever the factor.
    known = model.known(texts) > 0
    score, target = model.scores(texts)[known], target[known]

    def distance(factor: float) -> float:
        answer = forward.probabilities(score * np.float32(factor), parts.manifest.task)
        return float(np.square(answer - target).sum())

    factors = np.geomspace(0.25, 4.0, 161)  # steps of under 2 %
    factor = float(min(factors, key=distance))
    return replace(parts, manifest=_scaled(parts.manifest, factor))


def _scaled(manifest: Manifest, factor: float) -> Manifest:
    """Return the manifest of the model whose scores are so many times as large."""
    calibration = manifest.calibration
    if calibration is not None:
        scaled = Calibration(
            scale=tuple(number * factor for number in calibration.scale),
            shift=tuple(number * factor for number in calibration.shift),
        )
        return msgspec.structs.replace(manifest, calibration=scaled)
    members = tuple(
        msgspec.structs.replace(member, scale=member.scale * factor) for member in manifest.members
    )
    return msgspec.structs.replace(manifest, members=members)
