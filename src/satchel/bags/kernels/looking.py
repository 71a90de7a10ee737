"""Counting a chunk of documents by a known vocabulary."""

from __future__ import annotations

import numpy as np
from numba import types

from satchel.bags.kernels.bag import (
    document_bag,
    grown,
    longest_document,
    make_scratch,
)
from satchel.bags.kernels.compiled import (
    ZERO,
    Array,
    Number,
    Scratch,
    bytes_in,
    helper,
    ints_in,
    kernel,
    offsets_in,
    vocabulary_in,
)
from satchel.bags.kernels.features import COUNT_SHIFT, HASH, KIND, Settings, settings_type
from satchel.bags.kernels.sorting import sort_entries


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
    found = scratch[1]
    known = ZERO
    # Loads that do not wait for each other fetch what the search needs several times as fast as
    # searching one by one; the sum is kept so that the compiler does not drop them.
    touched = np.uint64(0)
    for feature in range(distinct):
        spare[feature] = np.uint64(buckets[np.int64(found[feature, HASH] >> shift)])
    last = np.uint64(max(len(vocabulary) - 1, 0))
    for feature in range(distinct):
        if len(vocabulary) > 0:
            touched += vocabulary[np.int64(min(spare[feature], last)), 0]
    scratch[3][0, 0] = touched
    for feature in range(distinct):
        number = found[feature, HASH]
        place = np.int64(spare[feature])
        stop = np.int64(buckets[np.int64(number >> shift) + 1])
        while place < stop and vocabulary[place, 0] < number:
            place += 1
        if place < stop and vocabulary[place, 0] == number:
            times = found[feature, KIND] >> np.uint64(COUNT_SHIFT)
            entries[known] = np.uint64(place) << np.uint64(32) | times
            known += 1
    return known


@kernel(
    types.Tuple((types.int64[::1], types.uint64[::1]))(
        bytes_in,
        offsets_in,
        ints_in,
        settings_type,
        vocabulary_in,
        ints_in,
        types.uint64,
    )
)
def look_up_chunk(
    data: Array,
    offsets: Array,
    table: Array,
    settings: Settings,
    vocabulary: Array,
    buckets: Array,
    shift: Number,
) -> tuple[Array, Array]:
    """Count the known features of documents.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        table: The table of their rule set.
        settings: Which features to count.
        vocabulary: uint64 [V, 1]; the hashes, ascending.
        buckets: Where the hashes of each bucket start.
        shift: How far a hash is shifted right to give its bucket.

    Returns:
        The length of each row, then the entries of all rows as id << 32 | count, by ascending id,
        in an array that may be longer.
    """
    scratch = make_scratch(longest_document(offsets), settings)
    entries = np.empty(len(scratch[1]), np.uint64)
    spare = np.empty(len(scratch[1]), np.uint64)
    lengths = np.zeros(len(offsets) - 1, np.int64)
    rows = np.empty(1024, np.uint64)
    used = ZERO
    for document in range(len(lengths)):
        distinct = document_bag(
            data, offsets[document], offsets[document + 1], table, settings, scratch
        )
        known = known_entries(scratch, distinct, vocabulary, buckets, shift, entries, spare)
        sort_entries(entries, spare, known, len(vocabulary))
        lengths[document] = known
        while used + known > len(rows):
            rows = grown(rows, used)
        for place in range(known):
            rows[used] = entries[place]
            used += 1
    return lengths, rows
