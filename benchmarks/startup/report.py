"""The results of the start-up benchmark as Markdown."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.shared import tables


def report(found: dict[str, Any]) -> str:
    """Return the page."""
    about = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    text = "# From nothing to one answer\n\n" + _starts(found["starts"], found["document_bytes"])
    if found["installs"]:
        text += _installs(found["installs"])
    return (
        text + f"\n{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; "
        f"Python {about['python']}; {versions}; commit {about['commit']}; "
        f"load {about['load_before']:.1f} before and {found['load_after']:.1f} after.\n\n"
        f"```\n{' '.join(about['command'])}\n```\n"
    )


def _starts(rows: list[dict[str, Any]], document_bytes: int) -> str:
    header = ["program", "median", "least to most", "more than empty", "memory", "files", "answer"]
    lines = [
        [
            row["name"],
            f"{statistics.median(row['seconds']):.3f} s",
            f"{min(row['seconds']):.3f} to {max(row['seconds']):.3f} s",
            f"{row['more_than_first']:+.3f} s",
            f"{row['peak_mb']:,.0f} MB",
            f"{row['files_mb']:,.1f} MB" if row["files_mb"] else "",
            row["answer"].split("\t", 1)[-1].replace("\t", " "),
        ]
        for row in rows
    ]
    return (
        tables.markdown(header, lines)
        + f"\nA fresh process each: import, load, answer one document of {document_bytes:,} bytes. "
        f"{len(rows[0]['seconds'])} interleaved rounds after one that does not count; *more than "
        "empty* is the median of the differences round by round; memory is the peak.\n"
    )


def _installs(rows: list[dict[str, Any]]) -> str:
    header = ["install", "site-packages", "packages", "pip took", "load and answer", "empty"]
    header += ["can import"]
    lines = [
        [
            f"{row['name']}: `{row['command']}`",
            f"{row['site_packages_mb']:,.0f} MB",
            str(row["packages"]),
            f"{row['pip_seconds']:.0f} s",
            f"{statistics.median(row['start']['seconds']):.3f} s",
            f"{statistics.median(row['empty_start']['seconds']):.3f} s",
            ", ".join(row["heavy"]) or "none of the heavy ones",
        ]
        for row in rows
    ]
    return (
        "\n## Two installs\n\n"
        + tables.markdown(header, lines)
        + "\nWithout pip itself; compiled bytecode is counted. pip's time depends on its cache and "
        "on the network.\n"
    )
