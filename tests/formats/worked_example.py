"""The model of docs/format.md's worked example: two words, two labels, no layers.

``python tests/formats/worked_example.py`` prints its bytes as they stand in that page.
"""

from __future__ import annotations

import numpy as np

from satchel.features.hashing import WORD_SALT, hash_text
from satchel.features.spec import Features, Weighting
from satchel.inference.structure import Training
from satchel.sealed.assembly import Contents
from satchel.sealed.schema import Manifest, MemberEntry, ViewEntry
from satchel.sealed.store import pack

WORDS = ("free", "hello")
KEY = 1_000_000_007


def example() -> Contents:
    """The parts of the example."""
    numbers = {word: hash_text(word, WORD_SALT, KEY) for word in WORDS}
    words = sorted(WORDS, key=numbers.__getitem__)
    worth = {"free": (-1.0, 1.0), "hello": (0.5, -0.5)}
    manifest = Manifest(
        satchel="0.1.0",
        task="single",
        labels=("ham", "spam"),
        views=(
            ViewEntry(
                features=Features(words=1, hash_key=KEY),
                weighting=Weighting(term_frequency="binary", norm="none"),
                size=2,
                width=2,
            ),
        ),
        members=(MemberEntry(view=0, start=0, stop=2),),
        training=Training(documents=3, class_counts=(2, 1)),
    )
    arrays: dict[str, np.ndarray] = {
        "view0.hashes": np.array([numbers[word] for word in words], dtype=np.uint64),
        "view0.kinds": np.ones(2, dtype=np.uint8),
        "view0.weights": np.array([1.0, 2.0], dtype=np.float32),
        "view0.rows": np.array([worth[word] for word in words], dtype=np.float32),
        "member0.bias": np.array([0.25, -0.25], dtype=np.float32),
    }
    return Contents(manifest=manifest, arrays=arrays, terms=[words], card="# Ham or spam\n")


def dump(data: bytes) -> str:
    """Sixteen bytes per line: offset, hexadecimal, and what is printable."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:04x}  {row.hex(' '):<47}  {shown}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(dump(pack(example())), end="")
