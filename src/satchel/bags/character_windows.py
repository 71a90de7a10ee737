"""The character n-grams of a text, in windows (``windows.py``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from satchel.bags import windows
from satchel.bags.features import Features
from satchel.bags.hashing import CHARACTER_KIND, CHARACTER_SALT, text_hashes
from satchel.bags.windows import Found, Window

_CHUNK = re.compile(r"\S+")
_SPACE = re.compile(r"\s")
_HashOf = Callable[[str], int]


def character_windows(lowered: str, features: Features, placed: bool) -> Iterator[Window]:
    """Find the character n-grams of a text.

    Args:
        lowered: A prepared text in lower case.
        features: Which features to find; character n-grams among them.
        placed: Whether to say where they are.

    Yields:
        Windows; the last one ends where the text does.
    """
    assert features.characters is not None
    shortest, longest = features.characters
    sizes = range(shortest, longest + 1)
    hash_of = text_hashes(CHARACTER_SALT, features.hash_key).__getitem__
    start = 0
    while start < len(lowered):
        space = _SPACE.search(lowered, start + windows.WINDOW)
        stop = len(lowered) if space is None else space.end()
        if stop - start <= 4 * windows.WINDOW:
            # The white space at the end keeps the next window's first n-gram behind this one.
            end = stop if space is None else stop - 1
            yield Window(end, list(_grams_of_chunks(lowered, start, stop, sizes, hash_of, placed)))
        else:
            for chunk in _CHUNK.finditer(lowered, start, stop):
                yield from _grams_of_long_chunk(lowered, *chunk.span(), sizes, hash_of, placed)
        start = stop
    yield Window(len(lowered), [])


def _grams(
    padded: str,
    places: np.ndarray,
    size: int,
    hash_of: _HashOf,
    bounds: tuple[np.ndarray, np.ndarray] | None,
) -> Found:
    """The n-grams of a size at some places of a padded text, with where they start and end."""
    found = [padded[place : place + size] for place in places.tolist()]
    hashes = np.fromiter(map(hash_of, found), np.uint64, len(found))
    return Found(CHARACTER_KIND, hashes, *(bounds or (None, None)))


def _grams_of_chunks(
    lowered: str, start: int, stop: int, sizes: range, hash_of: _HashOf, placed: bool
) -> Iterator[Found]:
    """The n-grams of whole chunks between white space, each with a blank on both sides."""
    chunks = lowered[start:stop].split()
    padded = f" {'  '.join(chunks)} " if chunks else ""
    lengths = np.fromiter(map(len, chunks), np.int64, len(chunks)) + 2
    firsts = np.cumsum(lengths) - lengths
    of = np.repeat(np.arange(len(chunks)), lengths)
    before = after = of
    if placed:
        spans = (match.start() for match in _CHUNK.finditer(lowered, start, stop))
        starts = np.fromiter(spans, np.int64, len(chunks))
        # The pads have no place of their own: they start and end with the chunk.
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
    """The n-grams of a chunk that is longer than a window, piece by piece."""
    length = end - start + 2
    room = max(windows.WINDOW, sizes.stop)
    done = 0
    while done < length:
        # The n-grams that end after so many characters, pads counted.
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
