"""Where Satchel's bulk time goes, and how near it is to the memory's limit. One thread.

The fused kernel is one call, so its stages are told apart by what it is given: a vocabulary of one
feature leaves the reading of the text, bag rows of width 1 leave that and the looking up, and the
model's own rows add the gathering. Each stage is the difference from the one before, round by
round.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.predict.rounds import interleaved

from satchel import load
from satchel.bags.bag_table import BagTable
from satchel.bags.chunks import chunks
from satchel.bags.lookup import Lookup
from satchel.bags.packing import pack
from satchel.bags.sums import BagReader

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
    full = BagReader(views)
    narrow = BagReader([_cut(view, view.size) for view in views])
    single = BagReader([_cut(view, 1) for view in views])
    bags, counts = full.read_fused(texts, threads=1)
    satchel.predict(texts, threads=1)

    def packing() -> None:
        for chunk in chunks(texts, views[0].features):
            pack(chunk.texts, chunk.first)

    def head() -> np.ndarray:
        scores = answers.scores_of_bags(bags)
        return np.array(answers.decide(scores))

    timed = interleaved(
        {
            "packing": packing,
            "reading": lambda: single.read_fused(texts, threads=1),
            "looking up": lambda: narrow.read_fused(texts, threads=1),
            "gathering": lambda: full.read_fused(texts, threads=1),
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
    known = counts.sum(axis=0, dtype=np.int64).tolist()
    return {
        "us_per_document": {
            name: statistics.median(values.tolist()) / len(texts) * 1e6
            for name, values in seconds.items()
        },
        "known_features_per_document": sum(known) / len(texts),
        "bytes_per_document": sum(len(text.encode()) for text in texts) / len(texts),
        "gathered_bytes_per_document": sum(
            count * view.width * view.rows.itemsize
            for count, view in zip(known, views, strict=True)
        )
        / len(texts),
        "vocabulary_mb": sum(v.known.hashes.nbytes + v.weights.nbytes for v in views) / 1e6,
        "matrix_mb": sum(view.rows.nbytes for view in views) / 1e6,
        "copy_gb_per_s": copy_bandwidth(rounds),
    }


def _cut(view: BagTable, size: int) -> BagTable:
    """A view with its first features alone, and rows of one number."""
    return replace(
        view,
        known=Lookup(view.known.hashes[:size]),
        weights=view.weights[:size],
        rows=view.rows[:size, :1].copy(),
        scales=None if view.scales is None else view.scales[:1],
        fields=None if view.fields is None else view.fields[:size],
    )


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
