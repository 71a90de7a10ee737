"""Cross-validation: folds of the training documents, on which recipes are evaluated."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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
from satchel.search.plan import MAX_TRAIN_DOCUMENTS
from satchel.search.recipe import Candidate, NetRecipe, Recipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.sources.splitting import folds, split

SUBJECT = re.compile(r"\A(?:[!-9;-~]++:[^\n]*+\n)*?subject:[ \t]*((?:re:[ \t]*)*)([^\n]+)", re.I)
HEADER = 4_000
"""Code points that are searched for a subject line."""


@dataclass(frozen=True)
class Fold:
    """One split of the training documents.

    Attributes:
        train: int64 array: indices of the documents to train on, ascending.
        test: int64 array: indices of the held-out documents, ascending.
    """

    train: np.ndarray
    test: np.ndarray


def make_folds(
    texts: Sequence[str],
    targets: Targets,
    *,
    count: int,
    max_train: int,
    max_test: int,
    seed: int,
    groups: np.ndarray | None = None,
) -> list[Fold]:
    """Split documents for validation.

    Copies of a text stay on the same side, and so do messages with the same subject: a model
    trained on half of a conversation does better on its other half than on a new one.

    Args:
        texts: The training documents.
        targets: Their labels.
        count: How many folds; 0 for none, 1 holds out a fifth once.
        max_train: The most training documents per fold.
        max_test: The most held-out documents per fold.
        seed: Seed of the splits.
        groups: int64 array, one per document: those with the same number stay on the same side,
            -1 for none; None where there are no groups.

    Returns:
        The folds; empty where there are too few distinct texts, or groups, to hold any out.
    """
    labels = targets.names()
    conversations = [conversation(text) for text in texts]
    try:
        if count == 0:
            return []
        if count == 1:
            sides = split(labels, conversations, test_share=0.2, seed=seed, groups=groups)
            pairs = [(sides.train, sides.test)]
        else:
            pairs = folds(labels, conversations, count=count, seed=seed, groups=groups)
    except InputError:
        return []
    random = np.random.default_rng(seed)
    return [
        Fold(_at_most(max_train, train, random), _at_most(max_test, test, random))
        for train, test in pairs
        if len(test)  # with groups, all of it may be copies of texts in training
    ]


def conversation(text: str) -> str:
    """The key that documents of a conversation share: the subject of a message, else the text."""
    subject = SUBJECT.match(text[:HEADER])
    return f"subject: {subject[2].strip().lower()}" if subject else text


def _at_most(most: int, documents: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if len(documents) <= most:
        return documents
    return np.sort(random.permutation(documents)[:most])


MAX_NETWORK_DOCUMENTS = 3_000
"""The most documents that a network is trained on per fold: enough to see whether it helps, and to
calibrate it."""


@dataclass
class Clock:
    """The time budget of a search.

    Attributes:
        budget: Seconds in total; None for no limit.
        start: When the search began, in seconds of ``time.perf_counter``.
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
    """Evaluates candidates on folds; keeps their held-out logits and a log of trials.

    Attributes:
        corpus: The training documents.
        folds: Splits of the training documents.
        settings: What the user asked for.
        clock: How much time is left.
        progress: Called after each trial.
        trials: What was tried; it is stored in the model's manifest.
    """

    corpus: Corpus
    folds: Sequence[Fold]
    settings: Settings
    clock: Clock
    progress: Progress
    trials: list[Trial] = field(default_factory=list)
    _logits: dict[Candidate, list[np.ndarray]] = field(default_factory=dict)

    @property
    def max_network_documents(self) -> int:
        """The most documents that a network is trained on per fold."""
        return MAX_TRAIN_DOCUMENTS if self.settings.effort == "best" else MAX_NETWORK_DOCUMENTS

    @property
    def truths(self) -> list[Targets]:
        """The targets of each fold's held-out documents."""
        return [self.corpus.targets[fold.test] for fold in self.folds]

    @property
    def metric(self) -> str:
        """The metric by which recipes are compared."""
        return "accuracy" if self.corpus.targets.task == "single" else "micro-F1"

    def prepare(self, candidates: Iterable[Candidate]) -> None:
        """Train candidates on every fold, linear ones in parallel.

        Args:
            candidates: What will be evaluated; those trained before cost nothing.
        """
        missing = [each for each in dict.fromkeys(candidates) if each not in self._logits]
        for candidate in missing:
            self.corpus.counted(candidate.view.features)
        linear = [each for each in missing if not isinstance(each.member, NetRecipe)]
        jobs = [(each, number) for each in linear for number in range(len(self.folds))]
        with ThreadPoolExecutor(processors(self.settings.threads)) as pool:
            results = list(pool.map(lambda job: self._fold_logits(*job), jobs))
        for place, candidate in enumerate(linear):
            start = place * len(self.folds)
            self._logits[candidate] = results[start : start + len(self.folds)]
        for candidate in missing:
            if candidate not in self._logits:
                self._logits[candidate] = [
                    self._fold_logits(candidate, number) for number in range(len(self.folds))
                ]

    def _fold_logits(self, candidate: Candidate, number: int) -> np.ndarray:
        fold = self.folds[number]
        train = fold.train
        if isinstance(candidate.member, NetRecipe) and len(train) > self.max_network_documents:
            train = train[:: -(-len(train) // self.max_network_documents)]
        counted = self.corpus.counted(candidate.view.features)
        training, targets = counted[train], self.corpus.targets[train]
        vocabulary = fit_vocabulary(training, targets, candidate.view)
        rows, held_out = training.weighed(vocabulary), counted[fold.test].weighed(vocabulary)
        seed = self.settings.seed
        if isinstance(candidate.member, NetRecipe):
            network = train_network_member(
                candidate.member, rows, targets, self.settings, seed=seed
            )
            return network.logits(vocabulary, held_out)
        trainer = linear_trainer(candidate.member, rows, targets, self.settings, seed=seed)
        logits = np.empty((len(held_out), len(targets.labels)), np.float32)
        for begin, end in trainer.blocks():
            logits[:, begin:end] = trainer.columns(begin, end).logits(vocabulary, held_out)
        return logits

    def sums(self, recipe: Recipe) -> list[np.ndarray]:
        """Held-out logits of a recipe, one array ``(n, n_classes)`` per fold.

        Each candidate is trained once per fold; sums of candidates are then cheap to evaluate.
        """
        self.prepare(recipe.candidates)
        logits = [self._logits[candidate] for candidate in recipe.candidates]
        return [
            np.tensordot(recipe.scales, np.stack([each[number] for each in logits]), axes=1)
            for number in range(len(self.folds))
        ]

    def measure(self, recipe: Recipe) -> float:
        """The metric of a recipe, averaged over the folds."""
        return float(
            np.mean(
                [
                    measure(logits, truth)
                    for logits, truth in zip(self.sums(recipe), self.truths, strict=True)
                ]
            )
        )

    def beats(self, one: Recipe, other: Recipe, errors: float) -> bool:
        """Whether a recipe is better than another by more than chance.

        Args:
            one: A recipe.
            other: Another.
            errors: By how many standard errors of the difference it must be better. As in McNemar's
                test, only documents that exactly one of the two gets right contribute to it; the
                micro-F1 of several labels is treated as an accuracy for which the two recipes
                differ on 4 % of the documents.
        """
        truths = self.truths
        total = sum(truth.counting.sum() for truth in truths)
        squares = [np.square(truth.counting) for truth in truths]
        if self.corpus.targets.task == "single":
            sums = zip(self.sums(one), self.sums(other), truths, squares, strict=True)
            differ = sum(square[_right(a, y) != _right(b, y)].sum() for a, b, y, square in sums)
        else:
            differ = 0.04 * sum(square.sum() for square in squares)
        return bool(self.measure(one) - self.measure(other) > errors * np.sqrt(differ) / total)

    def log(self, name: str, value: float, *, chosen: bool = False) -> None:
        """Record one trial and report it."""
        self.trials.append(Trial(name=name, metric=self.metric, value=float(value), chosen=chosen))
        self.progress("searching", len(self.trials), None, f"{name}: {value:.4f}")


def _right(logits: np.ndarray, targets: Targets) -> np.ndarray:
    right: np.ndarray = logits.argmax(axis=1) == targets.classes
    return right


def measure(logits: np.ndarray, targets: Targets) -> float:
    """Evaluate logits on held-out documents.

    Args:
        logits: float array of shape ``(n, n_classes)``, before softmax or sigmoid.
        targets: The true labels.

    Returns:
        Accuracy; for several labels per document the micro-F1 with thresholds that were fitted on
        the other half of the documents.
    """
    if targets.task == "single":
        return float(np.average(_right(logits, targets), weights=targets.weights))
    truth, weights = targets.table(dtype=np.bool_), targets.counting
    given = np.empty_like(truth)
    for half in (0, 1):
        own = slice(half, None, 2)
        thresholds = fit_thresholds(logits[own], truth[own], weights[own])
        given[1 - half :: 2] = logits[1 - half :: 2] >= thresholds
    hits = weights @ (given & truth).sum(axis=1)
    return float(2 * hits / max(1.0, weights @ (given.sum(axis=1) + truth.sum(axis=1))))
