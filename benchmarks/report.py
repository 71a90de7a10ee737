"""Results as Markdown and JSON, side by side and kept by date, with machine and command."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure

RESULTS = Path(__file__).resolve().parent / "results"


def add_results_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--results``."""
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        help="takes a folder per day (default: %(default)s)",
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def ratios(values: Sequence[float]) -> str:
    """Return how many times, as ``median × (least to most)``."""
    return f"{statistics.median(values):.1f} × ({min(values):.1f} to {max(values):.1f})"


def today(name: str, results: Path) -> Path:
    """Return where today's JSON of a benchmark goes; its folder is made where it is not there."""
    folder = results / datetime.date.today().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.json"


def write(
    name: str, title: str, page: str, found: Any, machine: dict[str, Any], results: Path
) -> str:
    """Write one result.

    Args:
        name: The files' name.
        title: The heading.
        page: What stands below it in Markdown.
        found: All figures, as JSON can hold them.
        machine: What `measure.machine` returned before the measuring began.
        results: The folder that takes a folder per day.

    Returns:
        The page as it was written.
    """
    about = {**machine, "load_after": os.getloadavg()[0], "command": measure.command_line()}
    path = today(name, results)
    content = json.dumps({"machine": about, "found": found}, indent=1, ensure_ascii=False)
    path.write_text(content + "\n", "utf-8")
    versions = ", ".join(
        f"{package} {version}" for package, version in about["packages"].items() if version
    )
    text = (
        f"# {title}\n\n{page.rstrip()}\n\n{about['processor']}, {about['cores']} cores, "
        f"{about['memory_gb']} GB; Python {about['python']}; {versions}; commit {about['commit']}; "
        f"load {about['load_before']:.1f} before and {about['load_after']:.1f} after.\n\n"
        f"```\n{about['command']}\n```\n"
    )
    path.with_suffix(".md").write_text(text, "utf-8")
    return text
