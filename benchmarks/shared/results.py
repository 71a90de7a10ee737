"""Writing results: JSON and Markdown beside each other, with machine, versions and command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.shared import machine, tables


def write(name: str, title: str, page: str, found: Any, results: Path) -> None:
    """Write one result and print it.

    Args:
        name: The files' name.
        title: The heading.
        page: What stands below it in Markdown.
        found: All figures.
        results: The folder that takes a folder a day.
    """
    about = {**machine.describe(), "command": " ".join(["python", "-m", *sys.orig_argv[2:]])}
    folder = tables.dated_folder(results)
    tables.write_json(folder / f"{name}.json", {"machine": about, "found": found})
    versions = ", ".join(f"{package} {number}" for package, number in about["packages"].items())
    text = (
        f"# {title}\n\n{page}\n\n{about['processor']}, {about['cores']} cores; load "
        f"{os.getloadavg()[0]:.1f} at the end; Python {about['python']}; {versions}; commit "
        f"{about['commit']}.\n\n```\n{about['command']}\n```\n"
    )
    (folder / f"{name}.md").write_text(text, "utf-8")
    print(text)
