"""Training as a whole: search, the final fit of the selected recipe, and the facts about both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module, metadata
from threading import Thread

import numpy as np
from msgspec.structs import replace

from satchel.errors import InputError, LabelError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.features.vocabulary import Vocabulary, transform
from satchel.inference.structure import Ensemble, Training
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
from satchel.search.plan import MAX_TRAIN_DOCUMENTS, gather, plan
from satchel.search.recipe import Candidate, LinearRecipe, NetRecipe, ViewRecipe, describe
from satchel.search.selection import SelectedRecipe, choose
from satchel.search.settings import Settings
from satchel.search.targets import Targets
from satchel.search.validation import Clock, CrossValidator, make_folds
from satchel.sources.splitting import split

Validation = tuple[Sequence[str], Targets]
"""Texts and their labels."""
DEFAULT_SHARE = 0.1
"""The share held out where a callback monitors a validation metric and no share was given."""


class NetworkValidation:
    """Training and validation documents of the networks in the final fit.

    Args:
        corpus: The training documents.
        settings: ``validation_split`` and ``callbacks``: where neither a share nor documents were
            given and a callback monitors a validation metric, a tenth is held out.
        validation: Validation documents given by the user, or None.

    Raises:
        SettingError: If a share was requested and there are too few documents to hold it out.
    """

    def __init__(self, corpus: Corpus, settings: Settings, validation: Validation | None) -> None:
        self._targets, self._validation = corpus.targets, validation
        self._sides = None
        share = settings.validation_split
        if share is None and monitors_validation(settings.callbacks):
            share = DEFAULT_SHARE
        # A preset defines its own validation documents.
        if validation is not None or not share or settings.preset is not None:
            return
        try:
            # Copies of a text stay on the same side, and so do groups.
            sides = split(
                corpus.targets.names(),
                corpus.texts,
                test_share=share,
                seed=settings.seed,
                groups=corpus.groups,
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
            vocabulary: The vocabulary of a view.
            rows: The documents, weighted over it.

        Returns:
            The indices of the documents to train on, None for all; and the rows and targets to
            validate on, or None.
        """
        if self._validation is not None:
            texts, targets = self._validation
            return None, (_weighted_rows(vocabulary, texts), targets)
        if self._sides is None:
            return None, None
        train, test = self._sides
        return train, (rows[test], self._targets[test])


def monitors_validation(callbacks: Sequence[object]) -> bool:
    """Whether a Keras callback monitors a validation metric, such as ``val_loss``."""
    return any(str(getattr(each, "monitor", "")).startswith("val_") for each in callbacks)


def _weighted_rows(vocabulary: Vocabulary, texts: Sequence[str]) -> CSRMatrix:
    """New texts as weighted rows over a vocabulary that was fitted without them."""
    return vocabulary.weigh(transform(texts, vocabulary.features, vocabulary.index))


MAX_LOGITS = 2**23
"""The most held-out logits (documents times classes) per candidate and fold: 32 MB."""
MIN_TEST_DOCUMENTS = 1_000
"""Held-out documents per fold even where that makes more logits."""
RANKING_MAX_ITER = 3
"""``max_iter`` of a solver that only ranks features."""


@dataclass(frozen=True)
class Fitted:
    """A trained ensemble and how it was chosen.

    Attributes:
        model: The ensemble, in the precision in which it is stored, of at most
            ``settings.max_size`` bytes.
        choice: What validation selected, which :func:`refit` trains on other documents.
        history: One mapping per network: each log's values, one per epoch.
        dropped: Documents that were not trained on.
    """

    model: Ensemble
    choice: SelectedRecipe
    history: tuple[Mapping[str, list[float]], ...]
    dropped: DroppedDocuments


def fit(
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress = silent,
    validation: Validation | None = None,
    groups: np.ndarray | None = None,
) -> Fitted:
    """Search for the best recipe that the effort allows, and train it.

    Args:
        texts: The training documents.
        targets: Their labels.
        settings: What the user asked for.
        progress: Called with the progress of each stage.
        validation: Documents on which networks are evaluated after each epoch; None for none.
        groups: int64 array, one per document: those with the same number are never on both sides
            of a split for validation, -1 for no group; None where there are no groups.

    Raises:
        TextError: If a document is not text, or none has a word.
        LabelError: If fewer than two classes are left, or there is not one label per document.
        SettingError: If a setting has a value that is not allowed with this data.
        UnsupportedHeadError: If a model file could not hold the head.
    """
    _require_equal_lengths(texts, targets)
    with showing(progress):
        return _search_and_train(texts, targets, settings, progress, validation, groups)


