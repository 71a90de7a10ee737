"""Work on chunks in several threads, with answers that do not depend on how many there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from satchel.errors import SettingError

Chunk = TypeVar("Chunk")
State = TypeVar("State")
Answer = TypeVar("Answer")


def thread_count(threads: int | None) -> int:
    """How many threads work: those asked for, else one for each core this process may use.

    Args:
        threads: 1 or more; None means one a core.

    Returns:
        The number of threads.

    Raises:
        SettingError: ``threads`` is below 1.
    """
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if threads < 1:
        raise SettingError(f"threads must be 1 or more, or None, but it is {threads}")
    return threads


def work_through(
    chunks: Iterable[Chunk],
    states: Sequence[State],
    work: Callable[[State, Chunk], Answer],
    told: Callable[[Chunk], None] | None = None,
) -> list[tuple[int, Answer]]:
    """Work each chunk once; a worker takes the next one as soon as it is free.

    Args:
        chunks: Drawn from one at a time, by one thread at a time.
        states: One a worker, for that worker alone; as many workers work as there are states.
        work: Called with the worker's state and a chunk. It should release the lock of the
            interpreter.
        told: Called with each chunk that is done, by one thread at a time.

    Returns:
        For each chunk, in order, which worker worked it and the answer.

    Raises:
        Exception: Whatever drawing or working raised first.
    """
    if len(states) == 1:
        answers_of_one = []
        for chunk in chunks:
            answers_of_one.append((0, work(states[0], chunk)))
            if told:
                told(chunk)
        return answers_of_one
    from concurrent.futures import ThreadPoolExecutor  # a cost to the start of a short answer

    numbered = enumerate(chunks)
    lock = threading.Lock()
    answers: dict[int, tuple[int, Answer]] = {}
    stopped = threading.Event()

    def worker(number: int) -> None:
        try:
            while not stopped.is_set():
                with lock:
                    drawn = next(numbered, None)
                if drawn is None:
                    return
                place, chunk = drawn
                answer = work(states[number], chunk)
                with lock:
                    answers[place] = (number, answer)
                    if told:
                        told(chunk)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(len(states), thread_name_prefix="satchel-bags") as pool:
        for finished in [pool.submit(worker, number) for number in range(len(states))]:
            finished.result()
    return [answers[place] for place in range(len(answers))]
