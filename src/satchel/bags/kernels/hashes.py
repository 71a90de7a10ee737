"""The arithmetic of ``satchel.bags.hashing`` inside kernels."""

from __future__ import annotations

import numpy as np

from satchel.bags import hashing
from satchel.bags.kernels.compiled import Array, Number, helper

# Numba turns uint64 with int64 into float64, so every number here has its type.
PRIME = np.uint64(hashing.FNV_PRIME)
WORD_START = np.uint64(hashing.FNV_OFFSET ^ hashing.WORD_SALT)
ADDRESS_START = np.uint64(hashing.FNV_OFFSET ^ hashing.ADDRESS_SALT)
CHARACTER_START = np.uint64(hashing.FNV_OFFSET ^ hashing.CHARACTER_SALT)
FIELD_START = np.uint64(hashing.FNV_OFFSET ^ hashing.FIELD_SALT)
FIELD_SALT = np.uint64(hashing.FIELD_SALT)
_MIX_1 = np.uint64(hashing.MIX_1)
_MIX_2 = np.uint64(hashing.MIX_2)
_COMBINE = np.uint64(hashing.COMBINE)
_SHIFT = np.uint64(33)


@helper
def step(state: Number, byte: Number) -> Number:
    """FNV-1a's step by the byte of one place of a text."""
    return (state ^ np.uint64(byte & 0xFF)) * PRIME


@helper
def mix(number: Number) -> Number:
    """murmur3's finalising mix."""
    number ^= number >> _SHIFT
    number *= _MIX_1
    number ^= number >> _SHIFT
    number *= _MIX_2
    return number ^ (number >> _SHIFT)


@helper
def combine(left: Number, right: Number, salt: Number) -> Number:
    """One hash of two, in which their order matters."""
    return mix(left * _COMBINE + right + salt)


@helper
def hash_bytes(text: Array, start: Number, end: Number, state: Number) -> Number:
    """The hash of the bytes of ``text[start:end]`` from the starting state of its kind."""
    for place in range(start, end):
        state = step(state, text[place])
    return mix(state)
