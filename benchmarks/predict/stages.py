"""Where Satchel's bulk time goes, and how near it is to the memory's limit. One thread.

The fused kernel is one call, so its stages are told apart by what it is given: a vocabulary of one
feature leaves the reading of the text, bag rows of width 1 leave that and the looking up, and the
model's own rows add the gathering. Each stage is the difference from the one before, round by
round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.predict.rounds import interleaved

from satchel import load
from satchel.bags.chunks import chunks
from satchel.bags.lookup import Lookup
from satchel.bags.packing import pack
from satchel.bags.sums import bag_sums
from satchel.inference.views import BagView

_COPIED = 1 << 28  # bytes, well beyond any cache
STAGES = {
    "packing": "texts to one array of UTF-8",
    "reading": "lower, split, hash, count (fused kernel)",
    "looking up": "find each feature in the vocabulary, weigh (fused kernel)",
    "gathering": "add up the bag rows (fused kernel)",
    "head": "biases, layers, softmax, labels (NumPy)",
}


def stages(model: Path, texts: list[str], rounds: int) -> dict[str, Any]:
    """Measure the stages of ``predict`` on many documents.

    Args:
        model: The satchel.
        texts: The documents.
        rounds: How often.
    """
    satchel = load(model)
    answers = satchel.model
    views = answers.views
    full = [(Lookup(v.hashes), v.weights, v.expanded(np.arange(v.size))) for v in views]
    narrow = [(known, weights, matrix[:, :1].copy()) for known, weights, matrix in full]
    single = [(Lookup(v.hashes[:1]), v.weights[:1], np.zeros((1, 1), np.float32)) for v in views]
    bags = _summed(views, full, texts)()
    satchel.predict(texts, threads=1)

    def packing() -> None:
        for view in views:
            for chunk in chunks(texts, view.features):
                pack(chunk.texts, chunk.first)

    def head() -> np.ndarray:
        scores = answers.scores_of_bags([sums for sums, _ in bags])
        return np.array(answers.decide(scores))

    timed = interleaved(
        {
            "packing": packing,
            "reading": _summed(views, single, texts),
            "looking up": _summed(views, narrow, texts),
            "gathering": _summed(views, full, texts),
            "head": head,
            "predict": lambda: satchel.predict(texts, threads=1),
        },
        rounds,
    )
    seconds = {name: np.array(done.seconds) for name, done in timed.items()}
    for later, earlier in (
        ("gathering", "looking up"),
        ("looking up", "reading"),
        ("reading", "packing"),
    ):
        seconds[later] = seconds[later] - seconds[earlier]
    known = [int(counts.sum()) for _, counts in bags]
    return {
        "us_per_document": {
            name: statistics.median(values.tolist()) / len(texts) * 1e6
            for name, values in seconds.items()
        },
        "known_features_per_document": sum(known) / len(texts),
        "bytes_per_document": sum(len(text.encode()) for text in texts) / len(texts),
        "gathered_bytes_per_document": sum(
            count * matrix.shape[1] * matrix.itemsize
            for count, (_, _, matrix) in zip(known, full, strict=True)
        )
        / len(texts),
        "vocabulary_mb": sum(v.hashes.nbytes + v.weights.nbytes for v in views) / 1e6,
        "matrix_mb": sum(matrix.nbytes for _, _, matrix in full) / 1e6,
        "copy_gb_per_s": copy_bandwidth(rounds),
    }


def _summed(
    views: tuple[BagView, ...],
    given: list[tuple[Lookup, np.ndarray, np.ndarray]],
    texts: list[str],
) -> Callable[[], list[tuple[np.ndarray, np.ndarray]]]:
    def call() -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            bag_sums(texts, view.features, known, weights, view.weighting, matrix, threads=1)
            for view, (known, weights, matrix) in zip(views, given, strict=True)
        ]

    return call


def copy_bandwidth(rounds: int) -> float:
    """Return what one thread copies, in 10^9 bytes a second, read and written bytes added up."""
    source = np.ones(_COPIED, np.uint8)
    target = np.zeros_like(source)
    seconds = []
    for _ in range(max(rounds, 5)):
        started = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - started)
    return 2 * _COPIED / statistics.median(seconds) / 1e9
