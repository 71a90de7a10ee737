"""Attack the reader of model files, and the models that open, for as long as it is given.

    python scripts/fuzz_model_files.py --minutes 10 --seed 7

Files come about in four ways: the bytes of a good file changed; one member changed and all
checksums made right again; values of the manifest changed, with arrays that fit it; and whole
models of sizes, numbers, labels and hashes that nobody trains. Each must be refused with a
`ModelFileError`, or answer, on every path, with numbers that are numbers, or say that its own
overflow. The work is done by child processes under limits on memory and processor time; the first
file that breaks one of these is kept, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

ROUND = 400  # files of one child process
MEMORY = 3 << 30  # of a child's addresses: machine code and libraries take nearly one gigabyte
MOST_GROWTH = 1 << 30  # of a child's memory with one file, all of which are small
MOST_SECONDS = 20  # of processor for one file
WAIT = 5  # minutes beyond its time after which a child cannot be busy any more


def main() -> int:
    """Run the attack and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="where to start (default: 0)")
    parser.add_argument("--keep", type=Path, default=Path("broken.satchel"), help="where to write")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        return attack(options.seed, options.child, time.monotonic() + 60 * options.minutes)

    counts: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes
    seed = options.seed
    with tempfile.TemporaryDirectory() as folder:
        while (left := end - time.monotonic()) > 0:
            tried = Path(folder) / "tried.satchel"
            command = [sys.executable, __file__, "--child", str(tried), "--seed", str(seed)]
            command += ["--minutes", str(left / 60)]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=60 * WAIT + left, check=False
                )
            except subprocess.TimeoutExpired:
                return report(options.keep, tried, f"seed {seed}: it waits for something")
            if done.returncode != 0:
                said = done.stdout.strip() or done.stderr[-2_000:]
                return report(options.keep, tried, f"seed {seed}: exit {done.returncode}: {said}")
            counts.update(json.loads(done.stdout))
            seed += 1
            total = sum(counts.values())
            print(f"next seed {seed}: {total} files", flush=True)
    for name, count in sorted(counts.items()):
        print(f"{count:>8}  {name}")
    print(f"{sum(counts.values()):>8}  files, none of which broke a rule")
    return 0


def report(keep: Path, tried: Path, said: str) -> int:
    """Keep the file that broke a rule, and say what happened."""
    if tried.exists():
        keep.write_bytes(tried.read_bytes())
    print(f"{said}\nthe file is kept as {keep}")
    return 1


def attack(seed: int, tried: Path, end: float) -> int:
    """Try one round of files in this process; print their outcomes as JSON, or what went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from hostile.structures import ATTACKS, GOOD
    from hostile.trials import outcome

    outcome(GOOD[0], "bytes")  # loads the kernels, which takes memory once
    random = Random(seed)
    counts: Counter[str] = Counter()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(ROUND):
        if time.monotonic() > end:
            break
        name = [*ATTACKS][number % len(ATTACKS)]
        data = ATTACKS[name](random)
        tried.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)  # beyond, the signal ends the process
        try:
            counts[f"{name}: {outcome(data, name)}"] += 1
        except Exception:
            print(f"file {number}, {name}: {traceback.format_exc()}")
            return 1
        signal.setitimer(signal.ITIMER_PROF, 0)
        before, most = most, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if (most - before) << 10 > MOST_GROWTH:
            print(f"file {number}, {name}: took {(most - before) >> 10} MiB of memory")
            return 1
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
