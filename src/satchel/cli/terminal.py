"""What the command line shows: results on standard output, remarks and bars on standard error.

Whatever is shown is escaped here, and only here: labels, names and texts come from outside.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from satchel.cli import signals, streams
from satchel.escaping import json_text, printable
from satchel.progress import Progress, showing

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import Task, TaskID
    from rich.text import Text

_COMPILING = "compiling"
"""The stage in which machine code is made, as whoever makes it reports it."""

_WORTH_SAYING = 2.0  # seconds of compiling


def say(line: str = "") -> None:
    """Print one line for people on standard output."""
    streams.write(streams.readable(printable(line), sys.stdout) + "\n")


def row(cells: Iterable[str]) -> None:
    """Print cells with tabs between them on standard output: always one line."""
    streams.write("\t".join(map(printable, cells)) + "\n")


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    streams.write(json_text(document, indent=2, ascii_only=ascii_only()) + "\n")


def print_pieces(pieces: Iterable[str]) -> None:
    """Print what is escaped already, piece by piece, on standard output."""
    for piece in pieces:
        streams.write(piece)


def ascii_only() -> bool:
    """Tell whether JSON on standard output must be ASCII.

    JSON is UTF-8; where standard output has another encoding, only ASCII is the same in both.
    """
    return not streams.holds_unicode(sys.stdout)


def remark(line: str) -> None:
    """Print one line on standard error."""
    streams.remark(streams.readable(printable(line), sys.stderr))


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
        signals.raise_again()
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
        streams.write(text.plain + "\n")
