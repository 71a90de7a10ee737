"""How kernels hold a lower-cased text and its features, hash tokens, and lower-case a text.

A text is an array of uint16: a byte of its lower case, and above it the class of the character. The
features found are an array of uint64 with a row each: hash, position (start << 32 | end, in bytes
of the text), and kind (with the count above it, once equal features are merged).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from satchel.features.hashing import (
    ADDRESS_SALT,
    BLOCK,
    CHARACTER_SALT,
    COMBINE,
    FIELD_SALT,
    KEYED_START,
    MIX_1,
    MIX_2,
    PRIME,
    WORD_SALT,
)
from satchel.features.kernels.compile import ZERO, Array, Number, helper
from satchel.features.kernels.unicode_tables import CASED, CODE_BITS, IGNORABLE
from satchel.features.spec import Features
from satchel.features.unicode import CONTINUATION

HASH, PLACE, KIND = 0, 1, 2
COLUMNS = 3
COUNT_SHIFT = 8

# Odd, so that different hashes stay different, and drawn again in every process.
PLACEMENT = int.from_bytes(os.urandom(8), "little", signed=True) | 1


class Settings(NamedTuple):
    """A document's features as numbers.

    Attributes:
        orders: The highest order of word n-grams, 0 for no words.
        min_length: The shortest word.
        fields: 1 for field tokens, else 0.
        shortest: The shortest character n-gram, 0 for none.
        longest: The longest character n-gram.
        hash_key: The key of the feature hash.
        placement: What tables multiply a hash by to find its slot; no result depends on it.
    """

    orders: int
    min_length: int
    fields: int
    shortest: int
    longest: int
    hash_key: int
    placement: int


settings_type = types.NamedUniTuple(types.int64, len(Settings._fields), Settings)


def settings_of(features: Features) -> Settings:
    """Return features as the numbers that kernels take."""
    shortest, longest = features.characters or (0, 0)
    return Settings(
        features.words,
        features.min_length,
        int(features.fields),
        shortest,
        longest,
        features.hash_key,
        PLACEMENT,
    )


@helper
def slot_shift(slots: Number) -> Number:
    """Return how far a hash times the placement is shifted right to give one of 2ⁿ slots."""
    shift = 64
    while slots > 1:
        slots >>= 1
        shift -= 1
    return np.uint64(shift)


@helper
def first_slot(number: Number, placement: Number, shift: Number) -> Number:
    """Return where the search for a hash begins in a table with open addressing.

    A hash is known to whoever has the model, so its bits alone must not determine the slot:
    65,536 words crafted for one region of a table would make each look-up visit all of them.
    """
    return np.int64(number * placement >> shift)


@helper
def kind_at(text: Array, place: Number) -> Number:
    """Return the class of the character that starts at a position."""
    return text[place] >> 8


@helper
def byte_at(text: Array, place: Number) -> Number:
    """Return the byte at a position."""
    return text[place] & 0xFF


@helper
def emit(
    found: Array, count: Number, number: Number, kind: Number, start: Number, end: Number
) -> Number:
    """Add a feature to those found; return how many there are now."""
    found[count, HASH] = number
    found[count, PLACE] = np.uint64(start) << np.uint64(32) | np.uint64(end)
    found[count, KIND] = np.uint64(kind)
    return count + 1


# Numba converts uint64 with int64 to float64, so every number here has an explicit type.
WORD_START = np.uint64(KEYED_START[WORD_SALT])
ADDRESS_START = np.uint64(KEYED_START[ADDRESS_SALT])
CHARACTER_START = np.uint64(KEYED_START[CHARACTER_SALT])
FIELD_START = np.uint64(KEYED_START[FIELD_SALT])
FIELD_SALT_64 = np.uint64(FIELD_SALT)
EMPTY = np.uint64(1)
"""A block without bytes: the 1 above the bytes of a block encodes how many there are."""
NOT_ASCII = np.uint64(int.from_bytes(b"\x80" * BLOCK, "big"))
"""The bits of a block of which one is set if a byte is not ASCII."""
_FULL = np.uint64(8 * BLOCK)
_BYTES = np.uint64((1 << 8 * BLOCK) - 1)
BYTE = np.uint64(8)
_PRIME = np.uint64(PRIME)
_PRIME_BITS = np.uint64(61)
_KEY_SHIFT = np.uint64(64 - 61)
_MIX_1 = np.uint64(MIX_1)
_MIX_2 = np.uint64(MIX_2)
_COMBINE = np.uint64(COMBINE)
_SHIFT = np.uint64(33)


@intrinsic
def _wide_product(_context: Any, _left: Any, _right: Any) -> Any:
    """Return a product of 128 bits as two halves, the high one first; Numba has no such type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        narrow = arguments[0].type
        wide = type(narrow)(128)
        product = builder.mul(*(builder.zext(each, wide) for each in arguments))
        halves = [builder.lshr(product, wide(64)), product]
        parts = [builder.trunc(half, narrow) for half in halves]
        return context.make_tuple(builder, signature.return_type, parts)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@helper
def shifted_key(key: Number) -> Number:
    """Return a key for ``absorb``: the high half of a product is then the product / 2⁶¹."""
    return np.uint64(key) << _KEY_SHIFT


@helper
def absorb(state: Number, block: Number, key: Number) -> Number:
    """Return (state + block) · key modulo the prime, or up to 2 more, which the next step allows.

    The state is below 2⁶¹ + 2 and the block below 2⁵⁷, so nothing here overflows.
    """
    high, low = _wide_product(state + block, key)
    number = high + (low >> _KEY_SHIFT)
    return (number & _PRIME) + (number >> _PRIME_BITS)


