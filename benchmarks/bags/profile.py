"""Where the time of counting goes: python -m benchmarks.bags.profile.

The steps of a document are run one more at a time over the packed training posts, on one thread,
and the differences are shown; below them stands what a plain copy of the bytes takes, the floor
that the memory sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from benchmarks.bags.corpora import KEY, news
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel.bags import Features, count
from satchel.bags.kernels.bag import document_bag, longest_document, make_scratch
from satchel.bags.kernels.features import settings_of
from satchel.bags.kernels.lowering import lower_document
from satchel.bags.kernels.tables import tables
from satchel.bags.kernels.words import word_features
from satchel.bags.packing import pack

ROUNDS = 7


@numba.njit(nogil=True, error_model="numpy")
def _steps(data, offsets, table, settings, step):  # type: ignore[no-untyped-def]
    scratch = make_scratch(longest_document(offsets), settings)
    text, found, _, chain = scratch
    total = 0
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        if step == 2:
            total += document_bag(data, start, stop, table, settings, scratch)
            continue
        size = lower_document(data, start, stop, table, text)
        total += size
        if step == 1:
            total += word_features(text, size, settings, chain, found)[0]
    return total


def best(step: Callable[[], Any]) -> float:
    """The least processor time of some rounds, in seconds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        spent.append(time.process_time() - start)
    return min(spent)


def main() -> None:
    """Measure and write."""
    texts = news("train")
    packed = pack(texts)
    size = len(packed.data)
    lines, found = [], {}
    for name, features in (
        (
            "scikit-learn's pattern, words",
            Features(rules="words", min_length=2, words=1, hash_key=KEY),
        ),
        ("own rules, words", Features(words=1, hash_key=KEY)),
        ("own rules, words + pairs", Features(words=2, hash_key=KEY)),
        ("own rules, words + pairs + fields", Features(words=2, fields=True, hash_key=KEY)),
    ):
        table, settings = tables(features.rules), settings_of(features)
        times = []
        for step in (0, 1, 2):
            _steps(packed.data[:1], packed.offsets[:1], table, settings, step)
            call = (packed.data, packed.offsets, table, settings, step)
            times.append(best(lambda call=call: _steps(*call)))
        times.append(best(lambda features=features: count(texts, features, threads=1)))
        parts = np.diff([0.0, *times])
        found[name] = parts.tolist()
        lines.append([name, *(f"{part * 1e9 / size:.2f}" for part in [*parts, times[-1]])])
    copy = best(lambda: packed.data.copy())
    found["copy"] = copy
    header = ["features", "lower and classify", "words and n-grams", "addresses, fields, merge"]
    page = "Nanoseconds of processor time a byte of text, one thread.\n\n" + markdown(
        [*header, "pack, table, merge, sort", "all"], lines
    )
    page += f"\nA plain copy of the bytes: {copy * 1e9 / size:.2f} ns a byte."
    write(
        "profile", "Where the time of counting goes", page, found, Path(__file__).parent / "results"
    )


if __name__ == "__main__":
    main()
