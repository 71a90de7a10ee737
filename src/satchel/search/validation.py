"""Documents held out of the training part, on which recipes are judged."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from satchel.errors import InputError
from satchel.inference.structure import Trial
from satchel.progress import Progress
from satchel.search.calibration import fit_thresholds
from satchel.search.dataset import Corpus, fit_vocabulary
from satchel.search.members import (
    linear_trainer,
    processors,
    train_network_member,
)
from satchel.search.plan import MOST_LEARNT
from satchel.search.recipe import Candidate, NetRecipe, Recipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.sources.splitting import folds, split

if TYPE_CHECKING:
    pass


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


NETWORK_LEARNT = 3_000
"""Documents that a network learns from in a fold: enough to see whether it helps, and how sure of
itself it is."""


@dataclass
class Clock:
    """How much time a search has.

    Attributes:
        budget: Seconds in all; None for no limit.
    """

    budget: float | None
    start: float = field(default_factory=time.perf_counter)

    @property
    def spent(self) -> float:
        """Seconds since the search began."""
        return time.perf_counter() - self.start

    def allows(self) -> bool:
        """Whether there is time for another trial: the final fit takes about as long again."""
        return self.budget is None or 2 * self.spent <= self.budget


@dataclass
class CrossValidator:
    """Where candidates are judged: folds, the logits they gave there, and a log of trials.

    Attributes:
        corpus: The training documents.
        folds: Their divisions.
        settings: What the user asked for.
        clock: How much time is left.
        progress: Told of each trial.
        trials: What was tried; the model's manifest keeps it.
    """

    corpus: Corpus
    folds: Sequence[Fold]
    settings: Settings
    clock: Clock
    progress: Progress
    trials: list[Trial] = field(default_factory=list)
    _logits: dict[Candidate, list[np.ndarray]] = field(default_factory=dict)

    @property
    def network_learnt(self) -> int:
        """The most documents that a network learns from in a fold."""
        return MOST_LEARNT if self.settings.effort == "best" else NETWORK_LEARNT

    @property
    def truths(self) -> list[Targets]:
        """The targets of each fold's held-out documents."""
        return [self.corpus.targets[fold.judge] for fold in self.folds]

    @property
    def metric(self) -> str:
        """What recipes are judged by."""
        return "accuracy" if self.corpus.targets.task == "single" else "micro-F1"

    def prepare(self, candidates: Iterable[Candidate]) -> None:
        """Train candidates on every fold, linear ones side by side.

        Args:
            candidates: What will be judged; those judged before cost nothing.
        """
        missing = [each for each in dict.fromkeys(candidates) if each not in self._logits]
        for candidate in missing:
            self.corpus.counted(candidate.view.features)
        linear = [each for each in missing if not isinstance(each.member, NetRecipe)]
        jobs = [(each, number) for each in linear for number in range(len(self.folds))]
        with ThreadPoolExecutor(processors(self.settings.threads)) as pool:
            answers = list(pool.map(lambda job: self._fold_logits(*job), jobs))
        for place, candidate in enumerate(linear):
            start = place * len(self.folds)
            self._logits[candidate] = answers[start : start + len(self.folds)]
        for candidate in missing:
            if candidate not in self._logits:
                self._logits[candidate] = [
                    self._fold_logits(candidate, number) for number in range(len(self.folds))
                ]

    def logits(self, candidate: Candidate) -> list[np.ndarray]:
        """Held-out logits of a candidate, one float32 ``(n, n_classes)`` a fold.

        Each fold trains it once; sums of candidates are then free to judge.
        """
        self.prepare([candidate])
        return self._logits[candidate]

    def _fold_logits(self, candidate: Candidate, number: int) -> np.ndarray:
        fold = self.folds[number]
        learn = fold.learn
        if isinstance(candidate.member, NetRecipe) and len(learn) > self.network_learnt:
            learn = learn[:: -(-len(learn) // self.network_learnt)]
        counted = self.corpus.counted(candidate.view.features)
        learnt, targets = counted[learn], self.corpus.targets[learn]
        vocabulary = fit_vocabulary(learnt, targets, candidate.view)
        rows, judged = learnt.weighed(vocabulary), counted[fold.judge].weighed(vocabulary)
        seed = self.settings.seed
        if isinstance(candidate.member, NetRecipe):
            network = train_network_member(
                candidate.member, rows, targets, self.settings, seed=seed
            )
            return network.logits(vocabulary, judged)
        machines = linear_trainer(candidate.member, rows, targets, self.settings, seed=seed)
        logits = np.empty((len(judged), len(targets.labels)), np.float32)
        for begin, end in machines.blocks():
            logits[:, begin:end] = machines.columns(begin, end).logits(vocabulary, judged)
        return logits

    def sums(self, recipe: Recipe) -> list[np.ndarray]:
        """Held-out scores of a recipe, one array ``(n, n_classes)`` a fold."""
        self.prepare(recipe.candidates)
        logits = [self._logits[candidate] for candidate in recipe.candidates]
        return [
            np.tensordot(recipe.scales, np.stack([each[number] for each in logits]), axes=1)
            for number in range(len(self.folds))
        ]

    def measure(self, recipe: Recipe) -> float:
        """The mean over the folds of what a recipe reaches."""
        return float(
            np.mean(
                [
                    measure(scores, truth)
                    for scores, truth in zip(self.sums(recipe), self.truths, strict=True)
                ]
            )
        )

    def beats(self, one: Recipe, other: Recipe, errors: float) -> bool:
        """Whether a recipe is better by more than chance explains.

        Args:
            one: A recipe.
            other: Another.
            errors: How many standard errors of the difference it must gain. Of two recipes judged
                on the same documents only those count which one of them gets right, as in
                McNemar's test; micro-F1 of several labels is taken for an accuracy at which they
                differ on 4 % of the documents.
        """
        truths = self.truths
        judged = sum(truth.counting.sum() for truth in truths)
        squares = [np.square(truth.counting) for truth in truths]
        if self.corpus.targets.task == "single":
            sums = zip(self.sums(one), self.sums(other), truths, squares, strict=True)
            differ = sum(square[_right(a, y) != _right(b, y)].sum() for a, b, y, square in sums)
        else:
            differ = 0.04 * sum(square.sum() for square in squares)
        return bool(self.measure(one) - self.measure(other) > errors * np.sqrt(differ) / judged)

    def log(self, name: str, value: float, *, chosen: bool = False) -> None:
        """Write down one trial and report it."""
        self.trials.append(Trial(name=name, metric=self.metric, value=float(value), chosen=chosen))
        self.progress("searching", len(self.trials), None, f"{name}: {value:.4f}")


def _right(scores: np.ndarray, targets: Targets) -> np.ndarray:
    right: np.ndarray = scores.argmax(axis=1) == targets.classes
    return right


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
        return float(np.average(_right(scores, targets), weights=targets.weights))
    truth, weights = targets.table(dtype=np.bool_), targets.counting
    given = np.empty_like(truth)
    for half in (0, 1):
        own = slice(half, None, 2)
        thresholds = fit_thresholds(scores[own], truth[own], weights[own])
        given[1 - half :: 2] = scores[1 - half :: 2] >= thresholds
    hits = weights @ (given & truth).sum(axis=1)
    return float(2 * hits / max(1.0, weights @ (given.sum(axis=1) + truth.sum(axis=1))))
