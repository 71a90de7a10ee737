"""The search: texts and targets in, the plain parts of the best model that the effort finds out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

import numpy as np

from satchel.bags.counting import count
from satchel.errors import TextError
from satchel.progress import Progress
from satchel.search import combine, trials
from satchel.search.assemble import FittedMember, assemble, describe
from satchel.search.facts import gather
from satchel.search.members import train_member
from satchel.search.plans import Plan, plan
from satchel.search.recipe import Recipe
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.search.views import Counted, fit_view
from satchel.sealed.schema import Parts, Training
from satchel.sources.splitting import split


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
    facts = gather(texts, targets)
    chosen = plan(facts, settings)
    counts, rows = count(texts, chosen.counted, threads=settings.threads, progress=progress)
    filled = rows.lengths > 0
    if not filled.any():
        raise TextError("expected documents with words, found none in which a token was found")
    if not filled.all():
        kept = np.flatnonzero(filled)
        rows, targets = rows[kept], targets[kept]
        texts = [texts[i] for i in kept]
    counted = Counted(rows, counts.hashes, counts.kinds)
    log = trials.Log()
    recipe = Recipe(views=chosen.views[:1], members=chosen.members)
    scales = np.ones(len(recipe.members))
    thresholds: np.ndarray = np.zeros(0)
    if chosen.validate:
        scales, thresholds = _validate(texts, targets, counted, recipe, settings, log, progress)
    views = [fit_view(counted, targets, view) for view in recipe.views]
    members = [
        train_member(
            member,
            views[member.view].rows(counted),
            targets,
            settings,
            seed=settings.seed + number,
            final=True,
            progress=progress,
        )
        for number, member in enumerate(recipe.members)
    ]
    members = [_scaled(member, scale) for member, scale in zip(members, scales, strict=True)]
    return assemble(
        views,
        members,
        counted,
        task=targets.task,
        labels=[str(label) for label in targets.labels],
        thresholds=thresholds,
        training=_training(chosen, recipe, targets, settings, log),
    )


def _validate(
    texts: Sequence[str],
    targets: Targets,
    counted: Counted,
    recipe: Recipe,
    settings: Settings,
    log: trials.Log,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Train on four fifths, and let the last fifth say how the members are combined."""
    labels = [str(label) for label in targets.labels[targets.values]]
    sides = split(labels, texts, test_share=0.2, seed=settings.seed)
    learn, judge = counted[sides.train], counted[sides.test]
    truth = targets[sides.test]
    views = [fit_view(learn, targets[sides.train], view) for view in recipe.views]
    members = [
        train_member(
            member,
            views[member.view].rows(learn),
            targets[sides.train],
            settings,
            seed=settings.seed + number,
            progress=progress,
        )
        for number, member in enumerate(recipe.members)
    ]
    logits = trials.held_out_logits(views, members, judge, truth)
    scales = combine.fit_scales(logits, truth.indicator, targets.task)
    metric = trials.metric_of(targets)
    for number, member in enumerate(recipe.members):
        kind = type(member).__name__.removesuffix("Recipe").lower()
        log.add(f"member {number} ({kind}) alone", metric, trials.measure(logits[number], truth))
    together = np.tensordot(scales, logits, axes=1)
    log.add("members together", metric, trials.measure(together, truth), chosen=True)
    return scales, np.zeros(0)


def _scaled(member: FittedMember, scale: float) -> FittedMember:
    return FittedMember(
        member.view, member.rows, member.bias, member.layers, member.arrays, float(scale)
    )


def _training(
    chosen: Plan, recipe: Recipe, targets: Targets, settings: Settings, log: trials.Log
) -> Training:
    backend = "none"
    if any(hasattr(member, "hidden") for member in recipe.members):
        from satchel.network.backends import use_backend

        backend = use_backend(settings.backend)
    packages = ["numpy", "numba", "keras", {"tensorflow": "tensorflow"}.get(backend, backend)]
    return Training(
        documents=len(targets),
        class_counts=tuple(int(count) for count in targets.counts()),
        seed=settings.seed,
        backend=backend,
        effort=settings.preset or settings.effort,
        versions=_versions(packages),
        settings=describe(recipe),
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
