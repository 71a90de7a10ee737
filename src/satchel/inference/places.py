"""Where the characters of a prepared text stood in the original.

Tokens are found in the prepared text, from which parts may be cut off (``strip``) and whose
characters may be composed (``nfc``); people want to see them marked in the text that they gave.
"""

from __future__ import annotations

import unicodedata

from satchel.bags.features import Features
from satchel.bags.preparing import prepare
from satchel.bags.stripping import strip


class Places:
    """The way back from a prepared text to the original.

    Args:
        original: A document.
        features: The features that it was prepared for.
    """

    def __init__(self, original: str, features: Features) -> None:
        self._starts: list[int] | None = None
        prepared = prepare(original, features)
        if prepared == original:
            return
        kept = strip(original, features.strip) if features.strip else original
        starts = _places_of_lines(original, kept)
        if features.nfc and kept != prepared:
            starts = [starts[place] for place in _places_before_composing(kept, prepared)]
        self._starts = starts

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of a stretch of the prepared text."""
        if self._starts is None:
            return start, end
        # Whole lines are cut off, and each kept one has a place for its end: a stretch never
        # reaches over what was cut off unless its own line break does.
        return self._starts[start], self._starts[end]


def _places_of_lines(original: str, kept: str) -> list[int]:
    """Return the place of every character of the lines that were kept, and of the end."""
    lines, starts, position = original.split("\n"), [], 0
    for line in lines:
        starts.append(position)
        position += len(line) + 1
    places: list[int] = []
    number = len(lines)
    # From the end, for a header is cut off at the start and may repeat a line of the text.
    for line in reversed(kept.split("\n")):
        number -= 1
        while number > 0 and line not in lines[number]:
            number -= 1
        start = starts[number] + lines[number].rfind(line)
        places += range(start + len(line), start - 1, -1)
    places.reverse()
    return places


def _places_before_composing(text: str, composed: str) -> list[int]:
    """Return where each character of the composed text stood, and the end."""
    places: list[int] = []
    start = 0
    for end in [*_safe_cuts(text, composed), len(text)]:
        length = len(unicodedata.normalize("NFC", text[start:end]))
        places += [min(start + offset, end - 1) for offset in range(length)]
        start = end
    return [*places, len(text)]


def _safe_cuts(text: str, composed: str) -> list[int]:
    """Return places between which the text can be composed piece by piece."""
    cuts = [
        place
        for place in range(1, len(text))
        if unicodedata.combining(text[place]) == 0 and unicodedata.category(text[place])[0] != "M"
    ]
    pieces = zip([0, *cuts], [*cuts, len(text)], strict=True)
    if "".join(unicodedata.normalize("NFC", text[a:b]) for a, b in pieces) == composed:
        return cuts
    # Jamo compose although they are letters: cut at ASCII alone, which never joins what precedes.
    return [place for place in range(1, len(text)) if text[place].isascii()]
