"""The training documents and their feature counts, computed once for each feature family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from satchel.errors import TextError
from satchel.features.counting import count
from satchel.features.csr import CSRMatrix
from satchel.features.hashing import (
    CHARACTER_KIND,
    FIELD_KIND,
    PART_KIND,
    derived_key,
    digest_texts,
)
from satchel.features.spec import Features
from satchel.features.vocabulary import Vocabulary
from satchel.features.weighting import (
    class_entropy,
    inverse_document_frequency,
    keras_inverse_document_frequency,
)
from satchel.progress import Progress, silent
from satchel.search.recipe import ViewRecipe
from satchel.search.targets import Targets


@dataclass(frozen=True)
class Counted:
    """Documents as raw counts over every feature of a family.

    Attributes:
        rows: Raw counts, one row per document.
        hashes: uint64 array of shape ``(columns,)``, strictly increasing.
        kinds: uint8 array of shape ``(columns,)``.
    """

    rows: CSRMatrix
    hashes: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: np.ndarray) -> Counted:
        return Counted(self.rows[index], self.hashes, self.kinds)

    def weighed(self, vocabulary: Vocabulary) -> CSRMatrix:
        """The documents as weighted rows over a vocabulary of features that are counted here."""
        columns = np.zeros(len(self.hashes), np.bool_)
        columns[np.searchsorted(self.hashes, vocabulary.hashes)] = True
        return vocabulary.weigh(self.rows.select_columns(columns))


@dataclass(frozen=True)
class DroppedDocuments:
    """Numbers of documents dropped from training, by reason.

    Attributes:
        without_words: Documents without any feature.
        without_shared_words: Documents all of whose features occur in too few documents.
    """

    without_words: int = 0
    without_shared_words: int = 0

    def __len__(self) -> int:
        return self.without_words + self.without_shared_words

    def lines(self) -> list[str]:
        """One line per reason that occurs."""
        reasons = (
            (self.without_words, "without a word"),
            (self.without_shared_words, "none of whose words occurs in another document"),
        )
        return [
            f"dropped from training: {count:,} document{'s' if count > 1 else ''} {reason}"
            for count, reason in reasons
            if count
        ]


@dataclass
class Corpus:
    """Training documents and their counts.

    Attributes:
        texts: The documents.
        targets: Their labels.
        widest: The features of the first view: a superset of those of every view that differs
            from it in words and fields alone.
        minimum_documents: Features in fewer documents, which often outnumber all others, are used
            by no view; field tokens always may be.
        threads: Threads to count with.
        progress: Called with the progress of counting.
        dropped: How many documents were dropped to arrive at these.
        groups: int64 array, one per document: those with the same number are kept together in
            validation, -1 for none; None where there are no groups.
    """

    texts: Sequence[str]
    targets: Targets
    widest: Features
    minimum_documents: int = 1
    threads: int | None = None
    progress: Progress = silent
    dropped: DroppedDocuments = DroppedDocuments()
    groups: np.ndarray | None = None
    _lengths: dict[Features, np.ndarray] = field(default_factory=dict)
    _counted: dict[Features, Counted] = field(default_factory=dict)

    def counted(self, features: Features) -> Counted:
        """The counts that contain those of a view with these features.

        Features that differ from the widest in the length of word n-grams or in fields alone share
        its counts.
        """
        family = self._family(features)
        if family not in self._counted:
            counts, rows = count(self.texts, family, threads=self.threads, progress=self.progress)
            self._lengths[family] = rows.lengths
            useful = counts.document_frequency >= self.minimum_documents
            useful |= counts.kinds >= FIELD_KIND
            if useful.all() or not useful.any():
                self._counted[family] = Counted(rows, counts.hashes, counts.kinds)
            else:
                self._counted[family] = Counted(
                    rows.select_columns(useful), counts.hashes[useful], counts.kinds[useful]
                )
        return self._counted[family]

    def _family(self, features: Features) -> Features:
        widest = self.widest
        as_wide = replace(features, words=widest.words, fields=widest.fields)
        return widest if features.words and as_wide == widest else features

    def without_empty(self, features: Features) -> Corpus:
        """The documents that contain at least one of these features.

        Raises:
            TextError: If no document contains any.
        """
        counted = self.counted(features)
        filled = np.flatnonzero(counted.rows.lengths > 0)
        wordless = int((self._lengths[self._family(features)] == 0).sum())
        if not len(filled):
            raise TextError(
                "expected documents with words, found no word in any of them: check the column or "
                "the folder that the text comes from"
            )
        if len(filled) == len(counted):
            return self
        kept = Corpus(
            [self.texts[i] for i in filled.tolist()],
            self.targets[filled],
            self.widest,
            self.minimum_documents,
            self.threads,
            self.progress,
            DroppedDocuments(wordless, len(counted) - len(filled) - wordless),
            None if self.groups is None else self.groups[filled],
        )
        kept._counted = {family: each[filled] for family, each in self._counted.items()}
        return kept


def fit_vocabulary(counted: Counted, targets: Targets, recipe: ViewRecipe) -> Vocabulary:
    """Select a view's features and compute their weights, from these documents alone.

    Args:
        counted: The training documents.
        targets: Their labels, for the class-entropy weight.
        recipe: Which features to keep and how to weight them.

    Returns:
        The features, in the order of their hashes.
    """
    documents = counted.rows.column_counts()
    minimum = np.where(counted.kinds >= FIELD_KIND, 1, recipe.minimum_documents)
    allowed = _allowed(counted.kinds, recipe)
    kept = allowed & (documents >= minimum)
    if not kept.any():
        # A handful of documents may share no word: rare words are better than none.
        kept = allowed & (documents >= 1)
    if recipe.maximum_features is not None and kept.sum() > recipe.maximum_features:
        importance = documents if recipe.keep_by == "documents" else counted.rows.column_sums()
        kept = strongest(kept, importance, recipe.maximum_features)
    rows = counted.rows.select_columns(kept)
    weight = _feature_weights(rows, documents[kept], len(counted), targets, recipe)
    weight = weight.astype(np.float32)
    return Vocabulary(
        recipe.features, recipe.weighting, counted.hashes[kept], counted.kinds[kept], weight
    )


def strongest(kept: np.ndarray, importance: np.ndarray, limit: int) -> np.ndarray:
    """Keep the columns with the highest importance.

    Args:
        kept: bool array over columns: the candidates.
        importance: Array over columns.
        limit: How many to keep.

    Returns:
        bool array over columns. Ties go to the smaller hash, as columns are sorted by hash.
    """
    candidates = np.flatnonzero(kept)
    order = np.argsort(-importance[candidates], kind="stable")[:limit]
    chosen = np.zeros_like(kept)
    chosen[candidates[order]] = True
    return chosen


def _allowed(kinds: np.ndarray, recipe: ViewRecipe) -> np.ndarray:
    features = recipe.features
    allowed = (kinds >= 1) & (kinds <= (0 if recipe.only_fields else features.words))
    if features.characters is not None:
        allowed |= kinds == CHARACTER_KIND
    if features.fields:
        allowed |= kinds == FIELD_KIND
        if recipe.parts:
            allowed |= kinds == PART_KIND
    return allowed


def _feature_weights(
    rows: CSRMatrix, documents: np.ndarray, n: int, targets: Targets, recipe: ViewRecipe
) -> np.ndarray:
    if recipe.weights == "none":
        return np.ones(rows.columns)
    if recipe.weights == "keras_idf":
        return keras_inverse_document_frequency(documents, n)
    weight = inverse_document_frequency(documents, n)
    if recipe.entropy is not None:
        copies, classes = targets.one_by_one()
        weight = weight * class_entropy(
            rows[copies], classes, len(targets.labels), base=recipe.entropy
        )
    return weight


@dataclass(frozen=True)
class Fingerprint:
    """Digests of the training documents.

    Attributes:
        hash_key: The key of the feature hash. It cannot be computed without all training texts;
            equal texts in equal order give equal keys, and so equal model files.
        training: BLAKE2b of texts, labels and weights, in hexadecimal.
    """

    hash_key: int
    training: str


def fingerprint(texts: Sequence[str], targets: Targets) -> Fingerprint:
    """Compute the digests of the training documents.

    Args:
        texts: The documents; those of white space alone, which are never trained on, do not
            contribute.
        targets: Their labels.
    """
    filled = [number for number, text in enumerate(texts) if text and not text.isspace()]
    targets = targets[np.array(filled, np.intp)]
    digest = digest_texts(texts[number] for number in filled)
    hash_key = derived_key(digest.digest())
    digest.update(digest_texts([targets.task, targets.label_type, *targets.label_texts]).digest())
    for numbers in (targets.offsets, targets.classes):
        digest.update(numbers.astype("<i8").tobytes())
    if targets.weights is not None:
        digest.update(targets.weights.astype("<f8").tobytes())
    return Fingerprint(hash_key, digest.hexdigest())
