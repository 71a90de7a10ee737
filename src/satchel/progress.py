"""Progress reports of long work: one callable, so that no stage depends on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called by a stage as it advances."""

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        """Report an advance.

        Args:
            stage: What is being done, such as ``reading``; a new name opens a new bar.
            done: Units finished so far.
            total: Units in all, or None where that is not known.
            note: A short note beside the bar, such as the loss.
        """


def silent(stage: str, done: int, total: int | None, note: str = "") -> None:
    """Report nothing: the default of every stage."""


_shown: list[Progress] = []


@contextmanager
def showing(progress: Progress) -> Iterator[None]:
    """Send reports from stages that take no callable, such as compiling, to a callable.

    Kernels are compiled while modules are imported, in whichever thread comes first.

    Args:
        progress: Receives these reports while the block runs.
    """
    _shown.append(progress)
    try:
        yield
    finally:
        _shown.remove(progress)


def report(stage: str, done: int, total: int | None, note: str = "") -> None:
    """Report an advance to all callables in `showing`; the arguments are those of `Progress`."""
    shown = tuple(_shown)
    for number, progress in enumerate(shown):
        if progress not in shown[:number]:
            progress(stage, done, total, note)
