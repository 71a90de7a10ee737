"""From a corpus to its vocabulary and its rows, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from satchel.bags.chunks import chunks
from satchel.bags.counts import Counts, merge, merge_ranked
from satchel.bags.features import Features
from satchel.bags.plain import feature_counts
from satchel.bags.preparing import check_text
from satchel.bags.rows import Rows, stack
from satchel.progress import Progress, silent


def _count_plain(chunk: Sequence[str], first: int, features: Features) -> tuple[Counts, Rows]:
    """The vocabulary and the rows of one chunk, whose first document has the number ``first``."""
    found = [
        feature_counts(check_text(text, number), features)
        for number, text in enumerate(chunk, start=first)
    ]
    offsets = np.zeros(len(found) + 1, np.int64)
    np.cumsum([len(hashes) for hashes, _, _ in found], out=offsets[1:])
    hashes, firsts, ids = np.unique(
        np.concatenate([hashes for hashes, _, _ in found]), return_index=True, return_inverse=True
    )
    kinds = np.concatenate([kinds for _, kinds, _ in found])[firsts]
    values = np.concatenate([counts for _, _, counts in found])
    rows = Rows(offsets, ids.astype(np.int32), values, len(hashes))
    return Counts(hashes, kinds, rows.column_counts(), len(found)), rows


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
    counts: list[Counts] = []
    rows: list[Rows] = []
    done = 0
    for chunk in chunks(texts, features):
        counted, counted_rows = _count_plain(chunk, done, features)
        counts.append(counted)
        rows.append(counted_rows)
        done += len(chunk)
        progress("counting words", done, len(texts))
    merged, ranks = merge_ranked(counts)
    moved = [
        Rows(part.offsets, rank[part.ids], part.values, len(merged))
        for part, rank in zip(rows, ranks, strict=True)
    ]
    return merged, stack(moved, len(merged))


def count_only(
    texts: Iterable[str],
    features: Features,
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> Counts:
    """Count a stream of documents without keeping rows: memory grows with the vocabulary alone.

    Args:
        texts: Documents, which may come from a generator.
        features: Which features to count.
        threads: How many threads work; None means one a core. It never changes the answer.
        progress: Told of each chunk of documents.

    Returns:
        The vocabulary with document frequencies.

    Raises:
        TextError: A document is not text.
    """
    total = merge()
    for chunk in chunks(texts, features):
        total = merge(total, _count_plain(chunk, total.documents, features)[0])
        progress("counting words", total.documents, None)
    return total
