"""Where the characters of a prepared text stood in the original.

Tokens are found in the prepared text, from which parts may be cut off (``strip``) and whose
characters may be composed (``nfc``); people want to see them marked in the text that they gave.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from satchel.features.hashing import CHARACTER_KIND, FIELD_KIND
from satchel.features.preprocess import kept, prepare
from satchel.features.spec import Features
from satchel.features.unicode import normalize
from satchel.features.windows import Window, character_windows, word_windows

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


KINDS = ("characters", "field", "word", "words")
"""The kinds of a contribution; an occurrence holds the number of its own."""

_CHUNK = re.compile(r"\S+")
_KEPT_MORE = 1 << 16


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Some occurrences of features in a document.

    Attributes:
        starts: int64 [n], the first code point of each.
        ends: int64 [n], the code point after the last.
        kinds: int8 [n], numbers of ``KINDS``.
        values: float64 [n], what each added.
    """

    starts: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: np.ndarray) -> Occurrences:
        """Take some of them, in the order asked for."""
        return Occurrences(
            self.starts[chosen], self.ends[chosen], self.kinds[chosen], self.values[chosen]
        )

    def merged(self) -> Occurrences:
        """Add up those of one place and kind, in the order of places."""
        held = self[np.lexsort((self.kinds, self.ends, self.starts))]
        new = np.ones(len(held), np.bool_)
        for each in (held.starts, held.ends, held.kinds):
            new[1:] &= each[1:] == each[:-1]
        new[1:] = ~new[1:]
        firsts = np.flatnonzero(new)
        sums = np.add.reduceat(held.values, firsts) if len(firsts) else held.values
        return Occurrences(held.starts[firsts], held.ends[firsts], held.kinds[firsts], sums)


_NOTHING = Occurrences(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0)
)


def together(several: Iterable[Occurrences]) -> Occurrences:
    """Put occurrences behind each other."""
    parts = [_NOTHING, *several]
    return Occurrences(
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


@dataclass(frozen=True)
class Worth:
    """What the features of a document are worth in one view.

    Attributes:
        features: The view's.
        hashes: uint64 [n], the known features of the document, ascending.
        values: float64 [n], what one occurrence of each adds.
    """

    features: Features
    hashes: np.ndarray
    values: np.ndarray


def merged_windows(text: str, worths: Iterable[Worth]) -> Iterator[Occurrences]:
    """Find all occurrences of known features, what several views say of a place added up.

    Args:
        text: The document.
        worths: What its features are worth in each view.

    Yields:
        Occurrences, merged; each place and kind comes once.
    """
    prepared: dict[object, Places] = {}
    streams: list[Iterator[tuple[int, Occurrences]]] = []
    for worth in worths:
        if len(worth.hashes):
            way = (worth.features.strip, worth.features.nfc)
            if way not in prepared:
                prepared[way] = Places(text, worth.features)
            streams += _streams(prepared[way], worth)
    waiting = _NOTHING
    seen = [-1] * len(streams)
    while streams:
        # The stream that is furthest behind goes on; what lies before all of them is complete.
        behind = seen.index(min(seen))
        following = next(streams[behind], None)
        if following is None:
            del streams[behind], seen[behind]
        else:
            seen[behind] = following[0]
            waiting = together([waiting, following[1]])
        done = waiting.ends <= min(seen, default=len(text))
        if done.any():
            yield waiting[done].merged()
            waiting = waiting[~done]


def _streams(places: Places, worth: Worth) -> Iterator[Iterator[tuple[int, Occurrences]]]:
    """A view's occurrences with where each window ends: those of words, and of characters."""
    features = worth.features
    if features.words:
        yield _known(word_windows(places.lowered, features, placed=True), places, worth)
    if features.characters:
        grams = character_windows(places.lowered, features, placed=True)
        yield _known(grams, places, worth)


def _known(
    windows: Iterator[Window], places: Places, worth: Worth
) -> Iterator[tuple[int, Occurrences]]:
    last = len(worth.hashes) - 1
    for window in windows:
        parts = []
        for kind, hashes, starts, ends in window.parts:
            assert starts is not None
            assert ends is not None
            at = np.minimum(np.searchsorted(worth.hashes, hashes), last)
            known = np.flatnonzero(worth.hashes[at] == hashes)
            spans = places.spans(starts[known], ends[known])
            kinds = np.full(len(known), _number_of(kind), np.int8)
            parts.append(Occurrences(*spans, kinds, worth.values[at[known]]))
        _, ends_at = places.spans(np.array([window.end]), np.array([window.end]))
        yield int(ends_at[0]), together(parts)


def _number_of(kind: int) -> int:
    if kind >= FIELD_KIND:
        return KINDS.index("field")
    if kind >= CHARACTER_KIND:
        return KINDS.index("characters")
    return KINDS.index("word" if kind == 1 else "words")


class Strongest:
    """Keeps the strongest of many occurrences, and counts and sums the rest.

    Args:
        most: How many to keep.

    Attributes:
        omitted: How many were left out.
        rest: The sum of their values.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = [_NOTHING]
        self._size = 0
        self.omitted = 0
        self.rest = 0.0

    def add(self, occurrences: Occurrences) -> None:
        """Look at some occurrences, merged."""
        self._held.append(occurrences)
        self._size += len(occurrences)
        if self._size > 2 * self._most + _KEPT_MORE:
            self._reduce()

    def kept(self) -> Occurrences:
        """Return the strongest, the strongest first; among equals the first in the text."""
        return self._reduce()

    def _reduce(self) -> Occurrences:
        held = together(self._held)
        order = np.lexsort((held.kinds, held.ends, held.starts, -np.abs(held.values)))
        left_out = held.values[order[self._most :]]
        self.omitted += len(left_out)
        self.rest += float(left_out.sum())
        kept = held[order[: self._most]]
        self._held, self._size = [kept], len(kept)
        return kept


class Chunks:
    """The chunks of a text between white space, among which occurrences are spread.

    Args:
        text: The document.

    Attributes:
        starts: int64 [n], where each chunk starts.
        ends: int64 [n], where each ends.
        values: float64 [n], what has been spread over each.
    """

    def __init__(self, text: str) -> None:
        self.starts, self.ends = _chunk_bounds(text)
        self.values = np.zeros(len(self.starts))

    def spread(self, occurrences: Occurrences) -> None:
        """Give each chunk that an occurrence covers an equal share of it."""
        starts, ends, values = occurrences.starts, occurrences.ends, occurrences.values
        # A pad of a character n-gram has no place of its own and belongs to the chunk it touches.
        empty = starts == ends
        first = np.searchsorted(self.ends, starts + ~empty)
        covered = np.searchsorted(self.starts, ends + empty) - first
        counts = np.maximum(covered, 0)
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        shares = np.repeat(values / np.maximum(counts, 1), counts)
        np.add.at(self.values, np.repeat(first, counts) + steps, shares)


def _chunk_bounds(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Where each run without white space starts and ends."""
    return (
        np.fromiter((match.start() for match in _CHUNK.finditer(text)), np.int64),
        np.fromiter((match.end() for match in _CHUNK.finditer(text)), np.int64),
    )
