"""How accurate are Satchel and its peers on real data, and what does that cost?

    python -m benchmarks.accuracy [--data DATA] [--sets …] [--methods …] [--seeds …] [--curve …]

Needs the ``dev`` extra and ``fasttext-wheel``. Trains every method on every data set with seeds 0
to 4, each as a process of its own, and draws learning curves with 10 to 50 documents per class on
three sets. Prints, and writes after every run, the mean and spread of the scores (scikit-learn's),
the time to fit and predict, and time and peak memory of the whole process. It goes on where it
stopped when it is started again on the same day. Peers have their libraries loaded when the clock
of *fit and predict* starts; Satchel's time includes loading its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import data, measure, peers, report

CURVE = (10, 20, 30, 50)
CURVE_SETS = ("20news", "r8", "sms")
CURVE_METHODS = ("satchel-fast", "satchel-balanced", "svm-words", "svm-pairs", "complement-nb")
METHODS = {**peers.ONE_LABEL, **peers.SEVERAL_LABELS}

Results = list[dict[str, Any]]


def one(
    name: str, method_name: str, folder: str, seed: int, per_class: int | None
) -> dict[str, Any]:
    """Read, train, predict and score: one method on one data set with one seed."""
    data_set = data.load(name, Path(folder))
    if per_class:
        data_set = data.few(data_set, per_class, seed)
    method = (peers.SEVERAL_LABELS if data_set.multiple else peers.ONE_LABEL)[method_name]
    for library in peers.libraries(method_name):
        importlib.import_module(library)
    started = time.perf_counter()
    predictions = method(data_set.train_texts, data_set.train_labels, data_set.test_texts, seed)
    seconds = time.perf_counter() - started
    return {
        **scores(data_set.test_labels, predictions),
        "fit_and_answer_seconds": seconds,
        "train": len(data_set.train_texts),
        "test": len(predictions),
    }


def scores(true: Any, predictions: Any) -> dict[str, float]:
    """Score by scikit-learn, so that no method is judged by Satchel's own arithmetic."""
    from sklearn.metrics import accuracy_score, f1_score

    if isinstance(true[0], list):
        from sklearn.preprocessing import MultiLabelBinarizer

        binarizer = MultiLabelBinarizer().fit([*true, *predictions])
        true, predictions = binarizer.transform(true), binarizer.transform(predictions)
    kinds = ("macro", "micro")
    f1 = {
        f"{kind}_f1": f1_score(true, predictions, average=kind, zero_division=0) for kind in kinds
    }
    return {"accuracy": accuracy_score(true, predictions), **f1}


def cells(arguments: argparse.Namespace, methods: list[str]) -> Results:
    """Return what to run; seeds outermost, so that every method has results early."""
    found: Results = []
    for seed in arguments.seeds:
        for data_set in arguments.sets:
            known = peers.SEVERAL_LABELS if data_set == "goemotions" else peers.ONE_LABEL
            found += [
                {"data_set": data_set, "method": method, "seed": seed, "per_class": None}
                for method in known
                if method in methods
            ]
        found += [
            {"data_set": data_set, "method": method, "seed": seed, "per_class": per_class}
            for data_set in CURVE_SETS
            for per_class in arguments.curve
            for method in CURVE_METHODS
            if method in methods
        ]
    return found


