"""The 64-bit hash of a feature: FNV-1a over UTF-8 bytes, then murmur3's finalising mix.

Features are told apart by their hash alone. Among V features the expected number of colliding
pairs is V² / 2⁶⁵: 2e-8 for a million. All arithmetic is modulo 2⁶⁴.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

MASK = 0xFFFFFFFFFFFFFFFF
FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
MIX_1 = 0xFF51AFD7ED558CCD
MIX_2 = 0xC4CEB9FE1A85EC53
COMBINE = 0x9E3779B97F4A7C15

_KEPT_WORDS = 1 << 17

# Each kind of feature starts from a number of its own, so that equal bytes of two kinds differ.
WORD_SALT = 0
ADDRESS_SALT = 0xA0761D6478BD642F
CHARACTER_SALT = 0xE7037ED1A0B428DB
FIELD_SALT = 0x8EBC6AF09C88C6E3

CHARACTER_KIND = 32
FIELD_KIND = 64
PART_KIND = 65


def mix(number: int) -> int:
    """murmur3's finalising mix of 64 bits, a bijection."""
    number ^= number >> 33
    number = number * MIX_1 & MASK
    number ^= number >> 33
    number = number * MIX_2 & MASK
    return number ^ number >> 33


def combine(left: int, right: int, salt: int) -> int:
    """One hash of two, in which their order matters."""
    return mix(left * COMBINE + right + salt & MASK)


@lru_cache(maxsize=1 << 17)
def hash_text(text: str, salt: int = WORD_SALT) -> int:
    """The hash of a lower-cased token.

    Args:
        text: The token.
        salt: The salt of its kind.

    Returns:
        A number of 64 bits.
    """
    state = FNV_OFFSET ^ salt
    for byte in text.encode():
        state = (state ^ byte) * FNV_PRIME & MASK
    return mix(state)


class WordHashes(dict[str, int]):
    """``hash_text`` of words, kept for as many words as a process may well hold.

    A subscript is the quickest call that Python has: half the price of ``lru_cache``.
    """

    def __missing__(self, word: str) -> int:
        if len(self) >= _KEPT_WORDS:
            self.clear()
        number = self[word] = hash_text(word)
        return number


def combine_arrays(left: np.ndarray, right: np.ndarray | int, salt: int) -> np.ndarray:
    """``combine`` of whole arrays.

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
