"""The order of modules, circles among them, the homes of heavy imports, and the public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import satchel

pytestmark = pytest.mark.fast

ROOT = Path(satchel.__file__).parent
ORDER = [
    # Common modules.
    "version",
    "errors",
    "progress",
    "escaping",
    "files",
    "machine_code",
    # Packages.
    "features",
    "sources",
    "inference",
    "training",
    "sealed",
    "evaluation",
    # Modules that bring the packages together.
    "model",
    "bulk",
    "search",
    "containers",
    "classifier",
    "exchange",
    "__init__",
    "cli",
    "__main__",
]
"""Folders and files of the package: each imports only itself and what stands before it."""
# Where each heavy package may be imported; a folder covers all below it.
HOMES = {
    "keras": ["training", "exchange/keras.py"],
    "jax": ["training"],
    "torch": ["training"],
    "tensorflow": ["training"],
    "numba": ["features/kernels", "training/linear_kernels.py", "training/bag_kernels.py"],
    "matplotlib": ["evaluation/pictures", "evaluation/result.py"],
    "polars": ["sources", "bulk/writers.py"],
    "fsspec": ["sources/remote.py"],
    "aiohttp": ["sources/remote.py"],
    "sqlite3": ["sources/database.py"],
    "onnx": ["exchange/onnx.py"],
    "h5py": ["exchange"],
    "pickle": ["exchange"],
    "scipy": ["features/csr.py"],
    "sklearn": ["classifier.py"],
    "zipfile": ["sources"],
    "charset_normalizer": ["sources/guessing.py"],
}
FILES = sorted(ROOT.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One name that a file imports.

    Attributes:
        name: Its full name, such as ``satchel.features.csr.CSRMatrix``.
        inside: Whether the statement stands in a function: it runs when that is called.
    """

    name: str
    inside: bool


def imports(path: Path) -> list[Import]:
    """All that a file imports, that under ``TYPE_CHECKING`` included."""

    def found(node: ast.AST, inside: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (Import(f"{node.module}.{alias.name}", inside) for alias in node.names)
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.iter_child_nodes(node):
            yield from found(child, inside)

    return list(found(ast.parse(path.read_text("utf-8")), False))


def own_imports(root: Path) -> dict[str, set[tuple[str, bool]]]:
    """For each module of the package in a folder, the modules of it that it imports.

    Args:
        root: The package's folder; modules are named by their parts below it, a package by its
            ``__init__``.

    Returns:
        Pairs of an imported module, and whether it is imported inside a function.
    """
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts): path for path in root.rglob("*.py")
    }

    def module(name: str) -> str | None:
        """The module that an imported name is, or is taken from."""
        first, *parts = name.split(".")
        if first != root.name:
            return None
        for length in range(len(parts), -1, -1):
            for candidate in (".".join(parts[:length]), ".".join([*parts[:length], "__init__"])):
                if candidate in modules:
                    return candidate
        return None

    return {
        own: {
            (target, each.inside)
            for each in imports(path)
            if (target := module(each.name)) not in (None, own)
        }
        for own, path in modules.items()
    }


def out_of_order(root: Path, order: list[str]) -> list[str]:
    """Imports, wherever they stand, of what comes later in the order."""
    return [
        f"{own} imports {target}"
        for own, targets in own_imports(root).items()
        for target, _ in sorted(targets)
        if order.index(target.split(".")[0]) > order.index(own.split(".")[0])
    ]


def circles(root: Path) -> list[set[str]]:
    """Modules that cannot be understood one after the other.

    Imports under ``TYPE_CHECKING`` count: a module that names another's class depends on it. Those
    inside functions do not: there, what is built on a class may be reached from its methods.
    """
    graph = {
        own: {target for target, inside in targets if not inside}
        for own, targets in own_imports(root).items()
    }

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for target in graph[ahead.pop()] - seen:
                seen.add(target)
                ahead.append(target)
        return seen

    behind = {own: reached(own) for own in graph}
    found: list[set[str]] = []
    for own in sorted(graph):
        if own in behind[own] and not any(own in circle for circle in found):
            found.append({other for other in behind[own] if own in behind[other]})
    return found


def test_every_folder_and_file_has_its_place_in_the_order() -> None:
    names = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert names == set(ORDER)


def test_a_module_imports_only_what_stands_before_it() -> None:
    assert out_of_order(ROOT, ORDER) == []


def test_there_are_no_circles() -> None:
    assert circles(ROOT) == []


def test_imports_of_every_kind_are_seen(tmp_path: Path) -> None:
    root = tmp_path / "house"
    for name, lines in {
        "__init__": "",
        "one": "from house import two",
        "two": "import typing\nif typing.TYPE_CHECKING:\n    from house.rooms.three import A",
        "rooms/__init__": "from house.rooms.three import A",
        "rooms/three": "class A:\n    def f(self):\n        import house.one\n",
        "rooms/four": "from house.rooms import A",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.py").write_text(lines)
    assert own_imports(root) == {
        "__init__": set(),
        "one": {("two", False)},
        "two": {("rooms.three", False)},
        "rooms.__init__": {("rooms.three", False)},
        "rooms.three": {("one", True)},
        "rooms.four": {("rooms.__init__", False)},
    }
    assert circles(root) == []
    assert sorted(out_of_order(root, ["one", "two", "rooms", "__init__"])) == [
        "one imports two",
        "two imports rooms.three",
    ]
    assert out_of_order(root, ["rooms", "two", "one", "__init__"]) == ["rooms.three imports one"]
    (root / "rooms" / "three.py").write_text("from house import one\nclass A: ...\n")
    assert circles(root) == [{"one", "two", "rooms.three"}]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_stay_in_their_homes(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    for name in {each.name for each in imports(path)}:
        for home in HOMES.get(name.split(".")[0], [place]):
            if place == home or place.startswith(home + "/"):
                break
        else:
            pytest.fail(f"{place} imports {name}, whose home is {HOMES[name.split('.')[0]]}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 550


def loaded_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


HEAVY = {
    *("keras", "jax", "torch", "tensorflow", "numba", "sklearn", "scipy", "polars", "matplotlib"),
    "charset_normalizer",
}


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
        "Model",
        "SatchelError",
        "TextClassifier",
        "check",
        "load",
        "read",
        "stream",
    ]
    for name in satchel.__all__:
        assert getattr(satchel, name) is not None
