"""Counting a corpus with kernels: tables for each worker, merged at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from satchel.bags.chunks import Chunk
from satchel.bags.counts import Counts, merge_ranked
from satchel.bags.features import Features
from satchel.bags.kernels.counting import (
    count_chunk,
    empty_table,
    finish_rows,
    table_frequencies,
)
from satchel.bags.kernels.features import settings_of
from satchel.bags.kernels.tables import tables
from satchel.bags.packing import pack
from satchel.bags.parallel import work_through
from satchel.bags.rows import Rows


class _Worker:
    """One thread's table of features."""

    def __init__(self, features: Features) -> None:
        self.characters = tables(features.rules)
        self.settings = settings_of(features)
        self.table: tuple[Any, ...] = empty_table()
        self.documents = 0

    def count(self, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
        """Count a chunk; the row lengths, and the entries."""
        packed = pack(chunk.texts, chunk.first)
        *table, lengths, entries = count_chunk(
            packed.data, packed.offsets, self.characters, self.settings, *self.table
        )
        self.table = tuple(table)
        self.documents += len(packed)
        return lengths, entries

    def counts(self) -> Counts:
        """What this worker has counted, in the order in which features turned up."""
        table, hashes, kinds, size = self.table
        return Counts(hashes[:size], kinds[:size], table_frequencies(table, size), self.documents)


def count_with_rows(
    stream: Iterator[Chunk], features: Features, threads: int, tell: Callable[[Chunk], None]
) -> tuple[Counts, Rows]:
    """The vocabulary and the rows of a stream of documents.

    Args:
        stream: Chunks of prepared documents.
        features: Which features to count.
        threads: How many threads work.
        tell: Called with each chunk that is done.

    Returns:
        Its counts, and the counts of each document.
    """
    workers = [_Worker(features) for _ in range(threads)]
    parts = work_through(stream, workers, _Worker.count, tell)
    merged, ranks = merge_ranked([worker.counts() for worker in workers])
    lengths = [answer[0] for _, answer in parts]
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
    return merged, Rows(offsets, ids, values, len(merged))
