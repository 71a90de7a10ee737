"""Time and memory of all that reads a text grow with its length, whatever stands in it.

Each operation reads texts of many kinds in a process of its own, whose time and memory the system
limits: no clock is read, and what grows with the square of the length cannot meet the limits.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import costly_texts
from satchel.features.kernels import numba_available

PROGRAM = Path(costly_texts.__file__)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize("operation", costly_texts.operations())
def test_no_text_costs_more_than_its_length(operation: str) -> None:
    if operation == "kernels" and not numba_available():
        pytest.skip("Numba is not installed")
    if operation == "training":
        pytest.importorskip("keras", reason="training needs Keras")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), operation],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, f"{last} ended with {done.returncode}: {done.stderr[-2000:]}"
