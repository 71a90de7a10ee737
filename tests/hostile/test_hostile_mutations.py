from __future__ import annotations

import pytest
from hypothesis import given, settings

from hostile import small_models
from hostile.mutations import deeply_mutated, mutated, opened_as, opens_whole_or_not_at_all
from satchel import sealed
from satchel.errors import ModelFileError
from satchel.sealed.store import pack

PARTS = [
    small_models.linear(),
    small_models.network(),
    small_models.linear(terms=False, card=""),
]
GOOD = [pack(parts) for parts in PARTS]


@given(data=mutated(GOOD))
@settings(max_examples=300, deadline=None)
def test_a_mutation_is_refused_or_opens_as_the_very_same_model(data: bytes) -> None:
    opened_as(data, GOOD)


@given(data=deeply_mutated(PARTS))
@settings(max_examples=300, deadline=None)
def test_a_mutation_inside_a_member_is_refused_or_opens_as_a_whole_model(data: bytes) -> None:
    opens_whole_or_not_at_all(data)


@pytest.mark.parametrize("good", GOOD)
def test_every_byte_matters(good: bytes) -> None:
    # The whole file is covered by prescribed records, a CRC-32 or a SHA-256.
    for at in range(0, len(good), 5):
        damaged = bytearray(good)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(ModelFileError):
            sealed.loads(bytes(damaged))


@pytest.mark.parametrize("good", GOOD)
def test_every_shorter_file_is_refused(good: bytes) -> None:
    for length in range(0, len(good), 3):
        with pytest.raises(ModelFileError):
            sealed.loads(good[:length])
