"""What the end of a file's name says, known without loading what reads it."""

from __future__ import annotations

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar", ".zip")
_ZIPPABLE = (".csv", ".tsv", ".jsonl", ".ndjson")
TABLES = (*_ZIPPABLE, ".parquet", *(f"{suffix}.gz" for suffix in _ZIPPABLE))


def is_archive(path: str) -> bool:
    """Tell whether a file's suffix is that of an archive."""
    return path.lower().endswith(ARCHIVES)


def is_table(path: str) -> bool:
    """Tell whether a file's suffix is that of a table."""
    return path.lower().endswith(TABLES)
