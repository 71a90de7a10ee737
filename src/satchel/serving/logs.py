"""The log: one JSON object per line on standard error, without the text of documents."""

from __future__ import annotations

import datetime
import logging
import os
import sys
import traceback
from typing import Any

from satchel.escaping import json_text


def event(name: str, **facts: Any) -> None:
    """Write one line.

    Args:
        name: What happened.
        **facts: More about it, as JSON can hold it; it must not have text of documents.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = json_text({"time": now, "event": name, "process": os.getpid(), **facts})
    # One write, so that lines of several processes do not mix.
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class _Lines(logging.Handler):
    """Writes what libraries log as lines of the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            # Where it happened and its type; its message may have text of a document.
            error = record.exc_info[1]
            facts["error"] = type(error).__name__
            facts["at"] = [
                f"{frame.name} ({os.path.basename(frame.filename)}:{frame.lineno})"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        event("log", **facts)


def install() -> None:
    """Let warnings and errors of libraries be lines of the log."""
    root = logging.getLogger()
    root.handlers[:] = [_Lines()]
    root.setLevel(logging.WARNING)
    # It warns of each connection on which no HTTP comes; those are counted, not logged.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
