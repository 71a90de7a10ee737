"""Labels as a reader meets them: nothing hidden in them acts, and they fit where they stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_UNSEEN = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


def printable(label: object) -> str:
    r"""Return a label as text that is safe to show.

    Control and format characters, which could steer a terminal or turn text around, lone
    surrogates and unassigned code points appear as escapes such as ``\x1b``.
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in str(label)
    )


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
