"""The tables of the accuracy benchmark: mean and spread over seeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

from benchmarks.shared import tables

Results = list[dict[str, Any]]


def report(about: dict[str, Any], results: Results) -> str:
    """Return the results as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        "# Accuracy, with times\n\n"
        + _sets([result for result in results if not result["per_class"]])
        + _curve([result for result in results if result["per_class"]])
        + f"\n{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; "
        f"Python {about['python']}; {versions}; commit {about['commit']}.\n"
        "Scores in %: mean ± standard deviation over seeds. Times are medians, memory the "
        "largest; the whole process reads the data, trains and answers the test part.\n"
    )


def _sets(results: Results) -> str:
    text = ""
    for data_set, of_set in _grouped(results, "data_set").items():
        several = data_set == "goemotions"
        names = ["micro_f1", "macro_f1", "accuracy"] if several else ["accuracy", "macro_f1"]
        header = ["method", *names, "seeds", "fit and answer", "whole process", "peak memory"]
        rows = [
            [method, *(_spread(runs, name) for name in names), *_cost(runs)]
            for method, runs in _grouped(of_set, "method").items()
        ]
        text += f"## {data_set}\n\n{tables.markdown(header, rows)}"
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
        header = ["method", *(f"{size} documents a class" for size in sizes)]
        text += f"## Few documents: accuracy on {data_set}\n\n{tables.markdown(header, rows)}\n"
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
