"""The features of a corpus: how often each occurs, in how many documents, and in which rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from satchel.features.batches import Chunk, check_chunk, chunks, peek_work, thread_count
from satchel.features.csr import CSRMatrix, stack
from satchel.features.kernels import use_kernels
from satchel.features.plain import feature_counts
from satchel.features.spec import Features
from satchel.progress import Progress, silent


@dataclass(frozen=True)
class Counts:
    """A vocabulary in the order of its hashes, with the document frequency of each feature.

    Attributes:
        hashes: uint64 [V], strictly ascending; a feature's index is its id.
        kinds: uint8 [V]; 1, 2, 3 … = word n-gram of that order, 32 = character n-gram,
            64 = field token, 65 = token of another part.
        document_frequency: int64 [V].
        documents: The number of documents counted.
    """

    hashes: np.ndarray
    kinds: np.ndarray
    document_frequency: np.ndarray
    documents: int

    def __len__(self) -> int:
        return len(self.hashes)


def merge_ranked(parts: Sequence[Counts]) -> tuple[Counts, list[np.ndarray]]:
    """Merge the counts of parts of a corpus: exactly the counts of the whole.

    Args:
        parts: Counts of the same features, of disjoint documents. Their hashes may be in any
            order, each once per part.

    Returns:
        The counts of all documents, and for each part the ids of its features among them,
        int32 [V of part].
    """
    if not parts:
        empty = Counts(np.zeros(0, np.uint64), np.zeros(0, np.uint8), np.zeros(0, np.int64), 0)
        return empty, []
    hashes = np.concatenate([part.hashes for part in parts])
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    new = np.ones(len(hashes), np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=new[1:])
    firsts = np.flatnonzero(new)
    ranks = np.empty(len(hashes), np.int32)
    ranks[order] = np.cumsum(new, dtype=np.int32) - np.int32(1)
    kinds = np.concatenate([part.kinds for part in parts])[order[firsts]]
    frequency = np.concatenate([part.document_frequency for part in parts])[order]
    if len(firsts):
        frequency = np.add.reduceat(frequency, firsts)
    merged = Counts(hashes[firsts], kinds, frequency, sum(part.documents for part in parts))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return merged, np.split(ranks, ends)


def _count_plain(chunk: Chunk, features: Features) -> tuple[Counts, CSRMatrix]:
    """Return the vocabulary and the rows of one chunk."""
    check_chunk(chunk)
    found = [feature_counts(text, features) for text in chunk.texts]
    offsets = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(hashes) for hashes, _, _ in found], out=offsets[1:])
    hashes, firsts, ids = np.unique(
        np.concatenate([hashes for hashes, _, _ in found]), return_index=True, return_inverse=True
    )
    kinds = np.concatenate([kinds for _, kinds, _ in found])[firsts]
    values = np.concatenate([counts for _, _, counts in found])
    rows = CSRMatrix(offsets, ids.astype(np.int32), values, len(hashes))
    return Counts(hashes, kinds, rows.column_counts(), len(found)), rows


def _chunk_reporter(progress: Progress, total: int) -> Callable[[Chunk], None]:
    done = 0

    def report_progress(chunk: Chunk) -> None:
        nonlocal done
        done += len(chunk.texts)
        progress("counting words", done, total)

    return report_progress


def count(
    texts: Sequence[str],
    features: Features,
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> tuple[Counts, CSRMatrix]:
    """Count the features of documents, in one pass over the texts.

    Args:
        texts: Documents.
        features: Which features to count.
        threads: How many threads work; None for one per core. It never changes the result.
        progress: Called after each chunk of documents.

    Returns:
        The vocabulary with document frequencies, and the rows of raw counts.

    Raises:
        TextError: A document is not text.
    """
    workers = thread_count(threads)
    work, stream = peek_work(chunks(texts, features), features)
    report_progress = _chunk_reporter(progress, len(texts))
    if use_kernels(work, features.hash_key):
        from satchel.features.kernels.counting import count_with_rows

        return count_with_rows(stream, features, workers, report_progress)
    counts: list[Counts] = []
    rows: list[CSRMatrix] = []
    for chunk in stream:
        counted, counted_rows = _count_plain(chunk, features)
        counts.append(counted)
        rows.append(counted_rows)
        report_progress(chunk)
    merged, ranks = merge_ranked(counts)
    moved = [
        CSRMatrix(part.offsets, rank[part.ids], part.values, len(merged))
        for part, rank in zip(rows, ranks, strict=True)
    ]
    return merged, stack(moved, len(merged))
