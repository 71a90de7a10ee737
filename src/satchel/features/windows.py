"""A text's features in windows, so that the plain path's memory stays bounded.

A window is about a hundred thousand features for any text, even one long word, one long line or no
white space at all. Word n-grams and character n-grams are found in two ways each: with their
positions, and faster without. Both optimise what the reference (``tokenizer``) does, with the same
hashes and positions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np

from satchel.features.hashing import (
    ADDRESS_SALT,
    CHARACTER_KIND,
    CHARACTER_SALT,
    FIELD_KIND,
    FIELD_SALT,
    PART_KIND,
    WORD_SALT,
    combine_arrays,
    text_hashes,
)
from satchel.features.preprocess import NameSpaces
from satchel.features.spec import Features, Rules
from satchel.features.tokenizer import addresses, hangul_pairs, spaceless_grams, units
from satchel.features.unicode import KERAS_FILTERS, classes

WINDOW = 1 << 17
"""Code points of a window, about; and the most features of one kind."""


class Found(NamedTuple):
    """Features of one kind, repeated as often as they occur.

    Attributes:
        kind: Their kind.
        hashes: uint64 [n].
        starts: int64 [n], where each starts in the lower-cased text; None if positions were
            not requested.
        ends: int64 [n], where each ends.
    """

    kind: int
    hashes: np.ndarray
    starts: np.ndarray | None
    ends: np.ndarray | None


class Window(NamedTuple):
    """Some features that follow each other.

    Attributes:
        end: All features of later windows end behind it.
        parts: Those of this window.
    """

    end: int
    parts: list[Found]


# These match the text itself, so they serve only where no character is special (see _SPECIAL).
# No group is possessive: Python 3.11.2 would match wrongly.
_WORDS: dict[Rules, re.Pattern[str]] = {
    "satchel": re.compile(r"[0-9]++(?:[.,][0-9]++(?!\w))+|\w++"),
    "words": re.compile(r"\w+"),
    "keras": re.compile(f"[^{re.escape(''.join(sorted(KERAS_FILTERS)))}]+"),
}
_SPECIAL = re.compile(r"[mjvhcetr]")
# A look-behind keeps the search from starting again at each digit of a long number.
_NUMBER = re.compile(r"(?<![0-9])[0-9]++(?:[.,][0-9]++(?!\w))+")
# No token of any rule set has one of these in it.
_BLANK = re.compile(r"[ \t\n]")
_KERAS = str.maketrans(dict.fromkeys(KERAS_FILTERS, " "))

# For ASCII, replacing all that is not a word by blanks and splitting is faster than a pattern. The
# points of numbers are replaced meanwhile by two characters that cannot occur by then.
_POINTS = str.maketrans(".,", "\x01\x02")
_BLANKS = str.maketrans(
    {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_.,")}
)
_WORDS_ONLY = str.maketrans(".,\x01\x02", "  .,")

_HashOf = Callable[[str], int]

NO_HASHES = np.zeros(0, np.uint64)
_NO_PLACES = np.zeros(0, np.int64)


def word_windows(lowered: str, features: Features, placed: bool) -> Iterator[Window]:
    """Find all features of a text except its character n-grams.

    Args:
        lowered: A prepared text in lower case.
        features: Which features to find; words among them.
        placed: Whether to return positions.

    Yields:
        Windows; the last one ends where the text does.
    """
    letters = None
    if features.rules == "satchel" and not lowered.isascii():
        letters = classes(lowered, features.rules)
    spaces = NameSpaces.of(lowered) if features.fields else None
    namer = None if spaces is None else _Namer(spaces, features.hash_key)
    chain = _Chain(features.words)
    address_hash = text_hashes(ADDRESS_SALT, features.hash_key).__getitem__
    found_addresses = addresses(lowered, features, letters)
    address = next(found_addresses, None)
    for found in _unit_windows(lowered, letters, features, spaces, placed):
        own: list[tuple[int, int]] = []
        while address is not None and address[1] <= found.end:
            own.append(address)
            address = next(found_addresses, None)
        yield Window(
            found.end, list(_parts(lowered, found, own, address_hash, chain, namer, placed))
        )


@dataclass
class _Units:
    """The tokens of kind 1 of a window, except addresses.

    ``chain`` forms n-grams, which do not extend across ``breaks`` (positions in the chain);
    ``single`` does not. Positions are present if they were requested or are needed for the name
    spaces; words found without positions have the numbers of their name spaces in ``names``.
    """

    end: int = 0
    chain: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    single: list[int] = field(default_factory=list)
    chain_starts: list[int] = field(default_factory=list)
    chain_ends: list[int] = field(default_factory=list)
    single_starts: list[int] = field(default_factory=list)
    single_ends: list[int] = field(default_factory=list)
    names: list[int] = field(default_factory=list)


def _unit_windows(
    lowered: str,
    letters: str | None,
    features: Features,
    spaces: NameSpaces | None,
    placed: bool,
) -> Iterator[_Units]:
    if letters is not None and _SPECIAL.search(letters):
        return _special_units(lowered, letters, features)
    if placed:
        return _placed_units(lowered, features)
    return _quick_units(lowered, features, spaces)


def _special_units(lowered: str, letters: str, features: Features) -> Iterator[_Units]:
    """Find units by the reference's own rules."""
    word_hash = text_hashes(WORD_SALT, features.hash_key).__getitem__
    found = _Units()
    for start, end, form in units(lowered, features, letters):
        if form == "run":
            found.breaks.append(len(found.chain))
            grams = spaceless_grams(letters, start, end)
            if letters.count("c", start, end) == end - start:
                for first in range(start, end, WINDOW):
                    last = min(first + WINDOW, end)
                    _add_characters(found, lowered, start, first, last, word_hash)
                    if len(found.single) >= WINDOW:
                        found.end = last
                        yield found
                        found = _Units()
                continue
        else:
            found.chain.append(word_hash(lowered[start:end]))
            found.chain_starts.append(start)
            found.chain_ends.append(end)
            grams = hangul_pairs(letters, start, end)
        last = start
        for left, right in grams:
            if len(found.single) >= WINDOW and right > last:
                found.end = last
                yield found
                found = _Units()
            found.single.append(word_hash(lowered[left:right]))
            found.single_starts.append(left)
            found.single_ends.append(right)
            last = right
        if len(found.chain) >= WINDOW:
            found.end = end
            yield found
            found = _Units()
    found.end = len(lowered)
    yield found


