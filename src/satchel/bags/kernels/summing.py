"""The fused path: from packed text to bag sums, with no rows in between."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from satchel.bags.kernels.bag import (
    document_bag,
    longest_document,
    make_scratch,
)
from satchel.bags.kernels.compiled import (
    Array,
    Number,
    bytes_in,
    floats_in,
    hashes_in,
    helper,
    ints_in,
    kernel,
    matrix_in,
    offsets_in,
)
from satchel.bags.kernels.features import Settings, settings_type
from satchel.bags.kernels.looking import known_entries
from satchel.bags.weighing import FIELD_LENGTH

TERM_FREQUENCIES = ("binary", "count", "freq", "log")
NORMS = ("none", "l2", "l2_fields")
_BINARY, _COUNT, _FREQ, _LOG = range(4)
_NONE, _L2, _L2_FIELDS = range(3)
_FIELD_LENGTH = np.float32(FIELD_LENGTH)


@helper
def _weigh_entries(
    entries: Array,
    known: Number,
    weights: Array,
    fields: Array,
    term_frequency: Number,
    norm: Number,
    values: Array,
) -> None:
    """``weighing.weigh`` for one row."""
    total = 0.0
    if term_frequency == _FREQ:
        for place in range(known):
            total += np.float64(entries[place] & np.uint64(0xFFFFFFFF))
    squares = 0.0
    field_squares = 0.0
    for place in range(known):
        count = np.float64(entries[place] & np.uint64(0xFFFFFFFF))
        if term_frequency == _BINARY:
            value = np.float32(1.0)
        elif term_frequency == _FREQ:
            value = np.float32(count / total)
        elif term_frequency == _LOG:
            value = np.float32(1.0) if count == 1.0 else np.float32(math.log(count) + 1.0)
        else:
            value = np.float32(count)
        feature = np.int64(entries[place] >> np.uint64(32))
        value *= weights[feature]
        values[place] = value
        if norm == _L2_FIELDS and fields[feature]:
            field_squares += np.float64(value) * np.float64(value)
        else:
            squares += np.float64(value) * np.float64(value)
    if norm == _NONE:
        return
    inverse = np.float32(1.0 / math.sqrt(squares)) if squares > 0.0 else np.float32(1.0)
    field_inverse = np.float32(1.0)
    if field_squares > 0.0:
        field_inverse = _FIELD_LENGTH * np.float32(1.0 / math.sqrt(field_squares))
    for place in range(known):
        feature = np.int64(entries[place] >> np.uint64(32))
        if norm == _L2_FIELDS and fields[feature]:
            values[place] *= field_inverse
        else:
            values[place] *= inverse


@kernel(
    types.void(
        bytes_in,
        offsets_in,
        ints_in,
        settings_type,
        hashes_in,
        ints_in,
        types.uint64,
        floats_in,
        types.Array(types.boolean, 1, "C", readonly=True),
        types.int64,
        types.int64,
        matrix_in,
        types.Array(types.float32, 2, "C"),
        types.int32[::1],
    )
)
def sum_chunk(
    data: Array,
    offsets: Array,
    table: Array,
    settings: Settings,
    hashes: Array,
    buckets: Array,
    shift: Number,
    weights: Array,
    fields: Array,
    term_frequency: Number,
    norm: Number,
    matrix: Array,
    sums: Array,
    known_counts: Array,
) -> None:
    """Tokenise, look up, weigh and sum documents.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        table: The table of their rule set.
        settings: Which features to count.
        hashes: The vocabulary, ascending.
        buckets: Where the hashes of each bucket start.
        shift: How far a hash is shifted right to give its bucket.
        weights: The weight of each feature.
        fields: Which features are field tokens.
        term_frequency: A place in ``TERM_FREQUENCIES``.
        norm: A place in ``NORMS``.
        matrix: The row of each feature.
        sums: Takes one row a document; zeros to begin with.
        known_counts: Takes how many distinct known features each document has.
    """
    scratch = make_scratch(longest_document(offsets), settings)
    entries = np.empty(len(scratch[1]), np.uint64)
    spare = np.empty(len(scratch[1]), np.uint64)
    values = np.empty(len(scratch[1]), np.float32)
    width = matrix.shape[1]
    for document in range(len(offsets) - 1):
        distinct = document_bag(
            data, offsets[document], offsets[document + 1], table, settings, scratch
        )
        known = known_entries(scratch, distinct, hashes, buckets, shift, entries, spare)
        known_counts[document] = known
        _weigh_entries(entries, known, weights, fields, term_frequency, norm, values)
        for place in range(known):
            row = np.int64(entries[place] >> np.uint64(32))
            value = values[place]
            for column in range(width):
                sums[document, column] += value * matrix[row, column]


@kernel(types.void(offsets_in, ints_in, floats_in, matrix_in, types.Array(types.float32, 2, "C")))
def sum_weighed(offsets: Array, ids: Array, values: Array, matrix: Array, sums: Array) -> None:
    """Σ value · row for rows that are weighed already, in the order of the ids.

    Args:
        offsets: Where each row starts; the last one's end.
        ids: The feature of each entry.
        values: The value of each entry.
        matrix: The row of each feature.
        sums: Takes one row a document; zeros to begin with.
    """
    width = matrix.shape[1]
    for document in range(len(offsets) - 1):
        for place in range(offsets[document], offsets[document + 1]):
            row = ids[place]
            value = values[place]
            for column in range(width):
                sums[document, column] += value * matrix[row, column]
