"""A model with some of its members: what only the others used is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from satchel.errors import SettingError
from satchel.inference.forward import MemberNetwork
from satchel.inference.predictor import Model
from satchel.sealed.schema import Parts
from satchel.sealed.store import dumps


def keep_members(parts: Parts, kept: Sequence[int]) -> Parts:
    """Return a model with some of its members.

    Args:
        parts: The model.
        kept: The numbers of the members that stay, ascending; at least one.

    Returns:
        The model, without the views and columns that no member reads any more, and without terms.
    """
    manifest = parts.manifest
    members = []
    arrays: dict[str, np.ndarray] = {}
    used = sorted({manifest.members[m].view for m in kept})
    columns = {view: _columns(parts, view, kept) for view in used}
    for number, m in enumerate(kept):
        member = manifest.members[m]
        start = int(np.searchsorted(columns[member.view], member.start))
        members.append(
            msgspec.structs.replace(
                member,
                view=used.index(member.view),
                start=start,
                stop=start + member.stop - member.start,
            )
        )
        arrays |= _renamed(parts, f"member{m}.", f"member{number}.")
    views = []
    for place, view in enumerate(used):
        arrays |= _renamed(parts, f"view{view}.", f"view{place}.")
        for name in ("rows", "scales"):
            if f"view{place}.{name}" in arrays:
                chosen = arrays[f"view{place}.{name}"][..., columns[view]]
                arrays[f"view{place}.{name}"] = np.ascontiguousarray(chosen)
        views.append(msgspec.structs.replace(manifest.views[view], width=len(columns[view])))
    history = tuple(
        msgspec.structs.replace(each, member=number)
        for number, m in enumerate(kept)
        for each in manifest.training.history
        if each.member == m
    )
    manifest = msgspec.structs.replace(
        manifest,
        views=tuple(views),
        members=tuple(members),
        training=msgspec.structs.replace(manifest.training, history=history),
        files=(),
    )
    return replace(parts, manifest=manifest, arrays=arrays, terms=None)


def _columns(parts: Parts, view: int, kept: Sequence[int]) -> np.ndarray:
    """Return the columns of a view that these members read, ascending."""
    members = [parts.manifest.members[m] for m in kept]
    ranges = [np.arange(member.start, member.stop) for member in members if member.view == view]
    return np.unique(np.concatenate(ranges))


def _renamed(parts: Parts, before: str, after: str) -> dict[str, np.ndarray]:
    """Return the arrays under a prefix, under another."""
    return {
        after + name.removeprefix(before): array
        for name, array in parts.arrays.items()
        if name.startswith(before)
    }


_ENTRY_BYTES = 8 + 1 + 4  # hash, kind and weight
# Where fewer entries fit, more of them for fewer members are better: a linear model of
# 20 Newsgroups loses 0.2 points with a tenth of its vocabulary, and 1.5 with a thirtieth.
_ENOUGH = 0.1


def compress(parts: Parts, *, max_bytes: int) -> Parts:
    """Make a model smaller: rows are stored as int8, and the readable terms are left out.

    Vocabulary entries are dropped, the least worth first, until the file is small enough. Where
    that would leave less than a tenth of them, members go too, the widest first.

    Args:
        parts: The model.
        max_bytes: The largest file wanted.

    Returns:
        The smaller model; its views and members state what was kept.

    Raises:
        SettingError: The model cannot be made as small as that.
        ModelFileError: The model's numbers are so large that rows of int8 cannot hold them.
    """
    with np.errstate(all="ignore"):  # what overflows is refused when written
        return _fitting(replace(parts, terms=None), max_bytes)


def _fitting(parts: Parts, max_bytes: int) -> Parts:
    """Return the model with its least worthy entries, and members if need be, left out."""
    entries = sum(view.size for view in parts.manifest.views)
    while True:
        smaller = _largest_that_fits(parts, max_bytes)
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


def _largest_that_fits(parts: Parts, max_bytes: int) -> Parts | None:
    """Return the model with the most entries whose file is no larger than asked, or None."""
    views = parts.manifest.views
    entry_bytes = [_ENTRY_BYTES + view.width for view in views]
    worth = _worth(Model(parts))
    per_byte = [values / size for values, size in zip(worth, entry_bytes, strict=True)]
    order = np.argsort(-np.concatenate(per_byte), kind="stable")
    starts = np.cumsum([0, *(view.size for view in views)])
    best: Parts | None = None
    low, high = 1, min(len(order), max_bytes // min(entry_bytes))
    while low <= high:
        count = (low + high) // 2
        smaller = _narrowed(parts, _by_view(order[:count], starts))
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


def _narrowed(parts: Parts, kept: Sequence[np.ndarray]) -> Parts:
    """Return the model with these entries alone, its rows stored as int8."""
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
        arrays[prefix + "rows"], arrays[prefix + "scales"] = quantized(expanded)
        views.append(msgspec.structs.replace(view, size=len(entries), rows="int8"))
    manifest = msgspec.structs.replace(parts.manifest, views=tuple(views), files=())
    return replace(parts, manifest=manifest, arrays=arrays)


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
