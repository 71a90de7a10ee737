"""The one home of ``import numba``: how kernels are compiled, and where machine code is kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types

from satchel.bags.kernels.starting import StoredCode, ready_to_compile
from satchel.compiled import compiled_folder

Function = Callable[..., Any]

# Numba compiles a helper anew for each literal number that it is called with, even for one that a
# variable holds at first. So variables and arguments start as these.
NONE = np.int64(-1)
ZERO = np.int64(0)
ONE = np.int64(1)

# What kernels take: arrays, integers whose width Numba gives, and the room of a document.
Array = np.ndarray
Number = Any
Scratch = tuple[Array, Array, Array, Array]

bytes_in = types.Array(types.uint8, 1, "C", readonly=True)
floats_in = types.Array(types.float32, 1, "C", readonly=True)
matrix_in = types.Array(types.float32, 2, "C", readonly=True)
hashes_in = types.Array(types.uint64, 1, "C", readonly=True)
ints_in = types.Array(types.int32, 1, "C", readonly=True)
offsets_in = types.Array(types.int64, 1, "C", readonly=True)
vocabulary_in = types.Array(types.uint64, 2, "C", readonly=True)


def _sources_digest() -> str:
    """Changes with any kernel: Numba watches a kernel's own file, not those that it calls into."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """The folder that keeps machine code across processes; None where none can be written."""
    return compiled_folder(
        f"kernels-{_sources_digest()}",
        os.environ.get("NUMBA_CACHE_DIR"),
        Path(__file__).parent / "__pycache__",
    )


@contextmanager
def _caching_in(folder: Path) -> Iterator[None]:
    """Numba reads its folder when a function is decorated; other users of Numba keep their own."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def kernel(signature: Any) -> Callable[[Function], Function]:
    """Compile a function that Python calls, at once, or load it from the cache.

    Args:
        signature: Numba's signature of the function.

    Returns:
        A decorator. The compiled function releases the interpreter's lock.
    """

    def decorate(function: Function) -> Any:
        dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
        folder = cache_folder()
        if folder is None:
            ready_to_compile()
        else:
            with _caching_in(folder):
                dispatcher._cache = StoredCode(function)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher

    return decorate


def helper(function: Function) -> Any:
    """Mark a function that only kernels call: it is compiled as a part of them.

    Python cannot call it: compiling the way in from Python takes a fifth of the time.
    """
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(error_model="numpy", **options)(function)
