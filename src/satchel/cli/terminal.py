"""The terminal: standard streams that cause no traceback, lines, JSON, progress and colours."""

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
from satchel.errors import InputError, SaveError
from satchel.escaping import json_text, printable, printable_lines
from satchel.progress import Progress, showing

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import Task, TaskID
    from rich.text import Text

    from satchel.inference.explain import Explanation


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


def discard_output(stream: TextIO | None = None) -> None:
    """Point standard output, or another stream, at nothing: the flush at the exit then succeeds."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def write_remark(line: str) -> None:
    """Write one line to standard error; where that takes nothing, nothing can be said."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # What is left in the buffer would fail again at the exit, and change its status.
        discard_output(sys.stderr)


def read_input() -> bytes:
    """Read standard input to its end.

    Raises:
        InputError: It is closed.
    """
    if sys.stdin is None:
        raise InputError("expected text on standard input, found it closed: pipe text into it")
    return sys.stdin.buffer.read()


_COMPILING = "compiling"
"""The stage in which machine code is made, as whoever makes it reports it."""

_WORTH_SAYING = 2.0  # seconds of compiling


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
    """Print what is escaped already, piece by piece, on standard output."""
    for piece in pieces:
        write(piece)


def ascii_only() -> bool:
    """Tell whether JSON on standard output must be ASCII.

    JSON is UTF-8; where standard output has another encoding, only ASCII is the same in both.
    """
    return not holds_unicode(sys.stdout)


def remark(line: str) -> None:
    """Print one line on standard error."""
    write_remark(readable(printable(line), sys.stderr))


@contextmanager
def progress_bars(shown: bool = True) -> Iterator[Progress]:
    """Tell how far each stage is while the block runs.

    On a terminal there is a bar for every stage, with the time left where the end is known; else
    none. What compiling took is said at the end, wherever standard error leads.

    Args:
        shown: Whether bars may be shown; not where the results go to the same terminal.

    Yields:
        The callable that stages report to.
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
    if stages.seconds_compiling() >= _WORTH_SAYING:
        remark(
            f"compiling took {stages.seconds_compiling():.0f} s of this: "
            "once per machine, where the code can be kept"
        )


def _columns() -> tuple[Any, ...]:
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.text import Text

    class Count(ProgressColumn):
        """How much is done, and of how much where that is known."""

        def render(self, task: Task) -> Text:
            done = f"{int(task.completed):,}"
            return Text(done if task.total is None else f"{done}/{int(task.total):,}")

    class Time(ProgressColumn):
        """The time gone, and the time left where it can be told."""

        def render(self, task: Task) -> Text:
            gone = task.finished_time if task.finished else task.elapsed
            left = task.time_remaining if not task.finished and task.total is not None else None
            said = "" if left is None else f", {_clock(left)} left"
            return Text(f"{_clock(gone or 0)}{said}")

    class Note(ProgressColumn):
        """A remark of the stage."""

        def render(self, task: Task) -> Text:
            return Text(printable(task.fields["note"]))

    # The names of stages are ours, and no markup.
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
        """Return how long compiling took, and take it for ended until it is reported again."""
        if self._compiling_since is not None:
            self._compiled += time.perf_counter() - self._compiling_since
            self._compiling_since = None
        return self._compiled


def print_styled(text: Text) -> None:
    """Print text that is escaped already, in its colours where standard output is a terminal."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(text, soft_wrap=True)
    else:
        write(text.plain + "\n")


STRONGEST = 8
SHOWN = 2_000
"""Code points of a document that are shown; JSON has all of it."""

_MARGIN = "    "
"""Before every line of the document: none of them can pass for the row of another document."""


def print_explanation(explanation: Explanation) -> None:
    """Print which words spoke for the label (green) and which for its rival (red)."""
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
        f"{explanation.base:+.2f} before reading, then"
    )
    for token in explanation.tokens[:STRONGEST]:
        terminal.say(f"{_MARGIN}  {token.value:+.3f}  {' '.join(token.text.split())}")


def _safe(text: str) -> str:
    return f"\n{_MARGIN}".join(printable_lines(text))


def _style(share: float) -> str:
    level = round(55 + 200 * min(1.0, abs(share)))
    return f"bold rgb(0,{level},0)" if share > 0 else f"bold rgb({level},0,0)"
