"""Tables laid out flat for the fused kernel, which reads a text once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from satchel.bags.bag_table import BagTable
from satchel.bags.chunks import Chunk, chunks
from satchel.bags.features import Features
from satchel.bags.kernels.features import settings_of
from satchel.bags.kernels.summing import NORMS, TERM_FREQUENCIES, Layout, sum_chunk
from satchel.bags.kernels.tables import tables as character_tables
from satchel.bags.lookup import Lookup
from satchel.bags.packing import pack
from satchel.bags.parallel import thread_count, work_through

_LINE = 64
_CHUNK_SUMS = 1 << 21  # sums that a thread holds at once: 8 MB


class FusedTables:
    """Some tables over one vocabulary: that of all of them.

    Args:
        features: Features that hold those of each table.
        tables: The tables. Rows of int8 are gathered as they are where all have such; else they
            are expanded to float32.
        joined: The vocabulary of all of them.
    """

    def __init__(self, features: Features, tables: Sequence[BagTable], joined: Lookup) -> None:
        self._features = features
        self._bounds = np.cumsum([0, *(table.width for table in tables)]).tolist()
        vocabulary = np.full((len(joined), 1 + len(tables)), 0xFFFFFFFF, np.uint64)
        vocabulary[:, 0] = joined.hashes
        layout = np.zeros((len(tables), len(Layout._fields)), np.int64)
        narrow = all(table.rows.dtype == np.int8 for table in tables)
        stored = [t.rows if narrow else t.expanded(np.arange(t.size)) for t in tables]
        starts = [0, *accumulate(_whole_lines(rows) for rows in stored)]
        cells = _aligned_zeros(starts[-1], stored[0].dtype)
        for number, (table, rows) in enumerate(zip(tables, stored, strict=True)):
            found, _ = joined.find(table.known.hashes)
            weights = table.weights.astype(np.float32).view(np.uint32).astype(np.uint64)
            own = weights << np.uint64(32) | np.arange(table.size, dtype=np.uint64) << np.uint64(1)
            vocabulary[found, 1 + number] = own if table.fields is None else own | table.fields
            layout[number] = Layout(
                TERM_FREQUENCIES.index(table.weighting.term_frequency),
                NORMS.index(table.weighting.norm),
                starts[number],
                table.width,
                self._bounds[number],
            )
            cells[starts[number] : starts[number] + rows.size] = rows.reshape(-1)
        self._scales = None
        if narrow and any(table.scales is not None for table in tables):
            self._scales = np.concatenate(
                [np.ones(t.width, np.float32) if t.scales is None else t.scales for t in tables]
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
        """Do ``BagReader.read`` for these tables."""
        width, n_tables = self._bounds[-1], len(self._bounds) - 1

        def add_up(_: None, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
            packed = pack(chunk.texts, chunk.first)
            sums = np.zeros((len(packed), width), np.float32)
            known = np.zeros((len(packed), n_tables), np.int32)
            self._sum_chunk(packed.data, packed.offsets, *self._arrays, sums, known)
            return sums, known

        stream = chunks(texts, self._features, first, max(1, _CHUNK_SUMS // width))
        parts = [one for _, one in work_through(stream, [None] * thread_count(threads), add_up)]
        if len(parts) == 1:
            sums, known = parts[0]
        else:
            nothing = np.zeros((0, width), np.float32), np.zeros((0, n_tables), np.int32)
            sums, known = (np.concatenate(each) for each in zip(nothing, *parts, strict=True))
        if self._scales is not None:
            sums *= self._scales
        pairs = zip(self._bounds[:-1], self._bounds[1:], strict=True)
        return [sums[:, start:stop] for start, stop in pairs], known


def _whole_lines(rows: np.ndarray) -> int:
    """How many cells a table takes when the next one starts at a line of the processor's cache."""
    cells = _LINE // rows.itemsize
    return -(-rows.size // cells) * cells


def _aligned_zeros(size: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that start at a line of the processor's cache, so that short rows lie in one line."""
    memory = np.zeros(size * dtype.itemsize + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)
