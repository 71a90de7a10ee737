"""Sorting the entries of a row by id."""

from __future__ import annotations

import numpy as np

from satchel.bags.kernels.compiled import Array, Number, helper

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
