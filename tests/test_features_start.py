"""What starting costs: no heavy imports for a short text, and a life without Numba or a cache."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from private_folders import private_folder
from satchel.features.kernels import numba_available


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
from satchel.features import Features, HashIndex, TextEncoder, View, Vocabulary, Weighting
from satchel.features import count, transform
counts, rows = count(["some short text, 漢字 too"], Features(words=2, fields=True))
known = HashIndex(counts.hashes)
transform(["short text"], Features(words=2), known)
ones = np.ones(len(known), np.float32)
vocabulary = Vocabulary(Features(), Weighting(), counts.hashes, counts.kinds, ones)
TextEncoder([View(vocabulary, ones[:, None])]).read(["short text"])
heavy = {"numba", "scipy", "sklearn", "keras", "polars", "satchel.features.kernels.unicode_tables"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run(program).strip() == "[]"


WITHOUT_NUMBA = """
import importlib.util, sys, warnings
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find_spec(name, *rest)
sys.modules["numba"] = None
from satchel.features import Features, count, kernels
kernels.WORTH_STARTING = 1000
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3):
        counts, rows = count(["word and word"] * 1000, Features(hash_key=1))  # the caller
print(kernels.numba_available(), kernels.kernels_loaded(), len(counts), len(caught))
print(caught[0].category.__name__, caught[0].filename, caught[0].lineno)
print(caught[0].message)
"""


def test_without_numba_it_works_and_says_so_once() -> None:
    first, where, message = run(WITHOUT_NUMBA).splitlines()
    assert first == "False False 4 1"
    assert where == "SatchelWarning <string> 11"
    assert "run  pip install numba" in message


without_numba = pytest.mark.skipif(not numba_available(), reason="Numba is not installed")

# A kernel that compiles in a second, and what is told of it.
KERNEL = """
import sys, warnings
from satchel.progress import showing
{first}
from satchel.features.kernels import compile
told = []
with showing(lambda *report: told.append(report)), warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    @compile.kernel("int64(int64)")
    def double(number):
        return 2 * number
    @compile.kernel("int64(int64)")
    def triple(number):
        return 3 * number
print(double(21), triple(14))
print([report[0] for report in told])
print([str(warning.message) for warning in said])
print(compile.cache_folder())
"""


@dataclass(frozen=True)
class Ran:
    """What the program printed."""

    answers: str
    compiled: int
    remarks: list[str]
    folder: str


class Program:
    """The program above as a file, with a folder for its machine code."""

    def __init__(self, folder: Path) -> None:
        self.kept = folder / "kept"
        self.path = folder / "program.py"

    def __call__(self, first: str = "") -> Ran:
        self.path.write_text(KERNEL.format(first=first))
        program = f"import runpy; runpy.run_path({str(self.path)!r})"
        answers, told, said, folder = run(program, NUMBA_CACHE_DIR=str(self.kept)).splitlines()
        return Ran(answers, told.count("compiling"), ast.literal_eval(said), folder)

    def files(self, suffix: str) -> list[Path]:
        return sorted(self.kept.rglob(f"*{suffix}"))


@pytest.fixture
def program() -> Iterator[Program]:
    with private_folder() as folder:
        yield Program(folder)


@without_numba
def test_machine_code_is_kept_where_it_is_asked_for(program: Program) -> None:
    first, second = program(), program()
    assert Path(first.folder).parent == program.kept
    assert first == Ran("42 42", 2, [], first.folder)
    assert second == Ran("42 42", 0, [], first.folder)


@without_numba
def test_kernels_work_where_nothing_is_safe_and_say_so_once(program: Program) -> None:
    program.kept.mkdir()
    program.kept.chmod(0o777)
    ran = program()
    assert (ran.answers, ran.compiled, ran.folder) == ("42 42", 2, "None")
    assert len(ran.remarks) == 1
    assert "NUMBA_CACHE_DIR is not used" in ran.remarks[0]
    assert "other users can write it (mode 0777)" in ran.remarks[0]
    assert not list(program.kept.iterdir())


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _foreign(path: Path) -> None:
    path.write_bytes(b"something else")


def _one_bit_turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@without_numba
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_machine_code_is_replaced(program: Program, suffix: str) -> None:
    whole = program()
    for damage in (_emptied, _cut, _foreign, _one_bit_turned, _a_folder):
        for path in program.files(suffix):
            damage(path)
        ran = program()
        assert (ran.answers, ran.folder) == ("42 42", whole.folder)
        # A turned bit of the index may read as one without this function.
        assert len(ran.remarks) == 1 or (damage is _one_bit_turned and suffix == ".nbi")
        assert all(str(program.kept) in remark for remark in ran.remarks)
        assert program().remarks == []
    assert program() == Ran("42 42", 0, [], whole.folder)


@without_numba
def test_a_file_that_is_gone_is_compiled_anew(program: Program) -> None:
    program()
    program.files(".nbc")[0].unlink()
    assert program().compiled == 1
    assert program().compiled == 0


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))"


@without_numba
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
def test_a_full_disk_costs_no_more_than_the_cache(program: Program) -> None:
    ran = program(FULL)
    assert (ran.answers, ran.compiled, len(ran.remarks)) == ("42 42", 2, 1)
    assert "File too large" in ran.remarks[0]
    assert not [path for path in program.kept.rglob("*") if path.is_file()]
    assert program().remarks == []
    assert program().compiled == 0


# As a future Numba may be: without the parts that are not public.
OTHER_NUMBA = "sys.modules['satchel.features.kernels.cache'] = None"


@without_numba
def test_a_numba_without_its_private_parts_serves_as_well(program: Program) -> None:
    ran = program(OTHER_NUMBA)
    assert (ran.answers, ran.remarks) == ("42 42", [])
    assert len(program.files(".nbi")) == 2
    assert program(OTHER_NUMBA) == ran
    for path in program.files(".nbi"):
        _emptied(path)
    damaged = program(OTHER_NUMBA)
    assert (damaged.answers, damaged.compiled, len(damaged.remarks)) == ("42 42", 2, 1)
    assert not program.files(".nbi")


COUNT = """
import sys
sys.modules["satchel.features.kernels.cache"] = None
from satchel.features import Features, count, kernels
from satchel.features.kernels import compile
assert compile.cache is None
features = Features(words=2, characters=(2, 3), fields=True, hash_key=1)
texts = ["Subject: a word\\nFrom: x@y.org\\n\\nwords, 3.14 of 漢字"] * 3
plain, plain_rows = count(texts, features)
kernels.WORTH_STARTING = 0
fast, fast_rows = count(texts, features)
print((plain.hashes == fast.hashes).all(), (plain_rows.values == fast_rows.values).all())
"""


@without_numba
def test_the_kernels_compile_without_numbas_private_parts(program: Program) -> None:
    program.kept.mkdir(mode=0o700)
    assert run(COUNT, NUMBA_CACHE_DIR=str(program.kept)).split() == ["True", "True"]