@helper
def absorb_full(state: Number, block: Number, key: Number) -> Number:
    """Return the state after a block of ``BLOCK`` bytes that is not the last one."""
    return absorb(state, block & _BYTES, key)


@helper
def with_byte(block: Number, byte: Number) -> Number:
    """Return a block, which is not full, with one more byte of a text."""
    return block << BYTE | np.uint64(byte & 0xFF)


@helper
def add_byte(state: Number, block: Number, byte: Number, key: Number) -> tuple[Number, Number]:
    """Add one byte of a text; return the next state and block.

    Bytes are collected in the block, and one multiplication absorbs seven of them.
    """
    if block >> _FULL:
        state = absorb_full(state, block, key)
        block = EMPTY
    return state, with_byte(block, byte)


@helper
def finished(state: Number, block: Number, key: Number) -> Number:
    """Return the hash of the bytes so far: absorbs the last block, and mixes."""
    number = absorb(state, block, key)
    return mix(number - _PRIME if number >= _PRIME else number)


@helper
def mix(number: Number) -> Number:
    """Apply murmur3's finalising mix."""
    number ^= number >> _SHIFT
    number *= _MIX_1
    number ^= number >> _SHIFT
    number *= _MIX_2
    return number ^ (number >> _SHIFT)


@helper
def combine(left: Number, right: Number, salt: Number) -> Number:
    """Return one hash of two; their order matters."""
    return mix(left * _COMBINE + right + salt)


@helper
def hash_bytes(text: Array, start: Number, end: Number, state: Number, key: Number) -> Number:
    """Return the hash of ``text[start:end]`` from the initial state of its kind."""
    block = EMPTY
    while end - start > BLOCK:
        for place in range(start, start + BLOCK):
            block = with_byte(block, text[place])
        state = absorb_full(state, block, key)
        block = EMPTY
        start += BLOCK
    for place in range(start, end):
        block = with_byte(block, text[place])
    return finished(state, block, key)


_CODE_MASK = (1 << CODE_BITS) - 1
_CAPITAL_SIGMA = 0x3A3
_FINAL_SIGMA = 0x3C2
_DOTTED_I = 0x130
_CONTINUED = CONTINUATION << 8 | 0x80


@helper
def decode(data: Array, place: Number) -> tuple[Number, Number]:
    """Return the code point whose first byte is at ``place``, and how many bytes it has."""
    first = np.int64(data[place])
    if first < 0x80:
        return first, 1
    second = np.int64(data[place + 1]) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second, 2
    third = np.int64(data[place + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, 3
    fourth = np.int64(data[place + 3]) & 0x3F
    return (first & 0x07) << 18 | second << 12 | third << 6 | fourth, 4


@helper
def _value(code: Number, table: Array) -> Number:
    return table[table[code >> 8] + (code & 255)]


@helper
def _ends_word(data: Array, start: Number, stop: Number, place: Number, table: Array) -> Number:
    """CPython's rule: Σ becomes ς after a cased character and not before one.

    Case-ignorable characters are skipped in both directions. Each run of them is visited at most
    twice, since Σ itself is cased.
    """
    before = place
    is_cased = False
    while before > start:
        before -= 1
        while (data[before] & 0xC0) == 0x80:
            before -= 1
        value = _value(decode(data, before)[0], table)
        if not value & IGNORABLE:
            is_cased = value & CASED != 0
            break
    if not is_cased:
        return False
    after = place + 2
    while after < stop:
        code, size = decode(data, after)
        value = _value(code, table)
        if not value & IGNORABLE:
            return value & CASED == 0
        after += size
    return True


@helper
def _encode(code: Number, kind: Number, text: Array, end: Number) -> Number:
    """Write a code point and its class at ``end``; return where the next one goes."""
    if code < 0x80:
        text[end] = kind << 8 | code
        return end + 1
    if code < 0x800:
        size = 2
        text[end] = kind << 8 | 0xC0 | code >> 6
    elif code < 0x10000:
        size = 3
        text[end] = kind << 8 | 0xE0 | code >> 12
    else:
        size = 4
        text[end] = kind << 8 | 0xF0 | code >> 18
    for number in range(1, size):
        text[end + number] = _CONTINUED | (code >> 6 * (size - 1 - number) & 0x3F)
    return end + size


@helper
def lower_document(data: Array, start: Number, stop: Number, table: Array, text: Array) -> Number:
    """Lower-case and classify ``data[start:stop]``.

    Args:
        data: Valid UTF-8.
        start: Where the document starts.
        stop: Where it ends.
        table: The table of its rule set.
        text: Takes the result, uint16; twice the document's size is always enough.

    Returns:
        The number of bytes in lower case.
    """
    ascii_pairs = len(table) - 128
    end = ZERO
    place = start
    while place < stop:
        byte = data[place]
        if byte < 0x80:
            text[end] = table[ascii_pairs + byte]
            place += 1
            end += 1
            continue
        code, size = decode(data, place)
        value = _value(code, table)
        lower = np.int64((code + value) & _CODE_MASK)
        if code == _CAPITAL_SIGMA and _ends_word(data, start, stop, place, table):
            lower = np.int64(_FINAL_SIGMA)
        end = _encode(lower, value >> CODE_BITS & 31, text, end)
        if code == _DOTTED_I:
            dot = np.int64(0x307)
            end = _encode(dot, _value(dot, table) >> CODE_BITS & 31, text, end)
        place += size
    return end
