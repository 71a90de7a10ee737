"""The words of a document and their n-grams: ``tokens.units`` over classes instead of patterns."""

from __future__ import annotations

import numpy as np

from satchel.bags.characters import (
    AT,
    COLON,
    CONTINUATION,
    DIGIT,
    EMOJI_BASE,
    HANGUL_LETTER,
    JOINER,
    POINT,
    REGIONAL,
    SKIN_TONE,
    SPACELESS_LETTER,
    VARIATION,
    WORD,
    WORD_SPACE,
)
from satchel.bags.hashing import BLOCK
from satchel.bags.kernels.compiled import NONE, ONE, ZERO, Array, Number, helper
from satchel.bags.kernels.features import Settings, emit, kind_at
from satchel.bags.kernels.hashes import (
    EMPTY,
    NOT_ASCII,
    WORD_START,
    absorb_full,
    combine,
    finished,
    hash_bytes,
    shifted_key,
    with_byte,
)

_HANGUL = np.int64(HANGUL_LETTER)
_SPACELESS = np.int64(SPACELESS_LETTER)


@helper
def _number_end(text: Array, start: Number, size: Number) -> Number:
    """Where the number that starts here ends; ``start`` where there is none."""
    place = start + 1
    while place < size and kind_at(text, place) == DIGIT:
        place += 1
    end = start
    while place + 1 < size and kind_at(text, place) == POINT and kind_at(text, place + 1) == DIGIT:
        place += 2
        while place < size and kind_at(text, place) == DIGIT:
            place += 1
        if place < size and kind_at(text, place) <= WORD_SPACE:
            break
        end = place
    return end


@helper
def _count_characters(text: Array, start: Number, end: Number) -> Number:
    """How many characters start in ``text[start:end]``."""
    characters = ZERO
    for place in range(start, end):
        characters += kind_at(text, place) != CONTINUATION
    return characters


@helper
def _marks_end(text: Array, place: Number, size: Number) -> Number:
    """Where the marks from ``place`` on end, with the bytes that continue a character."""
    while place < size and kind_at(text, place) <= VARIATION:
        place += 1
    return place


@helper
def _emoji_end(text: Array, start: Number, size: Number) -> Number:
    """Where the emoji sequence that starts here ends."""
    place = start + 1
    if kind_at(text, start) == REGIONAL:
        place = start + 4
        return place + 4 if place < size and kind_at(text, place) == REGIONAL else place
    while place < size:
        kind = kind_at(text, place)
        if (kind <= VARIATION and kind != JOINER) or kind == SKIN_TONE:
            place += 1
        elif (
            kind == JOINER
            and place + 3 < size
            and (kind_at(text, place + 3) == EMOJI_BASE or kind_at(text, place + 3) == SKIN_TONE)
        ):
            place += 4
        else:
            break
    return place


@helper
def _character_grams(
    text: Array,
    start: Number,
    end: Number,
    letter: Number,
    key: Number,
    found: Array,
    count: Number,
) -> Number:
    """Two neighbours of a class in ``[start, end)``; of spaceless letters the single ones too."""
    last = NONE
    last_end = NONE
    place = start
    while place < end:
        if kind_at(text, place) != letter:
            place += 1
            continue
        right = _marks_end(text, place + 1, end)
        if letter == SPACELESS_LETTER:
            number = hash_bytes(text, place, right, WORD_START, key)
            count = emit(found, count, number, ONE, place, right)
        if last_end == place and (letter == SPACELESS_LETTER or last != start or right != end):
            number = hash_bytes(text, last, right, WORD_START, key)
            count = emit(found, count, number, ONE, last, right)
        last = place
        last_end = right
        place = right
    return count


@helper
def _emit_word(
    number: Number,
    start: Number,
    end: Number,
    orders: Number,
    chain: Array,
    length: Number,
    found: Array,
    count: Number,
) -> Number:
    """Add a word and the n-grams that end with it; ``chain`` holds those that ended before."""
    count = emit(found, count, number, ONE, start, end)
    for order in range(min(orders, length + 1), 1, -1):
        chain[order - 1, 0] = combine(chain[order - 2, 0], number, np.uint64(order))
        chain[order - 1, 1] = chain[order - 2, 1]
        first = np.int64(chain[order - 1, 1])
        count = emit(found, count, chain[order - 1, 0], order, first, end)
    chain[0, 0] = number
    chain[0, 1] = start
    return count


@helper
def word_features(
    text: Array, size: Number, settings: Settings, chain: Array, found: Array
) -> tuple[Number, Number, Number]:
    """Find words, numbers, emoji and spaceless runs, with their n-grams.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        settings: See ``features.Settings``.
        chain: uint64 [orders, 2]; room for the n-grams that end at the last word.
        found: Takes the features.

    Returns:
        How many features there are, and where the first and the last sign of an address stand
        (``@`` or ``:``; −1 for none).
    """
    orders = settings.orders
    shortest = settings.min_length
    key = shifted_key(settings.hash_key)
    count = ZERO
    length = ZERO
    first_sign = NONE
    last_sign = NONE
    place = ZERO
    while place < size:
        kind = kind_at(text, place)
        start = place
        if kind >= WORD and kind <= WORD_SPACE:
            if kind == DIGIT:
                place = _number_end(text, start, size)
            if place > start:
                number = hash_bytes(text, start, place, WORD_START, key)
                characters = place - start
            else:
                state = WORD_START
                block = EMPTY
                bits = EMPTY
                full = min(start + BLOCK, size)
                while True:
                    while place < full and kind_at(text, place) <= WORD_SPACE:
                        block = with_byte(block, text[place])
                        place += 1
                    bits |= block
                    if place < full or place == size or kind_at(text, place) > WORD_SPACE:
                        break
                    state = absorb_full(state, block, key)
                    block = EMPTY
                    full = min(place + BLOCK, size)
                number = finished(state, block, key)
                characters = place - start
                if bits & NOT_ASCII:
                    characters = _count_characters(text, start, place)
            if characters >= shortest:
                count = _emit_word(number, start, place, orders, chain, length, found, count)
                length = min(length + ONE, np.int64(orders))
                if characters < place - start:
                    count = _character_grams(text, start, place, _HANGUL, key, found, count)
        elif kind == SPACELESS_LETTER:
            while place < size and kind_at(text, place) == SPACELESS_LETTER:
                place = _marks_end(text, place + 1, size)
            count = _character_grams(text, start, place, _SPACELESS, key, found, count)
            length = ZERO
        elif kind >= EMOJI_BASE and kind <= REGIONAL:
            place = _emoji_end(text, start, size)
            number = hash_bytes(text, start, place, WORD_START, key)
            count = _emit_word(number, start, place, orders, chain, length, found, count)
            length = min(length + ONE, np.int64(orders))
        else:
            if AT <= kind <= COLON:
                if first_sign < 0:
                    first_sign = place
                last_sign = place
            place += 1
    return count, first_sign, last_sign
