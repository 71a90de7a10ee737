"""Finding the features of one document in a vocabulary."""

from __future__ import annotations

import numpy as np

from satchel.bags.kernels.compiled import ZERO, Array, Number, Scratch, helper
from satchel.bags.kernels.features import COUNT_SHIFT, HASH, KIND

_STEPS = 2


@helper
def known_entries(
    scratch: Scratch,
    distinct: Number,
    vocabulary: Array,
    buckets: Array,
    shift: Number,
    entries: Array,
    spare: Array,
) -> Number:
    """Look the features of a document up; return how many are known.

    Args:
        scratch: Holds the features.
        distinct: How many there are.
        vocabulary: uint64 [V, 1 or more]; the first column holds the hashes, ascending.
        buckets: Where the hashes of each bucket start.
        shift: How far a hash is shifted right to give its bucket.
        entries: Takes id << 32 | count, in the order of the features.
        spare: As long as ``entries``.
    """
    if len(vocabulary) == 0:
        return ZERO
    found = scratch[1]
    known = ZERO
    # Loads that do not wait for each other fetch what the search needs several times as fast as
    # searching one by one; the sum is kept so that the compiler does not drop them.
    touched = np.uint64(0)
    last = np.int64(len(vocabulary) - 1)
    for feature in range(distinct):
        spare[feature] = np.uint64(buckets[np.int64(found[feature, HASH] >> shift)])
    for feature in range(distinct):
        touched += vocabulary[min(np.int64(spare[feature]), last), 0]
    scratch[3][0, 0] = touched
    # Where in its bucket a hash stands, and whether it is there, cannot be foreseen: steps that
    # are always taken cost less than guesses that are wrong.
    for feature in range(distinct):
        number = found[feature, HASH]
        place = min(np.int64(spare[feature]), last)
        for _ in range(_STEPS):
            place = min(place + np.int64(vocabulary[place, 0] < number), last)
        while place < last and vocabulary[place, 0] < number:
            place += 1
        times = found[feature, KIND] >> np.uint64(COUNT_SHIFT)
        entries[known] = np.uint64(place) << np.uint64(32) | times
        known += np.int64(vocabulary[place, 0] == number)
    return known
