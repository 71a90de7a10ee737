"""Numba's cache of machine code, checked for damage, and a faster start of Numba.

Loading compiled kernels takes less time than what Numba prepares at its start for other uses.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime.nrt import rtsys


class StoredCode(FunctionCache):  # type: ignore[misc]  # Numba carries no types
    """Numba's cache of one function, which loads only what machine code needs to run.

    Before it looks into its cache, Numba gathers all that it can type and lower: a quarter of a
    start that only compiling needs, and compiling does it again.

    Args:
        function: The function.
        compiling: Called before the function is compiled because it is not cached.
    """

    def __init__(self, function: Callable[..., Any], compiling: Callable[[], None]) -> None:
        super().__init__(function)
        self._compiling = compiling
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file: Any = _CheckedFile(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Load machine code; None if there is none, after preparing to compile."""
        rtsys.initialize(context)  # the memory of arrays
        code = None
        with self._guard_against_spurious_io_errors():
            code = self._load_overload(signature, context)
        if code is None:
            ready_to_compile()
            self._compiling()
        return code


class _CheckedFile(IndexDataCacheFile):  # type: ignore[misc]  # Numba carries no types
    """Numba's index and files of one function; a file of machine code is named by its SHA-256.

    Damaged machine code would run anyway, so it is loaded only if its hash is correct.
    """

    def save(self, key: Any, data: Any) -> None:
        """Save machine code."""
        content = self._dump(data)
        name = self._data_name_pattern.replace("{number:d}", hashlib.sha256(content).hexdigest())
        overloads = self._load_index()
        before = overloads.get(key)
        overloads[key] = name
        with self._open_for_write(self._data_path(name)) as file:
            file.write(content)
        self._save_index(overloads)
        if before not in (None, name):
            with suppress(OSError):
                Path(self._data_path(before)).unlink()

    def load(self, key: Any) -> Any:
        """Load machine code; None if there is none.

        Raises:
            Exception: The index or the file is damaged.
        """
        name = self._load_index().get(key)
        if name is None or not Path(self._data_path(name)).exists():
            return None
        content = Path(self._data_path(name)).read_bytes()
        if name != self._data_name_pattern.replace(
            "{number:d}", hashlib.sha256(content).hexdigest()
        ):
            raise ValueError(f"{name} is damaged")
        return self._load_data(name)


def ready_to_compile() -> None:
    """Load Numba's own modules for arrays; Numba itself does so, later and at more cost."""
    with suppress(ImportError), _without_blas():
        importlib.import_module("numba.np.arraymath")


@contextmanager
def _without_blas() -> Iterator[None]:
    """Let Numba's modules load without ``scipy.linalg``, whose import doubles a start.

    Numba imports it only to check that it is installed, and again when a kernel needs it; ours do
    not.
    """

    def is_installed() -> None:
        if importlib.util.find_spec("scipy") is None:
            raise ImportError("SciPy is not installed")

    linalg: Any = importlib.import_module("numba.np.linalg")
    before = getattr(linalg, "ensure_blas", None)
    if before is None or "numba.np.arraymath" in sys.modules:
        yield
        return
    linalg.ensure_blas = is_installed
    try:
        yield
    finally:
        linalg.ensure_blas = before
