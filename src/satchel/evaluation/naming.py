"""Labels as a reader meets them: nothing hidden in them acts, and they fit where they stand."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from satchel.escaping import printable


def columns(text: str) -> int:
    """Return how many character cells a text takes, East Asian wide characters taking two."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def abbreviate(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` cells by leaving out its middle: names differ at their ends.

    Marks that take no cell are bounded too: at most four characters a cell are kept.
    """
    most = 4 * limit
    if len(text) <= most and columns(text) <= limit:
        return text
    room, taken = [limit - 1 - limit // 2, limit // 2], ["", ""]
    ends: tuple[Iterable[str], Iterable[str]] = (text[:most], reversed(text[-most:]))
    for side, characters in enumerate(ends):
        for character in characters:
            room[side] -= columns(character)
            if room[side] < 0 or len(taken[side]) >= most // 2 - 1:
                break
            taken[side] += character
    return f"{taken[0]}…{taken[1][::-1]}"


def short_names(
    labels: Sequence[object], limit: int, numbers: Sequence[int] | None = None
) -> list[str]:
    """Return printable, shortened names, all different: doubles get their number.

    Args:
        labels: The labels.
        limit: Longest name in character cells.
        numbers: The number of each label; None counts from 1. Where only some of the labels are
            shown, give the numbers that they have among all, so that a number means the same
            class everywhere.
    """
    if numbers is None:
        numbers = range(1, len(labels) + 1)
    names = [abbreviate(printable(label), limit) for label in labels]
    seen = Counter(names)
    return [
        f"{name} #{number}" if seen[name] > 1 else name
        for name, number in zip(names, numbers, strict=True)
    ]
