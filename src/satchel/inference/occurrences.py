"""Occurrences of features in a text, at their positions in the original.

Tokens are found in the prepared text, from which parts may be removed (``strip``) and whose
characters may be composed (``nfc``); an explanation marks them in the original text.
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


class PositionMap:
    """A prepared text, and the position of each of its characters in the original.

    Args:
        original: A document.
        features: The features that the text is prepared for.

    Attributes:
        lowered: The text prepared and in lower case, in which tokens are found.
    """

    def __init__(self, original: str, features: Features) -> None:
        prepared = prepare(original, features)
        self.lowered = prepared.lower()
        # Where each character was, and the end; None where both texts have the same positions.
        self._before_lowering = _positions_before_lowering(prepared, self.lowered)
        self._in_original: np.ndarray | None = None
        if prepared != original:
            stripped, positions = _positions_of_kept(original, features)
            if features.nfc and stripped != prepared:
                positions = positions[_positions_before_composing(stripped)]
            self._in_original = positions

    def spans(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions in the original of spans of the lower-cased text.

        Args:
            starts: int64 [n], where each starts.
            ends: int64 [n], where each ends; the start itself for the padding of a character
                n-gram.

        Returns:
            The starts and the ends in the original, int64 [n] each.
        """
        if self._before_lowering is not None:
            empty = starts == ends
            starts = self._before_lowering[starts]
            ends = np.where(empty, starts, self._before_lowering[ends - 1] + 1)
        if self._in_original is not None:
            # Whole lines are removed, and each kept line has a position for its end: a span
            # crosses a removed part only if its own line break does.
            starts, ends = self._in_original[starts], self._in_original[ends]
        return starts, ends


def _positions_before_lowering(text: str, lowered: str) -> np.ndarray | None:
    if len(text) == len(lowered):
        return None
    lengths = np.fromiter((len(character.lower()) for character in text), np.int64, len(text))
    return np.append(np.repeat(np.arange(len(text)), lengths), len(text))


def _positions_of_kept(original: str, features: Features) -> tuple[str, np.ndarray]:
    """Return the stripped text, the position of each of its characters, and the end."""
    spans = list(kept(original, features.strip))
    positions = [np.arange(start, end + 1) for start, end in spans]
    text = "\n".join(original[start:end] for start, end in spans)
    return text, np.concatenate(positions) if positions else np.array([len(original)])


def _positions_before_composing(text: str) -> np.ndarray:
    """Return the position of each character of the composed text, and the end."""
    positions = array("q")
    done = 0
    for found in _COMPOSING.finditer(text):
        stretch = found[0]
        composed = normalize("NFC", stretch)
        if composed != stretch:
            positions.extend(range(done, found.start()))
            done = found.end()
            _add_composed(stretch, composed, found.start(), positions)
    positions.extend(range(done, len(text) + 1))
    return np.asarray(positions)


def _add_composed(stretch: str, composed: str, start: int, positions: array[int]) -> None:
    """Add the positions of a span, piece by piece where it can be composed that way."""
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
        positions.extend(start + min(first + offset, last - 1) for offset in range(len(piece)))


KINDS = ("characters", "field", "word", "words")
"""The kinds of a contribution; an occurrence holds an index into them."""

