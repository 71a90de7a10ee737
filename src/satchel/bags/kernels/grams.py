"""Character n-grams of the chunks between white space: ``tokens._character_tokens`` over bytes."""

from __future__ import annotations

import numpy as np

from satchel.bags.characters import CONTINUATION, SPACE, WORD_SPACE
from satchel.bags.hashing import CHARACTER_KIND
from satchel.bags.kernels.compiled import ZERO, Array, Number, helper
from satchel.bags.kernels.features import emit, kind_at
from satchel.bags.kernels.hashes import CHARACTER_START, mix, step

_PAD = np.uint16(32)
_KIND = np.int64(CHARACTER_KIND)


@helper
def _is_space(kind: Number) -> Number:
    return kind in (SPACE, WORD_SPACE)


@helper
def _chunk_end(text: Array, start: Number, size: Number) -> tuple[Number, Number]:
    """Where a chunk ends, and how many characters it has."""
    characters = ZERO
    place = start
    while place < size and not _is_space(kind_at(text, place)):
        characters += kind_at(text, place) != CONTINUATION
        place += 1
    return place, characters


@helper
def _grams_from(
    text: Array,
    first: Number,
    start: Number,
    end: Number,
    shortest: Number,
    longest: Number,
    found: Array,
    count: Number,
) -> Number:
    """Add the n-grams that begin at ``first``; ``start − 1`` and ``end`` are the pads."""
    state = CHARACTER_START
    place = first
    for size in range(1, longest + 1):
        if place > end:
            break
        if place < start or place == end:
            state = step(state, _PAD)
            place += 1
        else:
            state = step(state, text[place])
            place += 1
            while place < end and kind_at(text, place) == CONTINUATION:
                state = step(state, text[place])
                place += 1
        if size >= shortest:
            count = emit(found, count, mix(state), _KIND, max(first, start), min(place, end))
    return count


@helper
def character_features(
    text: Array, size: Number, shortest: Number, longest: Number, found: Array, count: Number
) -> Number:
    """Add the character n-grams of a document.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        shortest: The fewest characters of an n-gram.
        longest: The most.
        found: Takes the features.
        count: How many features there are already.

    Returns:
        How many there are now.
    """
    place = ZERO
    while place < size:
        if _is_space(kind_at(text, place)) or kind_at(text, place) == CONTINUATION:
            place += 1
            continue
        start = place
        end, characters = _chunk_end(text, start, size)
        place = end
        if characters + 2 < shortest:
            # scikit-learn counts a padded chunk that is too short once, as a whole.
            whole = characters + 2
            count = _grams_from(text, start - 1, start, end, whole, whole, found, count)
            continue
        for first in range(start - 1, end + 1):
            if first < start or first == end or kind_at(text, first) != CONTINUATION:
                count = _grams_from(text, first, start, end, shortest, longest, found, count)
    return count
