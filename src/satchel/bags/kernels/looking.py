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
    bytes_in,
    ints_in,
    kernel,
    offsets_in,
    vocabulary_in,
)
from satchel.bags.kernels.features import Settings, settings_type
from satchel.bags.kernels.finding import known_entries
from satchel.bags.kernels.sorting import sort_entries


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
