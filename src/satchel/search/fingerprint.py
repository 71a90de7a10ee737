"""What tells training documents from others: a fingerprint, and the hash key derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.bags.hashing import derived_key, digest_texts
from satchel.search.targets import Targets


@dataclass(frozen=True)
class Fingerprint:
    """Of the training documents.

    Attributes:
        hash_key: The key of the feature hash. Whoever does not know all training texts does not
            know it; equal texts in equal order give equal keys, and so equal model files.
        training: BLAKE2b of texts, labels and weights, in hexadecimal.
    """

    hash_key: int
    training: str


def fingerprint(texts: Sequence[str], targets: Targets) -> Fingerprint:
    """Read the training documents once.

    Args:
        texts: The documents; those of white space alone, which teach nothing, leave no mark.
        targets: Their labels.
    """
    filled = [number for number, text in enumerate(texts) if text and not text.isspace()]
    targets = targets[np.array(filled, np.intp)]
    digest = digest_texts(texts[number] for number in filled)
    hash_key = derived_key(digest.digest())
    digest.update(digest_texts([targets.task, targets.label_type, *targets.label_texts]).digest())
    for numbers in (targets.offsets, targets.classes):
        digest.update(numbers.astype("<i8").tobytes())
    if targets.weights is not None:
        digest.update(targets.weights.astype("<f8").tobytes())
    return Fingerprint(hash_key, digest.hexdigest())
