"""The data sets, read plainly, so that every program gets the same documents.

They are not part of the project. ``--data`` names the folder that holds them, or the variable
``SATCHEL_DATA`` does: ``20news-bydate.tar.gz`` (or its two folders), and ``r8``, ``mr``, ``sms``
and ``goemotions``, each with ``train.jsonl.gz`` and ``test.jsonl.gz`` (``text``, and ``label`` or
``labels``).

Only the standard library is imported here, as in all that ``benchmarks.startup`` imports: the peak
memory of a process begins with that of the process which started it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

Part = Literal["train", "test"]
Documents = tuple[list[str], list[Any]]
"""Texts and labels; a label is a string, or a list of strings where a document may have several."""

ARCHIVE = "20news-bydate.tar.gz"
JSON_LINES = ("r8", "mr", "sms", "goemotions")
DATA_SETS = ("20news", "20news-stripped", *JSON_LINES)
SCRIPTS = {
    "chinese": (0x4E00, 0x4E00 + 2500),
    "thai": (0x0E01, 0x0E2E),
    "arabic": (0x0627, 0x064A),
}


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``, which ``SATCHEL_DATA`` may replace."""
    parser.add_argument(
        "--data",
        type=lambda name: Path(name).resolve(),
        default=os.environ.get("SATCHEL_DATA"),
        required="SATCHEL_DATA" not in os.environ,
        help="the folder of the data sets (default: the variable SATCHEL_DATA)",
    )


def read_folder(folder: Path) -> Documents:
    """Return texts and labels of a folder whose sub-folders are the labels, sorted by path.

    A file that is not UTF-8 is read as Latin-1.

    Raises:
        SystemExit: There is no such folder.
    """
    if not folder.is_dir():
        raise SystemExit(f"expected a folder with one folder per label, found none at {folder}")
    texts: list[str] = []
    labels: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            texts.append(_decode(path.read_bytes()))
            labels.append(path.relative_to(folder).parts[0])
    return texts, labels


def read_archive(archive: Path, folder: str) -> Documents:
    """As `read_folder`, for a folder inside a ``.tar.gz``; nothing is unpacked to disk."""
    documents = []
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            content = tar.extractfile(member) if parts[0] == folder else None
            if content is not None:
                documents.append((parts, _decode(content.read()), parts[1]))
    documents.sort(key=lambda document: document[0])
    return [text for _, text, _ in documents], [label for _, _, label in documents]


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_json_lines(path: Path) -> Documents:
    """Return texts and labels (``label``, or lists from ``labels``) of a ``.jsonl.gz`` file.

    Raises:
        SystemExit: There is no such file.
    """
    if not path.is_file():
        raise SystemExit(
            f"expected {path.parent.name}/{path.name} in {path.parents[1]}, found none"
        )
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    key = "labels" if "labels" in rows[0] else "label"
    return [row["text"] for row in rows], [row[key] for row in rows]


def newsgroups(data: Path, part: Part) -> Documents:
    """Return the texts and labels of one part of 20 Newsgroups by date: long posts in English.

    Args:
        data: The archive, a folder with it, or a folder with ``20news-bydate-train`` and
            ``20news-bydate-test``.
        part: Which part.

    Raises:
        SystemExit: The data are not there.
    """
    folder = f"20news-bydate-{part}"
    if data.is_file():
        return read_archive(data, folder)
    if (data / folder).is_dir():
        return read_folder(data / folder)
    if (data / ARCHIVE).is_file():
        return read_archive(data / ARCHIVE, folder)
    raise SystemExit(f"expected {ARCHIVE} or {folder} in {data}, found neither: set --data")


@dataclass(frozen=True)
class DataSet:
    """A data set in two parts; where documents may have several labels each label is a list."""

    train_texts: list[str]
    train_labels: list[Any]
    test_texts: list[str]
    test_labels: list[Any]

    @property
    def multiple(self) -> bool:
        """Whether a document may have several labels."""
        return isinstance(self.train_labels[0], list)


def load(name: str, data: Path) -> DataSet:
    """Read one of `DATA_SETS` as it is split.

    ``20news-stripped`` is 20 Newsgroups without headers, signatures and quotes, by scikit-learn's
    rules.
    """
    if name in JSON_LINES:
        return DataSet(
            *read_json_lines(data / name / "train.jsonl.gz"),
            *read_json_lines(data / name / "test.jsonl.gz"),
        )
    found = DataSet(*newsgroups(data, "train"), *newsgroups(data, "test"))
    if name == "20news":
        return found
    strip = _strip_rules()
    return DataSet(
        [strip(text) for text in found.train_texts],
        found.train_labels,
        [strip(text) for text in found.test_texts],
        found.test_labels,
    )


def _strip_rules() -> Callable[[str], str]:
    """Return scikit-learn's ``remove=("headers", "quotes", "footers")``, in its order."""
    from sklearn.datasets import _twenty_newsgroups as rules

    return lambda text: rules.strip_newsgroup_quoting(
        rules.strip_newsgroup_footer(rules.strip_newsgroup_header(text))
    )


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


def shuffled(documents: Documents, seed: int) -> Documents:
    """Return the documents in an order drawn by the seed."""
    texts, labels = documents
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    return [texts[place] for place in order], [labels[place] for place in order]


def made_text(part: Part, documents: int = 6000, words: int = 150) -> list[str]:
    """Made text, a third each of Chinese, Thai and Arabic letters; word frequencies are Zipf's."""
    import numpy as np

    random = np.random.default_rng(0 if part == "train" else 1)
    texts: list[str] = []
    for name, (first, last) in SCRIPTS.items():
        vocabulary_random = np.random.default_rng(len(name))
        vocabulary = np.array(
            [
                "".join(map(chr, vocabulary_random.integers(first, last, 2 + number % 5)))
                for number in range(20_000)
            ]
        )
        separator = " " if name == "arabic" else ""
        for _ in range(documents // len(SCRIPTS)):
            ranks = np.minimum(random.zipf(1.2, words), len(vocabulary)) - 1
            texts.append(separator.join(vocabulary[ranks]) + ".")
    return texts


CORPORA: dict[str, Callable[[Path, Part], list[str]]] = {
    "20news": lambda data, part: newsgroups(data, part)[0],
    "goemotions": lambda data, part: read_json_lines(data / "goemotions" / f"{part}.jsonl.gz")[0],
    "made": lambda _, part: made_text(part),
}
"""Texts without labels: long posts, short comments, and made text in other scripts."""
