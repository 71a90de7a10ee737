"""The first step of a document: its bytes in lower case, and the class of each character.

Both stand in one array of uint16: the byte, and above it the class at a character's first byte,
CONTINUATION at the others. Later steps see nothing of Unicode but classes.
"""

from __future__ import annotations

import numpy as np

from satchel.bags.characters import CONTINUATION
from satchel.bags.kernels.compiled import ZERO, Array, Number, helper
from satchel.bags.kernels.tables import CASED, CODE_BITS, IGNORABLE

_CODE_MASK = (1 << CODE_BITS) - 1
_CAPITAL_SIGMA = 0x3A3
_FINAL_SIGMA = 0x3C2
_DOTTED_I = 0x130
_CONTINUED = CONTINUATION << 8 | 0x80


@helper
def decode(data: Array, place: Number) -> tuple[Number, Number]:
    """The code point whose first byte stands at ``place``, and how many bytes it has."""
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

    Characters that case ignores are looked through in both directions. Each stretch of them is
    walked through at most twice, since Σ itself is cased.
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
    """Lower and classify ``data[start:stop]``.

    Args:
        data: Valid UTF-8.
        start: Where the document starts.
        stop: Where it ends.
        table: The table of its rule set.
        text: Takes the answer, uint16; twice the document's size is always enough.

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
