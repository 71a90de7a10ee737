"""The first layer of a model as arrays: a row of numbers for each feature of a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.bags.features import Features, Weighting
from satchel.bags.lookup import Lookup
from satchel.bags.rows import Rows
from satchel.bags.weighing import weigh
from satchel.errors import SettingError

_HALF_SHIFT = np.float32(2.0**112)
_MOST_SHIFTED = 2.0**15


@dataclass(frozen=True)
class BagTable:
    """What turns the features of a text into a bag sum, Σ value · row of the feature.

    Attributes:
        features: Which features of a text count.
        weighting: How counts become values.
        known: The vocabulary, V features.
        weights: The weight of each feature, float32 [V].
        rows: The row of each feature [V, width], float32, float16 or int8.
        scales: float32 [width], by which the columns of int8 rows are multiplied; None for ones.
        fields: bool [V], which features are field tokens, for the norm ``l2_fields``; None for
            none.

    Raises:
        SettingError: ``weights`` or ``rows`` does not fit the vocabulary.
    """

    features: Features
    weighting: Weighting
    known: Lookup
    weights: np.ndarray
    rows: np.ndarray
    scales: np.ndarray | None = None
    fields: np.ndarray | None = None

    def __post_init__(self) -> None:
        size = len(self.known)
        if self.weights.shape != (size,) or self.rows.ndim != 2 or len(self.rows) != size:
            raise SettingError(
                f"the vocabulary has {size} features, "
                f"but weights have shape {self.weights.shape} and rows {self.rows.shape}"
            )

    @property
    def size(self) -> int:
        """Features of the vocabulary, V."""
        return len(self.known)

    @property
    def width(self) -> int:
        """Columns of the rows."""
        return int(self.rows.shape[1])

    def weigh(self, counts: Rows) -> Rows:
        """Turn the counts of the known features into values: weighed and normed."""
        return weigh(counts, self.weights, self.weighting, self.fields)

    def expanded(self, ids: np.ndarray) -> np.ndarray:
        """Return rows as they count, float32 [len(ids), width]."""
        rows: np.ndarray = self.rows[ids].astype(np.float32)
        if self.scales is not None:
            rows *= self.scales
        return rows

    def sums(self, weighed: Rows) -> np.ndarray:
        """Add up the rows of weighed documents, in the order of the ids.

        Args:
            weighed: The values of each document.

        Returns:
            float32 [n, width]; zeros for a document without features.
        """
        sums = np.empty((len(weighed), self.width), np.float32)
        bounds = weighed.offsets.tolist()
        # Greater values would leave the range of float32 when they are multiplied.
        quick_halves = (
            self.rows.dtype == np.float16 and np.abs(weighed.values).max(initial=0) < _MOST_SHIFTED
        )
        for document in range(len(weighed)):
            entries = slice(bounds[document], bounds[document + 1])
            values = weighed.values[entries]
            gathered = self.rows.take(weighed.ids[entries], axis=0)
            if quick_halves:
                gathered, values = shifted_halves(gathered), values * _HALF_SHIFT
            np.matmul(values, gathered.astype(np.float32, copy=False), out=sums[document])
        # A column's scale is common to all rows, so it may wait until they are summed.
        return sums if self.scales is None else sums * self.scales


def shifted_halves(numbers: np.ndarray) -> np.ndarray:
    """Return float16 numbers times 2⁻¹¹² as float32: five times as fast as NumPy's conversion.

    Sign, exponent and fraction move to their places in a float32, whose exponent counts from 112
    less. That needs finite numbers, as the reader of a satchel has made sure of.
    """
    bits = numbers.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # the sign, and the 15 bits below the three copies of it
    return bits.view(np.float32)
