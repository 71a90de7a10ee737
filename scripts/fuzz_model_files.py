"""Attack the reader of model files with random mutations, for as long as it is given.

    python scripts/fuzz_model_files.py --minutes 60 --seed 7

Each mutation must be refused with a `ModelFileError`, or open as the very same model; a mutation
inside a member, with all hashes made right again, must be refused or open as a whole model. The
first one that breaks this is written to a file, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from satchel import sealed
from satchel.errors import ModelFileError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hostile import small_models
from hostile.mutations import deeply_mutated, mutated, opened_as, opens_whole_or_not_at_all

ROUND = 2_000  # mutations between two looks at the clock


def main() -> int:
    """Run the attack and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="where to start (default: 0)")
    parser.add_argument("--model", type=Path, action="append", default=[], help="more good files")
    parser.add_argument("--keep", type=Path, default=Path("broken.satchel"), help="where to write")
    options = parser.parse_args()

    parts = [small_models.linear(), small_models.network(), small_models.linear(terms=False)]
    parts += [sealed.read(path) for path in options.model]
    good = [sealed.dumps(each) for each in parts]
    attacks: list[tuple[st.SearchStrategy[bytes], Callable[[bytes], object]]] = [
        (mutated(good), lambda data: opened_as(data, good)),
        (deeply_mutated(parts), opens_whole_or_not_at_all),
    ]
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes
    number = options.seed
    while time.monotonic() < end:
        strategy, check = attacks[number % len(attacks)]
        broken = attack(strategy, check, number, outcomes)
        if broken is not None:
            data, error = broken
            options.keep.write_bytes(data)
            print(f"seed {number}: {type(error).__name__}: {error}; see {options.keep}")
            return 1
        number += 1
        print(f"next seed {number}; {sum(outcomes.values())} files: {dict(outcomes)}", flush=True)
    return 0


def attack(
    strategy: st.SearchStrategy[bytes],
    check: Callable[[bytes], object],
    number: int,
    outcomes: Counter[str],
) -> tuple[bytes, Exception] | None:
    """Try one round of mutations; return the smallest that broke the promise, and how."""
    last = b""

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(data: bytes) -> None:
        nonlocal last
        last = data
        check(data)
        outcomes[outcome(data)] += 1

    try:
        one()
    except Exception as error:
        return last, error
    return None


def outcome(data: bytes) -> str:
    """Say where a file was refused, or that it opened."""
    try:
        sealed.loads(data)
    except ModelFileError as error:
        return error.member or "container"
    return "opened"


if __name__ == "__main__":
    sys.exit(main())
