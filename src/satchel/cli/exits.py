"""How a run ends: one line that says why, and the exit status that goes with it.

Errors, warnings, and a want of memory that shows itself as some other error are told apart here.
"""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn

import click

from satchel.cli import signals, terminal
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
            terminal.prepare()
            signals.install()
            warnings.showwarning = _show_warning
            threading.excepthook = _note_failed_thread
            # Errors of the system in a verb come as `Passed`; others are of help or version.
            with terminal.naming_output():
                status = program()
        except SystemExit as asked:
            status = asked.code
        terminal.flush()
    except BaseException as error:
        _end(error.error if isinstance(error, Passed) else error)
    sys.exit(status if isinstance(status, int) else 0)


def _end(error: BaseException) -> NoReturn:
    """Say why the run ended, and exit."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output went away (``| head``): nothing is wrong, and nothing more
        # can be said.
        terminal.discard_output()
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
    if _short_of_memory or _is_out_of_memory(error):
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


_NO_MEMORY = (
    "RESOURCE_EXHAUSTED",  # JAX
    "can't allocate memory",  # PyTorch
    "can't start new thread",
    "annot allocate memory",  # the system
    "failed to map segment",  # its loader of libraries
)


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it arose from, is for want of memory."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError):
            return True
        if isinstance(error, OSError | RuntimeError | ImportError) and any(
            sign in str(error) for sign in _NO_MEMORY
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


_short_of_memory: list[BaseException] = []


def _note_failed_thread(failed: threading.ExceptHookArgs) -> None:
    """Remember a thread that failed for want of memory: what fails later is its consequence."""
    if failed.exc_value is not None and _is_out_of_memory(failed.exc_value):
        _short_of_memory.append(failed.exc_value)
    else:
        threading.__excepthook__(failed)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line: where in our code it arose is of no use to its reader."""
    terminal.remark(f"warning: {message}")


def _fail(message: str, status: int) -> NoReturn:
    _say_last(message)
    sys.exit(status)


def _say_last(message: str) -> None:
    """Say one line; what is still in the buffer of the output is written first."""
    try:
        terminal.flush()
    except (SatchelError, OSError):
        terminal.discard_output()
    terminal.remark(f"satchel: {' '.join(line.strip() for line in message.splitlines())}")
