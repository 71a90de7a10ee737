"""Learning: texts, labels and settings in, a model that is ready to answer out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from satchel.errors import LabelError
from satchel.progress import Progress, silent
from satchel.satchel import Satchel
from satchel.search.fitting import fit
from satchel.search.settings import Settings
from satchel.search.targets import Targets, encode


def learn(
    texts: Sequence[str],
    labels: Sequence[Any],
    settings: Settings,
    progress: Progress = silent,
) -> Satchel:
    """Learn from labelled documents, without scikit-learn's estimator around it.

    Args:
        texts: Documents, of length ``n``.
        labels: One label a document, or one collection of labels a document.
        settings: What the user asked for.
        progress: Told how far each stage is.

    Returns:
        The model; its labels come back in the type in which they were given.

    Raises:
        InputError: If texts or labels cannot be learnt from, such as a LabelError for one class.
        UnsupportedHeadError: If a satchel could not carry the head.
    """
    return learn_targets(texts, encode(labels), settings, progress)


def learn_targets(
    texts: Sequence[str], targets: Targets, settings: Settings, progress: Progress = silent
) -> Satchel:
    """As :func:`learn`, with labels that are encoded already."""
    if len(texts) != len(targets):
        raise LabelError(
            f"expected one label a document, found {len(texts)} documents and {len(targets)} labels"
        )
    parts = fit(texts, targets, settings, progress)
    if settings.max_size is not None:
        from satchel.inference.compress import compress

        parts = compress(parts, max_bytes=int(settings.max_size))
    return Satchel(parts)
