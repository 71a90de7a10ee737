"""The distinct features of one document, how often each occurs, and sorting them by id."""

from __future__ import annotations

import numpy as np
from numba import types

from satchel.features.kernels.compile import (
    ZERO,
    Array,
    Number,
    Scratch,
    bytes_in,
    helper,
    ints_in,
    kernel,
)
from satchel.features.kernels.fields import field_features
from satchel.features.kernels.text import (
    COLUMNS,
    COUNT_SHIFT,
    HASH,
    KIND,
    PLACE,
    Settings,
    first_slot,
    lower_document,
    settings_type,
    shifted_key,
    slot_shift,
)
from satchel.features.kernels.words import address_features, character_features, word_features

_ONE = np.uint64(1 << COUNT_SHIFT)
scratch_type = types.Tuple(
    (
        types.uint16[::1],
        types.Array(types.uint64, 2, "C"),
        types.int32[::1],
        types.Array(types.uint64, 2, "C"),
    )
)


@helper
def longest_document(offsets: Array) -> Number:
    """Return the size in bytes of the longest document."""
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    return longest


@helper
def make_scratch(longest: Number, settings: Settings) -> Scratch:
    """Allocate buffers for the longest document of a chunk; only pages that are used take memory.

    Lower case at most doubles the bytes of a document (``lower_document``). Each byte starts one
    word at most, with as many n-grams, and an address has three bytes or more; both count once more
    as field tokens. A chunk of character n-grams has two pads, and a blank before the next.
    """
    size = 2 * longest + 8
    most = 0
    if settings.orders > 0:
        most += (settings.orders + 1 + 2 * settings.fields) * size
    if settings.longest > 0:
        most += 2 * size * (settings.longest - settings.shortest + 1)
    slots = 4
    while slots < 2 * most:
        slots *= 2
    text = np.empty(size, np.uint16)
    found = np.empty((most, COLUMNS), np.uint64)
    slots_of = np.empty(slots, np.int32)
    chain = np.empty((max(settings.orders, 1), 2), np.uint64)
    return text, found, slots_of, chain


@helper
def _merge_equal(found: Array, count: Number, slots_of: Array, placement: Number) -> Number:
    """Merge equal features, counting them at the first position; return how many are distinct."""
    slots = 4
    while slots < 2 * count:
        slots *= 2
    mask = np.uint64(slots - 1)
    shift = slot_shift(slots)
    for free in range(slots):
        slots_of[free] = -1
    distinct = 0
    for feature in range(count):
        number = found[feature, HASH]
        slot = first_slot(number, placement, shift)
        while slots_of[slot] >= 0 and found[slots_of[slot], HASH] != number:
            slot = np.int64(np.uint64(slot + 1) & mask)
        if slots_of[slot] >= 0:
            found[slots_of[slot], KIND] += _ONE
            continue
        slots_of[slot] = distinct
        found[distinct, HASH] = number
        found[distinct, PLACE] = found[feature, PLACE]
        found[distinct, KIND] = found[feature, KIND] + _ONE
        distinct += 1
    return distinct


@kernel(types.int64(bytes_in, types.int64, types.int64, ints_in, settings_type, scratch_type))
def document_bag(
    data: Array, start: Number, stop: Number, table: Array, settings: Settings, scratch: Scratch
) -> Number:
    """Find the distinct features of a document.

    Args:
        data: Packed documents.
        start: Where the document starts.
        stop: Where it ends.
        table: The table of its rule set.
        settings: Which features to find.
        scratch: From ``make_scratch``; its features are the result.

    Returns:
        How many distinct features there are, in the order of their first occurrence.
    """
    text, found, slots_of, chain = scratch
    size = lower_document(data, start, stop, table, text)
    count = ZERO
    if settings.orders > 0:
        count, first_sign, last_sign = word_features(text, size, settings, chain, found)
        words = count
        if first_sign >= 0:
            count = address_features(
                text, size, first_sign, last_sign, shifted_key(settings.hash_key), found, count
            )
        if settings.fields:
            with_addresses = count
            count = field_features(text, size, settings, found, ZERO, words, count)
            if with_addresses > words:
                count = field_features(text, size, settings, found, words, with_addresses, count)
    if settings.longest > 0:
        count = character_features(text, size, settings, found, count)
    return _merge_equal(found, count, slots_of, np.uint64(settings.placement))


@helper
def grown(array: Array, used: Number) -> Array:
    """Return the first ``used`` entries of an array in one of double length."""
    larger = np.empty(2 * len(array), array.dtype)
    for place in range(used):
        larger[place] = array[place]
    return larger


_FEW = 40


@helper
def sort_entries(entries: Array, spare: Array, size: Number, columns: Number) -> None:
    """Sort numbers whose high half is an id below ``columns``, by that id.

    Args:
        entries: uint64; the first ``size`` are sorted in place.
        spare: As long as ``entries``.
        size: How many there are.
        columns: No id is as large as this.
    """
    if size <= _FEW:
        for place in range(1, size):
            entry = entries[place]
            before = place - 1
            while before >= 0 and entries[before] > entry:
                entries[before + 1] = entries[before]
                before -= 1
            entries[before + 1] = entry
        return
    bits = 0
    while columns >> bits > 0:
        bits += 1
    passes = (bits + 9) // 10
    width = (bits + passes - 1) // max(passes, 1)
    mask = np.uint64((1 << width) - 1)
    histogram = np.empty(1 << width, np.int64)
    source = entries
    target = spare
    for number in range(passes):
        shift = np.uint64(32 + width * number)
        for digit in range(1 << width):
            histogram[digit] = 0
        for place in range(size):
            histogram[np.int64(source[place] >> shift & mask)] += 1
        start = 0
        for digit in range(1 << width):
            start, histogram[digit] = start + histogram[digit], start
        for place in range(size):
            bucket = np.int64(source[place] >> shift & mask)
            target[histogram[bucket]] = source[place]
            histogram[bucket] += 1
        source, target = target, source
    if passes & 1:
        for place in range(size):
            entries[place] = spare[place]
