"""The arrows between rooms, the homes of heavy imports, and the public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import satchel

pytestmark = pytest.mark.fast

ROOT = Path(satchel.__file__).parent
ROOMS = [
    "sources",
    "bags",
    "network",
    "sealed",
    "inference",
    "evaluation",
    "search",
    "exchange",
    "cli",
]
COMMON = {"compiled", "errors", "escaping", "files", "progress"}
# Where each heavy package may be imported; a folder covers all below it.
HOMES = {
    "keras": ["network", "exchange/keras_export.py"],
    "jax": ["network"],
    "torch": ["network"],
    "tensorflow": ["network"],
    "numba": ["bags/kernels", "network/dual_kernels.py", "network/kernels.py"],
    "matplotlib": ["evaluation/pictures"],
    "polars": ["sources"],
    "onnx": ["exchange/onnx_export.py"],
    "h5py": ["exchange"],
    "pickle": ["exchange"],
    "scipy": ["bags/rows.py"],
    "sklearn": ["classifier.py"],
    "zipfile": ["sources"],
}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_rooms_to_its_left(path: Path) -> None:
    if room(path) not in ROOMS or room(path) == "cli":
        return
    allowed = set(ROOMS[: ROOMS.index(room(path)) + 1]) | COMMON
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "satchel" and len(parts) > 1 and (ROOT / parts[1]).exists():
            assert parts[1] in allowed, f"{path.name} in {room(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_stay_in_their_homes(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for name in imports(path):
        for home in HOMES.get(name.split(".")[0], [place]):
            if place == home or place.startswith(home + "/"):
                break
        else:
            pytest.fail(f"{place} imports {name}, whose home is {HOMES[name.split('.')[0]]}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def loaded_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


HEAVY = {"keras", "jax", "torch", "tensorflow", "numba", "sklearn", "scipy", "polars", "matplotlib"}


def test_importing_satchel_loads_nothing_heavy() -> None:
    assert not loaded_by("import satchel") & (HEAVY | {"numpy"})


def test_help_loads_nothing_heavy() -> None:
    code = "from satchel.cli import program\nprogram.main(['--help'], standalone_mode=False)"
    assert not loaded_by(code) & (HEAVY | {"numpy"})


def test_loading_a_model_and_predicting_loads_nothing_heavy() -> None:
    model = sorted((Path(__file__).parent / "formats" / "v1").glob("*.satchel"))[0]
    code = f"import satchel\nsatchel.load({str(model)!r}).predict(['some words'])"
    assert not loaded_by(code) & HEAVY


def test_the_public_names_are_these() -> None:
    assert satchel.__all__ == [
        "Satchel",
        "SatchelError",
        "TextClassifier",
        "check",
        "load",
        "read",
    ]
    for name in satchel.__all__:
        assert getattr(satchel, name) is not None
