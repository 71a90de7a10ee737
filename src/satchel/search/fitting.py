"""The search: texts and targets in, the plain parts of the best model that the effort finds out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module, metadata
from threading import Thread

import numpy as np
from msgspec.structs import replace

from satchel.bags.rows import Rows
from satchel.progress import Progress, silent
from satchel.sealed.schema import Parts, Training, Trial
from satchel.search.assemble import FittedMember, Share, assemble
from satchel.search.choosing import Choice, choose
from satchel.search.corpus import Corpus
from satchel.search.facts import gather
from satchel.search.fingerprint import Fingerprint, fingerprint
from satchel.search.folds import make_folds
from satchel.search.members import processors, train_member
from satchel.search.plans import MOST_LEARNT, plan
from satchel.search.recipe import Candidate, LinearRecipe, NetRecipe, ViewRecipe
from satchel.search.settings import Settings
from satchel.search.story import describe
from satchel.search.targets import Targets
from satchel.search.trials import Bench, Clock
from satchel.search.views import View, fit_view, strongest

RANKING_PASSES = 3
"""Passes of a solver that only ranks features."""


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
    data = fingerprint(texts, targets)
    chosen = plan(gather(texts, targets), settings).with_hash_key(data.hash_key)
    if chosen.nets:
        _import_keras(settings)
    features = chosen.view.features
    corpus = Corpus(
        texts,
        targets,
        features,
        chosen.view.minimum_documents,
        settings.threads,
        progress,
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
    views, shares = _final_fit(choice, corpus, chosen.maximum_features, settings, progress)
    return assemble(
        views,
        shares,
        task=targets.task,
        labels=targets.label_texts,
        label_type=targets.label_type,
        thresholds=choice.thresholds,
        training=_training(choice, corpus.targets, settings, bench.trials, data),
        row_type="float16" if chosen.maximum_features is None else "int8",
    )


def _final_fit(
    choice: Choice, corpus: Corpus, most: int | None, settings: Settings, progress: Progress
) -> tuple[list[View], list[Share]]:
    """Train what was chosen on all documents: linear members beside the networks."""
    recipes = choice.recipe.views
    scaled = list(zip(choice.recipe.candidates, choice.recipe.scales, strict=True))

    def train(candidate: Candidate, rows: Rows, told: Progress) -> FittedMember:
        return train_member(
            candidate.member,
            rows,
            corpus.targets,
            settings,
            seed=settings.seed,
            final=True,
            progress=told,
        )

    views: dict[ViewRecipe, View] = {}
    members: dict[Candidate, Future[FittedMember]] = {}
    with ThreadPoolExecutor(processors(settings.threads)) as pool:
        fits = {
            recipe: pool.submit(_final_view, recipe, corpus, choice, most, settings)
            for recipe in recipes
        }
        networks = []
        for recipe in sorted(recipes, key=lambda each: each.features.words):
            view = views[recipe] = fits[recipe].result()
            rows = view.rows(corpus.counted(recipe.features))
            for candidate, _ in scaled:
                if candidate.view != recipe:
                    continue
                if isinstance(candidate.member, NetRecipe):
                    networks.append((candidate, rows))
                else:
                    members[candidate] = pool.submit(train, candidate, rows, silent)
            while networks:
                # Keras stays in this thread; the solvers hold no lock and run beside it.
                candidate, own = networks.pop(0)
                members[candidate] = Future()
                members[candidate].set_result(train(candidate, own, progress))
    places = {recipe: number for number, recipe in enumerate(recipes)}
    shares = [
        Share(places[candidate.view], members[candidate].result(), scale)
        for candidate, scale in scaled
    ]
    return [views[recipe] for recipe in recipes], shares


def _import_keras(settings: Settings) -> None:
    """Import Keras beside the counting, which leaves the interpreter idle; it takes seconds."""
    from satchel.network.backends import use_backend

    use_backend(settings.backend)
    Thread(target=import_module, args=("satchel.network.training",), daemon=True).start()


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
    rough = replace(solver, passes=RANKING_PASSES)
    table = train_member(rough, rows, corpus.targets, settings, seed=settings.seed).rows
    table -= table.mean(axis=1, keepdims=True)
    worth = np.einsum("vk,vk->v", table, table) * np.bincount(
        rows.ids, np.square(rows.values), view.size
    )
    return view.narrowed(strongest(np.ones(view.size, np.bool_), worth, most))


def _training(
    choice: Choice,
    targets: Targets,
    settings: Settings,
    trials: Sequence[Trial],
    data: Fingerprint,
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
        fingerprint=data.training,
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
