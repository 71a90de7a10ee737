"""The plain path: the features of one text with NumPy alone, fast enough for single documents.

Its memory is bounded by the text, its distinct features, and a window of all features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from satchel.features.spec import Features
from satchel.features.windows import NO_HASHES, Found, character_windows, word_windows

_NO_COUNTS = np.zeros(0, np.int64)
_HELD = 1 << 21
"""Features that are held before equal ones are merged."""


def _parts(text: str, features: Features) -> Iterator[Found]:
    """Yield all features of a text, some at a time."""
    lowered = text.lower()
    windows = []
    if features.words:
        windows.append(word_windows(lowered, features, placed=False))
    if features.characters:
        windows.append(character_windows(lowered, features, placed=False))
    for window in chain(*windows):
        yield from window.parts


def feature_counts(text: str, features: Features) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct features of one prepared text.

    Args:
        text: A text prepared by ``prepare``.
        features: Which features to find.

    Returns:
        Hashes, uint64 ascending; kinds, uint8; how often each occurs, float32.
    """
    of_kinds: dict[int, _Counter] = {}
    for part in _parts(text, features):
        of_kinds.setdefault(part.kind, _Counter()).add(part.hashes)
    counted = [(kind, *counter.counts()) for kind, counter in of_kinds.items()]
    counted.append((0, NO_HASHES, _NO_COUNTS))  # a text may have no features
    hashes = np.concatenate([hashes for _, hashes, _ in counted])
    kinds = np.concatenate([np.full(len(hashes), kind, np.uint8) for kind, hashes, _ in counted])
    counts = np.concatenate([counts for _, _, counts in counted])
    order = np.argsort(hashes, kind="stable")
    firsts = _bounds(hashes[order])[:-1]
    return (
        hashes[order[firsts]],
        kinds[order[firsts]],
        _sums(counts[order], firsts).astype(np.float32),
    )


def hash_counts(
    text: str, features: Features, known: Callable[[np.ndarray], np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``feature_counts`` without the kinds, which is cheaper.

    Args:
        text: A text prepared by ``prepare``.
        features: Which features to find.
        known: Returns which hashes, uint64 [n] ascending, are needed, bool [n]. Others may be left
            out of a long text.

    Returns:
        Hashes, uint64 ascending; how often each occurs, float32.
    """
    counter = _Counter(known)
    for part in _parts(text, features):
        counter.add(part.hashes)
    hashes, counts = counter.counts()
    return hashes, counts.astype(np.float32)


class _Counter:
    """Counts hashes, merging equal ones before there are too many."""

    def __init__(self, known: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        self._known = known
        self._held: list[np.ndarray] = []
        self._size = 0
        self._hashes = NO_HASHES
        self._counts = _NO_COUNTS

    def add(self, hashes: np.ndarray) -> None:
        """Count some hashes."""
        self._held.append(hashes)
        self._size += len(hashes)
        if self._size > max(_HELD, len(self._hashes)):
            self._merge()
            if self._known is not None:
                wanted = self._known(self._hashes)
                self._hashes, self._counts = self._hashes[wanted], self._counts[wanted]

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct hashes, ascending, and how often each was added, int64."""
        self._merge()
        return self._hashes, self._counts

    def _merge(self) -> None:
        hashes = np.concatenate([NO_HASHES, *self._held])
        self._held, self._size = [], 0
        hashes.sort()
        bounds = _bounds(hashes)
        distinct = hashes[bounds[:-1]]
        counts = bounds[1:] - bounds[:-1]
        if len(self._hashes):
            merged = np.concatenate([self._hashes, distinct])
            counts = np.concatenate([self._counts, counts])
            order = np.argsort(merged, kind="stable")
            merged = merged[order]
            firsts = _bounds(merged)[:-1]
            distinct = merged[firsts]
            counts = _sums(counts[order], firsts)
        self._hashes, self._counts = distinct, counts


def _bounds(ascending: np.ndarray) -> np.ndarray:
    """Return the first position of each distinct number, and the end, int64."""
    new = np.ones(len(ascending) + 1, np.bool_)
    if len(ascending):
        np.not_equal(ascending[1:], ascending[:-1], out=new[1:-1])
    return new.nonzero()[0]


def _sums(counts: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Return the sums of the segments that start at ``firsts``."""
    sums: np.ndarray = np.add.reduceat(counts, firsts) if len(firsts) else counts[:0]
    return sums
