"""The tokens of a document: words, numbers, emoji, addresses, and word and character n-grams.

The same as the reference's (``tokenizer``), found by classes of bytes instead of patterns.
"""

from __future__ import annotations

import numpy as np

from satchel.features.hashing import BLOCK, CHARACTER_KIND
from satchel.features.kernels.compile import NONE, ONE, ZERO, Array, Number, helper
from satchel.features.kernels.text import (
    ADDRESS_START,
    BYTE,
    CHARACTER_START,
    EMPTY,
    NOT_ASCII,
    WORD_START,
    Settings,
    absorb_full,
    add_byte,
    byte_at,
    combine,
    emit,
    finished,
    hash_bytes,
    kind_at,
    shifted_key,
    with_byte,
)
from satchel.features.unicode import (
    AT,
    BRACKET,
    COLON,
    CONTINUATION,
    DIGIT,
    EMOJI_BASE,
    HANGUL_LETTER,
    JOINER,
    POINT,
    REGIONAL,
    SKIN_TONE,
    SLASH,
    SPACE,
    SPACELESS_LETTER,
    VARIATION,
    WORD,
    WORD_SPACE,
)

_HANGUL = np.int64(HANGUL_LETTER)
_SPACELESS = np.int64(SPACELESS_LETTER)


@helper
def _number_end(text: Array, start: Number, size: Number) -> Number:
    """Return where the number that starts here ends; ``start`` if there is none."""
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
    """Return how many characters start in ``text[start:end]``."""
    characters = ZERO
    for place in range(start, end):
        characters += kind_at(text, place) != CONTINUATION
    return characters


@helper
def _marks_end(text: Array, place: Number, size: Number) -> Number:
    """Return where the marks from ``place`` on end, with the bytes that continue a character."""
    while place < size and kind_at(text, place) <= VARIATION:
        place += 1
    return place


@helper
def _emoji_end(text: Array, start: Number, size: Number) -> Number:
    """Return where the emoji sequence that starts here ends."""
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
    """Add the adjacent pairs of a class in ``[start, end)``, and single spaceless letters."""
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
        settings: See ``text.Settings``.
        chain: uint64 [orders, 2]; buffer for the n-grams that end at the last word.
        found: Takes the features.

    Returns:
        How many features there are, and where the first and the last sign of an address are
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


@helper
def _is_letter(kind: Number) -> Number:
    return WORD <= kind <= HANGUL_LETTER or kind == SPACELESS_LETTER


@helper
def _is_address_sign(text: Array, place: Number, size: Number) -> Number:
    """Return whether ``@`` or ``://`` is here, between two word characters."""
    if kind_at(text, place) == AT:
        after = place + 1
    elif (
        kind_at(text, place) == COLON
        and place + 2 < size
        and kind_at(text, place + 1) == SLASH
        and kind_at(text, place + 2) == SLASH
    ):
        after = place + 3
    else:
        return False
    if place == 0 or after >= size or not _is_letter(kind_at(text, after)):
        return False
    before = place - 1
    while before > 0 and kind_at(text, before) == CONTINUATION:
        before -= 1
    return _is_letter(kind_at(text, before)) or kind_at(text, before) <= VARIATION


@helper
def address_features(
    text: Array,
    size: Number,
    first_sign: Number,
    last_sign: Number,
    key: Number,
    found: Array,
    count: Number,
) -> Number:
    """Add the addresses around the signs from the first to the last.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        first_sign: Where the first sign of an address is.
        last_sign: Where the last one is.
        key: The key of the hash, shifted.
        found: Takes the features.
        count: How many features there are already.

    Returns:
        How many there are now.
    """
    place = first_sign
    seen = ZERO
    while place <= last_sign:
        kind = kind_at(text, place)
        if kind < AT or kind > COLON or not _is_address_sign(text, place, size):
            place += 1
            continue
        start = place
        while (
            start > seen
            and kind_at(text, start - 1) != SPACE
            and kind_at(text, start - 1) != BRACKET
        ):
            start -= 1
        end = place
        while end < size and kind_at(text, end) != SPACE and kind_at(text, end) != BRACKET:
            end += 1
        seen = end
        place = end
        while not _is_letter(kind_at(text, start)):
            start += 1
        last = end - 1
        while kind_at(text, last) == CONTINUATION:
            last -= 1
        while not (_is_letter(kind_at(text, last)) or 0 < kind_at(text, last) <= VARIATION):
            end = last
            last -= 1
            while kind_at(text, last) == CONTINUATION:
                last -= 1
        number = hash_bytes(text, start, end, ADDRESS_START, key)
        count = emit(found, count, number, ONE, start, end)
    return count


_PAD = np.uint16(32)
_KIND = np.int64(CHARACTER_KIND)
_WINDOW = np.uint64((1 << 8 * BLOCK) - 1)


@helper
def _is_space(kind: Number) -> Number:
    return kind in (SPACE, WORD_SPACE)


@helper
def _chunk_end(text: Array, start: Number, size: Number) -> tuple[Number, Number]:
    """Return where a chunk ends, and how many characters it has."""
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
    """Add the n-grams that begin at ``first``; ``start − 1`` and ``end`` are the padding."""
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
    """Return a byte of a padded chunk."""
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
    """Add all n-grams of a chunk of ASCII, each of which fits into one block.

    Their bytes are shifts of a window on the next ``BLOCK`` bytes, so that each is read once.
    """
    window = np.uint64(0)
    for place in range(start - 1, start - 1 + BLOCK):
        window = window << BYTE | _padded_byte(text, place, start, end)
    for first in range(start - 1, end + 2 - shortest):
        for size in range(shortest, min(longest, end + 1 - first) + 1):
            block = window >> np.uint64(8 * (BLOCK - size)) | EMPTY << np.uint64(8 * size)
            number = finished(CHARACTER_START, block, key)
            count = emit(found, count, number, _KIND, max(first, start), min(first + size, end))
        following = _padded_byte(text, first + BLOCK, start, end)
        window = (window << BYTE | following) & _WINDOW
    return count


@helper
def character_features(
    text: Array, size: Number, settings: Settings, found: Array, count: Number
) -> Number:
    """Add the character n-grams of a document.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        settings: See ``text.Settings``.
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
