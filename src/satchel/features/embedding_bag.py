"""The first layer of a model: an embedding row for each feature of a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Protocol

import msgspec
import numpy as np

from satchel.errors import SettingError
from satchel.features.batches import chunks, long_documents, work_in
from satchel.features.csr import CSRMatrix, stack
from satchel.features.hashing import NO_KEY
from satchel.features.kernels import numba_available, use_kernels
from satchel.features.packed import PackedTexts
from satchel.features.preprocess import check_text
from satchel.features.spec import Features
from satchel.features.vocabulary import HashIndex, Vocabulary, transform, transform_plain

_HALF_SHIFT = np.float32(2.0**112)
_SHIFTABLE = 2.0**16  # a larger value times the shift is beyond float32


@dataclass(frozen=True, eq=False)
class View:
    """One view of a text: a vocabulary, and an embedding row for each feature.

    A text becomes the sum of the rows of its features, each times its value: an embedding bag.

    Attributes:
        vocabulary: The features, V of them.
        rows: The row of each feature [V, width], float32, float16 or int8.
        scales: float32 [width], by which the columns of int8 rows are multiplied; None for ones.

    Raises:
        SettingError: ``rows`` does not match the vocabulary.
    """

    vocabulary: Vocabulary
    rows: np.ndarray
    scales: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or len(self.rows) != len(self.vocabulary):
            raise SettingError(
                f"expected one row per feature ({len(self.vocabulary)}), found rows of shape "
                f"{self.rows.shape}"
            )

    @property
    def size(self) -> int:
        """Features of the vocabulary, V."""
        return len(self.vocabulary)

    @property
    def width(self) -> int:
        """Columns of the rows."""
        return int(self.rows.shape[1])

    def expanded(self, ids: np.ndarray) -> np.ndarray:
        """Return rows in full precision, float32 [len(ids), width]."""
        rows: np.ndarray = self.rows[ids].astype(np.float32)
        if self.scales is not None:
            rows *= self.scales
        return rows

    def sums(self, weighed: CSRMatrix) -> np.ndarray:
        """Add up the rows of weighted documents, in the order of the ids.

        Args:
            weighed: The values of each document.

        Returns:
            float32 [n, width]; zeros for a document without features.
        """
        sums = np.empty((len(weighed), self.width), np.float32)
        bounds = weighed.offsets.tolist()
        for document in range(len(weighed)):
            entries = slice(bounds[document], bounds[document + 1])
            values = weighed.values[entries]
            gathered = self.rows.take(weighed.ids[entries], axis=0)
            if gathered.dtype == np.float16 and np.abs(values).max(initial=0.0) < _SHIFTABLE:
                gathered, values = shifted_halves(gathered), values * _HALF_SHIFT
            np.matmul(values, gathered.astype(np.float32, copy=False), out=sums[document])
        # A column's scale is common to all rows, so it is applied to their sum.
        return sums if self.scales is None else sums * self.scales


def shifted_halves(numbers: np.ndarray) -> np.ndarray:
    """Return float16 numbers times 2⁻¹¹² as float32: five times as fast as NumPy's conversion.

    Sign, exponent and fraction move to their positions in a float32, whose exponent bias is 112
    larger. That needs finite numbers, which reading a model file has checked.
    """
    bits = numbers.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # the sign, and the 15 bits below the three copies of it
    return bits.view(np.float32)


def quantized(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as int8 and the scale of each column.

    Args:
        rows: float32 [V, width].

    Returns:
        int8 [V, width] and float32 [width]; their product is within half a scale of the rows.
    """
    scales = np.abs(rows).max(axis=0) / np.float32(127)
    scales[scales == 0] = 1.0
    return np.rint(rows / scales).astype(np.int8), scales.astype(np.float32)


_WORTH_A_THREAD = 100_000  # work from which a second thread pays off


