"""Signals that end a run: clean up first, then let the signal end the process."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """A signal asked the process to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(
            "interrupted" if number == signal.SIGINT else f"stopped by {_name(number)}"
        )
        self.number = number


_received: list[int] = []
_again_from = 0.0
"""When a further signal counts: one that follows at once is the same, sent to the group too."""

_GRACE = 1.0  # seconds, more than cleaning up takes


def install() -> None:
    """Let signals that end the process raise `Stopped`, so that no temporary file is left.

    A signal that is ignored, as under ``nohup``, stays ignored.
    """
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    global _again_from
    if time.monotonic() < _again_from:
        return
    _again_from = time.monotonic() + _GRACE
    _received.append(number)
    raise Stopped(number)


def raise_again() -> None:
    """Raise `Stopped` again where a library swallowed it."""
    if _received:
        raise Stopped(_received[0])


def end_by(number: int) -> NoReturn:
    """End the process by a signal, as a caller expects of a process that received it.

    The interpreter is not shut down, since threads of libraries may crash in that.
    """
    if os.name == "posix":
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    sys.exit(128 + number)


def _name(number: int) -> str:
    return signal.Signals(number).name
