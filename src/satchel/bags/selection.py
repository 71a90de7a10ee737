"""Choosing the vocabulary: limits by document frequency, and a cap by a score."""

from __future__ import annotations

import numpy as np

from satchel.errors import SettingError


def frequency_limits(
    document_frequency: np.ndarray, documents: int, least: int | float, most: int | float
) -> np.ndarray:
    """Which features lie within limits of document frequency.

    Args:
        document_frequency: How many documents have each feature, integer [V].
        documents: The number of documents.
        least: The least document frequency that stays: an integer counts documents, a float is a
            share of them.
        most: The greatest that stays, likewise.

    Returns:
        bool [V].

    Raises:
        SettingError: A limit is negative, a share is above 1, or nothing can satisfy both.
    """
    bounds = []
    for name, limit in (("min_df", least), ("max_df", most)):
        is_share = isinstance(limit, float)
        if limit < 0 or (is_share and limit > 1):
            raise SettingError(
                f"{name} must be a count of documents or a share between 0.0 and 1.0, "
                f"but it is {limit!r}"
            )
        bounds.append(limit * documents if is_share else limit)
    if bounds[1] < bounds[0]:
        raise SettingError(
            f"max_df={most!r} is below min_df={least!r} for {documents} documents, so that no "
            "feature can stay: raise max_df or lower min_df"
        )
    return (document_frequency >= bounds[0]) & (document_frequency <= bounds[1])


def best(kept: np.ndarray, scores: np.ndarray, limit: int | None) -> np.ndarray:
    """Cap a choice at its highest scores; among equal scores the smaller hash stays.

    Args:
        kept: Which features are in question, bool [V], in the order of their hashes.
        scores: The score of each feature [V].
        limit: How many may stay, None for all.

    Returns:
        bool [V].

    Raises:
        SettingError: ``limit`` is below 1.
    """
    if limit is None:
        return kept
    if limit < 1:
        raise SettingError(f"max_features must be 1 or more, or None, but it is {limit}")
    candidates = np.flatnonzero(kept)
    if len(candidates) <= limit:
        return kept
    order = np.argsort(-scores[candidates].astype(np.float64), kind="stable")
    chosen = np.zeros(len(kept), np.bool_)
    chosen[candidates[order[:limit]]] = True
    return chosen