_CHUNK = re.compile(r"\S+")
_KEPT_MORE = 1 << 16


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Some occurrences of features in a document.

    Attributes:
        starts: int64 [n], the first code point of each.
        ends: int64 [n], the code point after the last.
        kinds: int8 [n], indices into ``KINDS``.
        values: float64 [n], what each contributed.
    """

    starts: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: np.ndarray) -> Occurrences:
        """Return some of them, in the order of the index."""
        return Occurrences(
            self.starts[chosen], self.ends[chosen], self.kinds[chosen], self.values[chosen]
        )

    def merged(self) -> Occurrences:
        """Add up those with the same position and kind, in the order of positions."""
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


def concatenated(occurrences: Iterable[Occurrences]) -> Occurrences:
    """Concatenate occurrences."""
    parts = [_NOTHING, *occurrences]
    return Occurrences(
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


@dataclass(frozen=True)
class FeatureContributions:
    """What the features of a document contribute in one view.

    Attributes:
        features: The features of the view.
        hashes: uint64 [n], the known features of the document, ascending.
        values: float64 [n], what one occurrence of each contributes.
    """

    features: Features
    hashes: np.ndarray
    values: np.ndarray


def merged_windows(
    text: str, contributions: Iterable[FeatureContributions]
) -> Iterator[Occurrences]:
    """Find all occurrences of known features, the contributions of all views added up.

    Args:
        text: The document.
        contributions: What its features contribute in each view.

    Yields:
        Occurrences, merged: each position and kind occurs once.
    """
    prepared: dict[object, PositionMap] = {}
    streams: list[Iterator[tuple[int, Occurrences]]] = []
    for contribution in contributions:
        if len(contribution.hashes):
            way = (contribution.features.strip, contribution.features.nfc)
            if way not in prepared:
                prepared[way] = PositionMap(text, contribution.features)
            streams += _streams(prepared[way], contribution)
    waiting = _NOTHING
    seen = [-1] * len(streams)
    while streams:
        # Advance the stream that is furthest behind; what lies before all of them is complete.
        behind = seen.index(min(seen))
        following = next(streams[behind], None)
        if following is None:
            del streams[behind], seen[behind]
        else:
            seen[behind] = following[0]
            waiting = concatenated([waiting, following[1]])
        done = waiting.ends <= min(seen, default=len(text))
        if done.any():
            yield waiting[done].merged()
            waiting = waiting[~done]


def _streams(
    positions: PositionMap, contribution: FeatureContributions
) -> Iterator[Iterator[tuple[int, Occurrences]]]:
    """Yield a view's occurrences and where each window ends: for words, then characters."""
    features = contribution.features
    if features.words:
        yield _known(
            word_windows(positions.lowered, features, placed=True), positions, contribution
        )
    if features.characters:
        grams = character_windows(positions.lowered, features, placed=True)
        yield _known(grams, positions, contribution)


def _known(
    windows: Iterator[Window], positions: PositionMap, contribution: FeatureContributions
) -> Iterator[tuple[int, Occurrences]]:
    last = len(contribution.hashes) - 1
    for window in windows:
        parts = []
        for kind, hashes, starts, ends in window.parts:
            assert starts is not None
            assert ends is not None
            at = np.minimum(np.searchsorted(contribution.hashes, hashes), last)
            known = np.flatnonzero(contribution.hashes[at] == hashes)
            spans = positions.spans(starts[known], ends[known])
            kinds = np.full(len(known), _number_of(kind), np.int8)
            parts.append(Occurrences(*spans, kinds, contribution.values[at[known]]))
        _, ends_at = positions.spans(np.array([window.end]), np.array([window.end]))
        yield int(ends_at[0]), concatenated(parts)


def _number_of(kind: int) -> int:
    if kind >= FIELD_KIND:
        return KINDS.index("field")
    if kind >= CHARACTER_KIND:
        return KINDS.index("characters")
    return KINDS.index("word" if kind == 1 else "words")


class Strongest:
    """Keeps the strongest of many occurrences, and counts and adds up the rest.

    Args:
        limit: How many to keep.

    Attributes:
        omitted: How many were left out.
        rest: The sum of their values.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = [_NOTHING]
        self._size = 0
        self.omitted = 0
        self.rest = 0.0

    def add(self, occurrences: Occurrences) -> None:
        """Add occurrences, merged."""
        self._held.append(occurrences)
        self._size += len(occurrences)
        if self._size > 2 * self._limit + _KEPT_MORE:
            self._reduce()

    def kept(self) -> Occurrences:
        """Return the strongest, the strongest first; among equals the first in the text."""
        return self._reduce()

    def _reduce(self) -> Occurrences:
        held = concatenated(self._held)
        order = np.lexsort((held.kinds, held.ends, held.starts, -np.abs(held.values)))
        left_out = held.values[order[self._limit :]]
        self.omitted += len(left_out)
        self.rest += float(left_out.sum())
        kept = held[order[: self._limit]]
        self._held, self._size = [kept], len(kept)
        return kept


class Chunks:
    """The chunks of a text between white space, over which contributions are spread.

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
        """Add to each chunk that an occurrence covers an equal share of its value."""
        starts, ends, values = occurrences.starts, occurrences.ends, occurrences.values
        # The padding of a character n-gram has no position and belongs to the adjacent chunk.
        empty = starts == ends
        first = np.searchsorted(self.ends, starts + ~empty)
        covered = np.searchsorted(self.starts, ends + empty) - first
        counts = np.maximum(covered, 0)
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        shares = np.repeat(values / np.maximum(counts, 1), counts)
        np.add.at(self.values, np.repeat(first, counts) + steps, shares)


def _chunk_bounds(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where each run without white space starts and ends."""
    return (
        np.fromiter((match.start() for match in _CHUNK.finditer(text)), np.int64),
        np.fromiter((match.end() for match in _CHUNK.finditer(text)), np.int64),
    )
