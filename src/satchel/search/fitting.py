"""The search: texts and targets in, the plain parts of the best model that the effort finds out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

import numpy as np

from satchel.bags.counting import count
from satchel.errors import TextError
from satchel.progress import Progress
from satchel.sealed.schema import Parts, Training
from satchel.search import trials
from satchel.search.assemble import assemble, describe
from satchel.search.choosing import Choice, Judge, choose
from satchel.search.facts import gather
from satchel.search.folds import make_folds
from satchel.search.members import train_member
from satchel.search.plans import Plan, plan
from satchel.search.recipe import LinearRecipe, NetRecipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.search.views import Counted, View, fit_view, strongest


def fit(texts: Sequence[str], targets: Targets, settings: Settings, progress: Progress) -> Parts:
    """Train the best model that the effort finds.

    Args:
        texts: The training documents.
        targets: Their labels.
        settings: What the user asked for.
        progress: Told how far each stage is.

    Returns:
        The parts of the model, in the precision in which they are stored.

    Raises:
        TextError: If a document is not text, or none has a word.
        LabelError: If too few documents are left to tell classes apart.
    """
    clock = trials.Clock(settings.budget)
    chosen = plan(gather(texts, targets), settings)
    counts, rows = count(texts, chosen.counted, threads=settings.threads, progress=progress)
    filled = np.flatnonzero(rows.lengths > 0)
    if not len(filled):
        raise TextError("expected documents with words, found none that has a single one")
    if len(filled) < len(rows):
        rows, targets, texts = rows[filled], targets[filled], [texts[i] for i in filled.tolist()]
    counted = Counted(rows, counts.hashes, counts.kinds)
    log = trials.Log()
    folds = (
        make_folds(
            texts,
            targets,
            counted,
            count=chosen.folds,
            most_learnt=chosen.most_learnt,
            seed=settings.seed,
        )
        if chosen.folds
        else []
    )
    choice = choose(chosen, Judge(folds, settings, log, clock, progress))
    view = _final_view(chosen, choice, counted, targets, settings)
    rows = view.rows(counted)
    members = [
        replace(
            train_member(
                member,
                rows,
                targets,
                settings,
                seed=settings.seed + number,
                final=True,
                progress=progress,
            ),
            scale=float(scale),
        )
        for number, (member, scale) in enumerate(
            zip(choice.recipe.members, choice.scales, strict=True)
        )
    ]
    return assemble(
        [view],
        members,
        counted,
        task=targets.task,
        labels=[str(label) for label in targets.labels],
        thresholds=choice.thresholds,
        training=_training(choice, targets, settings, log),
        row_type="float16" if chosen.maximum_bytes is None else "int8",
    )


def _final_view(
    plan: Plan, choice: Choice, counted: Counted, targets: Targets, settings: Settings
) -> View:
    """Fit the chosen view on all documents, and prune it where the file would be too large.

    A feature's worth is how far it moves a linear model's scores over all documents.
    """
    view = fit_view(counted, targets, choice.recipe.views[0])
    linear = choice.recipe.members[0]
    if plan.maximum_bytes is None or not isinstance(linear, LinearRecipe):
        return view
    width = sum(
        member.hidden if isinstance(member, NetRecipe) else len(targets.labels)
        for member in choice.recipe.members
    )
    most = plan.maximum_bytes // (13 + width)
    if view.size <= most:
        return view
    rows = view.rows(counted)
    table = train_member(linear, rows, targets, settings, seed=settings.seed).rows
    table -= table.mean(axis=1, keepdims=True)
    values = np.bincount(rows.ids, np.square(rows.values), view.size)
    worth = np.zeros(len(view.kept))
    worth[view.kept] = np.einsum("vk,vk->v", table, table) * values
    kept = strongest(view.kept, worth, most)
    return View(view.recipe, kept, view.weights[kept[view.kept]])


def _training(choice: Choice, targets: Targets, settings: Settings, log: trials.Log) -> Training:
    backend = "none"
    if any(isinstance(member, NetRecipe) for member in choice.recipe.members):
        from satchel.network.backends import use_backend

        backend = use_backend(settings.backend)
    return Training(
        documents=len(targets),
        class_counts=tuple(int(count) for count in targets.counts()),
        seed=settings.seed,
        backend=backend,
        effort=settings.preset or settings.effort,
        versions=_versions(("numpy", "numba", "keras", backend)),
        settings=describe(choice.recipe),
        trials=tuple(log.trials),
    )


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
