"""How long work tells of its progress: one callable, so that no stage knows the terminal."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by a stage as it advances."""

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        """Report an advance.

        Args:
            stage: What is being done, such as ``reading``; a new name opens a new bar.
            done: Units finished so far.
            total: Units in all, or None where that is not known.
            note: A short remark beside the bar, such as the loss.
        """


def silent(stage: str, done: int, total: int | None, note: str = "") -> None:
    """Report nothing: the default of every stage."""
