"""Mutations of a good file, and what must hold for each: refused, or the very same model."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from hostile.building import resealed, unpacked, with_manifest
from satchel import sealed
from satchel.errors import ModelFileError
from satchel.sealed.assembly import Contents


def flip(data: bytes, at: int, mask: int) -> bytes:
    """Change bits of one byte."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def cut(data: bytes, at: int) -> bytes:
    """Drop everything from one byte on."""
    return data[: at % len(data)]


def insert(data: bytes, at: int, what: bytes) -> bytes:
    """Put bytes in between."""
    at %= len(data) + 1
    return data[:at] + what + data[at:]


def remove(data: bytes, at: int, length: int) -> bytes:
    """Take bytes out."""
    at %= len(data)
    return data[:at] + data[at + length :]


def repeat(data: bytes, at: int, length: int) -> bytes:
    """Write a stretch twice."""
    at %= len(data)
    return insert(data, at, data[at : at + length])


def overwrite(data: bytes, at: int, what: bytes) -> bytes:
    """Put bytes in the place of others."""
    at %= len(data)
    return (data[:at] + what + data[at + len(what) :])[: len(data)]


def splice(data: bytes, other: bytes, at: int, length: int) -> bytes:
    """Put a stretch of another good file in the place of the same stretch of this one."""
    at %= min(len(data), len(other))
    return data[:at] + other[at : at + length] + data[at + length :]


def move(data: bytes, source: int, target: int, length: int) -> bytes:
    """Copy a stretch over another."""
    source %= len(data)
    return overwrite(data, target, data[source : source + length])


SHORT_NAMES = {"arrays.safetensors": "arrays", "terms.txt": "terms", "card.md": "card"}
POSITIONS = st.integers(0, 2**31)
LENGTHS = st.sampled_from([1, 2, 4, 8, 22, 46, 64]) | st.integers(1, 3_000)
INTERESTING = st.sampled_from(
    [
        *(value.to_bytes(size, "little") for size in (2, 4, 8) for value in (0, 1, 0x7FFF)),
        *(b"\xff" * size for size in (1, 2, 4, 8)),
        *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"),
        *(b'"', b"\\", b"\n", b"{", b"}", b",", b"e999", b"-", b"\x00\x00\xc0\x7f"),
    ]
) | st.binary(min_size=1, max_size=64)


Step = Callable[[bytes, list[bytes]], bytes]


def step(mutation: Callable[..., bytes], *arguments: st.SearchStrategy) -> st.SearchStrategy[Step]:
    """A strategy for one mutation with its arguments, still to be given the bytes."""
    return st.tuples(*arguments).map(lambda drawn: lambda data, _: mutation(data, *drawn))


STEPS = st.one_of(
    step(flip, POSITIONS, st.integers(1, 255)),
    step(cut, POSITIONS),
    step(insert, POSITIONS, INTERESTING),
    step(remove, POSITIONS, LENGTHS),
    step(repeat, POSITIONS, LENGTHS),
    step(overwrite, POSITIONS, INTERESTING),
    step(move, POSITIONS, POSITIONS, LENGTHS),
    st.tuples(st.integers(0, 9), POSITIONS, LENGTHS).map(
        lambda drawn: lambda data, good: splice(data, good[drawn[0] % len(good)], *drawn[1:])
    ),
)
PLANS = st.tuples(st.integers(0, 99), st.lists(STEPS, min_size=1, max_size=3))


def mutated(good: list[bytes]) -> st.SearchStrategy[bytes]:
    """One to three mutations of one of some good files."""
    return PLANS.map(lambda plan: apply(good[plan[0] % len(good)], plan[1], good))


def apply(data: bytes, steps: list[Step], good: list[bytes]) -> bytes:
    """Carry out mutations, as far as there are bytes left."""
    for mutate in steps:
        if data:
            data = mutate(data, good)
    return data


def deeply_mutated(good: list[Contents]) -> st.SearchStrategy[bytes]:
    """A mutation inside one member of a good file, with sizes, CRC-32 and SHA-256 made right again.

    Such a file passes the outer checks, so what it breaks is for the inner ones to find.
    """
    choices = [
        (parts, name, data) for parts in good for name, data in unpacked(parts).items() if data
    ]

    def inside(plan: tuple[int, list[Step]]) -> bytes:
        parts, name, data = choices[plan[0] % len(choices)]
        changed = apply(data, plan[1], [data])
        if name == "manifest.json":
            return with_manifest(parts, lambda _: changed)
        return resealed(parts, None, **{SHORT_NAMES[name]: changed})

    return PLANS.map(inside)


def opens_whole_or_not_at_all(data: bytes) -> bool:
    """Return whether a file opens; a model that opens must be one that can be written and read.

    Raises:
        Exception: The reader failed with anything else than a `ModelFileError`, or what it
            returned is not whole.
    """
    try:
        model = sealed.loads(data)
    except ModelFileError:
        return False
    again = sealed.dumps(model)
    assert sealed.dumps(sealed.loads(again)) == again
    return True


def opened_as(data: bytes, good: list[bytes]) -> int | None:
    """Return which of the good models a file opened as, or None where it was refused.

    Raises:
        AssertionError: It opened as a model that is none of these.
        Exception: The reader failed with anything else than a `ModelFileError`.
    """
    try:
        model = sealed.loads(data)
    except ModelFileError:
        return None
    # Writing again gives the same bytes for the same model, and looks at every term and number.
    again = sealed.dumps(model)
    assert again in good, "a mutation opened as another model"
    return good.index(again)
