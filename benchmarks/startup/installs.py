"""What two installs bring: for prediction only, and for training. Each into a venv of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.shared import machine
from benchmarks.startup.contenders import empty, satchel
from benchmarks.startup.timing import measure

INSTALLS = {"prediction only": ".", "training": ".[train]"}
HEAVY = ("keras", "jax", "tensorflow", "torch", "sklearn", "numba", "scipy", "polars")
_FIND = (
    "import importlib.util, sys\n"
    "print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name)))\n"
)


def installs(model: Path, document: Path, rounds: int, scratch: Path) -> list[dict[str, Any]]:
    """Install twice and start each.

    Args:
        model: The satchel that is asked.
        document: The text to answer.
        rounds: How often each is started.
        scratch: Takes the environments.

    Returns:
        One row an install.
    """
    return [
        _install(name, what, model, document, rounds, scratch / name.replace(" ", "-"))
        for name, what in INSTALLS.items()
    ]


def _install(
    name: str, what: str, model: Path, document: Path, rounds: int, folder: Path
) -> dict[str, Any]:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    before = _size_and_packages(folder)
    started = time.perf_counter()
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what],
        cwd=machine.REPOSITORY,
        check=True,
    )
    seconds = time.perf_counter() - started
    after = _size_and_packages(folder)
    found = subprocess.run(
        [str(python), "-c", _FIND, *HEAVY],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    empty_start, start = measure(
        [empty(str(python)), satchel(model, document, str(python))], rounds, folder
    )
    return {
        "name": name,
        "command": f"pip install '{what}'",
        "pip_seconds": seconds,
        "site_packages_mb": (after[0] - before[0]) / 1e6,
        "packages": after[1] - before[1],
        "heavy": found.stdout.split(),
        "empty_start": empty_start,
        "start": start,
    }


def _size_and_packages(folder: Path) -> tuple[int, int]:
    """Return bytes and distributions of an environment's site-packages."""
    (packages,) = folder.glob("lib/python*/site-packages")
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    return size, len(list(packages.glob("*.dist-info")))
