"""The 64-bit hash of a feature, which alone identifies a feature (docs/tokens.md).

There are two. The keyed hash is a polynomial modulo the prime 2⁶¹ − 1, evaluated at a secret point,
the key: without the key nobody can construct two tokens that collide. The hash of model files of
format 1, FNV-1a over the bytes, has no key; only the plain path computes it, for those files. Both
end in murmur3's finalising mix. Among V features the expected number of colliding pairs is V² / 2⁶²
(without a key V² / 2⁶⁵): 2e-7 for a million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np

MASK: Final = 0xFFFFFFFFFFFFFFFF
MIX_1: Final = 0xFF51AFD7ED558CCD
MIX_2: Final = 0xC4CEB9FE1A85EC53
COMBINE: Final = 0x9E3779B97F4A7C15

NO_KEY: Final = 0
"""Instead of a key: the hash of format 1."""
FNV_OFFSET: Final = 0xCBF29CE484222325
FNV_PRIME: Final = 0x100000001B3

PRIME: Final = (1 << 61) - 1
"""Keys lie between 0 and this prime."""
BLOCK: Final = 7
"""Bytes of a token per block: one multiplication processes seven bytes, which with the sentinel
above them stay far below the prime."""

_KEPT_TEXTS: Final = 1 << 16
_KEPT_LENGTH: Final = 64  # a longer token rarely occurs again, and its text would fill the memory

# Each kind of token has its own initial state, so that equal bytes of two kinds differ. The
# salt is that of the hash without a key, and of ``combine``.
WORD_SALT: Final = 0
ADDRESS_SALT: Final = 0xA0761D6478BD642F
CHARACTER_SALT: Final = 0xE7037ED1A0B428DB
FIELD_SALT: Final = 0x8EBC6AF09C88C6E3

KEYED_START: Final = {
    WORD_SALT: 1 << 58,
    ADDRESS_SALT: 2 << 58,
    CHARACTER_SALT: 3 << 58,
    FIELD_SALT: 4 << 58,
}
"""The same for the keyed hash: the kind is above all bits of a block."""

CHARACTER_KIND: Final = 32
FIELD_KIND: Final = 64
PART_KIND: Final = 65


def mix(number: int) -> int:
    """murmur3's finalising mix of 64 bits, a bijection."""
    number ^= number >> 33
    number = number * MIX_1 & MASK
    number ^= number >> 33
    number = number * MIX_2 & MASK
    return number ^ number >> 33


def combine(left: int, right: int, salt: int) -> int:
    """Return one hash of two; their order matters."""
    return mix(left * COMBINE + right + salt & MASK)


def hash_text(text: str, salt: int = WORD_SALT, key: int = NO_KEY) -> int:
    """Return the hash of a lower-cased token.

    Args:
        text: The token.
        salt: The salt of its kind.
        key: The key of the features; ``NO_KEY`` for the hash of format 1.

    Returns:
        A number of 64 bits.
    """
    return text_hashes(salt, key)[text]


class TextHashes(dict[str, int]):
    """The hashes of tokens of one kind under one key, cached up to a limit.

    A subscript is the fastest call in Python: half the cost of ``lru_cache``.

    Args:
        salt: The salt of the kind.
        key: As for ``hash_text``.
    """

    def __init__(self, salt: int, key: int) -> None:
        super().__init__()
        self._start = KEYED_START[salt] if key else FNV_OFFSET ^ salt
        self._key = key

    def __missing__(self, text: str) -> int:
        number = _keyed(text, self._start, self._key) if self._key else _unkeyed(text, self._start)
        if len(text) <= _KEPT_LENGTH:
            if len(self) >= _KEPT_TEXTS:
                self.clear()
            self[text] = number
        return number


@lru_cache(maxsize=16)  # four kinds of each of four models
def text_hashes(salt: int, key: int) -> TextHashes:
    """Return the cache of a kind and a key, which all models with that key share."""
    return TextHashes(salt, key)


def _keyed(text: str, state: int, key: int) -> int:
    data = text.encode()
    last = max(len(data) - 1, 0) // BLOCK * BLOCK
    for place in range(0, last, BLOCK):
        state = (state + int.from_bytes(data[place : place + BLOCK], "big")) * key % PRIME
    # The 1 before the last block encodes how many bytes it has.
    return mix((state + int.from_bytes(b"\x01" + data[last:], "big")) * key % PRIME)


def _unkeyed(text: str, state: int) -> int:
    for byte in text.encode():
        state = (state ^ byte) * FNV_PRIME & MASK
    return mix(state)


def combine_arrays(left: np.ndarray, right: np.ndarray | int, salt: int) -> np.ndarray:
    """Return ``combine`` of whole arrays.

    Args:
        left: uint64 [n].
        right: uint64 [n], or one number for all.
        salt: The salt of the kind.

    Returns:
        uint64 [n].
    """
    added = right if isinstance(right, np.ndarray) else np.uint64(right)
    number = left * np.uint64(COMBINE) + added
    number += np.uint64(salt)
    shift = np.uint64(33)
    number ^= number >> shift
    number *= np.uint64(MIX_1)
    number ^= number >> shift
    number *= np.uint64(MIX_2)
    number ^= number >> shift
    return number


def digest_texts(texts: Iterable[str]) -> hashlib.blake2b:
    """Return a digest of texts, each preceded by its length, that can be updated.

    Args:
        texts: Any texts; what UTF-8 cannot hold (half a surrogate pair) is digested unchanged.

    Returns:
        BLAKE2b with 32 bytes.
    """
    digest = hashlib.blake2b(digest_size=32)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest


def derived_key(digest: bytes) -> int:
    """Return the key of training texts: equal texts give equal keys, and so equal models.

    Args:
        digest: The digest of the texts.

    Returns:
        A number from 2 to ``PRIME`` − 2.
    """
    drawn = hashlib.blake2b(digest, digest_size=32, person=b"satchel hash key").digest()
    return 2 + int.from_bytes(drawn, "big") % (PRIME - 3)
