"""Whether compiled kernels may serve. Importing this package starts nothing heavy."""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache

from satchel.errors import warn

# Below this much work the plain path is done before Numba and its cache are loaded. A character is
# 1, or, where character n-grams are cut as well, CHARACTER_GRAMS.
WORTH_STARTING = 2_500_000
CHARACTER_GRAMS = 12


@lru_cache(maxsize=1)
def numba_available() -> bool:
    """Whether Numba is installed. It is not imported."""
    return importlib.util.find_spec("numba") is not None


def kernels_loaded() -> bool:
    """Whether the kernels are ready in this process, so that using them costs no start."""
    module = sys.modules.get("satchel.bags.kernels.bag")
    return module is not None and hasattr(module, "document_bag")


@lru_cache(maxsize=1)
def _say_slow() -> None:
    warn("Numba is not installed, so this takes about 20 times as long: run  pip install numba")


def use_kernels(work: int) -> bool:
    """Whether the kernels are the quicker way for so much text. Both ways give the same answer.

    Args:
        work: How much there is to do; more may be said than is known, never less.

    Returns:
        True where they are loaded already, or are available and the text is worth their start.
        Warns once where much text meets no Numba.
    """
    if kernels_loaded():
        return True
    if work < WORTH_STARTING:
        return False
    if not numba_available():
        _say_slow()
        return False
    return True
