"""Dividing documents into those to train on, to judge on and to keep aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.errors import LabelError, SettingError, SourceError
from satchel.sources.documents import Documents
from satchel.sources.duplicates import text_keys
from satchel.sources.splitting import split


@dataclass(frozen=True)
class Divided:
    """Documents by purpose.

    Attributes:
        train: Those that the model to be judged learns from.
        test: Those held back to judge it; None where nothing is.
        held_out: Those that no stage sees until the end.
        learnable: All but those held out, in the order of the source (shuffled as the tutorial
            does, whose fit watches the last of them).
    """

    train: Documents
    test: Documents | None
    held_out: Documents
    learnable: Documents


def divide(
    documents: Documents, test_share: float, hold_out: int, seed: int, *, as_tutorial: bool
) -> Divided:
    """Divide documents: stratified and seeded, with duplicates of a text on one side.

    Args:
        documents: Labelled documents.
        test_share: Share to judge on; 0 for none.
        hold_out: How many documents no stage sees until the end.
        seed: Seed of the shuffle.
        as_tutorial: Shuffle and take the last share, as the 2018 tutorial did, whatever the labels;
            but copies of a text stay together here, too, where the tutorial's test flattered.

    Raises:
        SourceError: The documents have no labels.
        LabelError: There are too few distinct texts to divide.
        SettingError: So many cannot be held out.
    """
    if documents.labels is None:
        raise SourceError("expected labelled documents, found none with a label")
    if as_tutorial:
        train, test, aside = _as_tutorial(documents, test_share, hold_out, seed)
    elif test_share or hold_out:
        sides = split(
            documents.labels,
            documents.texts,
            test_share=test_share or 0.2,
            hold_out=hold_out,
            seed=seed,
        )
        train, test, aside = sides.train, sides.test, sides.held_out
        if not test_share:
            train, test = np.sort(np.concatenate([train, test])), test[:0]
    else:
        train, test, aside = np.arange(len(documents)), np.arange(0), np.arange(0)
    every = np.concatenate([train, test])
    return Divided(
        train=documents.take(train),
        test=documents.take(test) if test_share else None,
        held_out=documents.take(aside),
        learnable=documents.take(every if as_tutorial else np.sort(every)),
    )


def _as_tutorial(
    documents: Documents, test_share: float, hold_out: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to judge on and to keep aside, by one shuffle of all labels."""
    keys, unit, sizes = np.unique(
        text_keys(documents.texts), return_inverse=True, return_counts=True
    )
    alone = np.flatnonzero(sizes[unit] == 1)
    if hold_out > max(len(alone) - 1, 0):
        raise SettingError(
            f"hold_out: expected 0 to {max(len(alone) - 1, 0):,} of {len(documents):,} documents "
            f"(only texts without a copy are held out), found {hold_out:,}."
        )
    aside = alone[len(alone) - hold_out :]
    rest = np.setdiff1d(np.arange(len(documents)), aside)
    order = rest[np.random.default_rng(seed).permutation(len(rest))]
    # Copies follow the first of them in the shuffled order, so that one cut divides texts.
    rank = np.full(len(keys), len(order))
    np.minimum.at(rank, unit[order], np.arange(len(order)))
    order = order[np.argsort(rank[unit[order]], kind="stable")]
    cut = int(len(order) * (1 - test_share))
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))  # of each text's copies
    if test_share and len(starts) < 2:
        raise LabelError("expected two distinct texts, to learn from one and test on the other")
    if test_share:
        # The nearest place between two texts, with one at least on either side.
        cut = int(starts[1:][np.argmin(np.abs(starts[1:] - cut))])
    return order[:cut], order[cut:], aside
