"""Interleaved rounds: A B C A B C …, so that a slow minute does not fall on one program alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


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
    for name, call in calls.items():
        first, answer = _time(call)
        timed[name] = Timed(first, [], answer)
    for _ in range(rounds):
        for name, call in calls.items():
            timed[name].seconds.append(_time(call)[0])
    return timed


def _time(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer
