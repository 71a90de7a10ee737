"""Progress reports from stages that take no callable."""

from __future__ import annotations

import pytest

from satchel.progress import report, showing

pytestmark = pytest.mark.fast


def test_whoever_shows_progress_hears_of_it_once_and_only_meanwhile() -> None:
    heard: list[tuple[object, ...]] = []
    others: list[tuple[object, ...]] = []

    def listen(stage: str, done: int, total: int | None, note: str = "") -> None:
        heard.append((stage, done, total, note))

    report("compiling", 1, None)
    with showing(listen), showing(lambda *seen: others.append(seen)), showing(listen):
        report("compiling", 2, None, "once")
    report("compiling", 3, None)
    assert heard == others == [("compiling", 2, None, "once")]
    with pytest.raises(ZeroDivisionError), showing(listen):
        raise ZeroDivisionError
    report("compiling", 4, None)
    assert len(heard) == 1
