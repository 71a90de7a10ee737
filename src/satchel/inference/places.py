"""Where the characters of a prepared text stood in the original.

Tokens are found in the prepared text, from which parts may be cut off (``strip``) and whose
characters may be composed (``nfc``); people want to see them marked in the text that they gave.
"""

from __future__ import annotations

import re
import unicodedata
from array import array

import numpy as np

from satchel.bags.features import Features
from satchel.bags.preparing import prepare
from satchel.bags.stripping import kept
from satchel.normalizing import normalize

# What composing may change: characters below U+0300 change only through what follows them.
_COMPOSING = re.compile(r".?[\u0300-\U0010ffff]+", re.DOTALL)


class Places:
    """A text as its tokens are found in it, and the way back to the original.

    Args:
        original: A document.
        features: The features that it is prepared for.

    Attributes:
        lowered: The text prepared and in lower case, in which tokens are found.
    """

    def __init__(self, original: str, features: Features) -> None:
        prepared = prepare(original, features)
        self.lowered = prepared.lower()
        # Where each character stood, and the end; None where both texts have the same places.
        self._before_lowering = _places_before_lowering(prepared, self.lowered)
        self._in_original: np.ndarray | None = None
        if prepared != original:
            stripped, places = _places_of_kept(original, features)
            if features.nfc and stripped != prepared:
                places = places[_places_before_composing(stripped)]
            self._in_original = places

    def spans(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find where stretches of the lower-cased text stood in the original.

        Args:
            starts: int64 [n], where each starts.
            ends: int64 [n], where each ends; where it starts, for the pad of a character n-gram.

        Returns:
            The starts and the ends in the original, int64 [n] each.
        """
        if self._before_lowering is not None:
            empty = starts == ends
            starts = self._before_lowering[starts]
            ends = np.where(empty, starts, self._before_lowering[ends - 1] + 1)
        if self._in_original is not None:
            # Whole lines are cut off, and each kept one has a place for its end: a stretch never
            # reaches over what was cut off unless its own line break does.
            starts, ends = self._in_original[starts], self._in_original[ends]
        return starts, ends


def _places_before_lowering(text: str, lowered: str) -> np.ndarray | None:
    if len(text) == len(lowered):
        return None
    lengths = np.fromiter((len(character.lower()) for character in text), np.int64, len(text))
    return np.append(np.repeat(np.arange(len(text)), lengths), len(text))


def _places_of_kept(original: str, features: Features) -> tuple[str, np.ndarray]:
    """What stripping leaves, the place of each of its characters, and the end."""
    spans = list(kept(original, features.strip))
    places = [np.arange(start, end + 1) for start, end in spans]
    text = "\n".join(original[start:end] for start, end in spans)
    return text, np.concatenate(places) if places else np.array([len(original)])


def _places_before_composing(text: str) -> np.ndarray:
    """Where each character of the composed text stood, and the end."""
    places = array("q")
    done = 0
    for found in _COMPOSING.finditer(text):
        stretch = found[0]
        composed = normalize("NFC", stretch)
        if composed != stretch:
            places.extend(range(done, found.start()))
            done = found.end()
            _add_composed(stretch, composed, found.start(), places)
    places.extend(range(done, len(text) + 1))
    return np.asarray(places)


def _add_composed(stretch: str, composed: str, start: int, places: array[int]) -> None:
    """Add the places of a stretch, piece by piece where it can be composed so."""
    cuts = [
        place
        for place in range(1, len(stretch))
        if unicodedata.combining(stretch[place]) == 0
        and unicodedata.category(stretch[place])[0] != "M"
    ]
    bounds = list(zip([0, *cuts], [*cuts, len(stretch)], strict=True))
    pieces = [normalize("NFC", stretch[first:last]) for first, last in bounds]
    if "".join(pieces) != composed:  # jamo compose although they are letters
        bounds, pieces = [(0, len(stretch))], [composed]
    for (first, last), piece in zip(bounds, pieces, strict=True):
        places.extend(start + min(first + offset, last - 1) for offset in range(len(piece)))
