"""From texts to bag sums: the first layer of a model, Σ value · row of the feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satchel.bags.features import Features, Weighting
from satchel.bags.lookup import Lookup, lookup
from satchel.bags.rows import Rows
from satchel.bags.weighing import weigh


def sum_rows(weighed: Rows, matrix: np.ndarray) -> np.ndarray:
    """Σ value · row for each document, added in the order of the ids.

    Args:
        weighed: The values of each document.
        matrix: float32 [V, width].

    Returns:
        float32 [n, width]; zeros for a document without features.
    """
    sums = np.zeros((len(weighed), matrix.shape[1]), np.float32)
    for number, (first, last) in enumerate(
        zip(weighed.offsets[:-1].tolist(), weighed.offsets[1:].tolist(), strict=True)
    ):
        if last > first:
            sums[number] = weighed.values[first:last] @ matrix[weighed.ids[first:last]]
    return sums


def bag_sums(
    texts: Sequence[str],
    features: Features,
    known: Lookup,
    weights: np.ndarray,
    weighting: Weighting,
    matrix: np.ndarray,
    *,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise, look up, weigh and sum, document by document.

    Args:
        texts: Documents.
        features: The features that the vocabulary was counted with.
        known: The vocabulary.
        weights: The weight of each feature, float32 [V].
        weighting: The term frequency and the norm.
        matrix: The row of each feature, float32 [V, width].
        threads: How many threads work; None means one a core. It never changes the answer.

    Returns:
        The sums, float32 [n, width], and how many distinct known features each document has,
        int32 [n].

    Raises:
        TextError: A document is not text.
    """
    counted = lookup(texts, features, known, threads=threads)
    return sum_rows(weigh(counted, weights, weighting), matrix), counted.lengths.astype(np.int32)
