"""How kernels are compiled, and where their machine code is cached."""

from __future__ import annotations

import glob
import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types

from satchel.errors import warn
from satchel.machine_code import compiled_folder
from satchel.progress import report

cache: Any
try:
    # It uses private parts of Numba, which the next version may not have.
    from satchel.features.kernels import cache
except (ImportError, AttributeError):
    cache = None

Function = Callable[..., Any]

# Numba compiles a helper again for each literal number that it is called with, even for the initial
# value of a variable. So variables and arguments start as these.
NONE = np.int64(-1)
ZERO = np.int64(0)
ONE = np.int64(1)

# Types of kernel arguments: arrays, integers of Numba's width, and the buffers of a document.
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
    """Return a digest of all kernels; Numba checks a kernel's own file, not its helpers'."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """Return the folder that keeps machine code across processes; None if none is safe."""
    form = "" if cache is None else "-checked"
    return compiled_folder(
        f"kernels-{_sources_digest()}{form}",
        "NUMBA_CACHE_DIR",
        Path(__file__).parent / "__pycache__",
    )


@contextmanager
def _caching_in(folder: Path) -> Iterator[None]:
    """Set Numba's cache folder, read when a function is decorated; restore it for other users."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def kernel(signature: Any) -> Callable[[Function], Function]:
    """Compile a function that Python calls, at once, or load it from the cache.

    The cache is optional: an entry that fails is removed with a warning, and the function compiled.

    Args:
        signature: Numba's signature of the function.

    Returns:
        A decorator. The compiled function releases the interpreter's lock.
    """

    def decorate(function: Function) -> Any:
        folder = cache_folder()
        if folder is not None:
            dispatcher = _dispatcher(function)
            try:
                _use_cache_in(folder, dispatcher, function)
                dispatcher.compile(signature)
            except Exception as error:  # unpickling what is damaged can raise anything
                _remove_code(folder, function)
                _warn_damaged(folder, f"{type(error).__name__}: {error}")
            if dispatcher.signatures:  # otherwise loading failed, not saving
                dispatcher.disable_compile()
                return dispatcher
        dispatcher = _dispatcher(function)
        if cache is not None:
            cache.ready_to_compile()
        say_compiling()
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher

    return decorate


def _dispatcher(function: Function) -> Any:
    return numba.njit(nogil=True, error_model="numpy")(function)


def _use_cache_in(folder: Path, dispatcher: Any, function: Function) -> None:
    with _caching_in(folder):
        if cache is not None:
            dispatcher._cache = cache.StoredCode(function, say_compiling)
        else:
            dispatcher.enable_caching()
    if not Path(dispatcher.stats.cache_path).is_relative_to(folder):
        raise OSError(f"Numba caches its code in {dispatcher.stats.cache_path}")


def _remove_code(folder: Path, function: Function) -> None:
    """Remove Numba's cache of a function: the file names contain its qualified name."""
    module, name = Path(function.__code__.co_filename).stem, function.__qualname__
    pattern = glob.escape(f"{module}.{name}-".replace(">", "").replace("<", ""))
    for path in folder.rglob(f"{pattern}*"):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


_damaged: set[Path] = set()


def _warn_damaged(folder: Path, reason: str) -> None:
    if folder in _damaged:
        return
    _damaged.add(folder)
    warn(
        f"cached machine code could not be used ({reason:.200}): it is removed and compiled "
        f"again. If this warning comes again, check that {folder} is writable"
    )


_compiled = itertools.count(1)


def say_compiling() -> None:
    """Report that a function is about to be compiled, not loaded."""
    report("compiling", next(_compiled), None, "once, for half a minute")


def helper(function: Function) -> Any:
    """Mark a function that only kernels call: it is compiled as part of them.

    Python cannot call it: compiling an entry point for Python takes a fifth of the time.
    """
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(error_model="numpy", **options)(function)