def run_cell(cell: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run one cell; a method that fails is a result too."""
    try:
        done = measure.call(
            one, cell["data_set"], cell["method"], folder, cell["seed"], cell["per_class"]
        )
    except measure.ProcessFailed as error:
        print(error, file=sys.stderr)
        return {**cell, "failed": measure.without_folders(str(error))}
    return {**cell, **done.facts()}


def main() -> None:
    """Run, writing after every cell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data.add_data_argument(parser)
    parser.add_argument("--sets", nargs="*", choices=data.DATA_SETS, default=data.DATA_SETS)
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--curve", nargs="*", type=int, default=CURVE, help="documents per class; none skips it"
    )
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    path = report.today("accuracy", arguments.results)
    results: Results = json.loads(path.read_text("utf-8"))["found"] if path.exists() else []
    done = {_key(result) for result in results if "failed" not in result}
    results = [result for result in results if _key(result) in done]
    about = measure.machine()
    modules = {name: peers.libraries(name)[0].split(".")[0] for name in METHODS}
    methods = list(peers.present(dict.fromkeys(arguments.methods), modules))
    note = peers.left_out(arguments.methods, methods)
    todo = [cell for cell in cells(arguments, methods) if _key(cell) not in done]

    def write() -> str:
        text = page(results) + note
        return report.write(
            "accuracy", "Accuracy, with times", text, results, about, arguments.results
        )

    for place, cell in enumerate(todo, start=1):
        print(f"{place}/{len(todo)} {cell}", file=sys.stderr, flush=True)
        results.append(run_cell(cell, arguments.data))
        write()
    print(write())


def _key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return (cell["data_set"], cell["method"], cell["seed"], cell["per_class"])


def page(results: Results) -> str:
    """Return the tables: mean and spread over seeds."""
    return (
        _sets([result for result in results if not result["per_class"]])
        + _curve([result for result in results if result["per_class"]])
        + "\nScores in %: mean ± standard deviation over seeds. Times are medians, memory the "
        "largest; the whole process reads the data, trains and predicts the test part.\n"
    )


def _sets(results: Results) -> str:
    text = ""
    for data_set, of_set in _grouped(results, "data_set").items():
        several = data_set == "goemotions"
        names = ["micro_f1", "macro_f1", "accuracy"] if several else ["accuracy", "macro_f1"]
        header = ["method", *names, "seeds", "fit and predict", "whole process", "peak memory"]
        rows = [
            [method, *(_spread(runs, name) for name in names), *_cost(runs)]
            for method, runs in _grouped(of_set, "method").items()
        ]
        text += f"## {data_set}\n\n{report.markdown(header, rows)}"
        text += f"\n{_against_svm(of_set, names[0])}\n\n"
    return text


def _curve(results: Results) -> str:
    text = ""
    for data_set, of_set in _grouped(results, "data_set").items():
        sizes = sorted({result["per_class"] for result in of_set})
        rows = []
        for method, runs in _grouped(of_set, "method").items():
            by_size = _grouped(runs, "per_class")
            rows.append([method, *(_spread(by_size.get(size, []), "accuracy") for size in sizes)])
        header = ["method", *(f"{size} documents per class" for size in sizes)]
        text += f"## Few documents: accuracy on {data_set}\n\n{report.markdown(header, rows)}\n"
    return text


def _against_svm(of_set: Results, name: str) -> str:
    by_method = _grouped(of_set, "method")
    svm = [_mean(by_method.get(method, []), name) for method in ("svm-words", "svm-pairs")]
    found = [value for value in svm if value is not None]
    default = _mean(by_method.get("satchel-balanced", []), name)
    if default is None or not found:
        return ""
    return (
        f"Satchel's default less the better linear SVM: {(default - max(found)) * 100:+.2f} points."
    )


def _grouped(results: Results, key: str) -> dict[Any, Results]:
    groups: dict[Any, Results] = defaultdict(list)
    for result in results:
        groups[result[key]].append(result)
    return groups


def _values(runs: Results, name: str) -> list[float]:
    return [run["answer"][name] for run in runs if "answer" in run]


def _mean(runs: Results, name: str) -> float | None:
    values = _values(runs, name)
    return statistics.fmean(values) if values else None


def _spread(runs: Results, name: str) -> str:
    values = [value * 100 for value in _values(runs, name)]
    if not values:
        return "failed" if runs else ""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread}"


def _cost(runs: Results) -> list[str]:
    good = [run for run in runs if "answer" in run]
    if not good:
        return ["0", "", "", ""]
    return [
        str(len(good)),
        f"{statistics.median(run['answer']['fit_and_answer_seconds'] for run in good):.1f} s",
        f"{statistics.median(run['seconds'] for run in good):.1f} s",
        f"{max(run['peak_mb'] for run in good):,.0f} MB",
    ]


if __name__ == "__main__":
    main()
