"""Run a program as its own process and weigh it: wall time, processor time, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """What one process cost and said.

    Attributes:
        command: As it was called.
        seconds: Wall time from start to end of the process.
        processor_seconds: User and system time over all cores.
        peak_mb: Peak resident memory in 10^6 bytes, of the process and what it waited for.
        load_before: One-minute load of the machine at the start: above 0.5 others were at work.
        answer: The JSON that it printed.
    """

    command: list[str]
    seconds: float
    processor_seconds: float
    peak_mb: float
    load_before: float
    answer: Any


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command that prints one JSON document on standard output.

    Raises:
        RuntimeError: It failed; the message has the end of its standard error.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}
        )
        # wait4 gives this one child's use; resource.getrusage would mix all children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-3000:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
        output.seek(0)
        answer = json.loads(output.read())
    return Run(
        command=list(command),
        seconds=seconds,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * 1024 / 1e6,
        load_before=load,
        answer=answer,
    )
