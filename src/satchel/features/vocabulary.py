"""The vocabulary of a model: which features it knows, their weights, and texts counted by it."""

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
    is_long,
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

_MOST_WALKED = 32


class HashIndex:
    """A vocabulary made ready for look-ups; make it once and keep it.

    Attributes:
        hashes: uint64 [V], strictly ascending.
    """

    def __init__(self, hashes: np.ndarray) -> None:
        """Make a vocabulary ready.

        Args:
            hashes: uint64 [V], strictly ascending.

        Raises:
            SettingError: The hashes are not uint64 or do not ascend.
        """
        hashes = np.ascontiguousarray(hashes)
        if hashes.dtype != np.uint64 or hashes.ndim != 1:
            raise SettingError(
                f"expected hashes as uint64 [V], but found {hashes.dtype} {hashes.shape}"
            )
        if not np.all(hashes[1:] > hashes[:-1]):
            raise SettingError("hashes must ascend strictly: sort them and drop repeats")
        self.hashes = hashes

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def shift(self) -> int:
        """How far a hash is shifted right to give its bucket: about one hash a bucket."""
        return 64 - max(1, len(self).bit_length())

    @cached_property
    def buckets(self) -> np.ndarray:
        """int32 [buckets + 1]; where the hashes of each bucket start.

        Hashes are spread evenly, so that their first bits say almost where each one stands: an
        index of a few bytes a feature, in place of a second table of hashes.
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
        """Whether a bucket holds so many hashes that the kernels, which walk, would take long.

        Among hashes that are spread evenly none does: of a million buckets with one hash each on
        average, the fullest has 9 or 10. A file that somebody made may put millions into one; the
        plain path, which halves, then does the work.
        """
        return int(np.diff(self.buckets).max()) > _MOST_WALKED

    def find(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look hashes up with NumPy alone.

        Args:
            hashes: uint64 [n]; ascending is quicker.

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
    """``transform`` for one chunk, without kernels, in several vocabularies at once.

    Args:
        chunk: Prepared documents.
        features: Features that hold those which each vocabulary was counted with.
        knowns: The vocabularies.

    Returns:
        For each vocabulary the counts, one row a document.

    Raises:
        TextError: A document is not text.
    """
    check_chunk(chunk)

    def is_known(hashes: np.ndarray) -> np.ndarray:
        wanted = np.zeros(len(hashes), np.bool_)
        for known in knowns:
            wanted |= known.find(hashes)[1]
        return wanted

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
    """The features that a model knows, and what each weighs.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        hashes: uint64 [V], strictly ascending: the hash of each feature.
        kinds: uint8 [V]: the kind of each feature.
        weights: float32 [V]: the weight of each feature.

    Raises:
        SettingError: ``kinds`` or ``weights`` does not fit the hashes.
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
                f"expected one kind and one weight for each of {len(self.hashes)} features, found "
                f"kinds of shape {self.kinds.shape} and weights of shape {self.weights.shape}"
            )

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def index(self) -> HashIndex:
        """The hashes made ready for look-ups."""
        return HashIndex(self.hashes)

    @cached_property
    def is_field(self) -> np.ndarray:
        """Bool [V]: which features are field tokens, for the norm ``l2_fields``."""
        fields: np.ndarray = self.kinds >= FIELD_KIND
        return fields

    def weigh(self, counts: CSRMatrix) -> CSRMatrix:
        """Turn the counts of the features into values: weighed and normed."""
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
    """Count the known features of documents; what is not in the vocabulary is dropped.

    Args:
        texts: Documents.
        features: The features that the vocabulary was counted with.
        hashes: The vocabulary, uint64 [V] ascending, or a ``HashIndex`` made of it.
        threads: How many threads work; None means one a core. It never changes the answer.

    Returns:
        Counts, one row a document.

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
        if any(map(is_long, chunk.texts)):
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
