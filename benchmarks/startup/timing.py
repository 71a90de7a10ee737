"""Fresh processes in interleaved rounds: wall time and peak memory of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.startup.contenders import Program


def measure(programs: list[Program], rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Start every program in turn, round after round.

    Args:
        programs: What to start; the first is the one that the others are held against.
        rounds: How often, after one round that does not count and whose output is kept.
        folder: Where to start them; away from the repository, as Python looks there first.

    Returns:
        One row a program.
    """
    answers = [_answer(program, folder) for program in programs]
    seconds: list[list[float]] = [[] for _ in programs]
    peaks: list[list[float]] = [[] for _ in programs]
    for _ in range(rounds):
        for program, its_seconds, its_peaks in zip(programs, seconds, peaks, strict=True):
            took, peak = _start(program, folder)
            its_seconds.append(took)
            its_peaks.append(peak)
    return [
        {
            "name": program.name,
            "command": program.command,
            "answer": answer,
            "seconds": its_seconds,
            "more_than_first": statistics.median(
                mine - first for mine, first in zip(its_seconds, seconds[0], strict=True)
            ),
            "peak_mb": statistics.median(its_peaks),
            "files_mb": sum(file.stat().st_size for file in program.files) / 1e6,
        }
        for program, answer, its_seconds, its_peaks in zip(
            programs, answers, seconds, peaks, strict=True
        )
    ]


def _environment(program: Program) -> dict[str, str]:
    return {**os.environ, **program.environment}


def _answer(program: Program, folder: Path) -> str:
    done = subprocess.run(
        program.command,
        cwd=folder,
        env=_environment(program),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program.name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout.strip()


def _start(program: Program, folder: Path) -> tuple[float, float]:
    """Return seconds and peak memory, in 10^6 bytes, of one process."""
    environment = _environment(program)
    started = time.perf_counter()
    process = subprocess.Popen(
        program.command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # wait4 gives this one child's use; resource.getrusage would mix all children.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{program.name} ended with {process.returncode} in a later round")
    return seconds, usage.ru_maxrss * 1024 / 1e6
