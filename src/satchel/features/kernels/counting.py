"""The features of chunks of documents, counted into a growing table; one table per thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import types

from satchel.features.batches import Chunk, pack, work_through
from satchel.features.counting import Counts, merge_ranked
from satchel.features.csr import CSRMatrix
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
    Number,
    bytes_in,
    helper,
    ints_in,
    kernel,
    offsets_in,
)
from satchel.features.kernels.text import (
    COUNT_SHIFT,
    HASH,
    KIND,
    Settings,
    first_slot,
    settings_of,
    settings_type,
    slot_shift,
)
from satchel.features.kernels.unicode_tables import tables
from satchel.features.spec import Features

_ONE_DOCUMENT = np.uint64(1 << 32)
_ID_MASK = np.uint64(0xFFFFFFFF)
_table = types.Array(types.uint64, 2, "C")
_hashes = types.uint64[::1]
_kinds = types.uint8[::1]


def empty_table() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return a table without features, as ``count_chunk`` takes and returns it."""
    return np.zeros((1024, 2), np.uint64), np.empty(512, np.uint64), np.empty(512, np.uint8), 0


@helper
def _grown_table(table: Array, placement: Number) -> Array:
    """Return the same features in twice as many slots."""
    larger = np.zeros((2 * len(table), 2), np.uint64)
    mask = np.uint64(len(larger) - 1)
    shift = slot_shift(len(larger))
    for old in range(len(table)):
        if table[old, 1] != 0:
            slot = first_slot(table[old, 0], placement, shift)
            while larger[slot, 1] != 0:
                slot = np.int64(np.uint64(slot + 1) & mask)
            larger[slot, 0] = table[old, 0]
            larger[slot, 1] = table[old, 1]
    return larger


@kernel(
    types.Tuple(
        (
            _table,
            _hashes,
            _kinds,
            types.int64,
            types.int64[::1],
            types.uint64[::1],
        )
    )(
        bytes_in,
        offsets_in,
        ints_in,
        settings_type,
        _table,
        _hashes,
        _kinds,
        types.int64,
    )
)
def count_chunk(
    data: Array,
    offsets: Array,
    characters: Array,
    settings: Settings,
    table: Array,
    hashes: Array,
    kinds: Array,
    size: Number,
) -> tuple[Any, ...]:
    """Count documents into a table.

    Args:
        data: Packed documents.
        offsets: Where each one starts; the last one's end.
        characters: The table of their rule set.
        settings: Which features to count.
        table: Open addressing, a power of two of slots: a hash, then the feature's number + 1 in
            the low half and its document frequency in the high half; 0 = free.
        hashes: The hash of each feature in order of first occurrence.
        kinds: The kind of each.
        size: How many features there are.

    Returns:
        table, hashes, kinds and size, grown; then the length of each row, and the entries of all
        rows as number << 32 | count, in an array that may be longer.
    """
    scratch = make_scratch(longest_document(offsets), settings)
    found = scratch[1]
    documents = len(offsets) - 1
    placement = np.uint64(settings.placement)
    lengths = np.zeros(documents, np.int64)
    entries = np.empty(1024, np.uint64)
    used = ZERO
    for document in range(documents):
        distinct = document_bag(
            data, offsets[document], offsets[document + 1], characters, settings, scratch
        )
        lengths[document] = distinct
        while 2 * (size + distinct) > len(table):
            table = _grown_table(table, placement)
        while size + distinct > len(hashes):
            hashes = grown(hashes, size)
            kinds = grown(kinds, size)
        while used + distinct > len(entries):
            entries = grown(entries, used)
        mask = np.uint64(len(table) - 1)
        shift = slot_shift(len(table))
        # Independent loads fetch the slots several times as fast as probing one by one; the sum is
        # kept so that the compiler does not remove them.
        touched = np.uint64(0)
        for feature in range(distinct):
            touched += table[first_slot(found[feature, HASH], placement, shift), 1]
        scratch[3][0, 0] = touched
        for feature in range(distinct):
            number = found[feature, HASH]
            slot = first_slot(number, placement, shift)
            while table[slot, 1] != 0 and table[slot, 0] != number:
                slot = np.int64(np.uint64(slot + 1) & mask)
            if table[slot, 1] == 0:
                table[slot, 0] = number
                table[slot, 1] = np.uint64(size + 1)
                hashes[size] = number
                kinds[size] = np.uint8(found[feature, KIND] & np.uint64(255))
                size += 1
            table[slot, 1] += _ONE_DOCUMENT
            place = (table[slot, 1] & _ID_MASK) - np.uint64(1)
            times = found[feature, KIND] >> np.uint64(COUNT_SHIFT)
            entries[used] = place << np.uint64(32) | times
            used += 1
    return table, hashes, kinds, size, lengths, entries


@kernel(types.int64[::1](_table, types.int64))
def table_frequencies(table: Array, size: Number) -> Number:
    """Return the document frequency of each feature, in order of first occurrence."""
    frequency = np.zeros(size, np.int64)
    for slot in range(len(table)):
        if table[slot, 1] != 0:
            frequency[np.int64(table[slot, 1] & _ID_MASK) - 1] = np.int64(
                table[slot, 1] >> np.uint64(32)
            )
    return frequency


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
    """Replace the numbers of features by their final ids, and sort each row.

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


class _Worker:
    """One thread's table of features."""

    def __init__(self, features: Features) -> None:
        self.characters = tables(features.rules)
        self.settings = settings_of(features)
        self.table: tuple[Any, ...] = empty_table()
        self.documents = 0

    def count(self, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
        """Count a chunk; return the row lengths and the entries."""
        packed = pack(chunk.texts, chunk.first)
        *table, lengths, entries = count_chunk(
            packed.data, packed.offsets, self.characters, self.settings, *self.table
        )
        self.table = tuple(table)
        self.documents += len(packed)
        return lengths, entries

    def counts(self) -> Counts:
        """Return what this worker has counted, in order of first occurrence."""
        table, hashes, kinds, size = self.table
        return Counts(hashes[:size], kinds[:size], table_frequencies(table, size), self.documents)


def count_with_rows(
    stream: Iterator[Chunk],
    features: Features,
    threads: int,
    report_progress: Callable[[Chunk], None],
) -> tuple[Counts, CSRMatrix]:
    """Return the vocabulary and the rows of a stream of documents.

    Args:
        stream: Chunks of prepared documents.
        features: Which features to count.
        threads: How many threads work.
        report_progress: Called with each processed chunk.

    Returns:
        Its counts, and the counts of each document.
    """
    workers = [_Worker(features) for _ in range(threads)]
    parts = work_through(stream, workers, _Worker.count, report_progress)
    merged, ranks = merge_ranked([worker.counts() for worker in workers])
    lengths = [result[0] for _, result in parts]
    offsets = np.zeros(sum(map(len, lengths)) + 1, np.int64)
    if parts:
        np.cumsum(np.concatenate(lengths), out=offsets[1:])
    ids = np.empty(offsets[-1], np.int32)
    values = np.empty(offsets[-1], np.float32)
    firsts = np.cumsum([0, *map(len, lengths)])

    def finish(_: None, place: int) -> None:
        worker, (rows, entries) = parts[place]
        target = slice(int(offsets[firsts[place]]), int(offsets[firsts[place + 1]]))
        finish_rows(entries, rows, ranks[worker], len(merged), ids[target], values[target])

    work_through(range(len(parts)), [None] * threads, finish)
    return merged, CSRMatrix(offsets, ids, values, len(merged))