def _search_and_train(
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress,
    validation: Validation | None,
    groups: np.ndarray | None,
) -> Fitted:
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
        groups=groups,
    ).without_empty(features)
    folds = make_folds(
        corpus.texts,
        corpus.targets,
        count=chosen.folds,
        max_train=MAX_TRAIN_DOCUMENTS,
        max_test=min(
            MAX_TRAIN_DOCUMENTS, max(MIN_TEST_DOCUMENTS, MAX_LOGITS // len(targets.labels))
        ),
        seed=settings.seed,
        groups=corpus.groups,
    )
    validator = CrossValidator(corpus, folds, settings, clock, progress)
    return _train(choose(chosen, validator), corpus, data, settings, progress, validation)


def refit(
    choice: SelectedRecipe,
    texts: Sequence[str],
    targets: Targets,
    settings: Settings,
    progress: Progress = silent,
) -> Fitted:
    """Train a recipe that was selected before on these documents, without a new search.

    Args:
        choice: What :func:`fit` selected, on documents of the same task.
        texts: The training documents, which may have labels that were not seen before.
        targets: Their labels.
        settings: The settings with which it was selected.
        progress: Called with the progress of each stage.

    Raises:
        TextError: If a document is not text, or none has a word.
        LabelError: If there is not one label per document.
    """
    _require_equal_lengths(texts, targets)
    with showing(progress):
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
    vocabularies, members = _final_fit(choice, corpus, settings, row_type, progress, validation)
    model = assemble(
        vocabularies,
        members,
        targets=corpus.targets,
        thresholds=choice.thresholds_for(corpus.targets.labels),
        training=_training(choice, corpus.targets, settings, data),
        row_type=row_type,
    )
    if settings.max_size is not None:
        model = compress(model, max_bytes=int(settings.max_size))
    history = tuple(each.member.history for each in members if each.member.history)
    return Fitted(model, choice, history, corpus.dropped)


def _final_fit(
    choice: SelectedRecipe,
    corpus: Corpus,
    settings: Settings,
    row_type: RowType,
    progress: Progress,
    validation: Validation | None,
) -> tuple[list[Vocabulary], list[WeightedMember]]:
    """Train the selected recipe on all documents: linear members in parallel with the networks."""
    recipes = choice.recipe.views
    scaled = list(zip(choice.recipe.candidates, choice.recipe.scales, strict=True))
    validation_split = NetworkValidation(corpus, settings, validation)
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
                # Keras stays in this thread; the solvers release the GIL and run in parallel.
                train, held_out = validation_split.divided(vocabulary, rows)
                networks[Candidate(recipe, net)] = train_network_member(
                    net,
                    rows if train is None else rows[train],
                    corpus.targets if train is None else corpus.targets[train],
                    settings,
                    seed=seed,
                    final=True,
                    validation=held_out,
                    progress=progress,
                )
        for done in solving:
            done.result()
    places = {recipe: number for number, recipe in enumerate(recipes)}
    members = [
        WeightedMember(places[recipe], total.member(), 1.0) for recipe, total in sums.items()
    ]
    members += [
        WeightedMember(places[candidate.view], networks[candidate], scale)
        for candidate, scale in scaled
        if candidate in networks
    ]
    return [vocabularies[recipe] for recipe in recipes], members


def _import_keras(settings: Settings) -> None:
    """Import Keras while counting leaves the interpreter idle; the import takes seconds."""
    from satchel.training.backends import use_backend

    use_backend(settings.backend)
    Thread(target=import_module, args=("satchel.training.network",), daemon=True).start()


def _final_vocabulary(
    recipe: ViewRecipe, corpus: Corpus, choice: SelectedRecipe, settings: Settings
) -> Vocabulary:
    """Fit a vocabulary on all documents, and prune it to ``choice.maximum_features``.

    A feature's importance is how far it moves a linear model's logits over all documents.
    """
    counted = corpus.counted(recipe.features)
    vocabulary = fit_vocabulary(counted, corpus.targets, recipe)
    limit = choice.maximum_features
    if limit is None or len(vocabulary) <= limit:
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
    rough = replace(solver, max_iter=RANKING_MAX_ITER)
    trainer = linear_trainer(rough, rows, corpus.targets, settings, seed=settings.seed)
    totals, squares = np.zeros(len(vocabulary)), np.zeros(len(vocabulary))
    for block in trainer.blocks():
        table = trainer.columns(*block).rows
        totals += table.sum(axis=1)
        squares += np.einsum("vk,vk->v", table, table)
    # What all classes have in common moves no logit relative to another.
    spread = squares - np.square(totals) / len(corpus.targets.labels)
    importance = spread * np.bincount(rows.ids, np.square(rows.values), len(vocabulary))
    return vocabulary.take(strongest(np.ones(len(vocabulary), np.bool_), importance, limit))


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


def _require_equal_lengths(texts: Sequence[str], targets: Targets) -> None:
    if len(texts) != len(targets):
        raise LabelError(
            f"expected one label per document, found {len(texts)} documents and "
            f"{len(targets)} labels"
        )
