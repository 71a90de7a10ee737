"""What all tests share: how Hypothesis runs, and a cache of compiled steps."""

from __future__ import annotations

import os
import shutil
import tempfile

from hypothesis import settings

settings.register_profile("satchel", deadline=None)
settings.load_profile("satchel")

# Nearly all of a small fit is XLA compiling the head's step, the same for most tests and for the
# processes that they start. JAX reads these variables once, when it is imported.
_COMPILED = tempfile.mkdtemp(prefix="satchel-tests-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _COMPILED)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_unconfigure() -> None:
    shutil.rmtree(_COMPILED, ignore_errors=True)
