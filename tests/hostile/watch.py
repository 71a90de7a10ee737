"""Reads model files while watching what the interpreter does; run as a program by a test.

Arguments: model files. Prints, as JSON, one object a file: whether it was refused, the audit events
that it raised, the paths that it opened, and the peak of memory that it took.
"""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
from pathlib import Path

from satchel import sealed
from satchel.errors import ModelFileError

events: list[tuple[str, str]] = []
watching = False


def hook(event: str, arguments: tuple[object, ...]) -> None:
    """Note an event while a file is being read."""
    if watching:
        events.append((event, str(arguments[0]) if arguments else ""))


def watch(path: str) -> dict[str, object]:
    """Read one file under watch."""
    global watching
    events.clear()
    tracemalloc.start()
    watching = True
    try:
        model = sealed.read(path)
        refused = False
    except ModelFileError:
        refused = True
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if not refused and model.terms is not None:
        list(model.terms)
    watching = False
    return {
        "refused": refused,
        "events": sorted({event for event, _ in events}),
        "opened": sorted({argument for event, argument in events if event == "open"}),
        "peak": peak,
        "size": Path(path).stat().st_size,
    }


if __name__ == "__main__":
    good, *files = sys.argv[1:]
    sealed.loads(Path(good).read_bytes())  # what the reader itself imports late is loaded now
    sys.addaudithook(hook)
    json.dump({os.path.basename(path): watch(path) for path in [good, *files]}, sys.stdout)
