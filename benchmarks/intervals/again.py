"""The intervals over test parts drawn again from real answers.

python -m benchmarks.intervals.again report/predictions.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel.evaluation.intervals import macro_f1_interval, wilson
from satchel.evaluation.metrics import count_classes, macro_f1
from satchel.evaluation.outcomes import Assigned, Outcomes

SIZES = (50, 100, 200, 500, 1000, 3000)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path, help="predictions.csv of a report")
    parser.add_argument("--draws", type=int, default=1000, help="test parts of each size")
    options = parser.parse_args()
    with options.predictions.open(encoding="utf-8", newline="") as file:
        rows = [(row["true"], row["predicted"]) for row in csv.DictReader(file)]
    labels, places = np.unique(np.array(rows), return_inverse=True)
    answers = places.reshape(-1, 2)
    whole = _outcomes(answers, len(labels))
    truth = macro_f1(count_classes(whole)), float(whole.right.mean())
    generator = np.random.default_rng(0)
    found, lines = {}, []
    for size in SIZES:
        held = []
        for _ in range(options.draws):
            part = _outcomes(answers[generator.integers(0, len(answers), size)], len(labels))
            ends = macro_f1_interval(part), wilson(int(part.right.sum()), size)
            held.append(
                [low <= value <= high for (low, high), value in zip(ends, truth, strict=True)]
            )
        macro, accuracy = np.mean(held, axis=0)
        found[size] = {"macro_f1": float(macro), "accuracy": float(accuracy)}
        lines.append([f"{size:,}", f"{macro:.1%}", f"{accuracy:.1%}"])
    page = (
        f"{options.draws:,} test parts of each size, drawn from {len(rows):,} answers of "
        f"{len(labels)} classes (macro-F1 {truth[0]:.3f}, accuracy {truth[1]:.1%}).\n\n"
        + markdown(["documents", "macro-F1: coverage", "accuracy: coverage"], lines)
    )
    title = "The 95 % intervals over test parts drawn again"
    write("again", title, page, found, Path(__file__).parent / "results")


def _outcomes(answers: np.ndarray, classes: int) -> Outcomes:
    n = len(answers)
    sides = (Assigned(np.arange(n), side, n) for side in answers.T)
    return Outcomes(tuple(range(classes)), classes, False, *sides)


if __name__ == "__main__":
    main()
