"""Dividing documents into those to train on, to judge on and to keep aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.sources.documents import Documents
from satchel.sources.splitting import split


@dataclass(frozen=True)
class Divided:
    """Documents by purpose; ``test`` is None where nothing is held back to judge on."""

    train: Documents
    test: Documents | None
    held_out: Documents


def divide(
    documents: Documents, test_share: float, hold_out: int, seed: int, *, as_tutorial: bool
) -> Divided:
    """Divide documents: stratified and seeded, with duplicates of a text on one side.

    Args:
        documents: Labelled documents.
        test_share: Share to judge on; 0 for none.
        hold_out: How many documents no stage sees until the end.
        seed: Seed of the shuffle.
        as_tutorial: Shuffle and take the last share, as the 2018 tutorial did, duplicates or not.
    """
    n = len(documents.texts)
    if as_tutorial:
        order = np.random.default_rng(seed).permutation(n - hold_out)
        cut = int((n - hold_out) * (1 - test_share))
        train, test, aside = order[:cut], order[cut:], np.arange(n - hold_out, n)
    else:
        train, test, aside = split(
            documents.labels,
            documents.texts,
            test_share=test_share,
            hold_out=hold_out,
            seed=seed,
        )
    return Divided(
        train=take(documents, train),
        test=take(documents, test) if test_share else None,
        held_out=take(documents, aside),
    )


def take(documents: Documents, indices: Sequence[int] | np.ndarray) -> Documents:
    """The documents at some places, in that order."""
    labels = documents.labels
    return Documents(
        names=[documents.names[i] for i in indices],
        texts=[documents.texts[i] for i in indices],
        labels=None if labels is None else [labels[i] for i in indices],
    )
