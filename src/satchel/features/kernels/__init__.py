"""Whether compiled kernels may serve. Importing this package starts nothing heavy."""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache

from satchel.errors import warn
from satchel.features.hashing import NO_KEY

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
    module = sys.modules.get("satchel.features.kernels.bag")
    return module is not None and hasattr(module, "document_bag")


@lru_cache
def _say_slow(reason: str) -> None:
    warn(f"{reason}, so this takes about 20 times as long")


def use_kernels(work: int, hash_key: int) -> bool:
    """Whether the kernels are the quicker way for so much text. Both ways give the same answer.

    Args:
        work: How much there is to do; more may be said than is known, never less.
        hash_key: The key of the features. The kernels compute the keyed hash alone.

    Returns:
        True where they are loaded already, or are available and the text is worth their start.
        Warns once where much text meets no Numba, or features without a key.
    """
    if hash_key != NO_KEY and kernels_loaded():
        return True
    if work < WORTH_STARTING:
        return False
    if hash_key == NO_KEY:
        _say_slow("the model is of file format 1, whose hash only the slow path knows")
        return False
    if not numba_available():
        _say_slow("Numba is not installed (run  pip install numba)")
        return False
    return True
