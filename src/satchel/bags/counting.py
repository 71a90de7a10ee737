"""From a corpus to its vocabulary and its rows, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from satchel.bags.chunks import Chunk, check_chunk, chunks, peek_work
from satchel.bags.counts import Counts, merge_ranked
from satchel.bags.features import Features
from satchel.bags.kernels import use_kernels
from satchel.bags.parallel import thread_count
from satchel.bags.plain import feature_counts
from satchel.bags.rows import Rows, stack
from satchel.progress import Progress, silent


def _count_plain(chunk: Chunk, features: Features) -> tuple[Counts, Rows]:
    """The vocabulary and the rows of one chunk."""
    check_chunk(chunk)
    found = [feature_counts(text, features) for text in chunk.texts]
    offsets = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(hashes) for hashes, _, _ in found], out=offsets[1:])
    hashes, firsts, ids = np.unique(
        np.concatenate([hashes for hashes, _, _ in found]), return_index=True, return_inverse=True
    )
    kinds = np.concatenate([kinds for _, kinds, _ in found])[firsts]
    values = np.concatenate([counts for _, _, counts in found])
    rows = Rows(offsets, ids.astype(np.int32), values, len(hashes))
    return Counts(hashes, kinds, rows.column_counts(), len(found)), rows


def _teller(progress: Progress, total: int) -> Callable[[Chunk], None]:
    done = 0

    def tell(chunk: Chunk) -> None:
        nonlocal done
        done += len(chunk.texts)
        progress("counting words", done, total)

    return tell


def count(
    texts: Sequence[str],
    features: Features,
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> tuple[Counts, Rows]:
    """Count the features of documents, in one pass over the texts.

    Args:
        texts: Documents.
        features: Which features to count.
        threads: How many threads work; None means one a core. It never changes the answer.
        progress: Told of each chunk of documents.

    Returns:
        The vocabulary with document frequencies, and the rows of raw counts.

    Raises:
        TextError: A document is not text.
    """
    workers = thread_count(threads)
    work, stream = peek_work(chunks(texts, features), features)
    tell = _teller(progress, len(texts))
    if use_kernels(work, features.hash_key):
        from satchel.bags.kernels.corpus import count_with_rows

        return count_with_rows(stream, features, workers, tell)
    counts: list[Counts] = []
    rows: list[Rows] = []
    for chunk in stream:
        counted, counted_rows = _count_plain(chunk, features)
        counts.append(counted)
        rows.append(counted_rows)
        tell(chunk)
    merged, ranks = merge_ranked(counts)
    moved = [
        Rows(part.offsets, rank[part.ids], part.values, len(merged))
        for part, rank in zip(rows, ranks, strict=True)
    ]
    return merged, stack(moved, len(merged))
