"""Which documents have the same text, up to case, white space and compatibility forms."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Sequence

import numpy as np

from satchel.normalizing import normalize

_BLANKS = string.whitespace.encode() + b"\x1c\x1d\x1e\x1f"


def text_keys(texts: Sequence[str]) -> np.ndarray:
    """Return a number for each text; texts that read the same have the same number.

    They read the same if they are equal after Unicode's NFKC, case folding, and making any run of
    white space one blank.

    Args:
        texts: The documents.

    Returns:
        uint64 array, one a text; comparable within one call only. A hash: among a million
        different texts, any two share a number with a chance of 1 in 37 million.
    """
    # Texts without any white space are quick to compare, and few of them are equal; only those
    # need the exact form.
    keys = np.fromiter(map(_quick_key, texts), np.uint64, len(texts))
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    for index in np.flatnonzero(sizes[group] > 1).tolist():
        keys[index] = _hash(" ".join(_fold(texts[index]).split()).encode("utf-8", "surrogatepass"))
    return keys


def _quick_key(text: str) -> int:
    if text.isascii():
        return _hash(text.encode().lower().translate(None, _BLANKS))
    return _hash("".join(_fold(text).split()).encode("utf-8", "surrogatepass"))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Folding may undo the composed form, so it is composed once more.
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
