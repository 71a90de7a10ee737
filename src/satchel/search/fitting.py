"""Documents by which a network is judged after each epoch: for its history and for callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module, metadata
from threading import Thread
from typing import Any

import numpy as np
from msgspec.structs import replace

from satchel.errors import InputError, LabelError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.features.vocabulary import Vocabulary, transform
from satchel.inference.structure import Ensemble, Training
from satchel.model import Model
from satchel.progress import Progress, showing, silent
from satchel.sealed.compress import compress
from satchel.sealed.schema import RowType
from satchel.search.dataset import (
    Corpus,
    DroppedDocuments,
    Fingerprint,
    fingerprint,
    fit_vocabulary,
    strongest,
)
from satchel.search.members import (
    LinearSum,
    TrainedMember,
    WeightedMember,
    assemble,
    linear_trainer,
    processors,
    train_network_member,
)
from satchel.search.plan import MOST_LEARNT, gather, plan
from satchel.search.recipe import Candidate, LinearRecipe, NetRecipe, ViewRecipe, describe
from satchel.search.selection import SelectedRecipe, choose
from satchel.search.settings import Settings
from satchel.search.targets import Targets, encode
from satchel.search.validation import Clock, CrossValidator, make_folds
from satchel.sources.splitting import split

Validation = tuple[Sequence[str], Targets]
"""Texts and their labels."""
DEFAULT_SHARE = 0.1
"""What is held out where a callback asks for a validation figure and nobody said how much."""


class Watch:
    """What a network learns from in the final fit, and what it is judged by meanwhile.

    Args:
        corpus: The training documents.
        settings: ``validation_split`` and ``callbacks``: where neither a share nor documents were
            given and a callback monitors a figure of validation, a tenth is held out.
        validation: Documents of the user's own, or None.

    Raises:
        SettingError: If a share was asked for, and too few documents are there to hold one out.
    """

    def __init__(self, corpus: Corpus, settings: Settings, validation: Validation | None) -> None:
        self._targets, self._validation = corpus.targets, validation
        self._sides = None
        share = settings.validation_split
        if share is None and monitors_validation(settings.callbacks):
            share = DEFAULT_SHARE
        # A preset has documents to be judged by of its own.
        if validation is not None or not share or settings.preset is not None:
            return
        try:
            # Copies of a text stay on one side.
            sides = split(
                corpus.targets.names(), corpus.texts, test_share=share, seed=settings.seed
            )
        except InputError as error:
            raise SettingError(
                f"expected enough documents to hold {share:g} of them out for validation, found "
                f"{len(corpus.texts)}: give validation_data, or validation_split=0 ({error})"
            ) from error
        self._sides = (sides.train, sides.test)

    def divided(
        self, vocabulary: Vocabulary, rows: CSRMatrix
    ) -> tuple[np.ndarray | None, tuple[CSRMatrix, Targets] | None]:
        """Divide the training documents.

        Args:
            vocabulary: That of a view.
            rows: The documents, weighed over it.

        Returns:
            The places of the documents to learn from, None for all; and the rows and targets to
            be judged by, or None.
        """
        if self._validation is not None:
            texts, targets = self._validation
            return None, (_rows_of(vocabulary, texts), targets)
        if self._sides is None:
            return None, None
        learn, judge = self._sides
        return learn, (rows[judge], self._targets[judge])


def monitors_validation(callbacks: Sequence[object]) -> bool:
    """Whether a Keras callback monitors a figure of validation, such as ``val_loss``."""
    return any(str(getattr(each, "monitor", "")).startswith("val_") for each in callbacks)


def _rows_of(vocabulary: Vocabulary, texts: Sequence[str]) -> CSRMatrix:
    """New texts as weighed rows over a vocabulary that was fitted without them."""
    return vocabulary.weigh(transform(texts, vocabulary.features, vocabulary.index))


MOST_LOGITS = 2**23
"""Numbers of held-out documents times classes that are judged at most: 32 MB per candidate."""
FEWEST_JUDGED = 1_000
"""Documents to judge by even where that makes more logits."""
RANKING_PASSES = 3
"""Passes of a solver that only ranks features."""


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Attributes:
        model: The model, in the precision in which it is stored.
        choice: What validation decided, to be trained again on more documents.
        history: One mapping per network: each log's values, one per epoch.
        left_out: Documents that taught nothing.
    """

    model: Ensemble
    choice: SelectedRecipe
    history: tuple[Mapping[str, list[float]], ...]
    left_out: DroppedDocuments


