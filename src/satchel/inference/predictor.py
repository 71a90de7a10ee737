"""A sealed model's plain parts, ready to answer. No Keras, and Numba only for bulk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np

from satchel.errors import PredictionError, SettingError, TextError
from satchel.features.csr import Rows
from satchel.features.embedding_bag import BagReader
from satchel.inference import forward
from satchel.inference.explain import Explanation, explain
from satchel.inference.forward import bag_tables, prior_scores
from satchel.sealed.schema import Parts

Prediction = str | tuple[str, ...]
"""One label, or, where a document may have several, those that hold."""

Block = tuple[np.ndarray, np.ndarray]
"""Scores, float32 [n, classes], of some documents, and how many features of each are known."""

MOST_HELD = 1_000
"""The most labels that hold for one document; beyond, the likeliest do."""

_MOST_SCORE = 1e38
"""Greater scores are as good as infinite: their differences leave the range of float32."""

_BLOCK = 1 << 24
"""Numbers that a block of documents needs on its way through the model, at most: 64 MB."""


class Ranking(NamedTuple):
    """What a model thinks of one document, as far as it was asked for.

    Attributes:
        best: The most probable labels with their probabilities, the best first; among equals the
            first in the order of the labels.
        holding: For the task ``multiple``, the labels that hold, in the same order; else empty.
        known: How many distinct features of the document the model knows.
    """

    best: list[tuple[str, float]]
    holding: list[tuple[str, float]]
    known: int


class Model:
    """A model that answers.

    Answers to many documents are computed in blocks: beside what is asked for, a few hundred
    megabytes of memory at most are taken.

    Args:
        parts: A model's plain parts, from `satchel.sealed.read` or from training.

    Attributes:
        parts: The parts it was made of.
        labels: The labels, in the order of the columns of scores and probabilities.
        task: ``single``: one label a document; ``multiple``: any number.
        thresholds: float32 [classes] for ``multiple``: the least probability at which each label
            holds; None for ``single``.
        views: The ways in which it sees a document.
        members: The networks whose shares add up to the scores.
        calibration: What their sum is brought to; None where that is left as it is.
        prior: float32 [classes], the scores of a document without a known feature; None where the
            biases answer for it (format 1, and files that do not know how often a label occurred).
    """

    def __init__(self, parts: Parts) -> None:
        manifest = parts.manifest
        self.parts = parts
        self.labels = manifest.labels
        self.task = manifest.task
        self.thresholds = (
            np.array(manifest.thresholds, np.float32) if manifest.task == "multiple" else None
        )
        self.views = bag_tables(parts)
        self._reader = BagReader(self.views)
        self.members = forward.member_networks(parts)
        self.calibration = forward.calibration_of(manifest)
        self.prior = prior_scores(manifest)
        numbers = sum(view.width for view in self.views) + sum(
            member.stop - member.start + sum(layer.units for layer in member.layers)
            for member in manifest.members
        )
        self._block = max(1, _BLOCK // numbers)

    @property
    def answer_to_nothing(self) -> str:
        """What answers for a document without a known feature, in words."""
        if self.prior is None:
            return "what the model's biases alone give, which need not be the likeliest label"
        return "the prior: how often each label occurs among the training documents"

    def scores(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the scores of documents: log-odds up to a constant, before softmax or sigmoid.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one a core.

        Returns:
            float32 [n, classes].

        Raises:
            TextError: A document is not text.
            PredictionError: The numbers of the model overflow.
        """
        documents = _documents(texts)
        blocks = self._blocks(documents, threads)
        if isinstance(blocks, list):
            return blocks[0][0]
        scores = np.empty((len(documents), len(self.labels)), np.float32)
        start = 0
        for score, _ in blocks:
            scores[start : start + len(score)] = score
            start += len(score)
        return scores

    def warm_up(self) -> None:
        """Make single answers quicker at the price of a start and of memory: for a server.

        Where Numba is installed it is loaded, and the views are laid out for the kernel. Answers
        stay the same to rounding.
        """
        self._reader.warm_up()

    def predict_proba(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the probabilities of documents, float32 [n, classes]; see `scores`."""
        return forward.probabilities(self.scores(texts, threads), self.task)

    def predict(self, texts: Iterable[str], threads: int | None = None) -> list[Prediction]:
        """Return the label of each document; for the task ``multiple``, the labels that hold.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one a core.

        Raises:
            TextError: A document is not text.
        """
        return [
            label
            for score, _ in self._blocks(_documents(texts), threads)
            for label in self.decide(forward.probabilities(score, self.task))
        ]

    def predict_columns(
        self, texts: Iterable[str], threads: int | None = None
    ) -> list[int] | list[tuple[int, ...]]:
        """Return what `predict` returns as numbers of labels, from 0."""
        found: list[int | tuple[int, ...]] = []
        for score, _ in self._blocks(_documents(texts), threads):
            found += self.columns(forward.probabilities(score, self.task))
        return found  # type: ignore[return-value]  # the task decides which of the two

    def decide(self, probabilities: np.ndarray) -> list[Prediction]:
        """Return the label, or the labels, that probabilities [n, classes] mean."""
        return [
            self.labels[found]
            if isinstance(found, int)
            else tuple(self.labels[column] for column in found)
            for found in self.columns(probabilities)
        ]

    def columns(self, probabilities: np.ndarray) -> list[int] | list[tuple[int, ...]]:
        """Return what `decide` returns as numbers of labels, from 0; several ascend."""
        if self.thresholds is None:
            best: list[int] = probabilities.argmax(axis=1).tolist()
            return best
        return [tuple(np.sort(self._holding(row)).tolist()) for row in probabilities]

    def _holding(self, row: np.ndarray) -> np.ndarray:
        """Return the columns of the labels that hold for one document, the likeliest first."""
        columns = np.flatnonzero(row >= self.thresholds)
        holding: np.ndarray = columns[_ranked(row[columns], MOST_HELD)]
        return holding

    def rank(self, texts: Iterable[str], k: int = 1, threads: int | None = None) -> list[Ranking]:
        """Rank the labels of each document, no further than asked for.

        Args:
            texts: The documents.
            k: How many of the best labels; all where the model has fewer.
            threads: How many threads may work on many documents; None for one a core.

        Returns:
            One ranking a document.

        Raises:
            SettingError: k is less than 1.
            TextError: A document is not text.
        """
        if k < 1:
            raise SettingError(f"k is {k}: expected 1 or more labels")
        rankings = []
        for score, known in self._blocks(_documents(texts), threads):
            rows = forward.probabilities(score, self.task)
            for row, count in zip(rows, known.tolist(), strict=True):
                holding = (
                    self._named(row, self._holding(row)) if self.thresholds is not None else []
                )
                rankings.append(Ranking(self._named(row, _ranked(row, k)), holding, count))
        return rankings

    def _named(self, row: np.ndarray, columns: np.ndarray) -> list[tuple[str, float]]:
        pairs = zip(columns.tolist(), row[columns].tolist(), strict=True)
        return [(self.labels[column], probability) for column, probability in pairs]

    @overload
    def top(  # type: ignore[overload-overlap]  # a str is an iterable of str, and meant as one text
        self, texts: str, k: int = 3
    ) -> list[tuple[str, float]]: ...

    @overload
    def top(self, texts: Iterable[str], k: int = 3) -> list[list[tuple[str, float]]]: ...

    def top(
        self, texts: str | Iterable[str], k: int = 3
    ) -> list[tuple[str, float]] | list[list[tuple[str, float]]]:
        """Return the k most probable labels with their probabilities, the best first.

        Args:
            texts: One document or several.
            k: How many labels; all where the model has fewer.

        Returns:
            For one document a list of pairs, for several a list of such lists.

        Raises:
            SettingError: k is less than 1.
            TextError: A document is not text.
        """
        single = isinstance(texts, str)
        rankings = self.rank([texts] if isinstance(texts, str) else texts, k)
        return rankings[0].best if single else [ranking.best for ranking in rankings]

    def known(self, texts: Iterable[str]) -> np.ndarray:
        """Return how many distinct features of each document the model knows, integer [n].

        With 0 the answer is the prior. Where there are several views, the one that knows most
        counts.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        known: np.ndarray = np.max([rows.lengths for rows in self.counts(texts)], axis=0)
        return known

    def counts(self, texts: Iterable[str]) -> list[Rows]:
        """Return how often each known feature occurs in texts, for each view.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        return self._reader.counts(_documents(texts))

    def weighed(self, texts: Iterable[str]) -> list[Rows]:
        """Return the values of the known features of texts, weighed and normed, for each view.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        counts = self.counts(texts)
        return [view.weigh(rows) for view, rows in zip(self.views, counts, strict=True)]

    def explain(
        self,
        text: str,
        label: str | None = None,
        against: str | None = None,
        top: int | None = None,
    ) -> Explanation:
        """Say what every token of a document added to its score; see `explain.explain`.

        Raises:
            PredictionError: The numbers of the model overflow.
        """
        with np.errstate(all="ignore"):
            explanation = explain(self, text, label, against, top)
        # Every contribution is a part of this sum.
        _checked(np.array([[explanation.margin, explanation.base, explanation.remainder]]))
        return explanation

    def scores_of_bags(self, bags: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores [n, classes] of bag sums, one float32 [n, width] a view.

        Raises:
            PredictionError: The numbers of the model overflow.
        """
        with np.errstate(all="ignore"):
            return _checked(forward.scores(self.members, bags, self.calibration))

    def _blocks(self, texts: Sequence[str], threads: int | None) -> list[Block] | Iterator[Block]:
        """Return scores and known features of some documents after the other."""
        if len(texts) <= self._block:
            return [self._finished(*self._reader.read(texts, threads), 0)]
        blocks = self._reader.read_in_blocks(texts, self._block, threads)
        return (
            self._finished(sums, counts, number * self._block)
            for number, (sums, counts) in enumerate(blocks)
        )

    def _finished(self, sums: Sequence[np.ndarray], counts: np.ndarray, first: int) -> Block:
        """Return the scores of documents whose bags are summed, and what is known of each."""
        known: np.ndarray = counts[:, 0] if counts.shape[1] == 1 else counts.max(axis=1)
        with np.errstate(all="ignore"):
            score = forward.scores(self.members, sums, self.calibration)
            if self.prior is not None and np.count_nonzero(known) < len(known):
                score[known == 0] = self.prior
            return _checked(score, first), known


def _ranked(row: np.ndarray, k: int) -> np.ndarray:
    """Return the places of the k greatest numbers, the greatest first, among equals the first."""
    if k < len(row):
        least = np.partition(row, len(row) - k)[len(row) - k]
        places = np.flatnonzero(row >= least)
    else:
        places = np.arange(len(row))
    return places[np.argsort(-row[places], kind="stable")[:k]]


def _checked(score: np.ndarray, first: int = 0) -> np.ndarray:
    """Refuse scores that are no numbers: what follows from them would be no answer."""
    if math.isfinite(np.vdot(score, score)):
        return score
    # What has no finite square may be finite itself, but is no NaN.
    fit = np.abs(score).max(axis=1) <= _MOST_SCORE
    if not fit.all():
        document = first + int(np.flatnonzero(~fit)[0])
        raise PredictionError(
            f"the scores of document {document} are not finite: the numbers of the model are so "
            "large that they overflow; train it anew, or ask whoever made it",
            document,
        )
    return score


def _documents(texts: Iterable[str]) -> Sequence[str]:
    if isinstance(texts, (str, bytes)):
        raise TextError("expected several texts but found one: put it into a list")
    return texts if isinstance(texts, list) else list(texts)
