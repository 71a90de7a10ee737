"""Results as Markdown and JSON, kept by date."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def dated_folder(results: Path) -> Path:
    """Return today's folder below ``results``, made where it is not there."""
    folder = results / datetime.date.today().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, content: object) -> None:
    """Write readable JSON."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
