"""What the command line shows: results on standard output, remarks and bars on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from satchel.progress import Progress, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False, indent=2)
    sys.stdout.write("\n")


def remark(line: str) -> None:
    """Print one line on standard error."""
    print(line, file=sys.stderr)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars for every stage while the block runs; none when standard error is no terminal.

    Yields:
        The callable that stages report to.
    """
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _Stages(bars)


class _Stages:
    """Turns reports of stages into bars: a new stage opens one."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, note=note)
        self._bars.update(self._tasks[stage], completed=done, total=total, note=note)


def percent(share: float) -> str:
    """A share as people read it: ``87.4 %``."""
    return f"{100 * share:.1f} %"


def console(**settings: Any) -> Any:
    """A rich console on standard output (rich is imported only where something is styled)."""
    from rich.console import Console

    return Console(highlight=False, **settings)
