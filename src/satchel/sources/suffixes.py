"""What a file is by the end of its name or by its first bytes, known without loading its reader."""

from __future__ import annotations

import codecs

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar", ".zip")
_ZIPPABLE = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
TABLES = (*_ZIPPABLE, ".parquet", *(f"{suffix}.gz" for suffix in _ZIPPABLE))
FASTTEXT_LABEL = "__label__"
"""What fastText writes before each label of a line."""


def is_archive(path: str) -> bool:
    """Tell whether a file's suffix is that of an archive."""
    return path.lower().endswith(ARCHIVES)


def is_table(path: str) -> bool:
    """Tell whether a file's suffix is that of a table."""
    return path.lower().endswith(TABLES)


def is_fasttext(path: str) -> bool:
    """Tell whether a file begins with a label as fastText writes it."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(FASTTEXT_LABEL.encode())
