"""The corpora of the benchmarks: long posts, short comments, and made text in other scripts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from benchmarks.shared.folders import read_archive, read_json_lines

DATA = Path(os.environ.get("SATCHEL_DATA", Path(__file__).parents[3] / "shared" / "data"))
KEY = 0x1234_5678_9ABC_DEF1
"""A hash key, as every model has one: without it the kernels do not serve."""
SCRIPTS = {
    "chinese": (0x4E00, 0x4E00 + 2500),
    "thai": (0x0E01, 0x0E2E),
    "arabic": (0x0627, 0x064A),
}


def news(part: str) -> list[str]:
    """20 Newsgroups by date, ``train`` or ``test``: long posts in English."""
    return read_archive(DATA / "20news-bydate.tar.gz", f"20news-bydate-{part}")[0]


def comments(part: str) -> list[str]:
    """GoEmotions, ``train`` or ``test``: comments of a line."""
    return read_json_lines(DATA / "goemotions" / f"{part}.jsonl.gz")[0]


def made(part: str, documents: int = 6000, words: int = 150) -> list[str]:
    """Made text, a third each of Chinese, Thai and Arabic letters; words as frequent as by Zipf."""
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
        joint = " " if name == "arabic" else ""
        for _ in range(documents // len(SCRIPTS)):
            ranks = np.minimum(random.zipf(1.2, words), len(vocabulary)) - 1
            texts.append(joint.join(vocabulary[ranks]) + ".")
    return texts


CORPORA = {"20news": news, "goemotions": comments, "made": made}
