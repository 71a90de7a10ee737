"""One document at a time, and the cost of a start: python -m benchmarks.bags.single.

The plain path (NumPy alone) against the loaded kernels, on the 20 Newsgroups post nearest to 2 kB,
with the words and pairs of the training part cut to 400,000 features; then how long a process takes
to load the kernels, from no cache and from a warm one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.bags.corpora import KEY, news
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel.bags import BagReader, BagTable, Features, Lookup, Weighting, count, lookup
from satchel.search.views import strongest

START = """
import time
start = time.perf_counter()
{step}
import satchel.bags.kernels.tables as tables
tables.tables("satchel")
print(time.perf_counter() - start, time.process_time())
"""
STARTS = {
    "answering": "import satchel.bags.kernels.summing as s; s.sum_chunk('float32')",
    "counting": "import satchel.bags.kernels.corpus",
}


def typical(step: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and 95th percentile of a call, in microseconds."""
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        spent.append((time.perf_counter() - start) * 1e6)
    return median(spent), float(np.quantile(spent, 0.95))


def start_seconds(purpose: str, folder: str) -> str:
    """Wall and processor seconds of a process that loads the kernels."""
    done = subprocess.run(
        [sys.executable, "-c", START.format(step=STARTS[purpose])],
        env={**os.environ, "NUMBA_CACHE_DIR": folder},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, cpu = map(float, done.stdout.split())
    return f"{wall:.2f} s ({cpu:.2f} s of processor)"


def main() -> None:
    """Measure and write."""
    features = Features(words=2, hash_key=KEY)
    posts = news("train")
    post = min(news("test"), key=lambda text: abs(len(text) - 2000))
    counts, _ = count(posts, features)
    kept = strongest(np.ones(len(counts), np.bool_), counts.document_frequency, 400_000)
    known = Lookup(counts.hashes[kept])
    weights = np.ones(len(known), np.float32)
    matrix = np.random.default_rng(0).normal(size=(len(known), 128)).astype(np.float32)
    reader = BagReader([BagTable(features, Weighting(), known, weights, matrix)])
    steps = {
        "lookup": lambda: lookup([post], features, known, threads=1),
        "bag sums": lambda: reader.read([post], threads=1),
    }
    found: dict[str, object] = {"characters": len(post)}
    lines = []
    for path, allowed in (("kernels", True), ("plain", False)):
        for room in ("lookup", "sums"):
            sys.modules[f"satchel.bags.{room}"].use_kernels = lambda *_, answer=allowed: answer
        for name, step in steps.items():
            middle, high = typical(step, 2000)
            found[f"{name}, {path}"] = [middle, high]
            lines.append([name, path, f"{middle:.0f}", f"{high:.0f}"])
    for purpose in STARTS:
        with tempfile.TemporaryDirectory() as folder:
            found[f"first start, {purpose}"] = start_seconds(purpose, folder)
            later = min(start_seconds(purpose, folder) for _ in range(5))
            found[f"later start, {purpose}"] = later
    starts = "".join(f"- {name}: {value}\n" for name, value in found.items() if "start" in name)
    page = markdown(["what", "path", "median, µs", "95 %, µs"], lines) + "\n" + starts
    write("single", "One document, and the start", page, found, Path(__file__).parent / "results")


if __name__ == "__main__":
    main()
