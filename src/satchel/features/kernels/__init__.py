"""Whether to use the compiled kernels. Importing this package does not import Numba."""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache

from satchel.errors import warn
from satchel.features.hashing import NO_KEY

# Below this much work the plain path finishes before Numba and its cache are loaded. A character
# counts 1, or CHARACTER_GRAMS with character n-grams.
WORTH_STARTING = 2_500_000
CHARACTER_GRAMS = 12


@lru_cache(maxsize=1)
def numba_available() -> bool:
    """Return whether Numba is installed, without importing it."""
    return importlib.util.find_spec("numba") is not None


def kernels_loaded() -> bool:
    """Return whether the kernels are already loaded in this process."""
    module = sys.modules.get("satchel.features.kernels.bag")
    return module is not None and hasattr(module, "document_bag")


@lru_cache
def _warn_slow(reason: str) -> None:
    warn(f"{reason}, so this takes about 20 times as long")


def use_kernels(work: int, hash_key: int) -> bool:
    """Return whether the kernels are faster for this much text. Both paths give the same result.

    Args:
        work: A lower bound of the work.
        hash_key: The key of the features. The kernels compute only the keyed hash.

    Returns:
        True if they are loaded already, or are available and the text is worth loading them.
        Warns once about much text without Numba or with features without a key.
    """
    if hash_key != NO_KEY and kernels_loaded():
        return True
    if work < WORTH_STARTING:
        return False
    if hash_key == NO_KEY:
        _warn_slow("the model has file format 1, whose hash only the slow path computes")
        return False
    if not numba_available():
        _warn_slow("Numba is not installed (run  pip install numba)")
        return False
    return True
