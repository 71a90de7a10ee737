"""What a recipe may depend on: facts of the training documents, never a data set's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.bags.fields import FIRST, name_spaces
from satchel.sealed.schema import Task
from satchel.search.targets import Targets

SAMPLE = 2_000
"""Documents looked at for header fields: enough to tell a share to a few hundredths."""


@dataclass(frozen=True)
class Facts:
    """Facts of the training documents.

    Attributes:
        documents: How many there are.
        classes: How many classes.
        task: ``single`` or ``multiple``.
        characters: Mean length of a document in code points.
        structure: Share of documents with header fields, quoted lines or a signature.
    """

    documents: int
    classes: int
    task: Task
    characters: float
    structure: float


def gather(texts: Sequence[str], targets: Targets) -> Facts:
    """Look at the training documents.

    Args:
        texts: The documents, at least one.
        targets: Their labels.
    """
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    return Facts(
        documents=len(texts),
        classes=len(targets.labels),
        task=targets.task,
        characters=float(np.mean([len(text) for text in texts])),
        structure=sum(map(_has_structure, sample)) / len(sample),
    )


def _has_structure(text: str) -> bool:
    return not {"", FIRST}.issuperset(name_spaces(text.lower())[1])
