"""Smaller models: fewer vocabulary entries and narrower rows.

An entry's worth is what its loss would change: how large its value is over documents, times how far
its row moves the scores. Entries are ranked by worth a byte, and as many are kept as fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from satchel.errors import SettingError
from satchel.inference.forward import MemberNetwork, member_networks
from satchel.inference.model import Model
from satchel.sealed.schema import Parts, RowType
from satchel.sealed.store import dumps

_ENTRY_BYTES = 8 + 1 + 4  # hash, kind and weight


def compress(
    parts: Parts,
    *,
    max_bytes: int | None = None,
    rows: RowType = "int8",
    texts: Sequence[str] | None = None,
    terms: bool = False,
) -> Parts:
    """Make a model smaller.

    Args:
        parts: The model.
        max_bytes: The largest file wanted; None keeps every vocabulary entry.
        rows: The type of the stored bag rows.
        texts: Documents of the model's own kind, such as some of its training documents, by which
            the worth of entries is judged; without them worth is judged from the model alone.
        terms: Whether the readable terms stay; predicting and explaining do not need them.

    Returns:
        The smaller model; its views state how many entries were kept.

    Raises:
        SettingError: The model cannot be made as small as that.
    """
    if not terms:
        parts = replace(parts, terms=None)
    if max_bytes is None:
        return _narrowed(parts, [np.arange(view.size) for view in parts.manifest.views], rows)
    return _largest_that_fits(parts, _Ranking(parts, rows, texts), rows, max_bytes)


class _Ranking:
    """All vocabulary entries of a model, by falling worth a byte."""

    def __init__(self, parts: Parts, rows: RowType, texts: Sequence[str] | None) -> None:
        self._sizes = [view.size for view in parts.manifest.views]
        self.entry_bytes = [
            _ENTRY_BYTES + view.width * np.dtype(rows).itemsize for view in parts.manifest.views
        ]
        worth = np.concatenate(
            [
                values / self.entry_bytes[index]
                for index, values in enumerate(_worth(Model(parts), texts))
            ]
        )
        self._order = np.argsort(-worth, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)])

    def __len__(self) -> int:
        return len(self._order)

    def best(self, count: int) -> list[np.ndarray]:
        """Return the entries of each view among the best, ascending; never none for a view."""
        chosen = np.sort(self._order[:count])
        kept = []
        for index, start in enumerate(self._starts[:-1]):
            low, high = np.searchsorted(chosen, [start, self._starts[index + 1]])
            kept.append(chosen[low:high] - start if high > low else np.array([0]))
        return kept


def _largest_that_fits(parts: Parts, ranking: _Ranking, rows: RowType, max_bytes: int) -> Parts:
    """Return the model with the most entries whose file is no larger than asked."""
    low, high = 1, min(len(ranking), max_bytes // min(ranking.entry_bytes))
    best: Parts | None = None
    while low <= high:
        count = (low + high) // 2
        smaller = _narrowed(parts, ranking.best(count), rows)
        if len(dumps(smaller)) <= max_bytes:
            low, best = count + 1, smaller
        else:
            high = count - 1
    if best is None:
        raise SettingError(
            f"the model cannot have {max_bytes:,} bytes: what is no vocabulary entry (the layers, "
            "labels and training facts) alone takes more; allow more, or train with a smaller head"
        )
    return best


def _worth(model: Model, texts: Sequence[str] | None) -> list[np.ndarray]:
    """Return how much the loss of each entry would change scores, float64 [V] a view."""
    members = member_networks(model.parts)
    single = model.task == "single"
    worth = []
    for index, view in enumerate(model.views):
        everything = view.expanded(np.arange(view.size)).astype(np.float64)
        squares = np.zeros(view.size)
        for member in members:
            if member.view == index:
                moved = everything[:, member.start : member.stop] * _column_strength(member)
                if single and not member.steps:  # softmax does not see what all classes share
                    moved = moved - moved.mean(axis=1, keepdims=True)
                squares += (moved * moved).sum(axis=1)
        worth.append(np.sqrt(squares) * _typical_value(view.weights, model, index, texts))
    return worth


def _column_strength(member: MemberNetwork) -> np.ndarray:
    """Return how strongly each column of a member's bag acts on the scores, [columns]."""
    dense = next((step for step in member.steps if step.kind == "dense"), None)
    if dense is None or dense.weight is None:
        return np.full(member.stop - member.start, abs(member.scale))
    strength: np.ndarray = np.linalg.norm(dense.weight, axis=1) * abs(member.scale)
    return strength


def _typical_value(
    weights: np.ndarray, model: Model, index: int, texts: Sequence[str] | None
) -> np.ndarray:
    """Return the root mean square of each entry's value over documents, or its weight."""
    if texts is None:
        return np.abs(weights.astype(np.float64))
    rows = model.views[index].weighed(texts)
    total = np.bincount(rows.ids, rows.values.astype(np.float64) ** 2, rows.columns)
    # An entry that these documents lack is not worthless: it counts as seen in half a document.
    floor = 0.5 * float(np.square(rows.values).mean()) if len(rows.values) else 1.0
    return np.sqrt(np.maximum(total, floor))


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
        arrays[prefix + "rows"] = expanded.astype(rows) if rows != "int8" else expanded
        if rows == "int8":
            arrays[prefix + "rows"], arrays[prefix + "scales"] = quantized(expanded)
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
