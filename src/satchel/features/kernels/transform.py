"""From packed documents to a vocabulary: look-up, counts, weights and embedding sums.

``known_entries`` looks up the distinct features of one document. ``look_up_chunk`` returns the
counts of the known features of a chunk of documents as sparse rows. ``PackedEmbeddings`` lays out
views for ``sum_chunk``, which tokenises, looks up, weights and sums in one pass over each document:
the fast path of prediction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numba import types

from satchel.features.batches import Chunk, chunks, pack, thread_count, work_through
from satchel.features.embedding_bag import View
from satchel.features.kernels.bag import (
    document_bag,
    grown,
    longest_document,
    make_scratch,
    sort_entries,
)
from satchel.features.kernels.compile import (
    ZERO,
    Array,
    Function,
    Number,
    Scratch,
    bytes_in,
    helper,
    ints_in,
    kernel,
    offsets_in,
    vocabulary_in,
)
from satchel.features.kernels.text import (
    COUNT_SHIFT,
    HASH,
    KIND,
    Settings,
    settings_of,
    settings_type,
)
from satchel.features.kernels.unicode_tables import tables as character_tables
from satchel.features.spec import Features
from satchel.features.vocabulary import HashIndex
from satchel.features.weighting import FIELD_LENGTH, LEAST_LENGTH

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
    """Look up the features of a document; return how many are known.

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
    # Independent loads fetch what the search needs several times as fast as searching one by one;
    # the sum is kept so that the compiler does not remove them.
    touched = np.uint64(0)
    last = np.int64(len(vocabulary) - 1)
    for feature in range(distinct):
        spare[feature] = np.uint64(buckets[np.int64(found[feature, HASH] >> shift)])
    for feature in range(distinct):
        touched += vocabulary[min(np.int64(spare[feature]), last), 0]
    scratch[3][0, 0] = touched
    # Whether and where a hash is in its bucket is unpredictable: a fixed number of steps costs less
    # than mispredicted branches.
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


TERM_FREQUENCIES = ("binary", "count", "freq", "log")
NORMS = ("none", "l2", "l2_fields")
_BINARY, _COUNT, _FREQ, _LOG = range(4)
_NONE, _L2, _L2_FIELDS = range(3)
_NOWHERE = np.int64(0xFFFFFFFF)
_USUAL_COUNTS = 32
_FIELD_LENGTH = np.float32(FIELD_LENGTH)
_LEAST_SQUARES = LEAST_LENGTH**2


class Layout(NamedTuple):
    """The layout of one of several concatenated tables.

    Attributes:
        term_frequency: An index into ``TERM_FREQUENCIES``.
        norm: An index into ``NORMS``.
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
    """Return what a weight is multiplied by for a feature with this count."""
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
    """Do ``weighting.weigh`` for the entries of one document that a table has.

    Args:
        entries: Feature << 32 | count.
        found: How many there are.
        vocabulary: See ``_sum_chunk``.
        weights: See ``_sum_chunk``.
        table: The number of the table.
        factors: What ``_factor_of`` returns for small counts.
        layout: See ``_sum_chunk``.
        own: Takes row << 1 | whether it is a field token.
        values: Takes the values.

    Returns:
        How many entries the table has.
    """
    term_frequency, norm = layout[table, 0], layout[table, 1]
    known = ZERO
    total = ZERO
    # Whether a table has a feature is unpredictable, and a mispredicted branch costs more than
    # writing an entry that the next one overwrites.
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
    """Tokenise, look up, weight and sum documents.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        table: The table of their rule set.
        settings: Which features to count.
        vocabulary: uint64 [V, 1 + tables]; for each feature of any table, ascending, the hash, and
            then for each table the weight (its bits as float32) << 32 | row << 1 | whether it is a
            field token, or all ones in the low half if the table does not have the feature: one
            memory access fetches all.
        weights: The same memory as float32 [V, 2 + 2 · tables].
        buckets: Where the hashes of each bucket start.
        shift: How far a hash is shifted right to give its bucket.
        layout: One ``Layout`` per table.
        cells: The rows of each table's features, end to end.
        sums: Takes one row per document, tables side by side; initially zeros. Rows are added in
            the order of their features' first occurrence in the document.
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
            # Independent loads, as in known_entries.
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
    """Compile or load the kernel for rows of one type, as a process rarely needs both.

    Args:
        cells: int8 or float32.
    """
    return kernel(_signature(cells))(_sum_chunk)


