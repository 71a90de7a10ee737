"""How often does the 95 % interval of macro-F1 hold the truth?

    python -m benchmarks.intervals [--draws N] [--populations N]
    python -m benchmarks.intervals --predictions report/predictions.csv [--draws N]

Needs the ``train`` extra; minutes. The first command draws test parts from made populations whose
macro-F1 is known: 2 to 5,000 classes, 2 to 500 documents per class, accuracies of 0.6 to 0.99, one
label per document and several. It prints how often the interval of ``evaluate`` holds the
population's macro-F1 and its own estimate, beside the percentile bootstrap. The second command does
the same with real predictions: test parts of 50 to 3,000 documents are drawn again from those of a
report.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, report
from satchel.evaluation.intervals import Interval, macro_f1_interval, wilson
from satchel.evaluation.metrics import count_classes, macro_f1
from satchel.evaluation.outcomes import Assigned, Outcomes

REPLICATES = 400  # of the percentile bootstrap that the interval is compared with
SIZES = (50, 100, 200, 500, 1000, 3000)  # of test parts drawn from real predictions
Population = Callable[[np.random.Generator], tuple[float, Iterator[Outcomes]]]


@dataclass(frozen=True)
class Case:
    """One kind of test part.

    Attributes:
        classes: Number of classes K.
        support: Expected documents of a class: the same for all, or drawn between two ends with
            equal weight on every order of magnitude.
        accuracy: Mean share of a class's documents that is answered rightly.
        even: Whether it is the same in all classes; else it is drawn for each.
        several: Whether a document may have several labels.
    """

    classes: int
    support: int | tuple[int, int]
    accuracy: float
    even: bool
    several: bool = False


CASES = [
    *(Case(2, 10, accuracy, True) for accuracy in (0.6, 0.8, 0.95)),
    Case(2, 20, 0.99, True),
    Case(2, (2, 500), 0.9, False),
    Case(4, (2, 500), 0.9, False),
    Case(4, 100, 0.9, True),
    *(Case(20, support, 0.9, True) for support in (2, 5)),
    *(Case(20, (2, 500), accuracy, False) for accuracy in (0.6, 0.8, 0.95)),
    Case(20, (2, 500), 0.99, True),
    Case(20, 50, 0.88, False),
    *(Case(150, 2, accuracy, True) for accuracy in (0.6, 0.9)),
    Case(150, 30, 0.94, False),
    Case(150, 30, 0.99, True),
    Case(150, (2, 500), 0.6, False),
    *(Case(1000, support, 0.94, True) for support in (2, 5, 20)),
    Case(1000, (2, 500), 0.94, False),
    Case(1000, 20, 0.7, False),
    Case(5000, 10, 0.9, False),
    Case(6, 20, 0.8, False, several=True),
    Case(28, (5, 500), 0.6, False, several=True),
    Case(28, (5, 500), 0.9, False, several=True),
    Case(300, (2, 100), 0.9, False, several=True),
]


def one_label(case: Case, generator: np.random.Generator) -> tuple[float, Iterator[Outcomes]]:
    """Return the true macro-F1 of a population, and test parts drawn from it for ever."""
    support, accuracy = _supports(case, generator), _accuracies(case, generator)
    true, predicted, chance = [], [], []
    for place in range(case.classes):
        others = min(5, case.classes - 1)
        steps = 1 + generator.choice(case.classes - 1, others, replace=False)
        shares = generator.dirichlet(np.ones(others)) * (1 - accuracy[place])
        true += [place] * (others + 1)
        predicted += [place, *((place + steps) % case.classes).tolist()]
        chance += [support[place] * share for share in (accuracy[place], *shares)]
    cells, rate = np.array([true, predicted]), np.array(chance) / sum(chance)
    n = round(float(support.sum()))
    hits, given = rate * (cells[0] == cells[1]), np.bincount(cells[1], rate, case.classes)
    of_class = np.bincount(cells[0], rate, case.classes)
    truth = float(np.mean(2 * np.bincount(cells[0], hits, case.classes) / (of_class + given)))

    def draw() -> Iterator[Outcomes]:
        while True:
            drawn = np.repeat(cells, generator.multinomial(n, rate), axis=1)
            sides = (Assigned(np.arange(n), side, n) for side in drawn)
            yield Outcomes(tuple(range(case.classes)), case.classes, False, *sides)

    return truth, draw()


def several_labels(case: Case, generator: np.random.Generator) -> tuple[float, Iterator[Outcomes]]:
    """As `one_label`, for independent labels of which a document may have any number."""
    support, recall = _supports(case, generator), _accuracies(case, generator)
    n = round(float(support.max()) * 4)
    share = support / n
    false_rate = share * (1 - recall)  # so that precision is about as good as recall
    truth = float(np.mean(2 * share * recall / (share + share * recall + (1 - share) * false_rate)))

    def draw() -> Iterator[Outcomes]:
        while True:
            has = generator.random((n, case.classes)) < share
            given = generator.random((n, case.classes)) < np.where(has, recall, false_rate)
            true, predicted = (
                Assigned(documents, labels, n)
                for documents, labels in (np.nonzero(side) for side in (has, given))
            )
            yield Outcomes(tuple(range(case.classes)), case.classes, True, true, predicted)

    return truth, draw()


def percentile(outcomes: Outcomes, generator: np.random.Generator) -> Interval:
    """Return the percentile bootstrap interval, drawing documents again."""
    classes, n = len(outcomes.labels), len(outcomes)
    keys = (
        outcomes.hit_keys,
        *(side.keys(classes) for side in (outcomes.true, outcomes.predicted)),
    )
    found = []
    for _ in range(REPLICATES):
        weight = np.bincount(generator.integers(0, n, n), minlength=n)
        hits, support, given = (
            np.bincount(key % classes, weight[key // classes], classes) for key in keys
        )
        occurs = support + given > 0
        found.append(np.mean(2 * hits[occurs] / (support + given)[occurs]))
    return Interval(*np.quantile(found, [0.025, 0.975]))


def _supports(case: Case, generator: np.random.Generator) -> np.ndarray:
    if isinstance(case.support, int):
        return np.full(case.classes, float(case.support))
    low, high = np.log(case.support)
    return np.asarray(np.exp(generator.uniform(low, high, case.classes)))


def _accuracies(case: Case, generator: np.random.Generator) -> np.ndarray:
    if case.even:
        return np.full(case.classes, case.accuracy)
    drawn = generator.beta(6 * case.accuracy, 6 * (1 - case.accuracy), case.classes)
    return np.clip(drawn, 0.05, 0.999)


def coverage(case: Case, draws: int, populations: int, seed: int) -> dict[str, float]:
    """Draw test parts and count how often each interval holds the truth and its own estimate."""
    generator = np.random.default_rng(seed)
    rows = []
    documents = 0
    for _ in range(populations):
        truth, tests = (several_labels if case.several else one_label)(case, generator)
        for number in range(draws // populations):
            outcomes = next(tests)
            documents = len(outcomes)
            estimate = macro_f1(count_classes(outcomes))
            ours = macro_f1_interval(outcomes)
            # The bootstrap costs hundreds of times as much: every fifth draw will do.
            theirs = percentile(outcomes, generator) if number % 5 == 0 else None
            rows.append([truth, estimate, *ours, *(theirs or (np.nan, np.nan))])
    truth, estimate, low, high, lower, upper = np.array(rows).T
    drawn = ~np.isnan(lower)
    return {
        "documents": documents,
        "mean_estimate_less_truth": float((estimate - truth).mean()),
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
        "holds_estimate": float(((low <= estimate) & (estimate <= high)).mean()),
        "width": float((high - low).mean()),
        "percentile_coverage": float(((lower <= truth) & (truth <= upper))[drawn].mean()),
        "percentile_holds_estimate": float(
            ((lower <= estimate) & (estimate <= upper))[drawn].mean()
        ),
        "percentile_width": float((upper - lower)[drawn].mean()),
    }


def made(options: argparse.Namespace) -> tuple[str, Any]:
    """Draw from made populations; return the page and the figures."""
    found: dict[str, dict[str, float]] = {}
    lines = []
    for case in CASES:
        facts = coverage(case, options.draws, options.populations, options.seed)
        support = (
            case.support if isinstance(case.support, int) else "{} to {}".format(*case.support)
        )
        kind = "several labels" if case.several else "one label"
        found[repr(case)] = facts
        lines.append(
            [
                f"{kind}, {case.classes:,} classes",
                str(support),
                f"{case.accuracy:.2f}{'' if case.even else ', uneven'}",
                f"{facts['mean_estimate_less_truth']:+.4f}",
                f"**{facts['coverage']:.1%}**",
                f"{facts['width']:.3f}",
                f"{facts['percentile_coverage']:.1%}",
                f"{facts['percentile_width']:.3f}",
                f"{1 - facts['percentile_holds_estimate']:.0%}",
            ]
        )
        print(lines[-1], flush=True)
    held = np.array([facts["coverage"] for facts in found.values()])
    every_time = all(facts["holds_estimate"] == 1 for facts in found.values())
    page = (
        f"{options.draws:,} test parts per case from {options.populations} populations; the "
        f"interval held its own estimate every time: {every_time}. Coverage: lowest "
        f"{held.min():.1%}, median {np.median(held):.1%}, highest {held.max():.1%}. Of the "
        f"percentile bootstrap ({REPLICATES} replicates, every fifth "
        "test part) the last column says how often it excluded its own estimate.\n\n"
        + report.markdown(
            [
                "test part",
                "documents per class",
                "accuracy",
                "bias of the estimate",
                "coverage",
                "width",
                "bootstrap: coverage",
                "width",
                "excludes its estimate",
            ],
            lines,
        )
    )
    return page, found


def again(options: argparse.Namespace) -> tuple[str, Any]:
    """Draw test parts again from real predictions; return the page and the figures."""
    with options.predictions.open(encoding="utf-8", newline="") as file:
        rows = [(row["true"], row["predicted"]) for row in csv.DictReader(file)]
    labels, places = np.unique(np.array(rows), return_inverse=True)
    predictions = places.reshape(-1, 2)
    whole = _outcomes(predictions, len(labels))
    truth = macro_f1(count_classes(whole)), float(whole.right.mean())
    generator = np.random.default_rng(0)
    found, lines = {}, []
    for size in SIZES:
        held = []
        for _ in range(options.draws):
            part = _outcomes(
                predictions[generator.integers(0, len(predictions), size)], len(labels)
            )
            ends = macro_f1_interval(part), wilson(int(part.right.sum()), size)
            held.append(
                [low <= value <= high for (low, high), value in zip(ends, truth, strict=True)]
            )
        macro, accuracy = np.mean(held, axis=0)
        found[size] = {"macro_f1": float(macro), "accuracy": float(accuracy)}
        lines.append([f"{size:,}", f"{macro:.1%}", f"{accuracy:.1%}"])
    page = (
        f"{options.draws:,} test parts of each size, drawn from {len(rows):,} predictions of "
        f"{len(labels)} classes (macro-F1 {truth[0]:.3f}, accuracy {truth[1]:.1%}).\n\n"
        + report.markdown(["documents", "macro-F1: coverage", "accuracy: coverage"], lines)
    )
    return page, found


def _outcomes(predictions: np.ndarray, classes: int) -> Outcomes:
    n = len(predictions)
    sides = (Assigned(np.arange(n), side, n) for side in predictions.T)
    return Outcomes(tuple(range(classes)), classes, False, *sides)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--predictions", type=Path, help="predictions.csv of a report")
    parser.add_argument("--draws", type=int, default=1000, help="test parts per case or size")
    parser.add_argument("--populations", type=int, default=10, help="populations per case")
    parser.add_argument("--seed", type=int, default=0)
    report.add_results_argument(parser)
    options = parser.parse_args()
    about = measure.machine()
    if options.predictions:
        name, title = "intervals-again", "The 95 % intervals over test parts drawn again"
        page, found = again(options)
    else:
        name = "intervals"
        title = "The 95 % interval of macro-F1: how often it holds the truth"
        page, found = made(options)
    print(report.write(name, title, page, found, about, options.results))


if __name__ == "__main__":
    main()
