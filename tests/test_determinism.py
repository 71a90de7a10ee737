"""The same data, seed and versions make the same file: in new processes, whatever else differs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from corpora import folder

TRAIN = """
import os, random, sys
source, model, threads, shuffled = sys.argv[1:]
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
classifier = satchel.TextClassifier(threads=int(threads), seed=3)
classifier.fit(documents["text"], documents["category"]).save(model)
"""


def train(source: Path, model: Path, *, threads: int, hash_seed: str, shuffled: str) -> str:
    """Train in a new process; return the file's digest."""
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(sys.path),
        # The first process compiles all of its own, the second finds it.
        "JAX_COMPILATION_CACHE_DIR": str(model.with_name("compiled")),
    }
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAIN, source, model, str(threads), shuffled],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return hashlib.sha256(model.read_bytes()).hexdigest()


def test_hash_seed_threads_and_the_order_of_files_change_no_byte(tmp_path: Path) -> None:
    source = folder(tmp_path / "posts", 90)
    first = train(source, tmp_path / "1.satchel", threads=1, hash_seed="1", shuffled="no")
    other = train(source, tmp_path / "2.satchel", threads=3, hash_seed="2", shuffled="yes")
    assert first == other
