"""Web and mail addresses: ``tokens.addresses`` over classes instead of patterns."""

from __future__ import annotations

from satchel.bags.characters import (
    AT,
    BRACKET,
    COLON,
    CONTINUATION,
    HANGUL_LETTER,
    SLASH,
    SPACE,
    SPACELESS_LETTER,
    VARIATION,
    WORD,
)
from satchel.bags.kernels.compiled import ONE, ZERO, Array, Number, helper
from satchel.bags.kernels.features import emit, kind_at
from satchel.bags.kernels.hashes import ADDRESS_START, hash_bytes


@helper
def _is_letter(kind: Number) -> Number:
    return WORD <= kind <= HANGUL_LETTER or kind == SPACELESS_LETTER


@helper
def _is_address_sign(text: Array, place: Number, size: Number) -> Number:
    """Whether ``@`` or ``://`` stands here, between two word characters."""
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
    """Add the addresses round the signs from the first to the last.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        first_sign: Where the first sign of an address stands.
        last_sign: Where the last one stands.
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
