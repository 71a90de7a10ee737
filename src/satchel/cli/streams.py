"""The standard streams: closed, full or in any encoding, they cause no traceback."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from satchel.errors import InputError, SaveError

_SIGNS = str.maketrans({"→": "->", "–": "-", "×": "x", "…": "...", "•": "*"})
"""The signs of our own messages that an encoding may lack, as people write them without."""


def prepare() -> None:
    """Make the standard streams ready for whatever is written.

    A descriptor that the caller closed is opened on nothing, lest a file that is opened later take
    its number and receive our messages. What an encoding cannot hold is escaped.

    Raises:
        SaveError: Standard output is closed, so that no result could be told.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
    if sys.stdout is None:
        raise SaveError(
            "standard output is closed, so no result could be told: "
            "leave it open, or redirect it to a file or to /dev/null"
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def holds_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can hold every character."""
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def readable(line: str, stream: TextIO) -> str:
    """Return one of our own lines without signs that the stream's encoding lacks."""
    try:
        line.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return line.translate(_SIGNS)
    return line


def write(text: str) -> None:
    """Write a result to standard output.

    Raises:
        SaveError: It could not be written, as on a full disk.
        BrokenPipeError: Whoever read it went away.
    """
    with naming_output():
        sys.stdout.write(text)


def flush() -> None:
    """Write what is still in the buffer of standard output.

    Raises:
        SaveError: As `write`.
        BrokenPipeError: As `write`.
    """
    if sys.stdout is not None:
        with naming_output():
            sys.stdout.flush()


@contextlib.contextmanager
def naming_output() -> Iterator[None]:
    """Let an error of the system in the block say that it is standard output's.

    Raises:
        SaveError: Standard output took nothing, as on a full disk.
        BrokenPipeError: Whoever read it went away.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SaveError(f"cannot write to standard output: {error.strerror}") from error


def discard_output() -> None:
    """Point standard output at nothing, so that the flush at the exit raises no error again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def remark(line: str) -> None:
    """Write one line to standard error; where that takes nothing, nothing can be said."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def read_input() -> bytes:
    """Read standard input to its end.

    Raises:
        InputError: It is closed.
    """
    if sys.stdin is None:
        raise InputError("expected text on standard input, found it closed: pipe text into it")
    return sys.stdin.buffer.read()
