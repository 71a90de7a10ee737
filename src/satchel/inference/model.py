"""A sealed model's plain parts, ready to answer. No Keras, and Numba only for bulk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np

from satchel.bags.rows import Rows
from satchel.bags.sums import BagReader
from satchel.errors import SettingError, TextError
from satchel.inference import forward
from satchel.inference.explain import Explanation, explain
from satchel.inference.views import bag_tables
from satchel.sealed.schema import Parts

Prediction = str | tuple[str, ...]
"""One label, or, where a document may have several, those that hold."""


class Model:
    """A model that answers.

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

    def scores(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the scores of documents: log-odds up to a constant, before softmax or sigmoid.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one a core.

        Returns:
            float32 [n, classes].

        Raises:
            TextError: A document is not text.
        """
        return self._read(texts, threads)[0]

    def warm_up(self) -> None:
        """Make single answers quicker at the price of a start and of memory: for a server.

        Where Numba is installed it is loaded, and the views are laid out for the kernel. Answers
        stay the same to rounding.
        """
        self._reader.warm_up()

    def predict_proba(self, texts: Iterable[str], threads: int | None = None) -> np.ndarray:
        """Return the probabilities of documents, float32 [n, classes]; see `scores`."""
        return forward.probabilities(self.scores(texts, threads), self.task)

    def predict_proba_and_known(
        self, texts: Iterable[str], threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `predict_proba` and `known` return, reading the documents once."""
        score, known = self._read(texts, threads)
        return forward.probabilities(score, self.task), known

    def predict(self, texts: Iterable[str], threads: int | None = None) -> list[Prediction]:
        """Return the label of each document; for the task ``multiple``, the labels that hold.

        Args:
            texts: The documents.
            threads: How many threads may work on many documents; None for one a core.

        Raises:
            TextError: A document is not text.
        """
        return self.decide(self.predict_proba(texts, threads))

    def decide(self, probabilities: np.ndarray) -> list[Prediction]:
        """Return the label, or the labels, that probabilities [n, classes] mean."""
        if self.thresholds is None:
            return [self.labels[column] for column in probabilities.argmax(axis=1).tolist()]
        holds = probabilities >= self.thresholds
        return [tuple(self.labels[c] for c in np.flatnonzero(row).tolist()) for row in holds]

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
        if k < 1:
            raise SettingError(f"k is {k}: expected 1 or more labels")
        single = isinstance(texts, str)
        probabilities = self.predict_proba([texts] if isinstance(texts, str) else texts)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
        chosen = np.take_along_axis(probabilities, order, axis=1)
        ranked = [
            [(self.labels[column], value) for column, value in zip(columns, values, strict=True)]
            for columns, values in zip(order.tolist(), chosen.tolist(), strict=True)
        ]
        return ranked[0] if single else ranked

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
        """Say what every token of a document added to its score; see `explain.explain`."""
        return explain(self, text, label, against, top)

    def scores_of_bags(self, bags: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores [n, classes] of bag sums, one float32 [n, width] a view."""
        return forward.scores(self.members, bags)

    def _read(self, texts: Iterable[str], threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of documents and how many distinct features of each are known."""
        sums, known = self._reader.read(_documents(texts), threads)
        return self.scores_of_bags(sums), known.max(axis=1)


def _documents(texts: Iterable[str]) -> Sequence[str]:
    if isinstance(texts, (str, bytes)):
        raise TextError("expected several texts but found one: put it into a list")
    return texts if isinstance(texts, list) else list(texts)
