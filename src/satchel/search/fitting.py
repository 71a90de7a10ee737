"""The search: texts and targets in, the plain parts of the best model that the effort finds out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

import numpy as np

from satchel.progress import Progress
from satchel.sealed.schema import Parts, Training, Trial
from satchel.search.assemble import Share, assemble
from satchel.search.choosing import Choice, choose
from satchel.search.corpus import Corpus
from satchel.search.facts import gather
from satchel.search.folds import make_folds
from satchel.search.members import train_member
from satchel.search.plans import MOST_LEARNT, plan
from satchel.search.recipe import LinearRecipe, NetRecipe, ViewRecipe
from satchel.search.settings import Settings
from satchel.search.story import describe
from satchel.search.targets import Targets
from satchel.search.trials import Bench, Clock
from satchel.search.views import View, fit_view, strongest


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
    clock = Clock(settings.budget)
    chosen = plan(gather(texts, targets), settings)
    features = chosen.view.features
    corpus = Corpus(
        texts, targets, features.words, features.fields, settings.threads, progress
    ).without_empty(features)
    folds = make_folds(
        corpus.texts,
        corpus.targets,
        count=chosen.folds,
        most_learnt=MOST_LEARNT,
        seed=settings.seed,
    )
    bench = Bench(corpus, folds, settings, clock, progress)
    choice = choose(chosen, bench)
    views = []
    shares = []
    for number, recipe in enumerate(choice.recipe.views):
        view = _final_view(recipe, corpus, choice, chosen.maximum_features, settings)
        rows = view.rows(corpus.counted(recipe.features))
        views.append(view)
        for candidate, scale in zip(choice.recipe.candidates, choice.recipe.scales, strict=True):
            if candidate.view == recipe:
                member = train_member(
                    candidate.member,
                    rows,
                    corpus.targets,
                    settings,
                    seed=settings.seed,
                    final=True,
                    progress=progress,
                )
                shares.append(Share(number, member, scale))
    return assemble(
        views,
        shares,
        task=targets.task,
        labels=[str(label) for label in targets.labels],
        thresholds=choice.thresholds,
        training=_training(choice, corpus.targets, settings, bench.trials),
        row_type="float16" if chosen.maximum_features is None else "int8",
    )


def _final_view(
    recipe: ViewRecipe, corpus: Corpus, choice: Choice, most: int | None, settings: Settings
) -> View:
    """Fit a view on all documents, and prune it where the model would be too large.

    A feature's worth is how far it moves a linear model's scores over all documents.
    """
    counted = corpus.counted(recipe.features)
    view = fit_view(counted, corpus.targets, recipe)
    if most is None or view.size <= most:
        return view
    solver = next(
        (
            candidate.member
            for candidate in choice.recipe.candidates
            if candidate.view == recipe and isinstance(candidate.member, LinearRecipe)
        ),
        LinearRecipe(),
    )
    rows = view.rows(counted)
    table = train_member(solver, rows, corpus.targets, settings, seed=settings.seed).rows
    table -= table.mean(axis=1, keepdims=True)
    worth = np.einsum("vk,vk->v", table, table) * np.bincount(
        rows.ids, np.square(rows.values), view.size
    )
    return view.narrowed(strongest(np.ones(view.size, np.bool_), worth, most))


def _training(
    choice: Choice, targets: Targets, settings: Settings, trials: Sequence[Trial]
) -> Training:
    backend = "none"
    if any(isinstance(each.member, NetRecipe) for each in choice.recipe.candidates):
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
        trials=tuple(trials),
    )


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
