"""Machine code is kept only where nobody else can write, and never at the price of the work."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from private_folders import private_folder
from satchel.errors import SatchelWarning
from satchel.machine_code import _warn_once, compiled_folder

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid"), reason="this system has no owners and modes"
)
VARIABLE = "SATCHEL_TEST_FOLDER"


@pytest.fixture
def safe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    _warn_once.cache_clear()
    with private_folder() as folder:
        yield folder


def asked(parent: Path, monkeypatch: pytest.MonkeyPatch, name: str = "code") -> Path | None:
    monkeypatch.setenv(VARIABLE, str(parent))
    return compiled_folder(name, VARIABLE)


def refused(parent: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    _warn_once.cache_clear()
    with pytest.warns(SatchelWarning, match=reason) as said:
        assert asked(parent, monkeypatch) is None
    assert len(said) == 1
    assert VARIABLE in str(said[0].message)
    # Said once, however often it is asked.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(parent, monkeypatch) is None


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_a_folder_is_made_for_its_owner_alone(
    safe: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    before = os.umask(umask)
    try:
        folder = asked(safe / "new" / "newer", monkeypatch)
    finally:
        os.umask(before)
    assert folder == safe / "new" / "newer" / "code"
    for made in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert not list(folder.iterdir())
    assert asked(safe / "new" / "newer", monkeypatch) == folder


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o702])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_that_others_can_write_is_refused_at_any_depth(
    safe: Path, monkeypatch: pytest.MonkeyPatch, mode: int, depth: int
) -> None:
    parent = safe / "a" / "b" / "c"
    parent.mkdir(parents=True, mode=0o700)
    loose = [parent, parent.parent, parent.parent.parent][depth]
    loose.chmod(mode)
    refused(parent, monkeypatch, f"{loose}: other users can write it")
    loose.chmod(0o755)
    assert asked(parent, monkeypatch) == parent / "code"


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o701])
def test_a_kept_folder_that_was_open_to_others_is_not_trusted(
    safe: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    leaf = safe / "code"
    leaf.mkdir()
    leaf.chmod(mode)
    refused(safe, monkeypatch, str(leaf))


def test_links_are_followed_once_and_judged_by_where_they_lead(
    safe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, loose = safe / "good", safe / "loose"
    good.mkdir(mode=0o700)
    loose.mkdir()
    loose.chmod(0o777)
    (safe / "to-good").symlink_to(good)
    (safe / "to-loose").symlink_to(loose)
    (loose / "to-good").symlink_to(good)
    assert asked(safe / "to-good", monkeypatch) == good / "code"
    refused(safe / "to-loose", monkeypatch, f"{loose}: other users can write it")
    # Whoever may write a folder may turn its links, yet what is used is where it led: our own.
    assert asked(loose / "to-good", monkeypatch) == good / "code"


def test_a_link_in_place_of_the_folder_itself_is_refused(
    safe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (safe / "elsewhere").mkdir(mode=0o700)
    (safe / "code").symlink_to(safe / "elsewhere")
    refused(safe, monkeypatch, str(safe))


def test_a_file_in_place_of_a_folder_is_refused(
    safe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (safe / "file").write_text("")
    refused(safe / "file", monkeypatch, "file")


def test_the_temporary_folder_of_everybody_is_no_place(
    safe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on many servers: neither site-packages nor the home folder can be written."""
    shared = safe / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    (safe / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(safe / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    with pytest.warns(SatchelWarning, match="XDG_CACHE_HOME to a folder that only you can write"):
        assert compiled_folder("code", beside=safe / "file" / "__pycache__") is None
    assert not list(shared.iterdir())
    shared.chmod(0o700)
    assert compiled_folder("code") == shared / "satchel" / "code"


only_root = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root can act as two users"
)
VICTIM, ATTACKER = 54_321, 54_322

AS_USER = """
import os, sys, tempfile, warnings
user, shared = int(sys.argv[1]), sys.argv[2]
from satchel.machine_code import compiled_folder
warnings.simplefilter("ignore")
tempfile.tempdir = shared
os.environ.update(HOME="/nonexistent", XDG_CACHE_HOME="", SATCHEL_TEST_FOLDER=sys.argv[3])
os.setgroups([])
os.setgid(user)
os.setuid(user)
print(compiled_folder("code", "SATCHEL_TEST_FOLDER"))
"""


def found_by(user: int, shared: Path, chosen: Path | str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", AS_USER, str(user), str(shared), str(chosen)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@only_root
def test_the_attack_of_a_second_user_finds_nothing_to_swap() -> None:
    """The attacker makes the parent first, open to all, and could then swap the victim's folder."""
    with private_folder(reachable=True) as safe:
        shared = safe / "tmp"
        shared.mkdir()
        shared.chmod(0o1777)
        for parent in (shared / "satchel", shared / f"satchel-{VICTIM}"):
            parent.mkdir()
            parent.chmod(0o777)
            os.chown(parent, ATTACKER, ATTACKER)
        before = sorted(shared.rglob("*"))
        assert found_by(VICTIM, shared) == "None"
        assert found_by(VICTIM, shared, shared / "satchel") == "None"
        assert sorted(shared.rglob("*")) == before


@only_root
def test_folders_of_other_users_are_refused_and_those_of_root_are_passed_through() -> None:
    with private_folder(reachable=True) as safe:  # it can be entered, but not listed
        for owner, name in ((VICTIM, "own"), (ATTACKER, "foreign")):
            (safe / name).mkdir(mode=0o700)
            os.chown(safe / name, owner, owner)
        assert found_by(VICTIM, safe, safe / "own") == str(safe / "own" / "code")
        assert found_by(VICTIM, safe, safe / "foreign") == "None"
        assert found_by(VICTIM, safe, safe) == "None"  # root's alone can be written by root
        # Root trusts no folder of a user, who could swap what root runs.
        assert found_by(0, safe, safe / "own") == "None"
        # The folder itself must be this user's: root's may hold anything of root's.
        (safe / "own" / "code").rmdir()
        (safe / "own" / "code").mkdir(mode=0o700)
        assert found_by(VICTIM, safe, safe / "own") == "None"
