"""Sorting the entries of a row by id."""

from __future__ import annotations

import numpy as np
from numba import types

from satchel.bags.kernels.compiled import Array, Number, helper, ints_in, kernel

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


@kernel(
    types.void(
        types.uint64[::1],
        types.int64[::1],
        ints_in,
        types.int64,
        types.int32[::1],
        types.float32[::1],
    )
)
def finish_rows(
    entries: Array, lengths: Array, ranks: Array, columns: Number, ids: Array, values: Array
) -> None:
    """Give the features of rows their final ids, and sort each row.

    Args:
        entries: Number in the table << 32 | count, for all rows.
        lengths: The length of each row.
        ranks: The final id of each number.
        columns: The size of the vocabulary.
        ids: Takes the final ids.
        values: Takes the counts.
    """
    longest = 1
    for row in range(len(lengths)):
        longest = max(longest, lengths[row])
    own = np.empty(longest, np.uint64)
    spare = np.empty(longest, np.uint64)
    start = 0
    for row in range(len(lengths)):
        size = lengths[row]
        for place in range(size):
            entry = entries[start + place]
            rank = np.uint64(ranks[np.int64(entry >> np.uint64(32))])
            own[place] = rank << np.uint64(32) | entry & np.uint64(0xFFFFFFFF)
        sort_entries(own, spare, size, columns)
        for place in range(size):
            ids[start + place] = np.int32(own[place] >> np.uint64(32))
            values[start + place] = np.float32(own[place] & np.uint64(0xFFFFFFFF))
        start += size
