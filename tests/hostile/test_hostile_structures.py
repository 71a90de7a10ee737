from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from hostile.structures import ATTACKS, GOOD
from hostile.trials import outcome, outcome_of_file

FILES = {"bytes": 40, "a member": 20, "the manifest": 30, "a model": 15}


@pytest.mark.parametrize("name", ATTACKS)
def test_any_file_is_refused_or_answers_like_a_model(name: str, tmp_path: Path) -> None:
    # scripts/fuzz_model_files.py goes on with this for as long as it is given.
    random = Random(name)
    found = set()
    for _ in range(FILES[name]):
        data = ATTACKS[name](random)
        told = outcome(data, name)
        path = tmp_path / "file.satchel"
        path.write_bytes(data)
        assert (outcome_of_file(path) == "refused") == told.startswith("refused")
        found.add(told)
    assert any(each.startswith("refused") for each in found)


@pytest.mark.parametrize("name", sorted({"a member", "the manifest", "a model"}))
def test_the_attacks_get_through_to_the_model(name: str) -> None:
    # Files that are all refused at the door would test nothing behind it.
    random = Random(7)
    found = [outcome(ATTACKS[name](random), name) for _ in range(25)]
    assert sum(not each.startswith("refused") for each in found) >= 4


@pytest.mark.parametrize("good", GOOD)
def test_the_good_files_answer(good: bytes) -> None:
    assert outcome(good, "bytes") == "answered and compressed"
