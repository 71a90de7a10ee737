"""Run every method on every data set with five seeds and write the tables.

    python -m benchmarks.accuracy.run --data DATA

DATA is a folder with ``20news-bydate.tar.gz`` and ``r8``, ``mr``, ``sms`` and ``goemotions``, each
with ``train.jsonl.gz`` and ``test.jsonl.gz``. Each run is a process of its own. Results go to
``benchmarks/accuracy/results/<date>/`` after every run: a run that was interrupted goes on where
it stopped when it is started again on the same day.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.accuracy import data_sets, methods
from benchmarks.accuracy.report import report
from benchmarks.shared import machine, processes, tables

HERE = Path(__file__).resolve().parent
CURVE = (10, 20, 30, 50)
CURVE_SETS = ("20news", "r8", "sms")
CURVE_METHODS = ("satchel-fast", "satchel-balanced", "svm-words", "svm-pairs", "complement-nb")


def cells(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what to run; seeds outermost, so that every method has results early."""
    found = []
    for seed in arguments.seeds:
        for data_set in arguments.sets:
            known = methods.SEVERAL_LABELS if data_set == "goemotions" else methods.ONE_LABEL
            found += [
                {"data_set": data_set, "method": method, "seed": seed, "per_class": None}
                for method in known
                if method in arguments.methods
            ]
        found += [
            {"data_set": data_set, "method": method, "seed": seed, "per_class": per_class}
            for data_set in CURVE_SETS
            for per_class in arguments.curve
            for method in CURVE_METHODS
            if method in arguments.methods
        ]
    return found


def run_cell(cell: dict[str, Any], data: Path) -> dict[str, Any]:
    """Run one cell; a method that fails is a result too."""
    command = [sys.executable, "-m", "benchmarks.accuracy.one", cell["data_set"], cell["method"]]
    command += ["--data", str(data), "--seed", str(cell["seed"])]
    if cell["per_class"]:
        command += ["--per-class", str(cell["per_class"])]
    path = os.pathsep.join([str(machine.REPOSITORY), str(machine.REPOSITORY / "src")])
    try:
        return {**cell, **asdict(processes.run(command, {"PYTHONPATH": path}))}
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return {**cell, "failed": str(error)}


def main() -> None:
    """Run, writing after every cell."""
    every_method = sorted({*methods.ONE_LABEL, *methods.SEVERAL_LABELS})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", choices=data_sets.NAMES, default=data_sets.NAMES)
    parser.add_argument("--methods", nargs="*", choices=every_method, default=every_method)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--curve", nargs="*", type=int, default=CURVE, help="documents a class; none skips it"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    folder = tables.dated_folder(arguments.results)
    path = folder / "accuracy.json"
    results = json.loads(path.read_text("utf-8"))["runs"] if path.exists() else []
    done = {_key(result) for result in results if "failed" not in result}
    results = [result for result in results if _key(result) in done]
    about = machine.describe()
    todo = [cell for cell in cells(arguments) if _key(cell) not in done]
    for place, cell in enumerate(todo, start=1):
        print(f"{place}/{len(todo)} {cell}", file=sys.stderr, flush=True)
        results.append(run_cell(cell, arguments.data))
        tables.write_json(path, {"machine": about, "runs": results})
        (folder / "accuracy.md").write_text(report(about, results), encoding="utf-8")
    print(report(about, results))


def _key(cell: dict[str, Any]) -> tuple:
    return (cell["data_set"], cell["method"], cell["seed"], cell["per_class"])


if __name__ == "__main__":
    main()
