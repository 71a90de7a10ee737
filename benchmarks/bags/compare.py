"""Text to counts, side by side with the peers: python -m benchmarks.bags.compare [--small].

Each round runs every contender once, in turn, in one process, so that a busy machine hits all
alike; the best and the median of the rounds are kept. Everyone who can uses two threads.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "2")
os.environ.setdefault("RAYON_NUM_THREADS", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

from benchmarks.bags.contenders import GIVES, TASKS
from benchmarks.bags.corpora import CORPORA, KEY
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel.bags import Features, count


def measure(step: Any) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = step()
    spent = time.perf_counter() - wall, time.process_time() - cpu
    del answer
    return spent


def run(corpus: str, task: str, rounds: int, documents: int | None) -> list[dict[str, Any]]:
    """All contenders at one task on one corpus."""
    train, test = (CORPORA[corpus](part)[:documents] for part in ("train", "test"))
    megabytes = sum(len(text.encode()) for text in train) / 1e6
    steps = {name: make(train, test) for name, make in TASKS[task].items()}
    times: dict[str, list[list[tuple[float, float]]]] = {name: [[], []] for name in steps}
    for _ in range(rounds):
        for name, (learn, apply) in steps.items():
            times[name][0].append(measure(learn))
            times[name][1].append(measure(apply))
    return [
        {
            "corpus": corpus,
            "task": task,
            "contender": name,
            "documents": len(train),
            "megabytes": megabytes,
            "learn": min(wall for wall, _ in learned),
            "learn_median": median(wall for wall, _ in learned),
            "learn_processor": min(cpu for _, cpu in learned),
            "apply": min(wall for wall, _ in applied),
            "apply_processor": min(cpu for _, cpu in applied),
        }
        for name, (learned, applied) in times.items()
    ]


def table(found: list[dict[str, Any]]) -> str:
    """The figures in Markdown; × = how many times the first contender of the task is slower."""
    header = ["corpus", "task", "who", "learn, s (median)", "MB/s", "×", "processor s"]
    lines = []
    for row in found:
        first = next(
            other
            for other in found
            if (other["corpus"], other["task"]) == (row["corpus"], row["task"])
        )
        lines.append(
            [
                row["corpus"],
                row["task"],
                row["contender"],
                f"{row['learn']:.3f} ({row['learn_median']:.3f})",
                f"{row['megabytes'] / row['learn']:.0f}",
                f"{first['learn'] / row['learn']:.1f}",
                f"{row['learn_processor']:.2f}",
                f"{row['apply']:.3f}",
                f"{first['apply'] / row['apply']:.1f}",
            ]
        )
    gives = "".join(f"- {name}: {what}.\n" for name, what in GIVES.items())
    return markdown([*header, "apply, s", "×"], lines) + "\nWhat each gives:\n" + gives


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="300 documents, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", choices=[*CORPORA, "all"], default="all")
    parser.add_argument("--task", choices=[*TASKS, "all"], default="all")
    asked = parser.parse_args()
    # Loads the kernels, compiling them where that has not happened yet.
    count(["warm up " * 400_000], Features(words=1, hash_key=KEY))
    found = []
    for corpus in CORPORA if asked.corpus == "all" else [asked.corpus]:
        for task in TASKS if asked.task == "all" else [asked.task]:
            rounds, documents = (1, 300) if asked.small else (asked.rounds, None)
            found += run(corpus, task, rounds, documents)
            print(f"{corpus}, {task}: done", flush=True)
    write(
        "compare-small" if asked.small else "compare",
        "Text to counts",
        table(found),
        found,
        Path(__file__).parent / "results",
    )


if __name__ == "__main__":
    main()