_LINE = 64
_CHUNK_SUMS = 1 << 21  # sums that a thread holds at once: 8 MB


class PackedEmbeddings:
    """Views packed into flat arrays over their joint vocabulary.

    Args:
        features: Features that include those of each view.
        views: The views. Rows of int8 are used as they are if all views have them; otherwise all
            are expanded to float32.
        joined: The joint vocabulary.
    """

    def __init__(self, features: Features, views: Sequence[View], joined: HashIndex) -> None:
        self._features = features
        self._bounds = np.cumsum([0, *(view.width for view in views)]).tolist()
        vocabulary = np.full((len(joined), 1 + len(views)), 0xFFFFFFFF, np.uint64)
        vocabulary[:, 0] = joined.hashes
        layout = np.zeros((len(views), len(Layout._fields)), np.int64)
        narrow = all(view.rows.dtype == np.int8 for view in views)
        stored = [v.rows if narrow else v.expanded(np.arange(v.size)) for v in views]
        starts = [0, *accumulate(_whole_lines(rows) for rows in stored)]
        cells = _aligned_zeros(starts[-1], stored[0].dtype)
        for number, (view, rows) in enumerate(zip(views, stored, strict=True)):
            known = view.vocabulary
            found, _ = joined.find(known.hashes)
            weights = known.weights.astype(np.float32).view(np.uint32).astype(np.uint64)
            own = weights << np.uint64(32) | np.arange(view.size, dtype=np.uint64) << np.uint64(1)
            vocabulary[found, 1 + number] = own | known.is_field
            layout[number] = Layout(
                TERM_FREQUENCIES.index(known.weighting.term_frequency),
                NORMS.index(known.weighting.norm),
                starts[number],
                view.width,
                self._bounds[number],
            )
            cells[starts[number] : starts[number] + rows.size] = rows.reshape(-1)
        self._scales = None
        if narrow and any(view.scales is not None for view in views):
            self._scales = np.concatenate(
                [np.ones(v.width, np.float32) if v.scales is None else v.scales for v in views]
            )
        self._sum_chunk = sum_chunk(cells.dtype.name)
        self._arrays = (
            character_tables(features.rules),
            settings_of(features),
            vocabulary,
            vocabulary.view(np.float32),
            joined.buckets,
            joined.shift,
            layout,
            cells,
        )

    def read(
        self, texts: Sequence[str], threads: int | None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do ``TextEncoder.read`` for these views."""
        width, n_views = self._bounds[-1], len(self._bounds) - 1

        def add_up(_: None, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
            packed = pack(chunk.texts, chunk.first)
            sums = np.zeros((len(packed), width), np.float32)
            known = np.zeros((len(packed), n_views), np.int32)
            self._sum_chunk(packed.data, packed.offsets, *self._arrays, sums, known)
            return sums, known

        stream = chunks(texts, self._features, first, max(1, _CHUNK_SUMS // width))
        parts = [one for _, one in work_through(stream, [None] * thread_count(threads), add_up)]
        if len(parts) == 1:
            sums, known = parts[0]
        else:
            nothing = np.zeros((0, width), np.float32), np.zeros((0, n_views), np.int32)
            sums, known = (np.concatenate(each) for each in zip(nothing, *parts, strict=True))
        if self._scales is not None:
            sums *= self._scales
        pairs = zip(self._bounds[:-1], self._bounds[1:], strict=True)
        return [sums[:, start:stop] for start, stop in pairs], known


def _whole_lines(rows: np.ndarray) -> int:
    """Return how many cells a table takes if the next one starts at a cache line."""
    cells = _LINE // rows.itemsize
    return -(-rows.size // cells) * cells


def _aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """Return zeros that start at a cache line, so that short rows lie in one line."""
    memory = np.zeros(size * dtype.itemsize + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)
