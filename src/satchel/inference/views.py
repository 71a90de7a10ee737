"""From texts to bag sums: one view of a model, ready to answer.

There are two ways, equal to rounding. The plain one needs NumPy alone and gathers the stored rows
as they are: best for a few short texts. The fused kernel of `bags` goes from texts to sums on all
cores, over rows expanded to float32 once: best for bulk, where Numba is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module

import numpy as np

from satchel.bags.hashing import FIELD_KIND
from satchel.bags.kernels import numba_available, use_kernels
from satchel.bags.lookup import Lookup, lookup
from satchel.bags.rows import Rows
from satchel.bags.sums import bag_sums
from satchel.bags.weighing import weigh
from satchel.sealed.schema import Parts

_MUCH = 100_000  # characters from which threads and the expansion of narrow rows are worth it
_HALF_SHIFT = np.float32(2.0**112)


class BagView:
    """One view of a model.

    Args:
        parts: The model's parts.
        index: Which of its views.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        size: Entries of the vocabulary, V.
        width: Columns of the bag.
        hashes: uint64 [V], ascending.
        weights: float32 [V].
    """

    def __init__(self, parts: Parts, index: int) -> None:
        view = parts.manifest.views[index]
        self.features = view.features
        self.weighting = view.weighting
        self.size = view.size
        self.width = view.width
        self.hashes = parts.arrays[f"view{index}.hashes"]
        self._known = Lookup(self.hashes)
        self.weights = parts.arrays[f"view{index}.weights"]
        self._fields = parts.arrays[f"view{index}.kinds"] >= FIELD_KIND
        self._rows = parts.arrays[f"view{index}.rows"]
        self._scales = parts.arrays.get(f"view{index}.scales")

    def read(self, texts: Sequence[str], threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the bag sums of texts and how many distinct features of each are known.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one a core.

        Returns:
            float32 [n, width] and int32 [n].

        Raises:
            TextError: A document is not text.
        """
        characters = sum(len(text) for text in texts if isinstance(text, str))
        # Narrow rows are not expanded for little text: the plain path gathers them as they are.
        expanded = self._rows.dtype == np.float32 or "_matrix" in vars(self)
        if use_kernels(characters) and (expanded or characters >= _MUCH):
            # A second thread takes longer to start than little text takes to read.
            return self.read_bulk(texts, threads if characters >= _MUCH else 1)
        return self.read_plain(texts)

    def read_plain(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Do `read` by the plain path."""
        counts = lookup(texts, self.features, self._known, threads=1)
        return self.bag_sums(self._weigh(counts)), counts.lengths.astype(np.int32)

    def read_bulk(self, texts: Sequence[str], threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Do `read` by the fused kernel."""
        return bag_sums(
            texts,
            self.features,
            self._known,
            self.weights,
            self.weighting,
            self._matrix,
            fields=self._fields,
            threads=threads,
        )

    def warm_up(self) -> None:
        """Load the kernels and expand the rows, so that from now on any text is read in bulk."""
        if numba_available():
            import_module("satchel.bags.kernels.bag")
            self.read_bulk([""], threads=1)

    def known(self, texts: Sequence[str]) -> np.ndarray:
        """Return how many distinct features of each text are known, int64 [n]."""
        return lookup(texts, self.features, self._known).lengths

    def weighed(self, texts: Sequence[str]) -> Rows:
        """Return the values of the known features of each text: weighed and normed."""
        return self._weigh(lookup(texts, self.features, self._known))

    def expanded(self, ids: np.ndarray) -> np.ndarray:
        """Return bag rows, float32 [len(ids), width]."""
        rows: np.ndarray = self._rows[ids].astype(np.float32)
        if self._scales is not None:
            rows *= self._scales
        return rows

    def bag_sums(self, rows: Rows) -> np.ndarray:
        """Return Σ value · bag row of each weighed document, float32 [n, width]."""
        sums = np.empty((len(rows), self.width), np.float32)
        bounds = rows.offsets.tolist()
        for document in range(len(rows)):
            entries = slice(bounds[document], bounds[document + 1])
            values = rows.values[entries]
            gathered = self._rows.take(rows.ids[entries], axis=0)
            if gathered.dtype == np.float16:
                gathered, values = _shifted_halves(gathered), values * _HALF_SHIFT
            np.matmul(values, gathered.astype(np.float32, copy=False), out=sums[document])
        # A column's scale is common to all rows, so it may wait until they are summed.
        return sums if self._scales is None else sums * self._scales

    def _weigh(self, counts: Rows) -> Rows:
        return weigh(counts, self.weights, self.weighting, self._fields)

    @cached_property
    def _matrix(self) -> np.ndarray:
        """All bag rows as float32 [V, width]."""
        if self._scales is None:
            return np.asarray(self._rows, np.float32)
        matrix: np.ndarray = self._rows * self._scales
        return matrix


def _shifted_halves(numbers: np.ndarray) -> np.ndarray:
    """Return float16 numbers times 2⁻¹¹² as float32: five times as fast as NumPy's conversion.

    Sign, exponent and fraction move to their places in a float32, whose exponent counts from 112
    less. That needs finite numbers, as the reader of a satchel has made sure of.
    """
    bits = numbers.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # the sign, and the 15 bits below the three copies of it
    return bits.view(np.float32)
