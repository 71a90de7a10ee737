"""Which documents train and which judge: the same for every program."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.shared.folders import read_folder

Documents = tuple[list[str], list[str]]
Program = Callable[[Documents, Documents, int], dict]
"""From training and test documents and a seed to ``accuracy``, ``counts`` and ``stages``."""


def main(program: Program) -> None:
    """Read what the command line names, run the program and print its answer as JSON.

    With ``--test``, the whole train folder, shuffled, trains. Without, it is the tutorial's own
    split: the first 80 % of a shuffle train, the last 20 % judge.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    texts, labels = _shuffled(*read_folder(arguments.train), arguments.seed)
    if arguments.test is None:
        cut = int(len(texts) * 0.8)
        train, test = (texts[:cut], labels[:cut]), (texts[cut:], labels[cut:])
    else:
        train, test = (texts, labels), read_folder(arguments.test)
    reading = time.perf_counter() - started
    answer = program(train, test, arguments.seed)
    answer["counts"] |= {"train": len(train[0]), "test": len(test[0])}
    answer["stages"] = {"reading": reading, **answer["stages"]}
    print(json.dumps(answer))


def _shuffled(texts: list[str], labels: list[str], seed: int) -> Documents:
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    return [texts[place] for place in order], [labels[place] for place in order]
