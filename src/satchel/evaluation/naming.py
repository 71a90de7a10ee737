"""Labels as a reader meets them: nothing hidden in them acts, and they fit where they stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from satchel.escaping import printable as printable


def columns(text: str) -> int:
    """Return how many character cells a text takes, East Asian wide characters taking two."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


def abbreviate(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` cells by leaving out its middle: names differ at their ends."""
    if columns(text) <= limit:
        return text
    head, tail = "", ""
    room = limit - 1
    while True:
        from_tail = columns(head) > columns(tail)
        character = text[-len(tail) - 1] if from_tail else text[len(head)]
        if columns(head) + columns(tail) + columns(character) > room:
            return f"{head}…{tail}"
        if from_tail:
            tail = character + tail
        else:
            head += character


def short_names(labels: Sequence[object], limit: int) -> list[str]:
    """Return printable, shortened names, all different: doubles get their position (from 1)."""
    names = [abbreviate(printable(label), limit) for label in labels]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [
        f"{name} #{position}" if seen[name] > 1 else name
        for position, name in enumerate(names, start=1)
    ]
