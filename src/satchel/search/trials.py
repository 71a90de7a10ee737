"""Judging recipes on documents held out of the training part."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from satchel.bags.sums import sum_rows
from satchel.inference.forward import member_networks
from satchel.sealed.schema import Training, Trial
from satchel.search.assemble import FittedMember, assemble
from satchel.search.combine import fit_thresholds
from satchel.search.targets import Targets
from satchel.search.views import Counted, View


@dataclass
class Clock:
    """How much time a search has left.

    Attributes:
        budget: Seconds in all; None for no limit.
    """

    budget: float | None
    start: float = field(default_factory=time.perf_counter)

    @property
    def spent(self) -> float:
        """Seconds since the search began."""
        return time.perf_counter() - self.start

    def allows(self, seconds: float = 0.0) -> bool:
        """Whether so many seconds more stay within the budget."""
        return self.budget is None or self.spent + seconds <= self.budget


@dataclass
class Log:
    """What was tried; the model's manifest keeps it."""

    trials: list[Trial] = field(default_factory=list)

    def add(self, name: str, metric: str, value: float, *, chosen: bool = False) -> None:
        """Write down one trial."""
        self.trials.append(Trial(name=name, metric=metric, value=float(value), chosen=chosen))


def held_out_logits(
    views: Sequence[View], members: Sequence[FittedMember], counted: Counted, targets: Targets
) -> np.ndarray:
    """What each member says of documents that it has not learnt from.

    They are asked through the path that will answer for the finished model.

    Args:
        views: The fitted views.
        members: The trained members.
        counted: The held-out documents.
        targets: Their labels, for the number of classes.

    Returns:
        float32 array of shape ``(members, n, n_classes)``.
    """
    logits = []
    for member in members:
        view = views[member.view]
        parts = assemble(
            views,
            [member],
            counted,
            task=targets.task,
            labels=[str(label) for label in targets.labels],
            thresholds=(),
            training=Training(documents=0, class_counts=()),
            row_type="float32",
        )
        (network,) = member_networks(parts)
        logits.append(network(sum_rows(view.rows(counted), parts.arrays["view0.rows"])))
    return np.stack(logits)


def metric_of(targets: Targets) -> str:
    """What recipes are judged by: accuracy, or micro-F1 for several labels a document."""
    return "accuracy" if targets.task == "single" else "micro-F1"


def measure(scores: np.ndarray, targets: Targets) -> float:
    """Judge scores on held-out documents.

    Args:
        scores: float array of shape ``(n, n_classes)``, before softmax or sigmoid.
        targets: The truth.

    Returns:
        Accuracy; for several labels a document the micro-F1 of thresholds that were fitted on the
        other half of the documents.
    """
    if targets.task == "single":
        return float((scores.argmax(axis=1) == targets.values).mean())
    truth = targets.values > 0.5
    given = np.empty_like(truth)
    for half in (0, 1):
        thresholds = fit_thresholds(scores[half::2], targets.values[half::2])
        given[1 - half :: 2] = scores[1 - half :: 2] >= thresholds
    return float(2 * (given & truth).sum() / max(1, given.sum() + truth.sum()))
