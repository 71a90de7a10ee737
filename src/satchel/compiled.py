"""Where machine code is kept across processes: a folder that is ours and can be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def compiled_folder(
    name: str, chosen: str | None = None, beside: Path | None = None
) -> Path | None:
    """Find or make a folder for compiled code.

    Args:
        name: The folder's own name, which should change with what was compiled.
        chosen: The folder to hold it; None looks for one: ``beside``, the user's cache folder, or
            one of the user's own in the temporary folder.
        beside: Tried first.

    Returns:
        The folder; None where none can be written.
    """
    for parent in [Path(chosen)] if chosen else _candidates(beside):
        folder = parent / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Machine code of a stranger must not be run: the folder has to be ours.
            if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
                continue
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def _candidates(beside: Path | None) -> Iterator[Path]:
    if beside is not None:
        yield beside
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with suppress(RuntimeError):  # no home folder is known
        yield (Path(home) if home else Path.home() / ".cache") / "satchel"
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    yield Path(tempfile.gettempdir()) / f"satchel-{user}"
