"""The fused path: from packed text to bag sums, with no rows in between."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import types

from satchel.bags.kernels.bag import (
    document_bag,
    longest_document,
    make_scratch,
)
from satchel.bags.kernels.compiled import (
    ZERO,
    Array,
    Number,
    bytes_in,
    helper,
    ints_in,
    kernel,
    offsets_in,
    vocabulary_in,
)
from satchel.bags.kernels.features import Settings, settings_type
from satchel.bags.kernels.finding import known_entries
from satchel.bags.weighing import FIELD_LENGTH

TERM_FREQUENCIES = ("binary", "count", "freq", "log")
NORMS = ("none", "l2", "l2_fields")
_BINARY, _COUNT, _FREQ, _LOG = range(4)
_NONE, _L2, _L2_FIELDS = range(3)
_NOWHERE = np.int64(0xFFFFFFFF)
_FIELD_LENGTH = np.float32(FIELD_LENGTH)


class Layout(NamedTuple):
    """One table among those that lie end to end.

    Attributes:
        term_frequency: A place in ``TERM_FREQUENCIES``.
        norm: A place in ``NORMS``.
        cells: Where its rows start.
        width: The length of a row.
        column: Where its sums start.
    """

    term_frequency: int
    norm: int
    cells: int
    width: int
    column: int


@helper
def _own_values(
    entries: Array,
    found: Number,
    vocabulary: Array,
    weights: Array,
    table: Number,
    term_frequency: Number,
    norm: Number,
    own: Array,
    values: Array,
) -> Number:
    """``weighing.weigh`` for the entries of one document that a table has.

    Args:
        entries: Feature << 32 | count.
        found: How many there are.
        vocabulary: See ``sum_chunk``.
        weights: See ``sum_chunk``.
        table: The number of the table.
        term_frequency: A place in ``TERM_FREQUENCIES``.
        norm: A place in ``NORMS``.
        own: Takes row << 1 | whether it is a field token.
        values: Takes the values.

    Returns:
        How many entries the table has.
    """
    known = ZERO
    total = 0.0
    squares = 0.0
    field_squares = 0.0
    for entry in range(found):
        feature = np.int64(entries[entry] >> np.uint64(32))
        place = np.int64(vocabulary[feature, 1 + table] & _NOWHERE)
        if place == _NOWHERE:
            continue
        count = np.float32(entries[entry] & np.uint64(0xFFFFFFFF))
        total += np.float64(count)
        if term_frequency == _BINARY:
            value = np.float32(1.0)
        elif term_frequency == _LOG and count != 1.0:
            value = np.float32(math.log(np.float64(count)) + 1.0)
        else:
            value = count
        value *= weights[feature, 3 + 2 * table]
        own[known] = place
        values[known] = value
        known += 1
        if norm == _L2_FIELDS and place & 1:
            field_squares += np.float64(value) * np.float64(value)
        else:
            squares += np.float64(value) * np.float64(value)
    factor = np.float32(1.0)
    field_factor = np.float32(1.0)
    if norm != _NONE:
        if squares > 0.0:
            factor = np.float32(1.0 / math.sqrt(squares))
        if field_squares > 0.0:
            field_factor = _FIELD_LENGTH * np.float32(1.0 / math.sqrt(field_squares))
    elif term_frequency == _FREQ and known > 0:
        factor = np.float32(1.0 / total)
    for entry in range(known):
        values[entry] *= field_factor if norm == _L2_FIELDS and own[entry] & 1 else factor
    return known


def _signature(cells: types.Type) -> types.Type:
    return types.void(
        bytes_in,
        offsets_in,
        ints_in,
        settings_type,
        vocabulary_in,
        types.Array(types.float32, 2, "C", readonly=True),
        ints_in,
        types.uint64,
        types.Array(types.int64, 2, "C", readonly=True),
        types.Array(cells, 1, "C", readonly=True),
        types.Array(types.float32, 2, "C"),
        types.Array(types.int32, 2, "C"),
    )


@kernel([_signature(types.float32), _signature(types.int8)])
def sum_chunk(
    data: Array,
    offsets: Array,
    table: Array,
    settings: Settings,
    vocabulary: Array,
    weights: Array,
    buckets: Array,
    shift: Number,
    layout: Array,
    cells: Array,
    sums: Array,
    known_counts: Array,
) -> None:
    """Tokenise, look up, weigh and sum documents.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        table: The table of their rule set.
        settings: Which features to count.
        vocabulary: uint64 [V, 1 + tables]; for each feature of any table, ascending, the hash, and
            then for each table the weight (its bits as float32) << 32 | row << 1 | whether it is a
            field token, or all ones in the low half where the table does not know the feature: one
            look at the memory fetches all.
        weights: The same memory as float32 [V, 2 + 2 · tables].
        buckets: Where the hashes of each bucket start.
        shift: How far a hash is shifted right to give its bucket.
        layout: A ``Layout`` each table.
        cells: The rows of each table's features, end to end.
        sums: Takes one row a document, tables side by side; zeros to begin with. Rows are added in
            the order in which the document first has their features.
        known_counts: Takes how many distinct features of each document each table knows.
    """
    scratch = make_scratch(longest_document(offsets), settings)
    chain = scratch[3]
    entries = np.empty(len(scratch[1]), np.uint64)
    spare = np.empty(len(scratch[1]), np.uint64)
    own = np.empty(len(scratch[1]), np.int64)
    values = np.empty(len(scratch[1]), np.float32)
    for document in range(len(offsets) - 1):
        distinct = document_bag(
            data, offsets[document], offsets[document + 1], table, settings, scratch
        )
        found = known_entries(scratch, distinct, vocabulary, buckets, shift, entries, spare)
        touched = ZERO
        for number in range(len(layout)):
            known = _own_values(
                entries,
                found,
                vocabulary,
                weights,
                number,
                layout[number, 0],
                layout[number, 1],
                own,
                values,
            )
            known_counts[document, number] = known
            cell = layout[number, 2]
            width = layout[number, 3]
            # Loads that do not wait for each other, as in known_entries.
            for place in range(known):
                touched += np.int64(cells[cell + (own[place] >> 1) * width])
            total = sums[document, layout[number, 4] : layout[number, 4] + width]
            for place in range(known):
                first = cell + (own[place] >> 1) * width
                row = cells[first : first + width]
                value = values[place]
                for position in range(width):
                    total[position] += value * np.float32(row[position])
        chain[0, 1] = np.uint64(touched)
