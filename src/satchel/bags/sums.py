"""From texts to bag sums: the first layer of a model, Σ value · row of the feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from satchel.bags.chunks import Chunk, chunks, peek_size
from satchel.bags.features import Features, Weighting
from satchel.bags.kernels import use_kernels
from satchel.bags.lookup import Lookup, lookup_plain
from satchel.bags.packing import pack
from satchel.bags.parallel import thread_count, work_through
from satchel.bags.rows import Rows, stack
from satchel.bags.weighing import weigh
from satchel.errors import SettingError


def sum_rows(weighed: Rows, matrix: np.ndarray) -> np.ndarray:
    """Σ value · row for each document, added in the order of the ids.

    Args:
        weighed: The values of each document.
        matrix: float32 [V, width].

    Returns:
        float32 [n, width]; zeros for a document without features.
    """
    sums = np.zeros((len(weighed), matrix.shape[1]), np.float32)
    for number, (first, last) in enumerate(
        zip(weighed.offsets[:-1].tolist(), weighed.offsets[1:].tolist(), strict=True)
    ):
        if last > first:
            sums[number] = weighed.values[first:last] @ matrix[weighed.ids[first:last]]
    return sums


def bag_sums(
    texts: Sequence[str],
    features: Features,
    known: Lookup,
    weights: np.ndarray,
    weighting: Weighting,
    matrix: np.ndarray,
    *,
    fields: np.ndarray | None = None,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise, look up, weigh and sum, document by document.

    Args:
        texts: Documents.
        features: The features that the vocabulary was counted with.
        known: The vocabulary.
        weights: The weight of each feature, float32 [V].
        weighting: The term frequency and the norm.
        matrix: The row of each feature, float32 [V, width].
        fields: bool [V], which features are field tokens, for the norm ``l2_fields``; None for
            none.
        threads: How many threads work; None means one a core. It never changes the answer.

    Returns:
        The sums, float32 [n, width], and how many distinct known features each document has,
        int32 [n].

    Raises:
        TextError: A document is not text.
        SettingError: ``weights`` or ``matrix`` does not fit the vocabulary.
    """
    if weights.shape != (len(known),) or matrix.ndim != 2 or len(matrix) != len(known):
        raise SettingError(
            f"the vocabulary has {len(known)} features, "
            f"but weights have shape {weights.shape} and the matrix {matrix.shape}"
        )
    workers = thread_count(threads)
    size, stream = peek_size(chunks(texts, features))
    if use_kernels(size):
        fields = np.zeros(len(known), np.bool_) if fields is None else fields
        return _sum_fused(stream, features, known, weights, fields, weighting, matrix, workers)
    counted = stack((lookup_plain(chunk, features, known) for chunk in stream), len(known))
    weighed = weigh(counted, weights, weighting, fields)
    return sum_rows(weighed, matrix), counted.lengths.astype(np.int32)


def _sum_fused(
    stream: Iterator[Chunk],
    features: Features,
    known: Lookup,
    weights: np.ndarray,
    fields: np.ndarray,
    weighting: Weighting,
    matrix: np.ndarray,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    from satchel.bags.kernels.features import settings_of
    from satchel.bags.kernels.summing import NORMS, TERM_FREQUENCIES, sum_chunk
    from satchel.bags.kernels.tables import tables

    characters, settings = tables(features.rules), settings_of(features)
    term_frequency = TERM_FREQUENCIES.index(weighting.term_frequency)
    norm = NORMS.index(weighting.norm)
    weights = np.ascontiguousarray(weights, np.float32)
    matrix = np.ascontiguousarray(matrix, np.float32)

    def add_up(_: None, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
        packed = pack(chunk.texts, chunk.first)
        sums = np.zeros((len(packed), matrix.shape[1]), np.float32)
        known_counts = np.zeros(len(packed), np.int32)
        sum_chunk(
            packed.data,
            packed.offsets,
            characters,
            settings,
            known.hashes,
            known.buckets,
            known.shift,
            weights,
            fields,
            term_frequency,
            norm,
            matrix,
            sums,
            known_counts,
        )
        return sums, known_counts

    parts = [answer for _, answer in work_through(stream, [None] * threads, add_up)]
    if not parts:
        return np.zeros((0, matrix.shape[1]), np.float32), np.zeros(0, np.int32)
    return np.concatenate([sums for sums, _ in parts]), np.concatenate([one for _, one in parts])
