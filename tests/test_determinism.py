"""The same data, seed and versions make the same file: in new processes, whatever else differs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from corpora import folder

TRAIN = """
import os, random, sys
source, model, preset, threads, shuffled, cores = sys.argv[1:]
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
if shuffled == "yes":
    # A file system may list a folder in any order.
    listdir, scandir = os.listdir, os.scandir

    class Shuffled:
        def __init__(self, path):
            self.entries = list(scandir(path))
            random.Random(7).shuffle(self.entries)
        def __iter__(self): return iter(self.entries)
        def __enter__(self): return self
        def __exit__(self, *_): pass
        def close(self): pass

    os.scandir = lambda path=".": Shuffled(path)
    os.listdir = lambda path=".": [entry.name for entry in Shuffled(path)]
import satchel
documents = satchel.read(source)
classifier = satchel.TextClassifier(preset=preset or None, threads=int(threads), seed=3)
classifier.fit(documents["text"], documents["category"]).save(model)
"""


def train(
    source: Path,
    model: Path,
    *,
    preset: str = "",
    threads: int,
    hash_seed: str = "1",
    shuffled: str = "no",
    cores: int = 99,
) -> str:
    """Train in a new process; return the file's digest."""
    # What this process has asked of its backend must not be what the other one hears of.
    own = ("PJRT_NPROC", "TF_NUM_INTRAOP_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in own} | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(sys.path),
        # The first process compiles all of its own, the second finds it.
        "JAX_COMPILATION_CACHE_DIR": str(model.with_name("compiled")),
    }
    answer = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-W", "ignore:machine code is not kept", "-c", TRAIN),
            *(source, model, preset, str(threads), shuffled, str(cores)),
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return hashlib.sha256(model.read_bytes()).hexdigest()


def test_hash_seed_threads_and_the_order_of_files_change_no_byte(tmp_path: Path) -> None:
    source = folder(tmp_path / "posts", 90)
    first = train(source, tmp_path / "1.satchel", threads=1)
    other = train(source, tmp_path / "2.satchel", threads=3, hash_seed="2", shuffled="yes")
    assert first == other


def test_one_core_and_all_give_the_same_bytes(tmp_path: Path) -> None:
    # The tutorial's products are large enough for a backend to share them among its threads.
    source = folder(tmp_path / "posts", 300)
    settings: dict[str, Any] = {"preset": "tutorial", "threads": 2}
    one = train(source, tmp_path / "1.satchel", cores=1, **settings)
    every = train(source, tmp_path / "2.satchel", **settings)
    assert one == every
