"""Field tokens: tokens combined with the name space of their part; ``preprocess`` over bytes."""

from __future__ import annotations

import numpy as np

from satchel.features.hashing import BLOCK, FIELD_KIND, PART_KIND
from satchel.features.kernels.compile import NONE, ZERO, Array, Number, helper
from satchel.features.kernels.text import (
    FIELD_SALT_64,
    FIELD_START,
    HASH,
    KIND,
    PLACE,
    Settings,
    absorb,
    byte_at,
    combine,
    emit,
    finished,
    hash_bytes,
    shifted_key,
)
from satchel.features.preprocess import FIRST, LONGEST_NAME, QUOTE, SIGNATURE


def _block(text: str, above: bytes = b"\x01") -> np.uint64:
    """Return the bytes of a text as a block of the hash; the last block has a 1 above its bytes."""
    return np.uint64(int.from_bytes(above + text.encode(), "big"))


# The names of the parts that are not header fields, as blocks.
_QUOTE = _block(QUOTE)
_FIRST = _block(FIRST)
_SIGNATURE_START = _block(SIGNATURE[:BLOCK], above=b"")
_SIGNATURE_END = _block(SIGNATURE[BLOCK:])
_FIELD = np.int64(FIELD_KIND)
_PART = np.int64(PART_KIND)
_LINE = 10
_TAB = 9
_RETURN = 13
_BLANK = 32
_COLON = 58
_HYPHEN = 45
_GREATER = 62
_BAR = 124


@helper
def _line_end(text: Array, start: Number, size: Number) -> Number:
    place = start
    while place < size and byte_at(text, place) != _LINE:
        place += 1
    return place


@helper
def _is_blank(byte: Number) -> Number:
    return byte in (_BLANK, _TAB, _RETURN)


@helper
def _first_ink(text: Array, start: Number, end: Number) -> Number:
    """Return the position of the first non-blank byte of a line; ``end`` if there is none."""
    place = start
    while place < end and _is_blank(byte_at(text, place)):
        place += 1
    return place


@helper
def _name_end(text: Array, start: Number, end: Number) -> Number:
    """Return the position of the colon after a field's name; −1 if this is not a header line."""
    place = start
    while place < end and 33 <= byte_at(text, place) <= 126 and byte_at(text, place) != _COLON:
        place += 1
    if place == start or place >= end or byte_at(text, place) != _COLON:
        return NONE
    if place - start > LONGEST_NAME:
        return NONE
    return place if place + 1 == end or _is_blank(byte_at(text, place + 1)) else NONE


@helper
def _header_size(text: Array, size: Number) -> Number:
    """Return how many bytes the header block has, 0 if there is none."""
    fields = ZERO
    start = ZERO
    while start < size:
        end = _line_end(text, start, size)
        if _name_end(text, start, end) >= 0:
            fields += 1
        elif (
            fields == 0
            or end == start
            or not (byte_at(text, start) == _BLANK or byte_at(text, start) == _TAB)
            or _first_ink(text, start, end) == end
        ):
            break
        start = end + 1
    return start if fields > 1 else ZERO


@helper
def field_features(
    text: Array,
    size: Number,
    settings: Settings,
    found: Array,
    first: Number,
    last: Number,
    count: Number,
) -> Number:
    """Add the field tokens of the features ``first`` to ``last``, whose starts ascend.

    Args:
        text: The document in lower case, with classes.
        size: Its size in bytes.
        settings: See ``text.Settings``.
        found: Holds the features, and takes more.
        first: The first feature to process.
        last: Where to stop.
        count: How many features there are already.

    Returns:
        How many there are now.
    """
    key = shifted_key(settings.hash_key)
    header = _header_size(text, size)
    first_seen = header > 0
    in_signature = False
    has_space = False
    space = np.uint64(0)
    line_end = NONE
    value = ZERO
    kind = _FIELD
    for feature in range(first, last):
        if found[feature, KIND] != 1:
            continue
        token = np.int64(found[feature, PLACE] >> np.uint64(32))
        while token > line_end:
            start = line_end + 1
            line_end = _line_end(text, start, size)
            value = start
            kind = _FIELD if start < header else _PART
            if start < header:
                colon = _name_end(text, start, line_end)
                if colon >= 0:
                    space = hash_bytes(text, start, colon, FIELD_START, key)
                    has_space = True
                    value = colon + 1
            elif in_signature:
                space = absorb(FIELD_START, _SIGNATURE_START, key)
                space = finished(space, _SIGNATURE_END, key)
                has_space = True
            else:
                in_signature = (
                    line_end - start >= 2
                    and byte_at(text, start) == _HYPHEN
                    and byte_at(text, start + 1) == _HYPHEN
                    and _first_ink(text, start + 2, line_end) == line_end
                )
                ink = _first_ink(text, start, line_end)
                has_space = False
                if ink < line_end:
                    if byte_at(text, ink) == _GREATER or byte_at(text, ink) == _BAR:
                        space = finished(FIELD_START, _QUOTE, key)
                        has_space = True
                    elif not first_seen:
                        space = finished(FIELD_START, _FIRST, key)
                        has_space = True
                    first_seen = True
        if has_space and token >= value:
            number = combine(found[feature, HASH], space, FIELD_SALT_64)
            end = np.int64(found[feature, PLACE] & np.uint64(0xFFFFFFFF))
            count = emit(found, count, number, kind, token, end)
    return count
