"""What the wheel says of itself, and what is in it."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hatch_build import absolute, page_of  # noqa: E402


def wheel(tmp_path: Path, origin: str, later: str = "") -> zipfile.ZipFile:
    """Build the wheel in a copy of the checkout.

    Args:
        tmp_path: Where to.
        origin: What Git says is the remote; Git itself need not be installed.
        later: If given, the wheel is built from an sdist, in a place where Git says this.
    """
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    environment = os.environ | {"PATH": f"{git.parent}{os.pathsep}{os.environ['PATH']}"}

    def build(kind: str, place: Path, remote: str) -> None:
        git.write_text(f"#!/bin/sh\necho '{remote}'\n", "utf-8")
        git.chmod(0o755)
        command = [
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "-t",
            kind,
            "-d",
            str(tmp_path),
        ]
        subprocess.run(command, cwd=place, check=True, capture_output=True, env=environment)

    if later:
        build("sdist", copy, origin)
        (packed,) = tmp_path.glob("*.tar.gz")
        with tarfile.open(packed) as archive:
            safe: Any = (
                {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            )  # Python 3.11.4
            archive.extractall(tmp_path / "unpacked", **safe)
        (copy,) = (tmp_path / "unpacked").iterdir()
    build("wheel", copy, later or origin)
    (built,) = tmp_path.glob("*.whl")
    return zipfile.ZipFile(built)


def metadata(file: zipfile.ZipFile) -> email.message.Message:
    (name,) = [each for each in file.namelist() if each.endswith("METADATA")]
    return email.message_from_bytes(file.read(name))


def test_the_wheel_names_its_author_and_its_home(tmp_path: Path) -> None:
    said = metadata(wheel(tmp_path, "https://somebody:secret@git.example.org/us/satchel.git"))
    assert said["Author"]
    home = "https://git.example.org/us/satchel"
    urls = dict(str(line).split(", ") for line in said.get_all("Project-URL", []))
    assert urls["Source"] == home
    assert urls["Changelog"] == f"{home}/blob/HEAD/CHANGELOG.md"
    text = str(said.get_payload())
    assert "secret" not in str(said)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 9
    assert all(link.startswith(("https://", "http://", "#")) for link in links)
    assert f"{home}/blob/HEAD/docs/format.md" in text


def test_an_sdist_keeps_the_home_that_it_was_made_with(tmp_path: Path) -> None:
    home = "https://git.example.org/us/satchel"
    said = metadata(wheel(tmp_path, home, later="https://git.example.org/another/one"))
    assert f"Source, {home}" in said.get_all("Project-URL", [])
    assert f"]({home}/blob/HEAD/docs/format.md)" in str(said.get_payload())


def test_without_a_public_home_nothing_is_made_up(tmp_path: Path) -> None:
    file = wheel(tmp_path, str(tmp_path / "elsewhere"))
    said = metadata(file)
    assert said.get_all("Project-URL") is None
    assert "](docs/format.md)" in str(said.get_payload())
    assert any(name.endswith("py.typed") for name in file.namelist())


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://git.example.org/a/b.git", "https://git.example.org/a/b"),
        ("https://name:token@git.example.org/a/b", "https://git.example.org/a/b"),
        ("git@git.example.org:a/b.git", "https://git.example.org/a/b"),
        ("ssh://git@git.example.org:2222/a/b.git", "https://git.example.org/a/b"),
        ("https://localhost/a/b", ""),
        ("/srv/a/b", ""),
        ("../b", ""),
        ("", ""),
    ],
)
def test_a_remote_is_turned_into_a_page_without_what_is_secret(remote: str, page: str) -> None:
    assert page_of(remote) == page


def test_links_to_the_page_itself_and_to_others_stay() -> None:
    text = "[a](docs/a.md#b) [b](#c) [c](https://d.org) ![d](e.png)"
    home = "https://git.example.org/a/b"
    assert absolute(text, home) == (
        f"[a]({home}/blob/HEAD/docs/a.md#b) [b](#c) [c](https://d.org) ![d]({home}/blob/HEAD/e.png)"
    )


def test_help_points_to_no_file_that_the_wheel_lacks() -> None:
    for source in sorted((ROOT / "src" / "satchel" / "cli").glob("*.py")):
        assert "docs/" not in source.read_text("utf-8"), source.name