def shared_features(feature_sets: Sequence[Features]) -> Features | None:
    """Return the union of feature sets, so that one tokenisation of a text serves them all.

    Args:
        feature_sets: The sets; each vocabulary contains only its own features of the union.

    Returns:
        The union; None if the sets differ in more than in which features they count.
    """
    characters = {features.characters for features in feature_sets} - {None}
    ways = {
        (features.rules, features.nfc, features.strip, features.hash_key)
        for features in feature_sets
    }
    shortest_words = {features.min_length for features in feature_sets if features.words}
    if len(ways) > 1 or len(characters) > 1 or len(shortest_words) > 1:
        return None
    return msgspec.structs.replace(
        feature_sets[0],
        min_length=max(shortest_words, default=1),
        words=max(features.words for features in feature_sets),
        characters=characters.pop() if characters else None,
        fields=any(features.fields for features in feature_sets),
    )


class _Packed(Protocol):
    """Views packed for the kernel that reads a text once for all of them."""

    def read(
        self, texts: Sequence[str], threads: int | None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return what `TextEncoder.read_fused` does."""


@dataclass
class _Group:
    """Views that share one tokenisation of a text."""

    features: Features
    indices: list[int]
    views: list[View]
    _packing: Lock = field(default_factory=Lock, repr=False)
    _fused: _Packed | None = field(default=None, repr=False)

    @cached_property
    def joined(self) -> HashIndex:
        """The joint vocabulary."""
        if len(self.views) == 1:
            return self.views[0].vocabulary.index
        return HashIndex(np.unique(np.concatenate([view.vocabulary.hashes for view in self.views])))

    @property
    def fused(self) -> _Packed:
        """The views packed for the kernel, once, whichever thread asks first."""
        from satchel.features.kernels.transform import PackedEmbeddings

        with self._packing:
            if self._fused is None:
                self._fused = PackedEmbeddings(self.features, self.views, self.joined)
            return self._fused

    def counts(self, texts: Sequence[str]) -> list[CSRMatrix]:
        """Return the counts of each view's features, by the kernels."""
        rows = transform(texts, self.features, self.joined)
        columns = np.zeros((len(self.views), len(self.joined)), np.bool_)
        for own, view in zip(columns, self.views, strict=True):
            own[self.joined.find(view.vocabulary.hashes)[0]] = True
        return [rows.select_columns(own) for own in columns]

    def counts_plain(self, texts: Sequence[str], first: int = 0) -> list[CSRMatrix]:
        """Return the counts of each view's features, by the plain path."""
        knowns = [view.vocabulary.index for view in self.views]
        parts = [
            transform_plain(chunk, self.features, knowns)
            for chunk in chunks(texts, self.features, first)
        ]
        return [
            stack((part[index] for part in parts), len(known)) for index, known in enumerate(knowns)
        ]


class TextEncoder:
    """Encodes texts as the sums of some views.

    Args:
        views: Views, at least one.

    Attributes:
        views: The same.
    """

    def __init__(self, views: Sequence[View]) -> None:
        self.views = tuple(views)
        # The kernels compute the keyed hash only, so one view without a key excludes them.
        self._hash_key = min(view.vocabulary.features.hash_key for view in self.views)
        self._groups: list[_Group] = []
        for index, view in enumerate(self.views):
            for group in self._groups:
                features = shared_features([group.features, view.vocabulary.features])
                if features is not None:
                    group.features = features
                    break
            else:
                group = _Group(view.vocabulary.features, [], [])
                self._groups.append(group)
            group.indices.append(index)
            group.views.append(view)

    def read(
        self, texts: Sequence[str], threads: int | None = None
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Tokenise, look up, weight and sum, document by document.

        Args:
            texts: The documents.
            threads: How many threads may work on much text; None for one per core. It never
                changes the result.

        Returns:
            For each view the sums, float32 [n, width]; and how many distinct features of each
            document each view knows, int32 [n, views].

        Raises:
            TextError: A document is not text.
        """
        work = self._work_in(texts)
        fused = self._use_kernels(work)
        return self._read_block(texts, fused, threads if work >= _WORTH_A_THREAD else 1)

    def read_in_blocks(
        self, texts: Sequence[str], documents: int, threads: int | None = None
    ) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        """Do `read` block by block, so that the sums need not fit in memory.

        Args:
            texts: The documents.
            documents: How many to read at a time.
            threads: As for `read`.

        Yields:
            What `read` returns for each block.
        """
        work = self._work_in(texts)
        fused = self._use_kernels(work)  # by all the work: a block may hold little
        for first in range(0, len(texts), documents):
            block = texts[first : first + documents]
            yield self._read_block(block, fused, threads if work >= _WORTH_A_THREAD else 1, first)

    def _read_block(
        self, texts: Sequence[str], fused: bool, threads: int | None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the kernel, except long documents, or by the plain path."""
        if not fused:
            return self.read_plain(texts, first)
        long = long_documents(texts)
        if not long:
            return self.read_fused(texts, threads, first)
        apart = [check_text(texts[index], first + index) for index in long]
        places = set(long)
        if isinstance(texts, PackedTexts):
            short: Sequence[str] = texts.emptied(np.array(long))
        else:
            short = ["" if index in places else text for index, text in enumerate(texts)]
        sums, known = self.read_fused(short, threads, first)
        long_sums, known[long] = self.read_plain(apart)
        for own, own_long in zip(sums, long_sums, strict=True):
            own[long] = own_long
        return sums, known

    def read_plain(
        self, texts: Sequence[str], first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the plain path; ``first`` is the number of the first text, for messages."""
        counts = self._in_order(group.counts_plain(texts, first) for group in self._groups)
        with np.errstate(all="ignore"):  # as in the kernels: no warnings of overflow
            sums = [
                view.sums(view.vocabulary.weigh(rows))
                for view, rows in zip(self.views, counts, strict=True)
            ]
        return sums, np.stack([rows.lengths for rows in counts], axis=1).astype(np.int32)

    def read_fused(
        self, texts: Sequence[str], threads: int | None = None, first: int = 0
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Do `read` by the fused kernel; ``first`` is the number of the first text."""
        if len(self._groups) == 1:
            return self._groups[0].fused.read(texts, threads, first)
        sums: list[np.ndarray] = [np.empty(0)] * len(self.views)
        known = np.empty((len(texts), len(self.views)), np.int32)
        for group in self._groups:
            group_sums, known[:, group.indices] = group.fused.read(texts, threads, first)
            for index, one in zip(group.indices, group_sums, strict=True):
                sums[index] = one
        return sums, known

    def counts(self, texts: Sequence[str]) -> list[CSRMatrix]:
        """Count each view's features.

        Args:
            texts: The documents.

        Returns:
            For each view the counts, one row per document.

        Raises:
            TextError: A document is not text.
        """
        if self._use_kernels(self._work_in(texts)):
            return self._in_order(group.counts(texts) for group in self._groups)
        return self._in_order(group.counts_plain(texts) for group in self._groups)

    def _use_kernels(self, work: int) -> bool:
        return use_kernels(work, self._hash_key) and not self._crowded

    @cached_property
    def _crowded(self) -> bool:
        return any(group.joined.crowded for group in self._groups)

    def _work_in(self, texts: Sequence[str]) -> int:
        return max(work_in(texts, group.features) for group in self._groups)

    def _in_order(self, of_groups: Iterable[list[CSRMatrix]]) -> list[CSRMatrix]:
        found = {
            index: rows
            for group, counts in zip(self._groups, of_groups, strict=True)
            for index, rows in zip(group.indices, counts, strict=True)
        }
        return [found[index] for index in range(len(self.views))]

    def warm_up(self) -> None:
        """Load the kernels if Numba is installed, so that they read all texts from now on.

        Features without a hash key are always read by the plain path.
        """
        if numba_available() and self._hash_key != NO_KEY:
            self.read_fused([""], threads=1)
