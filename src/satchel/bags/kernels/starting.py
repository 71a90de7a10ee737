"""Starting Numba with no more than our kernels need: most of its start is for what they do not."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys


class StoredCode(FunctionCache):  # type: ignore[misc]  # Numba carries no types
    """Numba's cache of one function, which loads what machine code needs to run and no more.

    Before it looks into its cache, Numba gathers all that it can type and lower: a quarter of a
    start that only compiling needs, and compiling does it again.
    """

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Load machine code; None where none is kept, and then all is ready to compile."""
        rtsys.initialize(context)  # the memory of arrays
        code = None
        with self._guard_against_spurious_io_errors():
            code = self._load_overload(signature, context)
        if code is None:
            ready_to_compile()
        return code


def ready_to_compile() -> None:
    """Load Numba's own modules for arrays."""
    with _without_blas():
        importlib.import_module("numba.np.arraymath")


@contextmanager
def _without_blas() -> Iterator[None]:
    """Let Numba's modules load without ``scipy.linalg``, whose import doubles a start.

    Numba imports it just to learn that it is there, and again when a kernel needs it; ours do not.
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
