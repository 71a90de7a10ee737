"""How a run ends: one line that says why, and the exit status that goes with it."""

from __future__ import annotations

import errno
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn

import click

from satchel.cli import signals, streams, terminal
from satchel.errors import SatchelError

_NO_VERB = getattr(click.exceptions, "NoArgsIsHelpError", ())  # click 8.2 and later


class Passed(Exception):  # noqa: N818  # it only carries an error
    """Carries an error of a verb past click.

    Args:
        error: The error.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def run(program: Callable[[], object]) -> NoReturn:
    """Run a program and exit: 0 done, 2 the input or the call is at fault, 1 a fault of ours.

    Args:
        program: Parses the arguments and does the work.
    """
    status: object = None
    try:
        try:
            streams.prepare()
            signals.install()
            warnings.showwarning = _show_warning
            # Errors of the system in a verb come as `Passed`; others are of help or version.
            with streams.writing_output():
                status = program()
        except SystemExit as asked:
            status = asked.code
        streams.flush()
    except BaseException as error:
        _end(error.error if isinstance(error, Passed) else error)
    sys.exit(status if isinstance(status, int) else 0)


def _end(error: BaseException) -> NoReturn:
    """Say why the run ended, and exit."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output went away (``| head``): nothing is wrong, and nothing more
        # can be said.
        streams.discard_output()
        sys.exit(0)
    if isinstance(error, signals.Stopped):
        _say_last(str(error))
        signals.end_by(error.number)
    if isinstance(error, _NO_VERB):
        for line in str(error).split("\n"):
            terminal.remark(line)
        sys.exit(2)
    if isinstance(error, click.ClickException):
        _fail(_usage(error), 2)
    if isinstance(error, SatchelError):
        _fail(str(error), 2)
    if _is_out_of_memory(error):
        _fail(
            "there is not enough memory for this: close other programs, use fewer --threads, "
            "or give it less at once",
            2,
        )
    if isinstance(error, OSError) and error.errno is not None:
        place = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{place}{error.strerror or error}", 2)
    for line in traceback.format_exception(error):
        for each in line.rstrip("\n").split("\n"):
            terminal.remark(each)
    _fail("this is a fault of Satchel, not of your input: please report the lines above", 1)


def _usage(error: click.ClickException) -> str:
    """Return what is wrong with a call, and where to read how it is made."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error.format_message()
    return f"{error.format_message().rstrip('.')} (see  {context.command_path} --help)"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # JAX, PyTorch, threads and the loader of libraries say it in words.
    signs = (
        "RESOURCE_EXHAUSTED",
        "can't allocate memory",
        "can't start new thread",
        "Cannot allocate memory",
    )
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ImportError) and any(sign in str(error) for sign in signs)
    )


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line: where in our code it arose is of no use to its reader."""
    terminal.remark(f"warning: {message}")


def _fail(message: str, status: int) -> NoReturn:
    _say_last(message)
    sys.exit(status)


def _say_last(message: str) -> None:
    """Say one line; what is still in the buffer of the output is written first."""
    try:
        streams.flush()
    except (SatchelError, OSError):
        streams.discard_output()
    terminal.remark(f"satchel: {' '.join(line.strip() for line in message.splitlines())}")