def fit(
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress = silent,
    validation: Validation | None = None,
) -> Fitted:
    """Train the best model that the effort finds.

    Args:
        texts: The training documents.
        targets: Their labels.
        settings: What the user asked for.
        progress: Told how far each stage is.
        validation: Documents by which networks are judged after each epoch; None for none.

    Raises:
        TextError: If a document is not text, or none has a word.
        LabelError: If too few documents are left to tell classes apart.
        SettingError: If a setting has a value that it cannot have here.
    """
    clock = Clock(settings.budget)
    data = fingerprint(texts, targets)
    chosen = plan(gather(texts, targets), settings).with_hash_key(data.hash_key)
    if chosen.nets:
        _import_keras(settings)
    features = chosen.view.features
    corpus = Corpus(
        texts, targets, features, chosen.view.minimum_documents, settings.threads, progress
    ).without_empty(features)
    folds = make_folds(
        corpus.texts,
        corpus.targets,
        count=chosen.folds,
        most_learnt=MOST_LEARNT,
        most_judged=min(MOST_LEARNT, max(FEWEST_JUDGED, MOST_LOGITS // len(targets.labels))),
        seed=settings.seed,
    )
    bench = CrossValidator(corpus, folds, settings, clock, progress)
    return _train(choose(chosen, bench), corpus, data, settings, progress, validation)


def refit(
    choice: SelectedRecipe,
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress = silent,
) -> Fitted:
    """Train what was chosen before on these documents, without choosing again.

    Args:
        choice: What :func:`fit` decided, on documents of the same task.
        texts: The training documents; there may be labels among theirs that were not seen before.
        targets: Their labels.
        settings: The settings with which it was chosen.
        progress: Told how far each stage is.

    Raises:
        TextError: If a document is not text, or none has a word.
    """
    if choice.recipe.networks:
        _import_keras(settings)
    corpus = Corpus(
        texts, targets, choice.features, choice.minimum_documents, settings.threads, progress
    ).without_empty(choice.features)
    return _train(choice, corpus, fingerprint(texts, targets), settings, progress, None)


def _train(
    choice: SelectedRecipe,
    corpus: Corpus,
    data: Fingerprint,
    settings: Settings,
    progress: Progress,
    validation: Validation | None,
) -> Fitted:
    row_type: RowType = "float16" if choice.maximum_features is None else "int8"
    vocabularies, shares = _final_fit(choice, corpus, settings, row_type, progress, validation)
    model = assemble(
        vocabularies,
        shares,
        targets=corpus.targets,
        thresholds=choice.thresholds_for(corpus.targets.labels),
        training=_training(choice, corpus.targets, settings, data),
        row_type=row_type,
    )
    history = tuple(share.member.history for share in shares if share.member.history)
    return Fitted(model, choice, history, corpus.left_out)


def _final_fit(
    choice: SelectedRecipe,
    corpus: Corpus,
    settings: Settings,
    row_type: RowType,
    progress: Progress,
    validation: Validation | None,
) -> tuple[list[Vocabulary], list[WeightedMember]]:
    """Train what was chosen on all documents: linear members beside the networks."""
    recipes = choice.recipe.views
    scaled = list(zip(choice.recipe.candidates, choice.recipe.scales, strict=True))
    watch = Watch(corpus, settings, validation)
    seed = settings.seed
    vocabularies: dict[ViewRecipe, Vocabulary] = {}
    sums: dict[ViewRecipe, LinearSum] = {}
    networks: dict[Candidate, TrainedMember] = {}
    solving: list[Future[None]] = []
    with ThreadPoolExecutor(processors(settings.threads)) as pool:
        fits = {
            recipe: pool.submit(_final_vocabulary, recipe, corpus, choice, settings)
            for recipe in recipes
        }
        for recipe in sorted(recipes, key=lambda each: each.features.words):
            vocabulary = vocabularies[recipe] = fits[recipe].result()
            rows = corpus.counted(recipe.features).weighed(vocabulary)
            own = [(each.member, scale) for each, scale in scaled if each.view == recipe]
            linear = [(each, s) for each, s in own if not isinstance(each, NetRecipe)]
            if linear:
                total = sums[recipe] = LinearSum(
                    linear, rows, corpus.targets, settings, seed=seed, row_type=row_type
                )
                solving += [pool.submit(total.train, block) for block in total.blocks]
            for net in (each for each, _ in own if isinstance(each, NetRecipe)):
                # Keras stays in this thread; the solvers hold no lock and run beside it.
                learn, watched = watch.divided(vocabulary, rows)
                networks[Candidate(recipe, net)] = train_network_member(
                    net,
                    rows if learn is None else rows[learn],
                    corpus.targets if learn is None else corpus.targets[learn],
                    settings,
                    seed=seed,
                    final=True,
                    validation=watched,
                    progress=progress,
                )
        for done in solving:
            done.result()
    places = {recipe: number for number, recipe in enumerate(recipes)}
    shares = [WeightedMember(places[recipe], total.member(), 1.0) for recipe, total in sums.items()]
    shares += [
        WeightedMember(places[candidate.view], networks[candidate], scale)
        for candidate, scale in scaled
        if candidate in networks
    ]
    return [vocabularies[recipe] for recipe in recipes], shares


def _import_keras(settings: Settings) -> None:
    """Import Keras beside the counting, which leaves the interpreter idle; it takes seconds."""
    from satchel.training.backends import use_backend

    use_backend(settings.backend)
    Thread(target=import_module, args=("satchel.training.network",), daemon=True).start()


def _final_vocabulary(
    recipe: ViewRecipe, corpus: Corpus, choice: SelectedRecipe, settings: Settings
) -> Vocabulary:
    """Fit a vocabulary on all documents, and prune it where the model would be too large.

    A feature's worth is how far it moves a linear model's scores over all documents.
    """
    counted = corpus.counted(recipe.features)
    vocabulary = fit_vocabulary(counted, corpus.targets, recipe)
    most = choice.maximum_features
    if most is None or len(vocabulary) <= most:
        return vocabulary
    solver = next(
        (
            candidate.member
            for candidate in choice.recipe.candidates
            if candidate.view == recipe and isinstance(candidate.member, LinearRecipe)
        ),
        LinearRecipe(),
    )
    rows = counted.weighed(vocabulary)
    rough = replace(solver, passes=RANKING_PASSES)
    machines = linear_trainer(rough, rows, corpus.targets, settings, seed=settings.seed)
    totals, squares = np.zeros(len(vocabulary)), np.zeros(len(vocabulary))
    for block in machines.blocks():
        table = machines.columns(*block).rows
        totals += table.sum(axis=1)
        squares += np.einsum("vk,vk->v", table, table)
    # What all classes have in common moves no score against another.
    spread = squares - np.square(totals) / len(corpus.targets.labels)
    worth = spread * np.bincount(rows.ids, np.square(rows.values), len(vocabulary))
    return vocabulary.take(strongest(np.ones(len(vocabulary), np.bool_), worth, most))


def _training(
    choice: SelectedRecipe, targets: Targets, settings: Settings, data: Fingerprint
) -> Training:
    backend = "none"
    if choice.recipe.networks:
        from satchel.training.backends import use_backend

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
        trials=choice.trials,
    )


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Trained:
    """A model and how it came about.

    Attributes:
        model: The model.
        choice: What validation decided, which :func:`learn_again` trains on other documents.
        history: One mapping per network of the final fit: each log's values, one per epoch.
        left_out: Documents that taught nothing.
    """

    model: Model
    choice: SelectedRecipe
    history: tuple[Mapping[str, list[float]], ...]
    left_out: DroppedDocuments


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
    choice: SelectedRecipe,
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
    model = fitted.model
    if settings.max_size is not None:
        model = compress(model, max_bytes=int(settings.max_size))
    return Trained(Model(model), fitted.choice, fitted.history, fitted.left_out)


def _require_as_many(texts: Sequence[str], targets: Targets) -> None:
    if len(texts) != len(targets):
        raise LabelError(
            f"expected one label per document, found {len(texts)} documents and "
            f"{len(targets)} labels"
        )
