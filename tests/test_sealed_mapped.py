"""Model files mapped into memory: the same model, in memory that processes share."""

from __future__ import annotations

import copy
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import satchel
from satchel import sealed
from satchel.errors import ModelFileError, SourceNotFoundError
from satchel.features.spec import Features
from satchel.model import Model
from satchel.sealed.assembly import ensemble_of
from satchel.sealed.schema import RowType
from satchel.sealed.store import read_contents
from small_models import LINEAR, NETWORK, TEXTS, Head, make_ensemble, vocabulary, with_rows

MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6)]
VIEWS = [Features(fields=True), Features(words=0, characters=(2, 4))]


def saved(path: Path, rows: RowType = "int8", **settings: Any) -> Path:
    file = path / "m.satchel"
    sealed.write(file, make_ensemble(MIXED, features=VIEWS, rows=rows, **settings))
    return file


def mapping_of(array: np.ndarray) -> object:
    """What owns the memory of an array."""
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base.obj if isinstance(base, memoryview) else base


@pytest.mark.parametrize("rows", ["int8", "float16", "float32"])
@pytest.mark.parametrize("task", ["single", "multiple"])
def test_a_mapped_model_is_the_same_model_without_a_copy(
    tmp_path: Path, rows: RowType, task: Any
) -> None:
    file = saved(tmp_path, rows, task=task)
    contents = read_contents(file, mapped=True)
    for name, array in contents.arrays.items():
        assert isinstance(mapping_of(array), mmap.mmap), name
        assert array.flags.aligned
        assert not array.flags.writeable
    assert len({id(mapping_of(array)) for array in contents.arrays.values()}) == 1
    assert not isinstance(mapping_of(read_contents(file).arrays["view0.rows"]), mmap.mmap)
    mapped, read = satchel.load(file, mapped=True), satchel.load(file)
    for _ in range(2):  # by the plain path, if nothing has loaded the kernels, and by the kernels
        np.testing.assert_array_equal(mapped.predict_proba(TEXTS), read.predict_proba(TEXTS))
        assert mapped.predict(TEXTS).tolist() == read.predict(TEXTS).tolist()
        assert mapped.predict_top(TEXTS, 3) == read.predict_top(TEXTS, 3)
        assert mapped.explain(TEXTS[0]) == read.explain(TEXTS[0])
        mapped.warm_up()
        read.warm_up()
    assert sealed.dumps(mapped.ensemble) == file.read_bytes()


def test_a_mapped_file_may_be_replaced_and_removed(tmp_path: Path) -> None:
    file = saved(tmp_path)
    before = file.read_bytes()
    mapped = satchel.load(file, mapped=True)
    expected = mapped.predict_proba(TEXTS)
    other = Model(make_ensemble([LINEAR], seed=3))
    other.save(file)
    np.testing.assert_array_equal(mapped.predict_proba(TEXTS), expected)
    np.testing.assert_array_equal(
        satchel.load(file, mapped=True).predict_proba(TEXTS), other.predict_proba(TEXTS)
    )
    file.unlink()
    np.testing.assert_array_equal(mapped.predict_proba(TEXTS), expected)
    mapped.save(file)
    assert file.read_bytes() == before
    again = satchel.load(file, mapped=True)
    again.save(file)  # onto the file that it is mapped from
    assert file.read_bytes() == before
    np.testing.assert_array_equal(again.predict_proba(TEXTS), expected)


def test_a_copy_of_a_mapped_model_has_memory_of_its_own(tmp_path: Path) -> None:
    mapped = satchel.load(saved(tmp_path), mapped=True)
    again = copy.deepcopy(mapped)  # as pickle does, by __reduce__
    os.truncate(tmp_path / "m.satchel", 0)  # kills whoever reads the mapping from here on
    for view in again.ensemble.views:
        assert not isinstance(mapping_of(view.rows), mmap.mmap)
    read = make_ensemble(MIXED, features=VIEWS, rows="int8")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), Model(read).predict_proba(TEXTS))


def test_a_mapped_file_is_checked_as_any_other(tmp_path: Path) -> None:
    file = saved(tmp_path)
    whole = file.read_bytes()
    for place in [*range(0, len(whole), len(whole) // 50), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 0x40
        file.write_bytes(changed)
        messages = []
        for mapped in (False, True):
            with pytest.raises(ModelFileError) as refused:
                satchel.load(file, mapped=mapped)
            messages.append(str(refused.value))
        assert messages[0] == messages[1]
    for size in (0, 1, 21, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            satchel.load(file, mapped=True)
    with pytest.raises(ModelFileError, match="regular file"):
        satchel.load(tmp_path, mapped=True)
    with pytest.raises(SourceNotFoundError, match="check the path"):
        satchel.load(tmp_path / "absent.satchel", mapped=True)


IN_LITTLE_MEMORY = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy, resource
import satchel, satchel.model, satchel.features.plain
resource.setrlimit(resource.RLIMIT_DATA, (160 << 20, 160 << 20))
try:
    model = satchel.load(sys.argv[1], mapped=sys.argv[2] == "mapped")
    print(model.predict(["word"], threads=1)[0])
except MemoryError:
    print("no memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs POSIX memory limits as Linux has them")
def test_a_mapped_model_takes_no_memory_of_the_process_for_its_arrays(tmp_path: Path) -> None:
    hashes, _, _ = vocabulary(["word"], Features(words=1))
    others = np.arange(1, 400_000, dtype=np.uint64) << np.uint64(40)
    every = np.unique(np.concatenate([hashes, others]))
    rows = np.zeros((len(every), 500), np.int8)  # 200 MB
    rows[np.searchsorted(every, hashes[0]), 7] = 100
    scales = np.ones(500, np.float32)
    file = tmp_path / "large.satchel"
    sealed.write(file, ensemble_of(with_rows(rows, every, scales=scales)))

    def outcome(how: str) -> str:
        command = [sys.executable, "-c", IN_LITTLE_MEMORY, str(file), how]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert outcome("mapped") == "label 7"
    assert outcome("read") == "no memory"
