"""What the fuzz scripts share: rounds of cases in processes with limits, counts, and what broke.

A crash, a hang (by processor time) or a flood of memory ends the process of one round only; the
file of the case at which it happened is kept. The same seed makes the same cases.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_A_CASE = 30
"""Processor seconds that one case may take; most take milliseconds."""


@dataclass(frozen=True)
class Attack:
    """One kind of case.

    Attributes:
        make: Writes a case into a folder, by a source of chance; returns its path and whatever
            ``check`` needs to know of it.
        check: Reads the case; returns how it ended in a few words, or raises if a promise is
            broken.
        cases: How many of a round, between two looks at the clock.
    """

    make: Callable[[random.Random, Path], tuple[Path, object]]
    check: Callable[[random.Random, Path, object], str]
    cases: int = 400


def main(description: str, attacks: dict[str, Attack], megabytes: int) -> int:
    """Run a fuzz script and return its exit status: 1 where a promise was broken.

    Args:
        description: What the script does, for its help.
        attacks: The kinds of cases, by name; each round has one kind, in turn.
        megabytes: Address space that a round may take, in MiB.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="where to start (default: 0)")
    parser.add_argument("--keep", type=Path, default=Path("broken"), help="where to keep a case")
    parser.add_argument("--only", choices=sorted(attacks), action="append", help="kinds of cases")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.only or sorted(attacks)
    if options.worker is not None:
        return _work(attacks[names[0]], options.worker, options.folder, megabytes)
    return _supervise(names, options.minutes, options.seed, options.keep)


def _supervise(names: Sequence[str], minutes: float, seed: int, keep: Path) -> int:
    totals: dict[str, Counter[str]] = {name: Counter() for name in names}
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        name = names[seed % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, sys.argv[0], "--only", name, "--worker", str(seed)]
            done = subprocess.run(
                [*command, "--folder", folder], capture_output=True, text=True, check=False
            )
            report = Path(folder, "outcomes.json")
            if report.exists():
                totals[name].update(json.loads(report.read_text()))
            if done.returncode != 0:
                shutil.copytree(Path(folder, "case"), keep, dirs_exist_ok=True)
                print(done.stderr[-1500:])
                print(f"{name}, seed {seed}: status {done.returncode}; see {keep}")
                return 1
        seed += 1
        total = sum(map(Counter.total, totals.values()))
        print(f"next seed {seed}; {total:,} cases", end="\r", flush=True)
    print()
    for name, counts in totals.items():
        print(f"{name}: {counts.total():,} cases")
        for outcome, times in counts.most_common():
            print(f"  {times:8,} {outcome}")
    return 0


def _work(attack: Attack, seed: int, folder: Path, megabytes: int) -> int:
    """Run one round; the case in hand lies in ``folder/case``."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    outcomes: Counter[str] = Counter()
    place = folder / "case"
    for number in range(attack.cases):
        chance = random.Random(f"{seed} {number}")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        path, known = attack.make(chance, place)
        # Ends the process even inside a library that never returns to Python.
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_A_CASE)
        try:
            outcomes[attack.check(chance, path, known)] += 1
        except BaseException:
            print(f"case {number}: {path.name}\n{traceback.format_exc()}", file=sys.stderr)
            return 1
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if number % 10 == 9 or number == attack.cases - 1:
            part = folder / "outcomes.part"
            part.write_text(json.dumps(outcomes))
            os.replace(part, folder / "outcomes.json")
    return 0


def mutated(chance: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """Damage bytes in a few places: bits, runs, copies, and tokens that mean something there.

    Args:
        chance: The source of chance.
        data: The bytes.
        tokens: What may be put in.
    """
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        size = len(content)
        at = chance.randint(0, size)
        kind = chance.randrange(7)
        if kind == 0 and size:
            content[at % size] = chance.randrange(256)
        elif kind == 1 and size:
            content[at % size] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del content[at : at + chance.choice((1, 1, 2, 8, 64, 512))]
        elif kind == 3:
            content[at:at] = chance.choice(tokens)
        elif kind == 4:
            token = chance.choice(tokens)
            content[at : at + len(token)] = token
        elif kind == 5:
            start = chance.randint(0, size)
            content[at:at] = content[start : start + chance.choice((1, 8, 64, 512))]
        else:
            del content[at:]
    return bytes(content)


def fit_to_show(message: object) -> bool:
    """Tell whether a message can be printed: some lines of text that do nothing to a terminal.

    Spaces of every kind do nothing, nor do the joiners that some scripts need.
    """
    text = str(message)
    shown = text.translate(dict.fromkeys(map(ord, "\n\u200c\u200d")))
    acting = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"} & {*map(unicodedata.category, shown)}
    return 0 < len(text) < 5_000 and not acting
