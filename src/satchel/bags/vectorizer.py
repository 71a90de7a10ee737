"""From texts to weighted rows: counting, choosing the vocabulary, weighing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from satchel.bags.counting import count
from satchel.bags.counts import Counts
from satchel.bags.features import Features, Weighting
from satchel.bags.hashing import FIELD_KIND
from satchel.bags.lookup import Lookup, lookup
from satchel.bags.rows import Rows
from satchel.bags.selection import best, frequency_limits
from satchel.bags.weighing import weigh
from satchel.bags.weights import (
    class_entropy,
    inverse_document_frequency,
    keras_inverse_document_frequency,
)
from satchel.errors import NotFittedError, SettingError
from satchel.progress import Progress, silent

Weights = Literal["idf", "idf_entropy", "none", "keras_idf"]
Score = Literal["document_frequency", "count", "class_entropy"]


class Vectorizer:
    """Learns a vocabulary and its weights from texts, and turns texts into weighted rows.

    Attributes:
        hashes_: uint64 [V] ascending, after ``fit_transform``.
        kinds_: uint8 [V].
        weights_: float32 [V].
        document_frequency_: int64 [V].
        documents_: The number of documents learned from.
    """

    hashes_: np.ndarray
    kinds_: np.ndarray
    weights_: np.ndarray
    document_frequency_: np.ndarray
    documents_: int

    def __init__(
        self,
        features: Features | None = None,
        weighting: Weighting | None = None,
        *,
        weights: Weights = "idf",
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        max_features: int | None = None,
        max_features_by: Score = "document_frequency",
        threads: int | None = None,
        progress: Progress = silent,
    ) -> None:
        """Set how to learn; nothing is read yet.

        Args:
            features: Which features to count; ``Features()`` where None.
            weighting: Term frequency and norm; ``Weighting()`` where None.
            weights: ``idf``; ``idf_entropy`` = idf × ``class_entropy``, which needs classes;
                ``keras_idf``; or ``none``, all 1.
            min_df: The least document frequency: an integer counts documents, a float is a share.
            max_df: The greatest document frequency, likewise.
            max_features: How many features may stay; None for all.
            max_features_by: The score that decides which: ``document_frequency``, ``count`` (total
                count) or ``class_entropy``. Among equal scores the smaller hash stays.
            threads: How many threads work; None means one a core. It never changes the answer.
            progress: Told of advances.

        Raises:
            SettingError: ``weights`` or ``max_features_by`` is unknown.
        """
        if weights not in ("idf", "idf_entropy", "none", "keras_idf"):
            raise SettingError(
                "weights must be 'idf', 'idf_entropy', 'none' or 'keras_idf', "
                f"but it is {weights!r}"
            )
        if max_features_by not in ("document_frequency", "count", "class_entropy"):
            raise SettingError(
                "max_features_by must be 'document_frequency', 'count' or 'class_entropy', "
                f"but it is {max_features_by!r}"
            )
        self.features = features or Features()
        self.weighting = weighting or Weighting()
        self.weights = weights
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.max_features_by = max_features_by
        self.threads = threads
        self.progress = progress
        self._lookup: Lookup | None = None

    @property
    def lookup_(self) -> Lookup:
        """The vocabulary made ready for look-ups.

        Raises:
            NotFittedError: Nothing has been learned yet.
        """
        if self._lookup is None:
            raise NotFittedError(
                "this Vectorizer has learned nothing yet: call fit_transform first"
            )
        return self._lookup

    def fit_transform(self, texts: Sequence[str], classes: np.ndarray | None = None) -> Rows:
        """Learn vocabulary and weights from texts, and give their weighted rows.

        Args:
            texts: Documents.
            classes: The class of each document, integer [n] from 0; needed where the entropy of
                classes is asked for.

        Returns:
            One row a document.

        Raises:
            TextError: A document is not text.
            SettingError: The settings leave no feature, or classes are missing.
        """
        counts, rows = count(texts, self.features, threads=self.threads, progress=self.progress)
        return self.fit_counts(counts, rows, classes)

    def fit_counts(self, counts: Counts, rows: Rows, classes: np.ndarray | None = None) -> Rows:
        """``fit_transform`` for texts that are counted already.

        Args:
            counts: The vocabulary that ``count`` found.
            rows: The counts of the documents.
            classes: As in ``fit_transform``.

        Returns:
            One row a document, weighted.

        Raises:
            SettingError: The settings leave no feature, or classes are missing.
        """
        kept = frequency_limits(
            counts.document_frequency, counts.documents, self.min_df, self.max_df
        )
        if self.max_features is not None:
            kept = best(kept, self._scores(counts, rows, classes), self.max_features)
        if not kept.any():
            raise SettingError(
                f"no feature of {len(counts)} is left for {counts.documents} documents: "
                "are they all empty? Else lower min_df or raise max_df"
            )
        if not kept.all():
            rows = rows.select_columns(kept)
        self.hashes_ = counts.hashes[kept]
        self.kinds_ = counts.kinds[kept]
        self.document_frequency_ = counts.document_frequency[kept]
        self.documents_ = counts.documents
        self.weights_ = self._weights(rows, classes)
        self._lookup = Lookup(self.hashes_)
        return weigh(rows, self.weights_, self.weighting, self.kinds_ >= FIELD_KIND)

    def transform(self, texts: Sequence[str]) -> Rows:
        """Weighted rows of texts by the vocabulary learned; unknown features are dropped.

        Args:
            texts: Documents.

        Returns:
            One row a document.

        Raises:
            NotFittedError: Nothing has been learned yet.
            TextError: A document is not text.
        """
        counted = lookup(texts, self.features, self.lookup_, threads=self.threads)
        return weigh(counted, self.weights_, self.weighting, self.kinds_ >= FIELD_KIND)

    def _scores(self, counts: Counts, rows: Rows, classes: np.ndarray | None) -> np.ndarray:
        if self.max_features_by == "count":
            return rows.column_sums()
        if self.max_features_by == "class_entropy":
            return self._class_entropy(rows, classes)
        return counts.document_frequency

    def _weights(self, rows: Rows, classes: np.ndarray | None) -> np.ndarray:
        if self.weights == "none":
            return np.ones(rows.columns, np.float32)
        if self.weights == "keras_idf":
            return keras_inverse_document_frequency(self.document_frequency_, self.documents_)
        idf = inverse_document_frequency(self.document_frequency_, self.documents_)
        if self.weights == "idf":
            return idf
        return np.asarray(idf * self._class_entropy(rows, classes), np.float32)

    def _class_entropy(self, rows: Rows, classes: np.ndarray | None) -> np.ndarray:
        if classes is None:
            raise SettingError(
                "the class entropy needs the class of each document: pass classes, or choose "
                "weights='idf'"
            )
        classes = np.asarray(classes)
        return class_entropy(rows, classes, int(classes.max(initial=0)) + 1)
