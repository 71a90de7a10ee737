"""The data sets, read from the folder that ``--data`` names; none of them is in the project."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared.folders import read_archive, read_json_lines

JSON_LINES = ("r8", "mr", "sms", "goemotions")
NAMES = ("20news", "20news-stripped", *JSON_LINES)


@dataclass(frozen=True)
class DataSet:
    """Texts and labels; for several labels a document each label is a list."""

    train_texts: list[str]
    train_labels: list
    test_texts: list[str]
    test_labels: list

    @property
    def multiple(self) -> bool:
        """Whether a document may have several labels."""
        return isinstance(self.train_labels[0], list)


def load(name: str, data: Path) -> DataSet:
    """Read a data set as it is split."""
    if name in JSON_LINES:
        return DataSet(
            *read_json_lines(data / name / "train.jsonl.gz"),
            *read_json_lines(data / name / "test.jsonl.gz"),
        )
    archive = data / "20news-bydate.tar.gz"
    found = DataSet(
        *read_archive(archive, "20news-bydate-train"), *read_archive(archive, "20news-bydate-test")
    )
    if name == "20news":
        return found
    if name == "20news-stripped":
        strip = _strip_rules()
        return DataSet(
            [strip(text) for text in found.train_texts],
            found.train_labels,
            [strip(text) for text in found.test_texts],
            found.test_labels,
        )
    raise SystemExit(f"expected one of {', '.join(NAMES)}, found {name}")


def few(data_set: DataSet, per_class: int, seed: int) -> DataSet:
    """Keep ``per_class`` training documents of each class, drawn by the seed."""
    order = list(range(len(data_set.train_texts)))
    random.Random(seed).shuffle(order)
    taken: dict[str, int] = {}
    kept = []
    for place in order:
        label = data_set.train_labels[place]
        if taken.get(label, 0) < per_class:
            taken[label] = taken.get(label, 0) + 1
            kept.append(place)
    return DataSet(
        [data_set.train_texts[place] for place in kept],
        [data_set.train_labels[place] for place in kept],
        data_set.test_texts,
        data_set.test_labels,
    )


def _strip_rules() -> Callable[[str], str]:
    """Return scikit-learn's ``remove=("headers", "quotes", "footers")``, in its order."""
    from sklearn.datasets import _twenty_newsgroups as rules

    return lambda text: rules.strip_newsgroup_quoting(
        rules.strip_newsgroup_footer(rules.strip_newsgroup_header(text))
    )
