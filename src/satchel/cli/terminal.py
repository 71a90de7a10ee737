"""The terminal: robust standard streams, lines, JSON, progress bars and colours."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from satchel.cli import terminal
from satchel.cli.signals import raise_again
from satchel.errors import SaveError
from satchel.escaping import json_text, printable, printable_lines
from satchel.progress import Progress, showing

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import Task, TaskID
    from rich.text import Text

    from satchel.inference.explain import Explanation


_REPLACEMENTS = str.maketrans({"→": "->", "–": "-", "×": "x", "…": "...", "•": "*"})
"""ASCII replacements for characters of our messages that an encoding may lack."""


def prepare() -> None:
    """Prepare the standard streams.

    A descriptor that the caller closed is opened on the null device, so that no file that is
    opened later takes its number and receives our messages. Characters that the encoding lacks are
    escaped.

    Raises:
        SaveError: Standard output is closed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # open for the life of the process
    if sys.stdout is None:
        raise SaveError(
            "expected an open standard output, found it closed: "
            "leave it open, or redirect it to a file or to /dev/null"
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def holds_unicode(stream: TextIO) -> bool:
    """Return whether a stream can encode every character."""
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def readable(line: str, stream: TextIO) -> str:
    """Return one of our own lines without characters that the stream's encoding lacks."""
    try:
        line.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return line.translate(_REPLACEMENTS)
    return line


def write(text: str) -> None:
    """Write a result to standard output.

    Raises:
        SaveError: It could not be written, as on a full disk.
        BrokenPipeError: The reader closed the pipe.
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
    """Name standard output in an operating-system error raised in the block.

    Raises:
        SaveError: Standard output could not be written, as on a full disk.
        BrokenPipeError: The reader closed the pipe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SaveError(f"cannot write to standard output: {error.strerror}") from error


def discard_output(stream: TextIO | None = None) -> None:
    """Redirect standard output, or another stream, to the null device: the final flush succeeds."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def write_remark(line: str) -> None:
    """Write one line to standard error, or nothing where that cannot be written."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # What is left in the buffer would fail again at exit, and change the exit status.
        discard_output(sys.stderr)


_COMPILING = "compiling"
"""The stage in which machine code is compiled, by the name under which it is reported."""

_REPORT_FROM = 2.0  # seconds of compiling


def say(line: str = "") -> None:
    """Print one line for people on standard output."""
    write(readable(printable(line), sys.stdout) + "\n")


def row(cells: Iterable[str]) -> None:
    """Print cells with tabs between them on standard output: always one line."""
    write("\t".join(map(printable, cells)) + "\n")


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    write(json_text(document, indent=2, ascii_only=ascii_only()) + "\n")


def print_pieces(pieces: Iterable[str]) -> None:
    """Print text that is already escaped, piece by piece, on standard output."""
    for piece in pieces:
        write(piece)


def ascii_only() -> bool:
    """Return whether JSON on standard output must be ASCII.

    JSON is UTF-8; where standard output has another encoding, only ASCII is the same in both.
    """
    return not holds_unicode(sys.stdout)


def remark(line: str) -> None:
    """Print one line on standard error."""
    write_remark(readable(printable(line), sys.stderr))


@contextmanager
def progress_bars(shown: bool = True) -> Iterator[Progress]:
    """Report the progress of each stage while the block runs.

    On a terminal there is a bar per stage, with the time left where the end is known; elsewhere
    there is none. The time spent on compiling is reported at the end in either case.

    Args:
        shown: Whether bars may be shown; False where the results go to the same terminal.

    Yields:
        The callable to which stages report.
    """
    if shown and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress as Bars

        # Standard output stays as it is: rich would send it to standard error.
        with Bars(*_columns(), console=Console(stderr=True), redirect_stdout=False) as bars:
            stages = _Stages(bars)
            with showing(stages):
                yield stages
    else:
        stages = _Stages(None)
        with showing(stages):
            yield stages
    if stages.seconds_compiling() >= _REPORT_FROM:
        remark(
            f"compiling took {stages.seconds_compiling():.0f} s of this: "
            "once per machine, where the code can be cached"
        )


def _columns() -> tuple[Any, ...]:
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.text import Text

    class Count(ProgressColumn):
        """How much is done, and the total where that is known."""

        def render(self, task: Task) -> Text:
            done = f"{int(task.completed):,}"
            return Text(done if task.total is None else f"{done}/{int(task.total):,}")

    class Time(ProgressColumn):
        """The time elapsed, and the time left where it is known."""

        def render(self, task: Task) -> Text:
            elapsed = task.finished_time if task.finished else task.elapsed
            left = task.time_remaining if not task.finished and task.total is not None else None
            remaining = "" if left is None else f", {_clock(left)} left"
            return Text(f"{_clock(elapsed or 0)}{remaining}")

    class Note(ProgressColumn):
        """The note of the stage."""

        def render(self, task: Task) -> Text:
            return Text(printable(task.fields["note"]))

    # The names of stages are ours and contain no markup.
    description = TextColumn("{task.description:<12}", markup=False)
    return description, BarColumn(), Count(), Time(), Note()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class _Stages:
    """Turns reports of stages into bars: a new stage opens one.

    Args:
        bars: Where they are shown; None shows nothing.
    """

    def __init__(self, bars: Bars | None) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._compiled = 0.0
        self._compiling_since: float | None = None

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        raise_again()
        if stage != _COMPILING:
            self.seconds_compiling()
        elif self._compiling_since is None:
            self._compiling_since = time.perf_counter()
        if self._bars is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, note=note)
        self._bars.update(self._tasks[stage], completed=done, total=total, note=note)

    def seconds_compiling(self) -> float:
        """Return the seconds spent on compiling; it counts as ended until it is reported again."""
        if self._compiling_since is not None:
            self._compiled += time.perf_counter() - self._compiling_since
            self._compiling_since = None
        return self._compiled


