"""Finding where each feature of a vocabulary occurs first, so that it can be named."""

from __future__ import annotations

import numpy as np
from numba import types

from satchel.bags.hashing import CHARACTER_KIND
from satchel.bags.kernels.bag import document_bag, grown, longest_document, make_scratch
from satchel.bags.kernels.compiled import (
    ZERO,
    Array,
    Number,
    bytes_in,
    hashes_in,
    helper,
    ints_in,
    kernel,
    offsets_in,
)
from satchel.bags.kernels.features import HASH, KIND, PLACE, Settings, settings_type
from satchel.bags.kernels.hashes import CHARACTER_START, EMPTY, add_byte, finished, shifted_key

_PAD = np.uint16(32)
_KIND_MASK = np.uint64(0xFF)
_END_MASK = np.uint64(0xFFFFFFFF)


@helper
def _pads(text: Array, start: Number, end: Number, number: Number, key: Number) -> Number:
    """Which pads a character n-gram has, told by its hash: 1 before, 2 behind."""
    for pads in range(4):
        state = CHARACTER_START
        block = EMPTY
        if pads & 1:
            state, block = add_byte(state, block, _PAD, key)
        for place in range(start, end):
            state, block = add_byte(state, block, text[place], key)
        if pads & 2:
            state, block = add_byte(state, block, _PAD, key)
        if finished(state, block, key) == number:
            return pads
    return 0


@kernel(
    types.Tuple((types.int64[:, ::1], types.uint8[::1], types.int64))(
        bytes_in,
        offsets_in,
        ints_in,
        settings_type,
        hashes_in,
        types.boolean[::1],
    )
)
def name_chunk(
    data: Array, offsets: Array, table: Array, settings: Settings, hashes: Array, named: Array
) -> tuple[Array, Array, Number]:
    """Find the features of documents that have no name yet.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        table: The table of their rule set.
        settings: Which features to find.
        hashes: The vocabulary, ascending.
        named: Which features have a name; those found here are added.

    Returns:
        For each feature found its id, its document, its kind, and where its bytes end among all
        bytes; then these bytes, those of a character n-gram with its pads; then how many features
        there are. Both arrays may be longer.
    """
    scratch = make_scratch(longest_document(offsets), settings)
    text = scratch[0]
    features = scratch[1]
    places = np.empty(1024, np.int64)
    letters = np.empty(1024, np.uint8)
    key = shifted_key(settings.hash_key)
    count = ZERO
    used = ZERO
    for document in range(len(offsets) - 1):
        distinct = document_bag(
            data, offsets[document], offsets[document + 1], table, settings, scratch
        )
        for feature in range(distinct):
            number = features[feature, HASH]
            place = np.searchsorted(hashes, number)
            if place == len(hashes) or hashes[place] != number or named[place]:
                continue
            named[place] = True
            kind = np.int64(features[feature, KIND] & _KIND_MASK)
            start = np.int64(features[feature, PLACE] >> np.uint64(32))
            end = np.int64(features[feature, PLACE] & _END_MASK)
            pads = _pads(text, start, end, number, key) if kind == CHARACTER_KIND else 0
            while used + end - start + 2 > len(letters):
                letters = grown(letters, used)
            if 4 * count + 4 > len(places):
                places = grown(places, 4 * count)
            if pads & 1:
                letters[used] = _PAD
                used += 1
            for byte in range(start, end):
                letters[used] = text[byte] & 0xFF
                used += 1
            if pads & 2:
                letters[used] = _PAD
                used += 1
            places[4 * count] = place
            places[4 * count + 1] = document
            places[4 * count + 2] = kind
            places[4 * count + 3] = used
            count += 1
    return places.reshape((len(places) // 4, 4)), letters, count
