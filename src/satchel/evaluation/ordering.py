"""An order of the classes in which those that are confused stand together."""

from __future__ import annotations

import numpy as np

from satchel.evaluation.confusion import Confusion
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.metrics import count_classes, divide

MATRIX_CLASSES = 200
"""Classes that a matrix shows at most: those with the most mistakes."""


def matrix_places(evaluation: Evaluation) -> np.ndarray:
    """Return the classes that the matrix shows, in the order in which it shows them, int64."""
    return order_classes(evaluation.confusion, busiest(evaluation, MATRIX_CLASSES))


def busiest(evaluation: Evaluation, most: int) -> np.ndarray:
    """Return at most so many classes, those with the most mistakes, ascending int64."""
    counts = count_classes(evaluation.outcomes)
    occurs = counts.support + counts.predicted
    order = np.lexsort((-occurs, 2 * counts.hits - occurs))
    return np.sort(order[:most])


def order_classes(confusion: Confusion, places: np.ndarray) -> np.ndarray:
    """Order some classes so that confused ones are neighbours.

    Agglomerative clustering with average linkage; where two clusters meet, they are turned so that
    their most confused ends touch. The time is of the third power of the number of classes: meant
    for the few hundred that a picture can show.

    Args:
        confusion: Which class was taken for which.
        places: int64 ``[m]``, the classes to order, ascending.

    Returns:
        The same classes, reordered. Where nothing is confused they stay as they are; the same
        counts give the same order.
    """
    near = _likeness(confusion, places)
    chains = [[index] for index in range(len(places))]
    between = near.copy()  # mean likeness of two clusters; rows of clusters that are gone hold -1
    np.fill_diagonal(between, -1)
    size = np.ones(len(places))
    while len(places):
        one, other = sorted(int(each) for each in divmod(int(between.argmax()), len(places)))
        if between[one, other] <= 0:
            break
        chains[one] = _joined(chains[one], chains[other], near)
        chains[other] = []
        merged = size[one] * between[one] + size[other] * between[other]
        alive = between[one] >= 0
        merged = np.where(alive, merged / (size[one] + size[other]), -1)
        size[one] += size[other]
        between[one] = between[:, one] = merged
        between[other] = between[:, other] = -1
        between[one, one] = -1
    # Clusters that share no mistake follow each other by their first class.
    rest = sorted((chain for chain in chains if chain), key=min)
    return places[np.array([index for chain in rest for index in chain], dtype=np.int64)]


def _likeness(confusion: Confusion, places: np.ndarray) -> np.ndarray:
    """Return how much each two classes are confused, as shares of their documents, ``[m, m]``."""
    counts = confusion.square(places)
    shares = divide(counts, counts.sum(axis=1, keepdims=True))
    np.fill_diagonal(shares, 0)
    # The square root: many small confusions make a family as much as one large one.
    return np.asarray(np.sqrt(shares + shares.T))


def _joined(one: list[int], other: list[int], near: np.ndarray) -> list[int]:
    """Join two chains at the ends that are most alike."""
    touching = [
        (near[one[-1], other[0]], one + other),
        (near[one[-1], other[-1]], one + other[::-1]),
        (near[one[0], other[0]], one[::-1] + other),
        (near[one[0], other[-1]], other + one),
    ]
    return max(touching, key=lambda pair: pair[0])[1]
