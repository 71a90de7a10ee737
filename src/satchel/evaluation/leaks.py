"""Test documents that training has seen, and what the accuracy is without them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.evaluation.outcomes import Outcomes


@dataclass(frozen=True)
class Leaks:
    """What documents known from training do to the accuracy.

    Attributes:
        count: Test documents that training has seen.
        share: Their share of the test part.
        accuracy_without: Accuracy on the other documents; None where none is left.
    """

    count: int
    share: float
    accuracy_without: float | None


def find_leaked(
    train_fingerprints: Iterable[Hashable], test_fingerprints: Iterable[Hashable]
) -> np.ndarray:
    """Tell which test documents training has seen.

    Args:
        train_fingerprints: One fingerprint a training document: equal fingerprints mean that two
            texts are the same by the rule of whoever made them, exact or normalised.
        test_fingerprints: The same for the test documents, by the same rule.

    Returns:
        bool ``[test documents]``.
    """
    seen = set(train_fingerprints)
    return np.array([fingerprint in seen for fingerprint in test_fingerprints], dtype=bool)


def without_leaked(outcomes: Outcomes, leaked: object) -> Leaks:
    """Measure again without the leaked documents.

    Args:
        outcomes: What was true and what was predicted.
        leaked: bool ``[n]``, as `find_leaked` gives it.

    Raises:
        InputError: ``leaked`` does not have one truth value a document.
    """
    mask = np.asarray(leaked)
    if mask.shape != (len(outcomes),) or mask.dtype != bool:
        raise InputError(
            f"expected leaked to be {len(outcomes)} truth values, one a test document, "
            f"found shape {mask.shape} of {mask.dtype}"
        )
    kept = ~mask
    return Leaks(
        count=int(mask.sum()),
        share=float(mask.mean()),
        accuracy_without=float(outcomes.right[kept].mean()) if kept.any() else None,
    )
