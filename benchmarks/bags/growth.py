"""How time and memory grow with the corpus: python -m benchmarks.bags.growth [--sizes 1 4 16 64].

The corpus is 20 Newsgroups, once and then again with its letters exchanged anew for each copy, so
that the vocabulary grows too. Each size runs in a process of its own; making the copies is not
measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.bags.corpora import KEY, news
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel.bags import Features, count

COPIED = {
    "words": Features(words=1, hash_key=KEY),
    "words + pairs": Features(words=2, hash_key=KEY),
}


def copies(texts: list[str], number: int) -> Iterator[str]:
    """The corpus so many times, each time with other letters."""
    for seed in range(number):
        letters = np.random.default_rng(seed).permutation([*string.ascii_lowercase])
        exchange = str.maketrans(string.ascii_letters, "".join(letters) + "".join(letters).upper())
        for text in texts:
            yield text.translate(exchange) if seed else text


def child(size: int, features: Features) -> dict[str, float]:
    """Count so many copies in this process."""
    texts = news("train")
    count(["warm up " * 400_000], features)
    documents = list(copies(texts, size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    counts, _ = count(documents, features)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "size": size,
        "megabytes": size * sum(map(len, texts)) / 1e6,
        "vocabulary": len(counts),
        "seconds": spent,
        "memory_before_mb": before / 1024,
        "memory_peak_mb": peak / 1024,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--features", choices=COPIED, default="words")
    parser.add_argument("--child", type=int)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(child(asked.child, COPIED[asked.features])))
        return
    found = []
    for size in asked.sizes:
        command = [
            sys.executable,
            "-m",
            "benchmarks.bags.growth",
            "--child",
            str(size),
            "--features",
            asked.features,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
        print(found[-1], flush=True)
    header = ["size", "MB of text", "vocabulary", "seconds", "MB/s", "MB before", "MB at peak"]
    lines = []
    for row in found:
        more = row["memory_peak_mb"] - row["memory_before_mb"]
        lines.append(
            [
                f"{row['size']}×",
                f"{row['megabytes']:.0f}",
                f"{row['vocabulary']:,}",
                f"{row['seconds']:.2f}",
                f"{row['megabytes'] / row['seconds']:.0f}",
                f"{row['memory_before_mb']:.0f}",
                f"{row['memory_peak_mb']:.0f}",
                f"{more * 1048576 / row['vocabulary']:.0f}",
            ]
        )
    page = markdown([*header, "bytes a feature"], lines)
    name = f"growth-{asked.features.replace(' + ', '-')}"
    write(name, f"Growth: {asked.features}", page, found, Path(__file__).parent / "results")


if __name__ == "__main__":
    main()
