"""Prediction: from texts to logits, labels and explanations, without Keras."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from satchel.errors import PredictionError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.features.embedding_bag import TextEncoder
from satchel.features.packed import documents_of
from satchel.inference.columns import PredictionColumns, columns_of, joined_columns
from satchel.inference.explain import Explanation, explain
from satchel.inference.structure import Ensemble

Block = tuple[np.ndarray, np.ndarray]
"""Logits, float32 [n, classes], of some documents, and how many features of each are known."""

_LARGEST = 1e38
"""Larger logits count as infinite: their differences leave the range of float32."""

_BLOCK = 1 << 24
"""The most intermediate numbers for a block of documents: 64 MB."""


class Predictor:
    """Computes the predictions of one model.

    Many documents are processed in blocks: besides the result, this takes a few hundred megabytes
    of memory at most. Documents are a list of strings, another iterable of them, or a column with
    the Arrow interface (polars, pyarrow, DuckDB, pandas with pyarrow), whose texts are read without
    a Python string for each; the predictions are the same to the bit.

    Several threads may use one predictor at the same time.

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
        documents = documents_of(texts)
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

    def columns(
        self, texts: Iterable[str], top: int | None = None, threads: int | None = None
    ) -> PredictionColumns:
        """Return the predictions as columns: arrays, without a Python object per document.

        Args:
            texts: The documents.
            top: How many of the most probable labels to include, all of them if the model has
                fewer; None for none.
            threads: How many threads may work on many documents; None for one per core.

        Raises:
            SettingError: ``top`` is less than 1.
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
        """
        if top is not None and top < 1:
            raise SettingError(f"expected top to be 1 or more, or None, found {top}")
        blocks = self._blocks(documents_of(texts), threads)
        return joined_columns(
            [
                columns_of(self.model.probabilities(logits), known, self.thresholds, top or 0)
                for logits, known in blocks
            ]
        )

    def counts(self, texts: Iterable[str]) -> list[CSRMatrix]:
        """Return how often each known feature occurs in texts, for each view.

        Args:
            texts: The documents.

        Raises:
            TextError: A document is not text.
        """
        return self._encoder.counts(documents_of(texts))

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
