"""Measuring: processes with their time and memory, rounds in turn, and the machine.

Programs are compared in interleaved rounds, A B C A B C …, so that a slow minute of the machine
does not fall on one program alone. What must not share a process runs in one of its own:
``call(function, …)`` starts ``python -m benchmarks.measure module:function ARGUMENTS``, which
prints the function's answer as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = (
    "numpy",
    "numba",
    "keras",
    "jax",
    "scikit-learn",
    "tokenizers",
    "polars",
    "fasttext-wheel",
)


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the timings: processor, versions, commit, load."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": _commit(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def version(package: str) -> str | None:
    """Return the version of an installed package; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def command_line() -> str:
    """Return the command that runs, without this machine's folders."""
    return " ".join(["python", "-m", _main_module(), *portable(sys.argv[1:])])


def _main_module() -> str:
    specification = sys.modules["__main__"].__spec__
    assert specification is not None, "run a benchmark as python -m benchmarks.NAME"
    return specification.name


class ProcessFailed(SystemExit):
    """A process ended with an error: where nobody catches it, the benchmark ends with its text."""


@dataclass(frozen=True)
class Run:
    """What one process cost and printed.

    Attributes:
        command: As it was called.
        seconds: Wall time from start to end of the process.
        processor_seconds: User and system time over all cores.
        peak_mb: Peak resident memory in 10^6 bytes, of the process and what it waited for.
        load_before: One-minute load of the machine at the start: above 0.5 others were at work.
        output: What it printed on standard output, without blanks at its ends.
    """

    command: list[str]
    seconds: float
    processor_seconds: float
    peak_mb: float
    load_before: float
    output: str

    @property
    def answer(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.output)

    def facts(self) -> dict[str, Any]:
        """All of it, for a program that answers in JSON: the answer in place of the output."""
        facts = {name: value for name, value in vars(self).items() if name != "output"}
        return {**facts, "command": portable(self.command), "answer": self.answer}


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Run:
    """Run a command to its end.

    Args:
        command: Its words.
        environment: What is added to the environment.
        folder: Where it starts; None is here.

    Raises:
        ProcessFailed: The message has the end of its standard error.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        variables = {**os.environ, **(environment or {})}
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=variables, cwd=folder)
        # wait4 gives this one child's use; resource.getrusage would mix all children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-3000:]
            raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
        output.seek(0)
        return Run(
            command=list(command),
            seconds=seconds,
            processor_seconds=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss * 1024 / 1e6,
            load_before=load,
            output=output.read().decode().strip(),
        )


def without_folders(text: str) -> str:
    """Return a text without the folders of its absolute paths, which are this machine's own."""
    return re.sub(r"(?<![\w.])/(?:[^\s/\"',]+/)*([^\s/\"',]+)", r"\1", text)


def portable(command: Sequence[str]) -> list[str]:
    """Return a command whose paths are file names."""
    return [without_folders(word) for word in command]


def call(
    function: Callable[..., Any], *arguments: Any, environment: Mapping[str, str] | None = None
) -> Run:
    """Call a function of the benchmarks in a process of its own.

    Args:
        function: A public function of a module; it returns what JSON can hold.
        *arguments: Paths, or what JSON can hold; the function gets paths as strings.
        environment: What is added to the environment.
    """
    return run(calling(function, *arguments), {**import_path(), **(environment or {})})


def calling(function: Callable[..., Any], *arguments: Any) -> list[str]:
    """Return the command line by which `call` calls a function."""
    module = _main_module() if function.__module__ == "__main__" else function.__module__
    given = json.dumps(arguments, default=str)
    return [sys.executable, "-m", "benchmarks.measure", f"{module}:{function.__name__}", given]


def import_path() -> dict[str, str]:
    """Return the variable by which a process finds the benchmarks and this checkout's Satchel."""
    folders = [str(REPOSITORY), str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, folders))}


@contextlib.contextmanager
def empty_cache() -> Iterator[dict[str, str]]:
    """Make an empty folder for machine code; give the variable that names it.

    It lies below the home folder: where others can write, Satchel keeps no machine code.
    """
    parent = Path.home() / ".cache"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-", dir=parent) as folder:
        yield {"NUMBA_CACHE_DIR": folder}


@dataclass(frozen=True)
class Timed:
    """What one program took.

    Attributes:
        first: Seconds of the first call, which loads and warms; it does not count.
        seconds: Seconds of each round.
        answer: What the first call returned.
    """

    first: float
    seconds: list[float]
    answer: Any


def interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Timed]:
    """Time calls in turn.

    Args:
        calls: What to time, by name.
        rounds: How often, after a first call of each that does not count.
    """
    timed = {}
    for name, step in calls.items():
        first, answer = _time(step)
        timed[name] = Timed(first, [], answer)
    for _ in range(rounds):
        for name, step in calls.items():
            timed[name].seconds.append(_time(step)[0])
    return timed


def _time(step: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = step()
    return time.perf_counter() - started, answer


def main() -> None:
    """Call the function that the command line names and print its answer."""
    name, given = sys.argv[1:]
    module, function = name.split(":")
    # Libraries print too: the answer alone goes to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        answer = getattr(importlib.import_module(module), function)(*json.loads(given))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
