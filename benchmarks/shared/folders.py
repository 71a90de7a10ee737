"""Labelled folders, archives and JSON lines, read plainly: peers get the same documents."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path, PurePosixPath


def read_folder(folder: Path) -> tuple[list[str], list[str]]:
    """Return texts and labels of a folder whose sub-folders are the labels, sorted by path.

    A file that is not UTF-8 is read as Latin-1.
    """
    texts, labels = [], []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            texts.append(_decode(path.read_bytes()))
            labels.append(path.relative_to(folder).parts[0])
    return texts, labels


def read_archive(archive: Path, folder: str) -> tuple[list[str], list[str]]:
    """As `read_folder`, for a folder inside a ``.tar.gz``; nothing is unpacked to disk."""
    documents = []
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if member.isfile() and parts[0] == folder:
                content = tar.extractfile(member).read()
                documents.append((parts, _decode(content), parts[1]))
    documents.sort(key=lambda document: document[0])
    return [text for _, text, _ in documents], [label for _, _, label in documents]


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_json_lines(path: Path) -> tuple[list[str], list]:
    """Return texts and labels (``label``, or lists from ``labels``) of a ``.jsonl.gz`` file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    key = "labels" if "labels" in rows[0] else "label"
    return [row["text"] for row in rows], [row[key] for row in rows]