def _add_characters(
    found: _Units, lowered: str, start: int, first: int, last: int, word_hash: _HashOf
) -> None:
    """Add what ends in ``(first, last]`` of a run without marks that starts at ``start``."""
    pairs = range(max(first - 1, start), last - 1)
    found.single.extend(map(word_hash, lowered[first:last]))
    found.single_starts.extend(range(first, last))
    found.single_ends.extend(range(first + 1, last + 1))
    found.single.extend(word_hash(lowered[left : left + 2]) for left in pairs)
    found.single_starts.extend(pairs)
    found.single_ends.extend(range(pairs.start + 2, pairs.stop + 2))


def _matches(
    lowered: str, features: Features, start: int, end: int
) -> Iterator[list[re.Match[str]]]:
    """Yield the words of a span, some at a time."""
    matches: Iterator[re.Match[str]] = _WORDS[features.rules].finditer(lowered, start, end)
    if features.min_length > 1:
        matches = (match for match in matches if match.end() - match.start() >= features.min_length)
    while some := list(islice(matches, max(WINDOW // 4, 1))):
        yield some


def _placed_units(lowered: str, features: Features) -> Iterator[_Units]:
    word_hash = text_hashes(WORD_SALT, features.hash_key).__getitem__
    for matches in _matches(lowered, features, 0, len(lowered)):
        yield _Units(
            matches[-1].end(),
            chain=[word_hash(match[0]) for match in matches],
            chain_starts=[match.start() for match in matches],
            chain_ends=[match.end() for match in matches],
        )
    yield _Units(len(lowered))


def _quick_units(lowered: str, features: Features, spaces: NameSpaces | None) -> Iterator[_Units]:
    """Find units without positions, and without a pattern where there is a faster way."""
    word_hash = text_hashes(WORD_SALT, features.hash_key).__getitem__
    bounds, numbers = [0, len(lowered)], [0]
    if spaces is not None:
        bounds, numbers = [*spaces.starts.tolist(), len(lowered)], spaces.numbers.tolist()
    found = _Units()
    size = 0
    for start, end, number in zip(bounds[:-1], bounds[1:], numbers, strict=True):
        for words, last in _word_lists(lowered, features, start, end):
            found.chain.extend(map(word_hash, words))
            if spaces is not None:
                found.names.extend(repeat(number, len(words)))
            size += last - start
            if size >= WINDOW:
                found.end = last
                yield found
                found = _Units()
                size = 0
    found.end = len(lowered)
    yield found


def _word_lists(
    lowered: str, features: Features, start: int, end: int
) -> Iterator[tuple[list[str], int]]:
    """Yield the words of a span, some at a time, and an upper bound of the last one's end."""
    while end - start > 2 * WINDOW:
        blank = _BLANK.search(lowered, start + WINDOW, end)
        if blank is None or blank.end() - start > 4 * WINDOW:
            break
        yield _quick_words(lowered[start : blank.end()], features), blank.end()
        start = blank.end()
    if end - start <= 4 * WINDOW:
        yield _quick_words(lowered[start:end], features), end
        return
    for matches in _matches(lowered, features, start, end):
        yield [match[0] for match in matches], matches[-1].end()


def _quick_words(lowered: str, features: Features) -> list[str]:
    if features.rules == "satchel" and lowered.isascii():
        blanked = lowered.translate(_BLANKS)
        words = _NUMBER.sub(_hide_points, blanked).translate(_WORDS_ONLY).split()
    elif features.rules == "keras":
        words = [word for word in lowered.translate(_KERAS).split(" ") if word]
    else:
        words = _WORDS[features.rules].findall(lowered)
    if features.min_length > 1:
        words = [word for word in words if len(word) >= features.min_length]
    return words


def _hide_points(number: re.Match[str]) -> str:
    """Return a number with its points replaced; digits that end a word are not part of it."""
    start = number.start()
    first = re.search("[.,]", number[0]).end()  # type: ignore[union-attr]
    if start and (number.string[start - 1].isalnum() or number.string[start - 1] == "_"):
        return number[0][:first] + number[0][first:].translate(_POINTS)
    return number[0].translate(_POINTS)


def _parts(
    lowered: str,
    found: _Units,
    own_addresses: list[tuple[int, int]],
    address_hash: _HashOf,
    chain: _Chain,
    namer: _Namer | None,
    placed: bool,
) -> Iterator[Found]:
    """Yield all features of a window of units."""
    words = np.array(found.chain, np.uint64)
    starts = ends = _NO_PLACES
    if found.chain_starts:
        starts, ends = np.array(found.chain_starts), np.array(found.chain_ends)
    parts = [Found(1, words, starts, ends)]
    if found.single:
        parts.append(_found(found.single, found.single_starts, found.single_ends))
    if own_addresses:
        hashes = [address_hash(lowered[start:end]) for start, end in own_addresses]
        parts.append(_found(hashes, *map(list, zip(*own_addresses, strict=True))))
    yield from parts if placed else [Found(1, part.hashes, None, None) for part in parts]
    if namer is not None:
        for part in parts:
            named = found.names if part is parts[0] and found.names else None
            yield from namer.field_tokens(part, named, placed)
    yield from chain.grams(words, found.breaks, (starts, ends) if placed else None)


def _found(hashes: list[int], starts: list[int], ends: list[int]) -> Found:
    return Found(1, np.array(hashes, np.uint64), np.array(starts), np.array(ends))


class _Namer:
    """Makes field tokens: tokens combined with their name spaces."""

    def __init__(self, spaces: NameSpaces, hash_key: int) -> None:
        hash_of = text_hashes(FIELD_SALT, hash_key).__getitem__
        self._spaces = spaces
        self._kinds = spaces.kinds
        self._salts = np.array([hash_of(name) if name else 0 for name in spaces.names], np.uint64)

    def field_tokens(self, part: Found, names: list[int] | None, placed: bool) -> Iterator[Found]:
        """Yield the field tokens of tokens; ``names`` are the numbers of their names, if known."""
        assert part.starts is not None
        assert part.ends is not None
        numbers = self._spaces.at(part.starts) if names is None else np.array(names, np.int64)
        kinds = self._kinds[numbers]
        for kind in (FIELD_KIND, PART_KIND):
            own = np.flatnonzero(kinds == kind)
            if len(own):
                salts = self._salts[numbers[own]]
                hashes = combine_arrays(part.hashes[own], salts, FIELD_SALT)
                if placed:
                    yield Found(kind, hashes, part.starts[own], part.ends[own])
                else:
                    yield Found(kind, hashes, None, None)


class _Chain:
    """Makes n-grams of the words of windows; they extend from one window into the next."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._words = NO_HASHES
        self._places = (_NO_PLACES, _NO_PLACES)

    def grams(
        self, words: np.ndarray, breaks: list[int], places: tuple[np.ndarray, np.ndarray] | None
    ) -> Iterator[Found]:
        """Yield the n-grams that end in a window."""
        before = len(self._words)
        words = np.concatenate([self._words, words]) if before else words
        starts = ends = _NO_PLACES
        if places is not None:
            starts, ends = (np.concatenate(pair) for pair in zip(self._places, places, strict=True))
        segment = None
        if breaks:
            segment = np.searchsorted(
                np.array(breaks) + before, np.arange(len(words)), side="right"
            )
        grams = words
        for order in range(2, self._orders + 1):
            if len(grams) < 2:
                break
            grams = combine_arrays(grams[:-1], words[order - 1 :], order)
            # Those that ended before this window have already been returned.
            own: slice | np.ndarray = slice(max(before - order + 1, 0), None)
            if segment is not None:
                whole = segment[order - 1 :] == segment[: len(grams)]
                whole[: max(before - order + 1, 0)] = False
                own = whole
            if places is None:
                yield Found(order, grams[own], None, None)
            else:
                yield Found(order, grams[own], starts[: len(grams)][own], ends[order - 1 :][own])
        first = max(len(words) - self._orders + 1, breaks[-1] + before if breaks else 0)
        self._words = words[first:]
        self._places = starts[first:], ends[first:]


_CHUNK = re.compile(r"\S+")
_SPACE = re.compile(r"\s")


def character_windows(lowered: str, features: Features, placed: bool) -> Iterator[Window]:
    """Find the character n-grams of a text.

    Args:
        lowered: A prepared text in lower case.
        features: Which features to find; character n-grams among them.
        placed: Whether to return positions.

    Yields:
        Windows; the last one ends where the text does.
    """
    assert features.characters is not None
    shortest, longest = features.characters
    sizes = range(shortest, longest + 1)
    hash_of = text_hashes(CHARACTER_SALT, features.hash_key).__getitem__
    start = 0
    while start < len(lowered):
        space = _SPACE.search(lowered, start + WINDOW)
        stop = len(lowered) if space is None else space.end()
        if stop - start <= 4 * WINDOW:
            # The white space at the end keeps the next window's first n-gram behind this one.
            end = stop if space is None else stop - 1
            yield Window(end, list(_grams_of_chunks(lowered, start, stop, sizes, hash_of, placed)))
        else:
            # One chunk is longer than the window; those before it are as short as any.
            long = next(
                chunk
                for chunk in _CHUNK.finditer(lowered, start, stop)
                if chunk.end() > start + WINDOW
            )
            first = long.start()
            if first > start:
                before = list(_grams_of_chunks(lowered, start, first, sizes, hash_of, placed))
                yield Window(first - 1, before)
            yield from _grams_of_long_chunk(lowered, *long.span(), sizes, hash_of, placed)
        start = stop
    yield Window(len(lowered), [])


def _grams(
    padded: str,
    places: np.ndarray,
    size: int,
    hash_of: _HashOf,
    bounds: tuple[np.ndarray, np.ndarray] | None,
) -> Found:
    """Return the n-grams of a size at some positions of a padded text, with their bounds."""
    found = [padded[place : place + size] for place in places.tolist()]
    hashes = np.fromiter(map(hash_of, found), np.uint64, len(found))
    return Found(CHARACTER_KIND, hashes, *(bounds or (None, None)))


def _grams_of_chunks(
    lowered: str, start: int, stop: int, sizes: range, hash_of: _HashOf, placed: bool
) -> Iterator[Found]:
    """Yield the n-grams of whole chunks between white space, each padded with blanks."""
    chunks = lowered[start:stop].split()
    padded = f" {'  '.join(chunks)} " if chunks else ""
    lengths = np.fromiter(map(len, chunks), np.int64, len(chunks)) + 2
    firsts = np.cumsum(lengths) - lengths
    of = np.repeat(np.arange(len(chunks)), lengths)
    before = after = of
    if placed:
        spans = (match.start() for match in _CHUNK.finditer(lowered, start, stop))
        starts = np.fromiter(spans, np.int64, len(chunks))
        # The padding has no position: it starts and ends with the chunk.
        place = np.arange(len(padded)) - firsts[of] + starts[of]
        ends = (starts + lengths - 2)[of]
        before = np.clip(place - 1, starts[of], ends)
        after = np.minimum(place, ends)
    short = np.flatnonzero(lengths < sizes.start)
    for length in np.unique(lengths[short]).tolist():
        # scikit-learn counts a padded chunk that is too short once, as a whole.
        own = firsts[short][lengths[short] == length]
        yield _grams(
            padded, own, length, hash_of, (before[own], after[own + length - 1]) if placed else None
        )
    for size in sizes:
        own = np.flatnonzero(of[: max(len(of) - size + 1, 0)] == of[size - 1 :])
        yield _grams(
            padded, own, size, hash_of, (before[own], after[own + size - 1]) if placed else None
        )


def _grams_of_long_chunk(
    lowered: str, start: int, end: int, sizes: range, hash_of: _HashOf, placed: bool
) -> Iterator[Window]:
    """Yield the n-grams of a chunk that is longer than a window, piece by piece."""
    length = end - start + 2
    room = max(WINDOW, sizes.stop)
    done = 0
    while done < length:
        # The n-grams that end after this many characters, padding included.
        last = done + room if length - done > room + 1 else length
        first = max(done - sizes.stop + 2, 0)
        piece = lowered[start + max(first, 1) - 1 : min(start + last - 1, end)]
        piece = f"{'' if first else ' '}{piece}{' ' if last == length else ''}"
        parts = []
        for size in sizes:
            places = np.arange(max(done - size + 1, 0), last - size + 1)
            bounds = None
            if placed:
                starts = start + np.maximum(places - 1, 0)
                bounds = starts, np.maximum(np.minimum(start + places - 1 + size, end), starts)
            parts.append(_grams(piece, places - first, size, hash_of, bounds))
        done = last
        yield Window(min(start + done - 1, end), parts)
