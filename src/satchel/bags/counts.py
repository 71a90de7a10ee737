"""The vocabulary of a corpus with its counts, and the exact merging of such counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """A vocabulary in the order of its hashes, and in how many documents each feature occurs.

    Attributes:
        hashes: uint64 [V], strictly ascending; a feature's place here is its id.
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
    """Put the counts of pieces of a corpus together: exactly the counts of the whole.

    Args:
        parts: Counts by the same features, of documents that are counted once each. Their hashes
            may come in any order, each once a part.

    Returns:
        The counts of all documents, and for each part its features' places among them, int32 [V of
        part].
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
