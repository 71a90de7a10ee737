"""Threads for kernels that release the GIL: split a range, run, wait."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# Below this many multiply-adds, waking a second thread costs more than it saves.
_WORTH_A_THREAD = 2_000_000


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Threads:
    """A pool that lives as long as its owner and starts no thread before it is needed.

    Args:
        count: Threads to use; None for one a processor.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = max(1, count or processors())
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[int, int], object], length: int, cost: int) -> None:
        """Call ``work(begin, end)`` on ranges that together cover ``range(length)``.

        Args:
            work: Safe to run on disjoint ranges at once.
            length: How much there is to do.
            cost: Roughly how many multiply-adds that takes in all.
        """
        count = min(self._count, length)
        if count <= 1 or cost < _WORTH_A_THREAD:
            work(0, length)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count - 1, thread_name_prefix="satchel-network")
        bounds = [length * part // count for part in range(count + 1)]
        futures = [
            self._pool.submit(work, bounds[part], bounds[part + 1]) for part in range(1, count)
        ]
        work(0, bounds[1])
        for future in futures:
            future.result()
