"""The keyed hash of ``satchel.bags.hashing`` inside kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from satchel.bags import hashing
from satchel.bags.hashing import BLOCK
from satchel.bags.kernels.compiled import Array, Number, helper

# Numba turns uint64 with int64 into float64, so every number here has its type.
WORD_START = np.uint64(hashing.KEYED_START[hashing.WORD_SALT])
ADDRESS_START = np.uint64(hashing.KEYED_START[hashing.ADDRESS_SALT])
CHARACTER_START = np.uint64(hashing.KEYED_START[hashing.CHARACTER_SALT])
FIELD_START = np.uint64(hashing.KEYED_START[hashing.FIELD_SALT])
FIELD_SALT = np.uint64(hashing.FIELD_SALT)
EMPTY = np.uint64(1)
"""A block without bytes: the 1 above the bytes of a block tells how many there are."""
NOT_ASCII = np.uint64(int.from_bytes(b"\x80" * BLOCK, "big"))
"""The bits of a block of which one is set where a byte of it is no ASCII."""
_FULL = np.uint64(8 * BLOCK)
_BYTES = np.uint64((1 << 8 * BLOCK) - 1)
_BYTE = np.uint64(8)
_PRIME = np.uint64(hashing.PRIME)
_PRIME_BITS = np.uint64(61)
_KEY_SHIFT = np.uint64(64 - 61)
_MIX_1 = np.uint64(hashing.MIX_1)
_MIX_2 = np.uint64(hashing.MIX_2)
_COMBINE = np.uint64(hashing.COMBINE)
_SHIFT = np.uint64(33)


@intrinsic
def _wide_product(_context: Any, _left: Any, _right: Any) -> Any:
    """The two halves of the 128 bits of a product, the high one first, which Numba lacks."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        narrow = arguments[0].type
        wide = type(narrow)(128)
        product = builder.mul(*(builder.zext(each, wide) for each in arguments))
        halves = [builder.lshr(product, wide(64)), product]
        parts = [builder.trunc(half, narrow) for half in halves]
        return context.make_tuple(builder, signature.return_type, parts)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@helper
def shifted_key(key: Number) -> Number:
    """A key as ``absorb`` takes it: the high half of a product then is the product over 2⁶¹."""
    return np.uint64(key) << _KEY_SHIFT


@helper
def absorb(state: Number, block: Number, key: Number) -> Number:
    """(state + block) · key modulo the prime, up to 2 too much: the next step does not mind.

    The state is below 2⁶¹ + 2 and the block below 2⁵⁷, so nothing here overflows.
    """
    high, low = _wide_product(state + block, key)
    number = high + (low >> _KEY_SHIFT)
    return (number & _PRIME) + (number >> _PRIME_BITS)


@helper
def absorb_full(state: Number, block: Number, key: Number) -> Number:
    """The state after a block of ``BLOCK`` bytes that is not the last one."""
    return absorb(state, block & _BYTES, key)


@helper
def with_byte(block: Number, byte: Number) -> Number:
    """A block that is not full and the byte of one place of a text."""
    return block << _BYTE | np.uint64(byte & 0xFF)


@helper
def add_byte(state: Number, block: Number, byte: Number, key: Number) -> tuple[Number, Number]:
    """Add the byte of one place of a text; give the state and the block that follow.

    Bytes gather in the block, and one multiplication takes seven of them in.
    """
    if block >> _FULL:
        state = absorb_full(state, block, key)
        block = EMPTY
    return state, with_byte(block, byte)


@helper
def finished(state: Number, block: Number, key: Number) -> Number:
    """The hash of the bytes so far: takes the last block in, and mixes."""
    number = absorb(state, block, key)
    return mix(number - _PRIME if number >= _PRIME else number)


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
def hash_bytes(text: Array, start: Number, end: Number, state: Number, key: Number) -> Number:
    """The hash of the bytes of ``text[start:end]`` from the starting state of its kind."""
    block = EMPTY
    while end - start > BLOCK:
        for place in range(start, start + BLOCK):
            block = with_byte(block, text[place])
        state = absorb_full(state, block, key)
        block = EMPTY
        start += BLOCK
    for place in range(start, end):
        block = with_byte(block, text[place])
    return finished(state, block, key)
