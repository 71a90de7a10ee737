"""The readable text of each entry of a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satchel.bags.features import Features
from satchel.bags.lookup import Lookup
from satchel.bags.tokens import tokenize


def terms(texts: Sequence[str], features: Features, hashes: np.ndarray) -> list[str]:
    """Name the entries of a vocabulary by reading the documents once more.

    Args:
        texts: The documents that were counted.
        features: The features that they were counted with.
        hashes: The vocabulary, uint64 [V] ascending.

    Returns:
        The text of each entry, as in ``Token.text``; "" for what does not occur in the texts.
    """
    known = Lookup(hashes)
    names = [""] * len(known)
    missing = np.ones(len(known), np.bool_)
    for text in texts:
        if not missing.any():
            break
        tokens = tokenize(text, features)
        places, is_known = known.find(np.array([token.hash for token in tokens], np.uint64))
        for place, number in zip(places.tolist(), np.flatnonzero(is_known).tolist(), strict=True):
            if missing[place]:
                missing[place] = False
                names[place] = tokens[number].text
    return names
