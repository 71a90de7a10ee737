"""One method on one data set with one seed, as a process of its own; prints JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path

from benchmarks.accuracy.data_sets import few, load
from benchmarks.accuracy.methods import ONE_LABEL, SEVERAL_LABELS, libraries


def main() -> None:
    """Read, train, answer, score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_set")
    parser.add_argument("method")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-class", type=int)
    arguments = parser.parse_args()
    data_set = load(arguments.data_set, arguments.data)
    if arguments.per_class:
        data_set = few(data_set, arguments.per_class, arguments.seed)
    method = (SEVERAL_LABELS if data_set.multiple else ONE_LABEL)[arguments.method]
    for library in libraries(arguments.method):
        importlib.import_module(library)
    started = time.perf_counter()
    answers = method(
        data_set.train_texts, data_set.train_labels, data_set.test_texts, arguments.seed
    )
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                **scores(data_set.test_labels, answers),
                "fit_and_answer_seconds": seconds,
                "train": len(data_set.train_texts),
                "test": len(answers),
            }
        )
    )


def scores(true: list, answers: list) -> dict[str, float]:
    """Score by scikit-learn, so that no method is judged by Satchel's own arithmetic."""
    from sklearn.metrics import accuracy_score, f1_score

    if isinstance(true[0], list):
        from sklearn.preprocessing import MultiLabelBinarizer

        binarizer = MultiLabelBinarizer().fit([*true, *answers])
        true, answers = binarizer.transform(true), binarizer.transform(answers)
    kinds = ("macro", "micro")
    f1 = {f"{kind}_f1": f1_score(true, answers, average=kind, zero_division=0) for kind in kinds}
    return {"accuracy": accuracy_score(true, answers), **f1}


if __name__ == "__main__":
    main()
