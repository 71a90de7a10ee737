"""How kernels hold a lowered text and the features found in it.

A text is an array of uint16: a byte of its lower case, and above it the class of the character. The
features found are an array of uint64 with a row each: hash, place (start << 32 | end, in bytes of
the text), and kind (with the count above it, once equal features are merged).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numba import types

from satchel.bags.features import Features
from satchel.bags.kernels.compiled import Array, Number, helper

HASH, PLACE, KIND = 0, 1, 2
COLUMNS = 3
COUNT_SHIFT = 8

# Odd, so that no two hashes are taken for each other, and drawn anew in every process.
PLACEMENT = int.from_bytes(os.urandom(8), "little", signed=True) | 1


class Settings(NamedTuple):
    """A document's features as numbers.

    Attributes:
        orders: The highest order of word n-grams, 0 for no words.
        min_length: The shortest word.
        fields: 1 for field tokens, else 0.
        shortest: The shortest character n-gram, 0 for none.
        longest: The longest character n-gram.
        hash_key: The key of the feature hash.
        placement: What tables multiply a hash with to find its slot; no answer depends on it.
    """

    orders: int
    min_length: int
    fields: int
    shortest: int
    longest: int
    hash_key: int
    placement: int


settings_type = types.NamedUniTuple(types.int64, len(Settings._fields), Settings)


def settings_of(features: Features) -> Settings:
    """Features as the numbers that kernels take."""
    shortest, longest = features.characters or (0, 0)
    return Settings(
        features.words,
        features.min_length,
        int(features.fields),
        shortest,
        longest,
        features.hash_key,
        PLACEMENT,
    )


@helper
def slot_shift(slots: Number) -> Number:
    """How far a hash times the placement is shifted right to give one of 2ⁿ slots."""
    shift = 64
    while slots > 1:
        slots >>= 1
        shift -= 1
    return np.uint64(shift)


@helper
def first_slot(number: Number, placement: Number, shift: Number) -> Number:
    """Where the search for a hash begins in a table with open addressing.

    A hash is no secret to whoever holds the model, so its own bits must not say where it goes:
    65,536 words made for one stretch of a table would make each look-up walk through all of them.
    """
    return np.int64(number * placement >> shift)


@helper
def kind_at(text: Array, place: Number) -> Number:
    """The class of the character that starts at a place."""
    return text[place] >> 8


@helper
def byte_at(text: Array, place: Number) -> Number:
    """The byte at a place."""
    return text[place] & 0xFF


@helper
def emit(
    found: Array, count: Number, number: Number, kind: Number, start: Number, end: Number
) -> Number:
    """Add a feature to those found; return how many there are now."""
    found[count, HASH] = number
    found[count, PLACE] = np.uint64(start) << np.uint64(32) | np.uint64(end)
    found[count, KIND] = np.uint64(kind)
    return count + 1
