"""The fused path: from packed text to bag sums, with no rows in between."""

from __future__ import annotations

import math
from functools import cache
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
    Function,
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
from satchel.bags.weighing import FIELD_LENGTH, LEAST_LENGTH

TERM_FREQUENCIES = ("binary", "count", "freq", "log")
NORMS = ("none", "l2", "l2_fields")
_BINARY, _COUNT, _FREQ, _LOG = range(4)
_NONE, _L2, _L2_FIELDS = range(3)
_NOWHERE = np.int64(0xFFFFFFFF)
_USUAL_COUNTS = 32
_FIELD_LENGTH = np.float32(FIELD_LENGTH)
_LEAST_SQUARES = LEAST_LENGTH**2


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
def _factor_of(count: Number, term_frequency: Number) -> Number:
    """What a weight is multiplied with for a feature that occurs so often."""
    if term_frequency == _BINARY:
        return np.float32(1.0)
    if term_frequency == _LOG and count != 1:
        return np.float32(math.log(np.float64(count)) + 1.0)
    return np.float32(count)


@helper
def _own_values(
    entries: Array,
    found: Number,
    vocabulary: Array,
    weights: Array,
    table: Number,
    factors: Array,
    layout: Array,
    own: Array,
    values: Array,
) -> Number:
    """``weighing.weigh`` for the entries of one document that a table has.

    Args:
        entries: Feature << 32 | count.
        found: How many there are.
        vocabulary: See ``_sum_chunk``.
        weights: See ``_sum_chunk``.
        table: The number of the table.
        factors: What ``_factor_of`` gives for the first counts.
        layout: See ``_sum_chunk``.
        own: Takes row << 1 | whether it is a field token.
        values: Takes the values.

    Returns:
        How many entries the table has.
    """
    term_frequency, norm = layout[table, 0], layout[table, 1]
    known = ZERO
    total = ZERO
    # Whether a table has a feature cannot be foreseen by the processor, and a wrong guess costs
    # more than an entry that the next one overwrites.
    for entry in range(found):
        feature = np.int64(entries[entry] >> np.uint64(32))
        place = np.int64(vocabulary[feature, 1 + table] & _NOWHERE)
        count = np.int64(entries[entry] & np.uint64(0xFFFFFFFF))
        has = np.int64(place != _NOWHERE)
        factor = factors[count] if count < len(factors) else _factor_of(count, term_frequency)
        own[known] = place
        values[known] = factor * weights[feature, 3 + 2 * table]
        known += has
        total += count * has
    scale, field_scale = np.float32(1.0), np.float32(1.0)
    if norm != _NONE:
        squares, field_squares = 0.0, 0.0
        fields = np.int64(norm == _L2_FIELDS)
        for entry in range(known):
            square = np.float64(values[entry]) * np.float64(values[entry])
            if own[entry] & fields:
                field_squares += square
            else:
                squares += square
        if squares > _LEAST_SQUARES:
            scale = np.float32(1.0 / math.sqrt(squares))
        if field_squares > _LEAST_SQUARES:
            field_scale = _FIELD_LENGTH * np.float32(1.0 / math.sqrt(field_squares))
        for entry in range(known):
            values[entry] *= field_scale if own[entry] & fields else scale
    elif term_frequency == _FREQ and known > 0:
        scale = np.float32(1.0 / np.float64(total))
        for entry in range(known):
            values[entry] *= scale
    return known


def _signature(cells: str) -> types.Type:
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
        types.Array(getattr(types, cells), 1, "C", readonly=True),
        types.Array(types.float32, 2, "C"),
        types.Array(types.int32, 2, "C"),
    )


def _sum_chunk(
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
    factors = np.empty((len(layout), _USUAL_COUNTS), np.float32)
    for number in range(len(layout)):
        for count in range(_USUAL_COUNTS):
            factors[number, count] = _factor_of(count, layout[number, 0])
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
                factors[number],
                layout,
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


@cache
def sum_chunk(cells: str) -> Function:
    """Compile or load the kernel for rows of one type, as a process seldom meets the other.

    Args:
        cells: int8 or float32.
    """
    return kernel(_signature(cells))(_sum_chunk)
