"""What all tests share: how Hypothesis runs, and how steps are compiled."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# HYPOTHESIS_EXAMPLES=1000 pytest: a longer search, for the night.
examples = int(os.environ.get("HYPOTHESIS_EXAMPLES", "40"))
settings.register_profile("satchel", deadline=None, max_examples=examples)
settings.load_profile("satchel")

# Nearly all of a small fit is XLA compiling the head's step, the same for most tests and for the
# processes that they start. JAX reads these variables once, when it is imported.
_COMPILED = tempfile.mkdtemp(prefix="satchel-tests-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _COMPILED)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


def pytest_configure(config: pytest.Config) -> None:
    # In a checkout that others can write, with no private home folder, kernels are compiled by
    # every process, and say so; the tests hold all the same.
    config.addinivalue_line(
        "filterwarnings", "ignore:.*machine code is not kept:satchel.errors.SatchelWarning"
    )


def pytest_unconfigure() -> None:
    shutil.rmtree(_COMPILED, ignore_errors=True)
