from __future__ import annotations

import re
from pathlib import Path

import pytest

from hostile import hostile_arrays, hostile_containers, hostile_manifests, small_models
from hostile.attempts import ATTEMPTS, Attempt
from hostile.building import resealed
from satchel import sealed
from satchel.errors import ModelFileError
from satchel.sealed.store import pack

MODULES = (hostile_containers, hostile_manifests, hostile_arrays)


def name_of(attempt: Attempt) -> str:
    return attempt.build.__name__


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=name_of)
def test_a_hostile_file_is_refused_with_member_and_reason(attempt: Attempt) -> None:
    data = attempt.build()
    with pytest.raises(ModelFileError) as caught:
        sealed.loads(data)
    assert caught.value.member == attempt.member
    assert re.search(attempt.reason, caught.value.reason), caught.value.reason


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=name_of)
def test_a_hostile_file_on_the_disk_is_refused_alike(attempt: Attempt, tmp_path: Path) -> None:
    data = attempt.build()
    path = tmp_path / "hostile.satchel"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as from_disk:
        sealed.read(path)
    with pytest.raises(ModelFileError) as from_memory:
        sealed.loads(data)
    assert str(from_disk.value) == str(from_memory.value)


def test_each_hostile_file_says_what_it_attempts() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({name_of(attempt) for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert {attempt.build.__module__ for attempt in ATTEMPTS} == {m.__name__ for m in MODULES}
    for attempt in ATTEMPTS:
        assert (attempt.build.__doc__ or "").strip().endswith("."), name_of(attempt)


@pytest.mark.parametrize("make", [small_models.linear, small_models.network])
def test_the_building_blocks_make_a_good_file_where_nothing_is_changed(make) -> None:
    # Were they wrong, the files above would be refused for the wrong reason.
    parts = make()
    assert sealed.dumps(sealed.loads(resealed(parts))) == pack(parts)