def print_styled(text: Text) -> None:
    """Print text that is already escaped, in colour where standard output is a terminal."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(text, soft_wrap=True)
    else:
        write(text.plain + "\n")


STRONGEST = 8
SHOWN = 2_000
"""Code points of a document that are shown; JSON has all of it."""

_MARGIN = "    "
"""Indentation of every line of the document, so that none can pass for a row of the output."""


def print_explanation(explanation: Explanation) -> None:
    """Print which words count for the label (green) and which against it (red)."""
    from rich.text import Text

    largest = max((abs(word.value) for word in explanation.words), default=0.0) or 1.0
    shown = Text(_MARGIN)
    place = 0
    for word in explanation.words:
        if word.start >= SHOWN:
            break
        shown.append(_safe(explanation.text[place : word.start]))
        place = min(word.end, SHOWN)
        share = word.value / largest
        style = _style(share) if abs(share) >= 0.05 else ""
        shown.append(_safe(explanation.text[word.start : place]), style)
    shown.append(_safe(explanation.text[place:SHOWN]))
    if len(explanation.text) > SHOWN:
        shown.append(f"… ({len(explanation.text) - SHOWN:,} more characters)")
    terminal.print_styled(shown)
    against = "" if explanation.against is None else f" over {explanation.against}"
    terminal.say(
        f"{_MARGIN}{explanation.label}{against} by {explanation.margin:+.2f}: "
        f"{explanation.base:+.2f} without any word, then"
    )
    for token in explanation.tokens[:STRONGEST]:
        terminal.say(f"{_MARGIN}  {token.value:+.3f}  {' '.join(token.text.split())}")


def _safe(text: str) -> str:
    return f"\n{_MARGIN}".join(printable_lines(text))


def _style(share: float) -> str:
    level = round(55 + 200 * min(1.0, abs(share)))
    return f"bold rgb(0,{level},0)" if share > 0 else f"bold rgb({level},0,0)"
