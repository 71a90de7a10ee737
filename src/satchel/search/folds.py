"""Documents held out of the training part, on which recipes are judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.errors import InputError
from satchel.search.targets import Targets
from satchel.search.views import Counted
from satchel.sources.splitting import folds, split

SUBJECT = re.compile(r"\A(?:[!-9;-~]+:[^\n]*\n)*?subject:[ \t]*((?:re:[ \t]*)*)([^\n]+)", re.I)


@dataclass(frozen=True)
class Fold:
    """One division of the training documents.

    Attributes:
        learn: Counts of the documents to learn from.
        judge: Counts of the documents to judge by.
        learnt: Targets of the former.
        truth: Targets of the latter.
    """

    learn: Counted
    judge: Counted
    learnt: Targets
    truth: Targets


def make_folds(
    texts: Sequence[str],
    targets: Targets,
    counted: Counted,
    *,
    count: int,
    most_learnt: int,
    seed: int,
) -> list[Fold]:
    """Divide documents for validation.

    Copies of a text stay on one side, and so do messages of one subject: a model that knows half
    of a conversation looks better on its other half than it is on a new one.

    Args:
        texts: The training documents.
        targets: Their labels.
        counted: Their counts.
        count: How many folds; 1 holds out a fifth once.
        most_learnt: The most documents to learn from in a fold; the rest of its side is unused.
        seed: Decides the division.

    Returns:
        The folds; none where there are too few distinct texts to hold any out.
    """
    names = [str(label) for label in targets.labels]
    labels: list[str] | list[tuple[str, ...]]
    if targets.task == "single":
        labels = [names[value] for value in targets.values]
    else:
        labels = [tuple(names[k] for k in np.flatnonzero(row)) for row in targets.values]
    keys = [_conversation(text) for text in texts]
    try:
        if count == 1:
            sides = split(labels, keys, test_share=0.2, seed=seed)
            pairs = [(sides.train, sides.test)]
        else:
            pairs = folds(labels, keys, count=count, seed=seed)
    except InputError:
        return []
    made = []
    random = np.random.default_rng(seed)
    for learn, judge in pairs:
        if len(learn) > most_learnt:
            learn = np.sort(random.permutation(learn)[:most_learnt])
        if len(judge) > most_learnt:
            judge = np.sort(random.permutation(judge)[:most_learnt])
        made.append(Fold(counted[learn], counted[judge], targets[learn], targets[judge]))
    return made


def _conversation(text: str) -> str:
    subject = SUBJECT.match(text[:4000])
    return f"subject: {subject[2].strip().lower()}" if subject else text
