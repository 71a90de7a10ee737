"""How a run ends: one line that gives the reason, and the matching exit status.

Errors, warnings, and lack of memory that surfaces as another error are distinguished here.
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

_NO_COMMAND = getattr(click.exceptions, "NoArgsIsHelpError", ())  # click 8.2 and later


class CommandError(Exception):
    """Carries an error of a command past click.

    Args:
        error: The error.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def run(program: Callable[[], object]) -> NoReturn:
    """Run a program and exit: 0 success, 2 an error of input or usage, 1 a bug in Satchel.

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
            # Operating-system errors of a command come as `CommandError`; others are from --help or
            # --version.
            with terminal.naming_output():
                status = program()
        except SystemExit as requested:
            status = requested.code
        terminal.flush()
    except BaseException as error:
        _end(error.error if isinstance(error, CommandError) else error)
    sys.exit(status if isinstance(status, int) else 0)


def _end(error: BaseException) -> NoReturn:
    """Print why the run ended, and exit."""
    if isinstance(error, BrokenPipeError):
        # The reader of the output closed the pipe (``| head``): that is not an error, and nothing
        # more can be written.
        terminal.discard_output()
        sys.exit(0)
    if isinstance(error, signals.Stopped):
        _print_last(str(error))
        signals.end_by(error.number)
    if isinstance(error, _NO_COMMAND):
        for line in str(error).split("\n"):
            terminal.remark(line)
        sys.exit(2)
    if isinstance(error, click.ClickException):
        _fail(_usage(error), 2)
    if isinstance(error, SatchelError):
        _fail(str(error), 2)
    if _short_of_memory or _is_out_of_memory(error):
        _fail(
            "not enough memory: close other programs, use fewer --threads, or process less data "
            "at once",
            2,
        )
    if isinstance(error, OSError) and error.errno is not None:
        place = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{place}{error.strerror or error}", 2)
    for line in traceback.format_exception(error):
        for each in line.rstrip("\n").split("\n"):
            terminal.remark(each)
    _fail("this is a bug in Satchel, not an error of your input: please report the lines above", 1)


def _usage(error: click.ClickException) -> str:
    """Return what is wrong with a call, and where its usage is explained."""
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
    """Return whether an error, or a cause of it, is lack of memory."""
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
    """Remember a thread that failed for lack of memory: later errors are its consequence."""
    if failed.exc_value is not None and _is_out_of_memory(failed.exc_value):
        _short_of_memory.append(failed.exc_value)
    else:
        threading.__excepthook__(failed)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line: its place in our code is of no use to the user."""
    terminal.remark(f"warning: {message}")


def _fail(message: str, status: int) -> NoReturn:
    _print_last(message)
    sys.exit(status)


def _print_last(message: str) -> None:
    """Print one line, after flushing standard output."""
    try:
        terminal.flush()
    except (SatchelError, OSError):
        terminal.discard_output()
    terminal.remark(f"satchel: {' '.join(line.strip() for line in message.splitlines())}")
