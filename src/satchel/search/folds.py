"""Documents held out of the training part, on which recipes are judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.search.targets import Targets
from satchel.sources.splitting import folds, split

SUBJECT = re.compile(r"\A(?:[!-9;-~]++:[^\n]*+\n)*?subject:[ \t]*((?:re:[ \t]*)*)([^\n]+)", re.I)
HEADER = 4_000
"""Code points in which a subject line is looked for."""


@dataclass(frozen=True)
class Fold:
    """One division of the training documents.

    Attributes:
        learn: int64 array: documents to learn from, ascending.
        judge: int64 array: documents to judge by, ascending.
    """

    learn: np.ndarray
    judge: np.ndarray


def make_folds(
    texts: Sequence[str],
    targets: Targets,
    *,
    count: int,
    most_learnt: int,
    most_judged: int,
    seed: int,
) -> list[Fold]:
    """Divide documents for validation.

    Copies of a text stay on one side, and so do messages of one subject: a model that knows half
    of a conversation looks better on its other half than it is on a new one.

    Args:
        texts: The training documents.
        targets: Their labels.
        count: How many folds; 0 for none, 1 holds out a fifth once.
        most_learnt: The most documents to learn from in a fold.
        most_judged: The most documents to judge by in a fold.
        seed: Decides the division.

    Returns:
        The folds; none where there are too few distinct texts to hold any out.
    """
    labels = targets.names()
    conversations = [conversation(text) for text in texts]
    try:
        if count == 0:
            return []
        if count == 1:
            sides = split(labels, conversations, test_share=0.2, seed=seed)
            pairs = [(sides.train, sides.test)]
        else:
            pairs = folds(labels, conversations, count=count, seed=seed)
    except InputError:
        return []
    random = np.random.default_rng(seed)
    return [
        Fold(_at_most(most_learnt, learn, random), _at_most(most_judged, judge, random))
        for learn, judge in pairs
    ]


def conversation(text: str) -> str:
    """What documents of one conversation share: the subject line of a message, else the text."""
    subject = SUBJECT.match(text[:HEADER])
    return f"subject: {subject[2].strip().lower()}" if subject else text


def _at_most(most: int, documents: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if len(documents) <= most:
        return documents
    return np.sort(random.permutation(documents)[:most])
