"""What starting costs: no heavy imports for a short text, and a life without Numba or a cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from satchel.bags.kernels import numba_available


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_short_text_starts_nothing_heavy() -> None:
    program = """
import sys
import numpy as np
from satchel.bags import BagReader, BagTable, Features, Lookup, Weighting, count, lookup
counts, rows = count(["some short text, 漢字 too"], Features(words=2, fields=True))
known = Lookup(counts.hashes)
lookup(["short text"], Features(words=2), known)
ones = np.ones(len(known), np.float32)
BagReader([BagTable(Features(), Weighting(), known, ones, ones[:, None])]).read(["short text"])
heavy = {"numba", "scipy", "sklearn", "keras", "polars", "satchel.bags.kernels.tables"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run(program).strip() == "[]"


WITHOUT_NUMBA = """
import importlib.util, sys, warnings
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find_spec(name, *rest)
sys.modules["numba"] = None
from satchel.bags import Features, count, kernels
kernels.WORTH_STARTING = 1000
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3):
        counts, rows = count(["word and word"] * 1000, Features(words=2))
print(kernels.numba_available(), kernels.kernels_loaded(), len(counts), len(caught))
print(caught[0].message)
"""


def test_without_numba_it_works_and_says_so_once() -> None:
    first, message = run(WITHOUT_NUMBA).splitlines()
    assert first == "False False 4 1"
    assert "satchel[fast]" in message


WITHOUT_CACHE = """
import os, pathlib, tempfile
def refuse(*arguments, **settings):
    raise PermissionError("nothing can be written here")
pathlib.Path.mkdir = refuse
from satchel.bags.kernels import compiled
assert compiled.cache_folder() is None
@compiled.kernel("int64(int64)")
def double(number):
    return 2 * number
print(double(21))
"""


@pytest.mark.skipif(not numba_available(), reason="Numba is not installed")
def test_kernels_work_where_nothing_can_be_written() -> None:
    assert run(WITHOUT_CACHE, NUMBA_CACHE_DIR="").strip() == "42"


@pytest.mark.skipif(not numba_available(), reason="Numba is not installed")
def test_machine_code_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text("""
from satchel.bags.kernels import compiled
@compiled.kernel("int64(int64)")
def double(number):
    return 2 * number
print(double(21), sum(double.stats.cache_hits.values()), compiled.cache_folder())
""")
    program = f"import runpy; runpy.run_path({str(path)!r})"
    kept = tmp_path / "kept"
    answer, hits, folder = run(program, NUMBA_CACHE_DIR=str(kept)).split()
    assert (answer, hits, Path(folder).parent) == ("42", "0", kept)
    assert run(program, NUMBA_CACHE_DIR=str(kept)).split() == ["42", "1", folder]
