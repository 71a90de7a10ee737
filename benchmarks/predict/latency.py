"""One document at a time in a process of its own; prints JSON.

python -m benchmarks.predict.latency satchel-plain --data DATA --models FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.predict.contenders import ONE_AT_A_TIME, of_one_document
from benchmarks.predict.documents import documents
from benchmarks.shared import machine, processes

ABOUT_2_KB = (1_500, 2_500)
WARM_UP = 200


def main() -> None:
    """Answer every test document by itself and print how long it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=ONE_AT_A_TIME)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    contender = of_one_document(arguments.kind, arguments.models)
    texts, labels = documents(arguments.data, "test")
    for text in texts[:WARM_UP]:
        contender.one(text)
    seconds = np.empty(len(texts))
    answers = []
    for number, text in enumerate(texts):
        started = time.perf_counter()
        answer = contender.one(text)
        seconds[number] = time.perf_counter() - started
        answers.append(answer)
    if arguments.kind == "satchel-plain" and "numba" in sys.modules:
        raise RuntimeError("the plain path was to be measured, but Numba was loaded")
    sizes = np.array([len(text.encode()) for text in texts])
    about_2_kb = (sizes >= ABOUT_2_KB[0]) & (sizes <= ABOUT_2_KB[1])
    right = [answer == label for answer, label in zip(answers, labels, strict=True)]
    print(
        json.dumps(
            {
                "about_2_kb": _facts(seconds[about_2_kb], sizes[about_2_kb]),
                "all": _facts(seconds, sizes),
                "accuracy": float(np.mean(right)),
            }
        )
    )


def _facts(seconds: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    return {
        "documents": len(seconds),
        "mean_bytes": float(sizes.mean()),
        "median_us": float(np.median(seconds) * 1e6),
        "p99_us": float(np.quantile(seconds, 0.99) * 1e6),
    }


def measure(data: Path, models: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run each program in turn, round after round; return each one's answers.

    Args:
        data: See `documents`.
        models: The folder of the models.
        rounds: How often.
    """
    runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ONE_AT_A_TIME}
    for _ in range(rounds):
        for kind, done in runs.items():
            command = [sys.executable, "-m", "benchmarks.predict.latency", kind]
            command += ["--data", str(data.resolve()), "--models", str(models.resolve())]
            path = {"PYTHONPATH": str(machine.REPOSITORY)}
            done.append(processes.run(command, path).answer)
    return runs


if __name__ == "__main__":
    main()
