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
    histogram = np.empty(256, np.int64)
    source = entries
    target = spare
    passes = 0
    while columns >> 8 * passes > 0:
        shift = np.uint64(32 + 8 * passes)
        for digit in range(256):
            histogram[digit] = 0
        for place in range(size):
            histogram[np.int64(source[place] >> shift & np.uint64(255))] += 1
        start = 0
        for digit in range(256):
            start, histogram[digit] = start + histogram[digit], start
        for place in range(size):
            bucket = np.int64(source[place] >> shift & np.uint64(255))
            target[histogram[bucket]] = source[place]
            histogram[bucket] += 1
        source, target = target, source
        passes += 1
    if passes & 1:
        for place in range(size):
            entries[place] = spare[place]


_out_ids = types.int32[::1]
_out_values = types.float32[::1]


@kernel(
    types.void(
        types.int32[::1],
        types.uint32[::1],
        types.int64[::1],
        ints_in,
        types.int64,
        _out_ids,
        _out_values,
    )
)
def finish_rows(
    ids: Array,
    counts: Array,
    lengths: Array,
    ranks: Array,
    columns: Number,
    out_ids: Array,
    out_values: Array,
) -> None:
    """Give the features of rows their final ids, and sort each row.

    Args:
        ids: The number of each entry's feature in its table.
        counts: The count of each entry.
        lengths: The length of each row.
        ranks: The final id of each number.
        columns: The size of the vocabulary.
        out_ids: Takes the final ids.
        out_values: Takes the counts.
    """
    longest = 1
    for row in range(len(lengths)):
        longest = max(longest, lengths[row])
    entries = np.empty(longest, np.uint64)
    spare = np.empty(longest, np.uint64)
    start = 0
    for row in range(len(lengths)):
        size = lengths[row]
        for place in range(size):
            rank = np.uint64(ranks[ids[start + place]])
            entries[place] = rank << np.uint64(32) | np.uint64(counts[start + place])
        sort_entries(entries, spare, size, columns)
        for place in range(size):
            out_ids[start + place] = np.int32(entries[place] >> np.uint64(32))
            out_values[start + place] = np.float32(entries[place] & np.uint64(0xFFFFFFFF))
        start += size
