"""Running code in a process with limits, so that a crash, a hang or a flood fails one test only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SEARCH = [str(Path(__file__).parents[1] / "src"), str(Path(__file__).parent)]


def run_confined(
    code: str, *arguments: str, seconds: int = 60, megabytes: int = 1500
) -> subprocess.CompletedProcess[str]:
    """Run a program under limits of processor time and address space.

    Args:
        code: The program.
        arguments: What it finds in ``sys.argv[1:]``.
        seconds: Processor seconds that it may use.
        megabytes: Address space that it may use, in MiB.

    Returns:
        What became of it; ``returncode`` is negative if the system ended it.
    """
    # The process limits itself: between fork and exec, JAX warns of a fork.
    limits = {"CPU": seconds, "AS": megabytes << 20, "CORE": 0}
    confine = "".join(
        f"resource.setrlimit(resource.RLIMIT_{what}, ({most}, {most}))\n"
        for what, most in limits.items()
    )
    start = f"import resource, sys\nsys.path[:0] = {_SEARCH!r}\n{confine}"
    return subprocess.run(
        [sys.executable, "-c", f"{start}{code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=20 * seconds,
    )


def assert_confined(code: str, *arguments: str, seconds: int = 60, megabytes: int = 1500) -> str:
    """Run a program as :func:`run_confined` does; it must end well. Returns what it printed."""
    done = run_confined(code, *arguments, seconds=seconds, megabytes=megabytes)
    assert done.returncode == 0, f"status {done.returncode}\n{done.stderr[-3000:]}"
    return done.stdout
