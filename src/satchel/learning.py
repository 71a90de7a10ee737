"""Learning: texts, labels and settings in, a model that is ready to answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from satchel.errors import LabelError
from satchel.progress import Progress, showing, silent
from satchel.satchel import Satchel
from satchel.search.choosing import Choice
from satchel.search.corpus import LeftOut
from satchel.search.fitting import Fitted, fit, refit
from satchel.search.settings import Settings
from satchel.search.targets import Targets, encode
from satchel.search.watching import Validation


@dataclass(frozen=True)
class Trained:
    """A model and how it came about.

    Attributes:
        satchel: The model; its labels are text.
        choice: What validation decided, which :func:`learn_again` trains on other documents.
        history: One mapping per network of the final fit: each log's values, one per epoch.
        left_out: Documents that taught nothing.
    """

    satchel: Satchel
    choice: Choice
    history: tuple[Mapping[str, list[float]], ...]
    left_out: LeftOut


def learn(
    texts: Sequence[str],
    labels: Sequence[Any],
    settings: Settings,
    progress: Progress = silent,
) -> Trained:
    """Learn from labelled documents, without scikit-learn's estimator around it.

    Args:
        texts: Documents, of length ``n``.
        labels: One label per document, or one collection of labels per document.
        settings: What the user asked for.
        progress: Told how far each stage is.

    Returns:
        The model, whose labels come back in the type in which they were given, and how it came
        about.

    Raises:
        InputError: If texts or labels cannot be learnt from, such as a LabelError for one class.
        UnsupportedHeadError: If a satchel could not carry the head.
    """
    return learn_targets(texts, encode(labels), settings, progress)


def learn_targets(
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress = silent,
    validation: Validation | None = None,
) -> Trained:
    """As :func:`learn`, with labels that are encoded already.

    Args:
        texts: Documents, of length ``n``.
        targets: Their labels.
        settings: What the user asked for.
        progress: Told how far each stage is.
        validation: Documents by which networks are judged after each epoch; None for none.
    """
    _require_as_many(texts, targets)
    with showing(progress):
        return _trained(fit(texts, targets, settings, progress, validation), settings)


def learn_again(
    choice: Choice,
    texts: Sequence[str],
    labels: Sequence[Any],
    settings: Settings,
    progress: Progress = silent,
) -> Trained:
    """Train what was chosen before on these documents, without a search.

    Args:
        choice: From :func:`learn`, with the same settings, on a part of these documents.
        texts: Documents, of length ``n``.
        labels: As for :func:`learn`.
        settings: What the user asked for.
        progress: Told how far each stage is.
    """
    targets = encode(labels)
    _require_as_many(texts, targets)
    with showing(progress):
        return _trained(refit(choice, texts, targets, settings, progress), settings)


def _trained(fitted: Fitted, settings: Settings) -> Trained:
    parts = fitted.parts
    if settings.max_size is not None:
        from satchel.inference.compress import compress

        parts = compress(parts, max_bytes=int(settings.max_size))
    return Trained(Satchel(parts), fitted.choice, fitted.history, fitted.left_out)


def _require_as_many(texts: Sequence[str], targets: Targets) -> None:
    if len(texts) != len(targets):
        raise LabelError(
            f"expected one label per document, found {len(texts)} documents and "
            f"{len(targets)} labels"
        )
