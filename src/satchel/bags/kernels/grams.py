"""Character n-grams of the chunks between white space: ``tokens._character_tokens`` over bytes."""

from __future__ import annotations

import numpy as np

from satchel.bags.characters import CONTINUATION, SPACE, WORD_SPACE
from satchel.bags.hashing import BLOCK, CHARACTER_KIND
from satchel.bags.kernels.compiled import ZERO, Array, Number, helper
from satchel.bags.kernels.features import Settings, byte_at, emit, kind_at
from satchel.bags.kernels.hashes import CHARACTER_START, EMPTY, add_byte, finished, shifted_key

_PAD = np.uint16(32)
_KIND = np.int64(CHARACTER_KIND)
_BYTE = np.uint64(8)
_WINDOW = np.uint64((1 << 8 * BLOCK) - 1)


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
    key: Number,
    found: Array,
    count: Number,
) -> Number:
    """Add the n-grams that begin at ``first``; ``start − 1`` and ``end`` are the pads."""
    state = CHARACTER_START
    block = EMPTY
    place = first
    for size in range(1, longest + 1):
        if place > end:
            break
        if place < start or place == end:
            state, block = add_byte(state, block, _PAD, key)
            place += 1
        else:
            state, block = add_byte(state, block, text[place], key)
            place += 1
            while place < end and kind_at(text, place) == CONTINUATION:
                state, block = add_byte(state, block, text[place], key)
                place += 1
        if size >= shortest:
            number = finished(state, block, key)
            count = emit(found, count, number, _KIND, max(first, start), min(place, end))
    return count


@helper
def _padded_byte(text: Array, place: Number, start: Number, end: Number) -> Number:
    """A byte of a chunk between its pads."""
    return np.uint64(byte_at(text, place) if start <= place < end else _PAD)


@helper
def _ascii_grams(
    text: Array,
    start: Number,
    end: Number,
    shortest: Number,
    longest: Number,
    key: Number,
    found: Array,
    count: Number,
) -> Number:
    """``_grams_from`` for all n-grams of a chunk of ASCII, each of which fits into one block.

    Its bytes are shifts of a window on the next ``BLOCK`` bytes, so that none is read twice.
    """
    window = np.uint64(0)
    for place in range(start - 1, start - 1 + BLOCK):
        window = window << _BYTE | _padded_byte(text, place, start, end)
    for first in range(start - 1, end + 2 - shortest):
        for size in range(shortest, min(longest, end + 1 - first) + 1):
            block = window >> np.uint64(8 * (BLOCK - size)) | EMPTY << np.uint64(8 * size)
            number = finished(CHARACTER_START, block, key)
            count = emit(found, count, number, _KIND, max(first, start), min(first + size, end))
        following = _padded_byte(text, first + BLOCK, start, end)
        window = (window << _BYTE | following) & _WINDOW
    return count


@helper
def character_features(
    text: Array, size: Number, settings: Settings, found: Array, count: Number
) -> Number:
    """Add the character n-grams of a document.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        settings: See ``features.Settings``.
        found: Takes the features.
        count: How many features there are already.

    Returns:
        How many there are now.
    """
    shortest = settings.shortest
    longest = settings.longest
    key = shifted_key(settings.hash_key)
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
            count = _grams_from(text, start - 1, start, end, whole, whole, key, found, count)
        elif longest <= BLOCK and characters == end - start:
            count = _ascii_grams(text, start, end, shortest, longest, key, found, count)
        else:
            for first in range(start - 1, end + 1):
                if first < start or first == end or kind_at(text, first) != CONTINUATION:
                    count = _grams_from(
                        text, first, start, end, shortest, longest, key, found, count
                    )
    return count
