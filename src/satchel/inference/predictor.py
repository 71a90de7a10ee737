"""Prediction: from texts to logits, labels and explanations, without Keras."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from satchel.errors import PredictionError, SettingError, TextError
from satchel.features.csr import CSRMatrix
from satchel.features.embedding_bag import TextEncoder
from satchel.inference.explain import Explanation, explain
from satchel.inference.structure import Ensemble

Block = tuple[np.ndarray, np.ndarray]
"""Logits, float32 [n, classes], of some documents, and how many features of each are known."""

MOST_HELD = 1_000
"""The most labels assigned to one document; beyond that, only the most probable are."""

_LARGEST = 1e38
"""Larger logits count as infinite: their differences leave the range of float32."""

_BLOCK = 1 << 24
"""The most intermediate numbers for a block of documents: 64 MB."""


class Ranking(NamedTuple):
    """A model's most probable labels for one document.

    Attributes:
        best: The most probable labels with their probabilities, in descending order; ties in the
            order of the labels.
        holding: For the task ``multiple``, the assigned labels, in the same order; else empty.
        known: How many distinct features of the document the model knows.
    """

    best: list[tuple[str, float]]
    holding: list[tuple[str, float]]
    known: int


class Predictor:
    """Computes the predictions of one model.

    Many documents are processed in blocks: besides the result, this takes a few hundred megabytes
    of memory at most.

    Args:
        model: The model.

    Attributes:
        model: The same.
        thresholds: float32 [classes] for ``multiple``: the lowest probability at which each
            label is assigned; None for ``single``.
    """

    def __init__(self, model: Ensemble) -> None:
        self.model = model
        self.thresholds = (
            np.array(model.thresholds, np.float32) if model.task == "multiple" else None
        )
        self._encoder = TextEncoder(model.views)
        numbers = sum(view.width for view in model.views) + sum(
            member.width + sum(layer.units for layer in member.layers) for member in model.members
        )
        self._block = max(1, _BLOCK // numbers)

    @property
    def prediction_without_features(self) -> str:
        """Describe the prediction for a document without known features."""
        if self.model.prior is None:
            return "that of the model's biases alone, which need not be the most frequent label"
        return "the prior: how often each label occurs among the training documents"

    def logits(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the logits of documents: log-odds up to a constant, before softmax or sigmoid.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one per core.

        Returns:
            float32 [n, classes].

        Raises:
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
        """
        documents = _documents(texts)
        blocks = self._blocks(documents, threads)
        if isinstance(blocks, list):
            return blocks[0][0]
        logits = np.empty((len(documents), len(self.model.labels)), np.float32)
        start = 0
        for block, _ in blocks:
            logits[start : start + len(block)] = block
            start += len(block)
        return logits

    def warm_up(self) -> None:
        """Speed up predictions for single texts, at the cost of start-up time and memory.

        Loads Numba, if it is installed, and packs the views for the kernel. Predictions stay the
        same except for rounding.
        """
        self._encoder.warm_up()

    def probabilities(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the probabilities of documents, float32 [n, classes]; see `logits`."""
        return self.model.probabilities(self.logits(texts, threads))

    def score(
        self, texts: Iterable[str], threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of documents, and how many of their features are known.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one per core.

        Returns:
            float32 [n, classes], and integers [n].

        Raises:
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
        """
        blocks = list(self._blocks(_documents(texts), threads))
        logits = np.concatenate([logits for logits, _ in blocks])
        return self.model.probabilities(logits), np.concatenate([known for _, known in blocks])

    def predict(
        self, texts: Iterable[str], threads: int | None = None
    ) -> list[int] | list[tuple[int, ...]]:
        """Return the label of each document as its number, from 0.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one per core.

        Returns:
            One number per document; for the task ``multiple``, a tuple of the numbers of the
            assigned labels, ascending.

        Raises:
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
        """
        found: list[int | tuple[int, ...]] = []
        for logits, _ in self._blocks(_documents(texts), threads):
            probabilities = self.model.probabilities(logits)
            if self.thresholds is None:
                found += probabilities.argmax(axis=1).tolist()
            else:
                found += [tuple(np.sort(self._holding(row)).tolist()) for row in probabilities]
        return found  # type: ignore[return-value]  # the task decides which of the two

    def _holding(self, row: np.ndarray) -> np.ndarray:
        """Return the columns of a document's assigned labels, the most probable first."""
        columns = np.flatnonzero(row >= self.thresholds)
        holding: np.ndarray = columns[_ranked(row[columns], MOST_HELD)]
        return holding

    def rank(self, texts: Iterable[str], k: int = 1, threads: int | None = None) -> list[Ranking]:
        """Return the most probable labels of each document.

        Args:
            texts: The documents.
            k: How many labels; all of them if the model has fewer.
            threads: How many threads may work on many documents; None for one per core.

        Returns:
            One ranking per document.

        Raises:
            SettingError: k is less than 1.
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
        """
        if k < 1:
            raise SettingError(f"expected k to be 1 or more, found {k}")
        rankings: list[Ranking] = []
        for logits, known in self._blocks(_documents(texts), threads):
            rankings += self.ranked(self.model.probabilities(logits), known, k)
        return rankings

    def ranked(self, probabilities: np.ndarray, known: np.ndarray, k: int) -> list[Ranking]:
        """Return the most probable labels of documents that `score` has read.

        Args:
            probabilities: float32 [n, classes].
            known: Integers [n].
            k: How many labels, at least 1; all of them if the model has fewer.

        Returns:
            One ranking per document.
        """
        rankings = []
        for row, count in zip(probabilities, known.tolist(), strict=True):
            holding = self._named(row, self._holding(row)) if self.thresholds is not None else []
            rankings.append(Ranking(self._named(row, _ranked(row, k)), holding, count))
        return rankings

    def _named(self, row: np.ndarray, columns: np.ndarray) -> list[tuple[str, float]]:
        pairs = zip(columns.tolist(), row[columns].tolist(), strict=True)
        return [(self.model.labels[column], probability) for column, probability in pairs]

    def known(self, texts: Iterable[str]) -> np.ndarray:
        """Return how many distinct features of each document the model knows, integer [n].

        With 0 the prediction is the prior. With several views, this is the largest of their
        counts.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        known: np.ndarray = np.max([rows.lengths for rows in self.counts(texts)], axis=0)
        return known

    def counts(self, texts: Iterable[str]) -> list[CSRMatrix]:
        """Return how often each known feature occurs in texts, for each view.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        return self._encoder.counts(_documents(texts))

    def weighed(self, texts: Iterable[str]) -> list[CSRMatrix]:
        """Return the weighted and normalised values of the known features, for each view.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        counts = self.counts(texts)
        return [
            view.vocabulary.weigh(rows) for view, rows in zip(self.model.views, counts, strict=True)
        ]

    def explain(
        self,
        text: str,
        label: str | None = None,
        against: str | None = None,
        top: int | None = None,
    ) -> Explanation:
        """Return what every token contributed to the logits; see `explain.explain`.

        Raises:
            LabelError: The model has no such label, or the two are the same.
            SettingError: ``top`` is negative.
            TextError: The document is not text.
            PredictionError: The weights of the model overflow.
        """
        with np.errstate(all="ignore"):
            explanation = explain(self, text, label, against, top)
        # Every contribution is a part of this sum.
        _checked(np.array([[explanation.margin, explanation.base, explanation.remainder]]))
        return explanation

    def logits_of_sums(self, sums: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits [n, classes] of sums, one float32 [n, width] per view.

        Raises:
            PredictionError: The weights of the model overflow.
        """
        with np.errstate(all="ignore"):
            return _checked(self.model.logits(sums))

    def _blocks(self, texts: Sequence[str], threads: int | None) -> list[Block] | Iterator[Block]:
        """Return logits and numbers of known features, block by block."""
        if len(texts) <= self._block:
            return [self._finished(*self._encoder.read(texts, threads), 0)]
        blocks = self._encoder.read_in_blocks(texts, self._block, threads)
        return (
            self._finished(sums, counts, number * self._block)
            for number, (sums, counts) in enumerate(blocks)
        )

    def _finished(self, sums: Sequence[np.ndarray], counts: np.ndarray, first: int) -> Block:
        """Return logits from sums, and how many features of each document are known."""
        known: np.ndarray = counts[:, 0] if counts.shape[1] == 1 else counts.max(axis=1)
        with np.errstate(all="ignore"):
            logits = self.model.logits(sums)
            prior = self.model.prior
            if prior is not None and np.count_nonzero(known) < len(known):
                logits[known == 0] = prior
            return _checked(logits, first), known


def _ranked(row: np.ndarray, k: int) -> np.ndarray:
    """Return the positions of the k largest numbers, in descending order; ties in order."""
    if k < len(row):
        least = np.partition(row, len(row) - k)[len(row) - k]
        places = np.flatnonzero(row >= least)
    else:
        places = np.arange(len(row))
    return places[np.argsort(-row[places], kind="stable")[:k]]


def _checked(logits: np.ndarray, first: int = 0) -> np.ndarray:
    """Refuse logits that are not finite."""
    if math.isfinite(np.vdot(logits, logits)):
        return logits
    # A logit may be finite although its square is not.
    finite = np.abs(logits).max(axis=1) <= _LARGEST
    if not finite.all():
        document = first + int(np.flatnonzero(~finite)[0])
        raise PredictionError(
            f"expected finite logits, but those of document {document} are not: the weights of the "
            "model are so large that they overflow; train the model again, or ask its author",
            document,
        )
    return logits


def _documents(texts: Iterable[str]) -> Sequence[str]:
    if isinstance(texts, (str, bytes)):
        raise TextError("expected a list of texts, found a single one: put it into a list")
    return texts if isinstance(texts, list) else list(texts)
