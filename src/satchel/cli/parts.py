"""Dividing documents into those to train on, to judge on and to keep aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from satchel.errors import SourceError
from satchel.sources.documents import Documents
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
        as_tutorial: Shuffle and take the last share, as the 2018 tutorial did, duplicates or not.
    """
    if documents.labels is None:
        raise SourceError("expected labelled documents, found none with a label")
    if as_tutorial:
        n = len(documents) - hold_out
        order = np.random.default_rng(seed).permutation(n)
        cut = int(n * (1 - test_share))
        train, test, aside = order[:cut], order[cut:], np.arange(n, len(documents))
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
