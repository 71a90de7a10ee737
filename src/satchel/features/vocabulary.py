"""The vocabulary of a model: its features, their weights, and counting them in texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from satchel.errors import SettingError
from satchel.features.batches import (
    Chunk,
    check_chunk,
    chunks,
    long_documents,
    pack,
    peek_work,
    thread_count,
    work_through,
)
from satchel.features.csr import CSRMatrix, stack
from satchel.features.hashing import FIELD_KIND
from satchel.features.kernels import use_kernels
from satchel.features.plain import hash_counts
from satchel.features.spec import Features, Weighting
from satchel.features.weighting import weigh

_MAX_BUCKET = 32


class HashIndex:
    """An index of hashes for look-ups; build it once and keep it.

    Attributes:
        hashes: uint64 [V], strictly ascending.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        """Build the index.

        Args:
            hashes: uint64 [V], strictly ascending.

        Raises:
            SettingError: The hashes are not uint64 or not strictly ascending.
        """
        hashes = np.ascontiguousarray(hashes)
        if hashes.dtype != np.uint64 or hashes.ndim != 1:
            raise SettingError(
                f"expected hashes as uint64 [V], found {hashes.dtype} {hashes.shape}"
            )
        if not np.all(hashes[1:] > hashes[:-1]):
            raise SettingError("expected strictly ascending hashes: sort them and drop duplicates")
        self.hashes = hashes

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def shift(self) -> int:
        """How far a hash is shifted right to give its bucket: about one hash per bucket."""
        return 64 - max(1, len(self).bit_length())

    @cached_property
    def buckets(self) -> np.ndarray:
        """int32 [buckets + 1]; where the hashes of each bucket start.

        Hashes are uniformly distributed, so that their first bits give almost the position: an
        index of a few bytes per feature, instead of a second table of hashes.
        """
        size = 1 << (64 - self.shift)
        filled = np.bincount(
            (self.hashes >> np.uint64(self.shift)).astype(np.int64), minlength=size
        )
        starts = np.zeros(size + 1, np.int32)
        np.cumsum(filled, out=starts[1:])
        return starts

    @cached_property
    def crowded(self) -> bool:
        """Whether a bucket holds too many hashes for the kernels, which search it linearly.

        With uniformly distributed hashes none does: of a million buckets with one hash each on
        average, the fullest has 9 or 10. A crafted file may put millions into one; the plain
        path, which searches by bisection, then does the work.
        """
        return int(np.diff(self.buckets).max()) > _MAX_BUCKET

    def find(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look up hashes with NumPy alone.

        Args:
            hashes: uint64 [n]; ascending is faster.

        Returns:
            The ids of those that are known, int64, and which were known, bool [n].
        """
        if not len(self):
            return np.zeros(0, np.int64), np.zeros(len(hashes), np.bool_)
        places = np.searchsorted(self.hashes, hashes)
        known = self.hashes.take(places, mode="clip") == hashes
        return places[known], known


def transform_plain(
    chunk: Chunk, features: Features, knowns: Sequence[HashIndex]
) -> list[CSRMatrix]:
    """Do ``transform`` for one chunk, without kernels, with several vocabularies at once.

    Args:
        chunk: Prepared documents.
        features: Features that include those of each vocabulary.
        knowns: The vocabularies.

    Returns:
        For each vocabulary the counts, one row per document.

    Raises:
        TextError: A document is not text.
    """
    check_chunk(chunk)

    def is_known(hashes: np.ndarray) -> np.ndarray:
        is_needed = np.zeros(len(hashes), np.bool_)
        for known in knowns:
            is_needed |= known.find(hashes)[1]
        return is_needed

    found = [hash_counts(text, features, is_known) for text in chunk.texts]
    return [_known_rows(found, known) for known in knowns]


def _known_rows(found: list[tuple[np.ndarray, np.ndarray]], known: HashIndex) -> CSRMatrix:
    ids, values = [], []
    for hashes, counts in found:
        places, is_known = known.find(hashes)
        ids.append(places.astype(np.int32))
        values.append(counts[is_known])
    offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum([len(row) for row in ids], out=offsets[1:])
    return CSRMatrix(offsets, np.concatenate(ids), np.concatenate(values), len(known))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The features of a model, and the weight of each.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        hashes: uint64 [V], strictly ascending: the hash of each feature.
        kinds: uint8 [V]: the kind of each feature.
        weights: float32 [V]: the weight of each feature.

    Raises:
        SettingError: ``kinds`` or ``weights`` does not match the hashes.
    """

    features: Features
    weighting: Weighting
    hashes: np.ndarray
    kinds: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        shape = self.hashes.shape
        if self.weights.shape != shape or self.kinds.shape != shape:
            raise SettingError(
                f"expected one kind and one weight per feature ({len(self.hashes)}), found "
                f"kinds of shape {self.kinds.shape} and weights of shape {self.weights.shape}"
            )

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def index(self) -> HashIndex:
        """The hashes as an index for look-ups."""
        return HashIndex(self.hashes)

    @cached_property
    def is_field(self) -> np.ndarray:
        """Bool [V]: which features are field tokens, for the norm ``l2_fields``."""
        fields: np.ndarray = self.kinds >= FIELD_KIND
        return fields

    def weigh(self, counts: CSRMatrix) -> CSRMatrix:
        """Turn the counts of the features into weighted and normalised values."""
        return weigh(counts, self.weights, self.weighting, self.is_field)

    def take(self, entries: np.ndarray) -> Vocabulary:
        """Return some of the features.

        Args:
            entries: Their numbers, ascending, or bool [V].
        """
        return Vocabulary(
            self.features,
            self.weighting,
            self.hashes[entries],
            self.kinds[entries],
            self.weights[entries],
        )


def transform(
    texts: Sequence[str],
    features: Features,
    hashes: np.ndarray | HashIndex,
    *,
    threads: int | None = None,
) -> CSRMatrix:
    """Count the known features of documents; features outside the vocabulary are dropped.

    Args:
        texts: Documents.
        features: The features that the vocabulary was counted with.
        hashes: The vocabulary, uint64 [V] ascending, or a ``HashIndex`` made of it.
        threads: How many threads work; None for one per core. It never changes the result.

    Returns:
        Counts, one row per document.

    Raises:
        TextError: A document is not text.
    """
    known = hashes if isinstance(hashes, HashIndex) else HashIndex(hashes)
    workers = thread_count(threads)
    work, stream = peek_work(chunks(texts, features), features)
    if not use_kernels(work, features.hash_key) or known.crowded:
        return stack((transform_plain(chunk, features, [known])[0] for chunk in stream), len(known))
    from satchel.features.kernels.text import settings_of
    from satchel.features.kernels.transform import look_up_chunk
    from satchel.features.kernels.unicode_tables import tables

    characters, settings = tables(features.rules), settings_of(features)

    def look_up(_: None, chunk: Chunk) -> CSRMatrix:
        if long_documents(chunk.texts):
            return transform_plain(chunk, features, [known])[0]
        packed = pack(chunk.texts, chunk.first)
        lengths, entries = look_up_chunk(
            packed.data,
            packed.offsets,
            characters,
            settings,
            known.hashes[:, None],
            known.buckets,
            known.shift,
        )
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        entries = entries[: offsets[-1]]
        counts = entries.astype(np.uint32).astype(np.float32)
        return CSRMatrix(offsets, (entries >> np.uint64(32)).astype(np.int32), counts, len(known))

    parts = work_through(stream, [None] * workers, look_up)
    return stack((rows for _, rows in parts), len(known))
