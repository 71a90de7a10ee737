"""Choosing a recipe: alternatives tried one question at a time on documents held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from satchel.progress import Progress
from satchel.search import combine, trials
from satchel.search.assemble import FittedMember
from satchel.search.folds import Fold
from satchel.search.members import train_member
from satchel.search.plans import Plan, Question
from satchel.search.recipe import LinearRecipe, NetRecipe, Recipe, ViewRecipe
from satchel.search.settings import Settings
from satchel.search.views import fit_view

TIE = 0.002
"""What mostly wins is kept unless another beats it by more than this."""


@dataclass(frozen=True)
class Choice:
    """What validation decided.

    Attributes:
        recipe: Views and members.
        scales: The factor of each member's logits.
        thresholds: One a label for several labels a document, else empty.
    """

    recipe: Recipe
    scales: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class Judge:
    """Everything that judging a recipe needs."""

    folds: Sequence[Fold]
    settings: Settings
    log: trials.Log
    clock: trials.Clock
    progress: Progress

    def logits(
        self, view: ViewRecipe, members: Sequence[LinearRecipe | NetRecipe]
    ) -> list[np.ndarray]:
        """Held-out logits ``(members, n, n_classes)`` of each fold, members on one view."""
        answers = []
        for fold in self.folds:
            fitted = fit_view(fold.learn, fold.learnt, view)
            rows = fitted.rows(fold.learn)
            trained: list[FittedMember] = [
                train_member(
                    member, rows, fold.learnt, self.settings, seed=self.settings.seed + number
                )
                for number, member in enumerate(members)
            ]
            answers.append(trials.held_out_logits([fitted], trained, fold.judge, fold.truth))
        return answers

    def measure(self, scores: Sequence[np.ndarray]) -> float:
        """The mean over the folds of what their scores ``(n, n_classes)`` reach."""
        return float(
            np.mean([trials.measure(s, f.truth) for s, f in zip(scores, self.folds, strict=True)])
        )

    @property
    def metric(self) -> str:
        """What is measured."""
        return trials.metric_of(self.folds[0].truth)


def choose(plan: Plan, judge: Judge) -> Choice:
    """Answer the plan's questions in turn, then decide how the members are combined.

    Args:
        plan: The first recipe and the questions.
        judge: Folds, log and clock; without folds the plan's first recipe stands.
    """
    view, linear = plan.view, plan.linear
    members: tuple[LinearRecipe | NetRecipe, ...] = plan.members
    if not judge.folds:
        return Choice(Recipe(views=(view,), members=members), _plain(members), np.zeros(0))
    if plan.questions and linear is not None:
        view, linear = _ask(plan.questions, view, linear, judge)
        linear = _add_bayes(view, linear, judge)
        members = (linear, *plan.nets)
    logits = judge.logits(view, members)
    scales = combine.fit_scales(
        np.concatenate(logits, axis=1),
        np.concatenate([fold.truth.indicator for fold in judge.folds]),
        judge.folds[0].truth.task,
    )
    together = [np.tensordot(scales, each, axes=1) for each in logits]
    for number, member in enumerate(members):
        judge.log.add(
            f"{_kind(member)} alone", judge.metric, judge.measure([each[number] for each in logits])
        )
    judge.log.add("members together", judge.metric, judge.measure(together), chosen=True)
    thresholds = np.zeros(0)
    if judge.folds[0].truth.task == "multiple":
        truth = np.concatenate([fold.truth.values for fold in judge.folds])
        thresholds = combine.fit_thresholds(1.0 / (1.0 + np.exp(-np.concatenate(together))), truth)
    return Choice(Recipe(views=(view,), members=members), scales, thresholds)


def _ask(
    questions: Sequence[Question], view: ViewRecipe, linear: LinearRecipe, judge: Judge
) -> tuple[ViewRecipe, LinearRecipe]:
    known: dict[bytes, float] = {}

    def score(view: ViewRecipe, linear: LinearRecipe) -> float:
        key = msgspec.json.encode((view, linear))
        if key not in known:
            logits = judge.logits(view, (linear,))
            known[key] = judge.measure([each[0] for each in logits])
        return known[key]

    done = 0
    for question in questions:
        options = [question.apply(view, linear, value) for value in question.values]
        results: list[float] = []
        for value, option in zip(question.values, options, strict=True):
            if results and not judge.clock.allows():
                break
            results.append(score(*option))
            judge.log.add(f"{question.name} {value}", judge.metric, results[-1])
            done += 1
            judge.progress(
                "searching", done, sum(len(each.values) for each in questions),
                f"{question.name} {value}: {results[-1]:.4f}",
            )  # fmt: skip
        view, linear = options[_first_good(results)]
    return view, linear


def _first_good(results: Sequence[float]) -> int:
    """The first result that no other beats by more than a tie."""
    best = max(results)
    return next(place for place, result in enumerate(results) if result >= best - TIE)


def _add_bayes(view: ViewRecipe, linear: LinearRecipe, judge: Judge) -> LinearRecipe:
    """Ask how much complement naive Bayes to add; it is in closed form, so cheap."""
    if judge.folds[0].truth.task == "multiple" or linear.loss != "squared_hinge":
        return linear
    with_bayes = msgspec.structs.replace(linear, bayes=1.0)
    both = judge.logits(view, (linear, with_bayes))
    amounts = (0.0, 0.5, 1.0, 2.0)
    results = [
        judge.measure([solver + amount * (mixed - solver) for solver, mixed in both])
        for amount in amounts
    ]
    for amount, result in zip(amounts, results, strict=True):
        judge.log.add(f"bayes {amount}", judge.metric, result)
    return msgspec.structs.replace(linear, bayes=amounts[_first_good(results)])


def _plain(members: Sequence[object]) -> np.ndarray:
    return np.ones(len(members))


def _kind(member: LinearRecipe | NetRecipe) -> str:
    return "linear" if isinstance(member, LinearRecipe) else "network"
