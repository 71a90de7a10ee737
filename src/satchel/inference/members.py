"""A model with some of its members: what only the others used is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from satchel.sealed.schema import Parts


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
