"""Signals that end a run: what is half done is undone first, and then the process ends by them."""

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


_asked: list[int] = []
_again_from = 0.0
"""When a further signal counts: what comes at once is the same wish, told to the group as well."""

_ONE_WISH = 1.0  # seconds, more than undoing takes


def install() -> None:
    """Let signals that end the process raise `Stopped`, so that no temporary file is left.

    One that is ignored, as by ``nohup``, stays so.
    """
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    global _again_from
    if time.monotonic() < _again_from:
        return
    _again_from = time.monotonic() + _ONE_WISH
    _asked.append(number)
    raise Stopped(number)


def raise_again() -> None:
    """Raise `Stopped` once more where a signal came and a library swallowed what it raised."""
    if _asked:
        raise Stopped(_asked[0])


def end_by(number: int) -> NoReturn:
    """End the process by a signal, as its caller expects of a process that was sent one.

    The interpreter is not taken down in order, which threads of libraries may not survive.
    """
    if os.name == "posix":
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    sys.exit(128 + number)


def _name(number: int) -> str:
    return signal.Signals(number).name
