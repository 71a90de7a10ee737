"""Where the labelled folders start in a tree of files, and what each file's label is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from satchel.errors import SourceError
from satchel.sources.documents import Remarks, counted, examples, shown

_PART_WORDS = {"train", "training", "test", "testing", "dev", "valid", "validation", "val", "eval"}


def readable(name: str) -> str:
    """Return a file name as Unicode: bytes that are not UTF-8 are shown in hexadecimal."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def clean_label(label: str) -> str:
    """Return a label without surrounding white space, in Unicode's composed form (NFC).

    macOS stores file names decomposed; this way a label is the same on every machine.
    """
    return unicodedata.normalize("NFC", label).strip()


def _sub_folders(paths: Iterable[str], start: int) -> dict[str, set[str]]:
    """Return each folder at a depth with its own sub-folders; counts no empty folder."""
    folders: dict[str, set[str]] = {}
    for path in paths:
        first, slash, rest = path[start:].partition("/")
        if slash:
            below = folders.setdefault(first, set())
            second, slash, _ = rest.partition("/")
            if slash:
                below.add(second)
    return folders


def _is_part(name: str) -> bool:
    return not _PART_WORDS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def find_root(paths: Sequence[str], source: str, remarks: Remarks) -> str:
    """Find the folder whose sub-folders are the labels.

    It is the top one, unless the top holds a single folder that wraps several: then that one, and
    so on down; a remark says so.

    Args:
        paths: Relative paths of all files.
        source: The source as the user named it, for messages.
        remarks: Where a descent is noted.

    Returns:
        The prefix of the labelled folders, empty or ending with ``/``.

    Raises:
        SourceError: There is no labelled folder, or there are parts such as ``train`` and
            ``test`` whose sub-folders are the labels, and the user must choose.
    """
    prefix = ""
    folders = _sub_folders(paths, 0)
    if not folders:
        raise SourceError(
            f"{source}: expected sub-folders, one a label, with files in them; found none, but "
            f"{counted(len(paths), 'file')} outside any: {examples(paths, len(paths))}. "
            f"Put the files of each label in a folder of its own, or name a table "
            f"(CSV, TSV, JSONL, Parquet)."
        )
    while len(folders) == 1 and next(iter(folders.values())):
        prefix += f"{next(iter(folders))}/"
        folders = _sub_folders([path for path in paths if path.startswith(prefix)], len(prefix))
    if len(folders) == 1:
        prefix = ""
    wrapped = {name: below for name, below in folders.items() if len(below) > 1}
    if len(wrapped) > 1 and any(map(_is_part, wrapped)):
        first, *others = wrapped.values()
        if len(first.intersection(*others)) > 1:
            base = f"{source.rstrip('/')}/{prefix}"
            named = "\n".join(f"  {shown(base + name)}" for name in sorted(wrapped))
            raise SourceError(
                f"{source}: expected one set of labelled folders, found {len(wrapped)} parts, each "
                f"with the labels as its sub-folders. Name the part to read:\n{named}"
            )
    if prefix:
        remarks.notes.append(
            f"The labelled folders were found in {shown(prefix)}, the only folder there is."
        )
    return prefix


def split_labels(
    paths: Sequence[str], prefix: str, remarks: Remarks
) -> tuple[list[str], list[str]]:
    """Give each file its label: the first folder below the prefix, however deep the file lies.

    Args:
        paths: Relative paths of all files.
        prefix: What :func:`find_root` returned.
        remarks: Where files outside any labelled folder are noted.

    Returns:
        The paths that have a label, in the same order, and their labels.
    """
    kept, labels = [], []
    for path in paths:
        first, slash, _ = path[len(prefix) :].partition("/")
        label = clean_label(readable(first)) if slash and path.startswith(prefix) else ""
        if label:
            kept.append(path)
            labels.append(label)
        else:
            remarks.unlabelled.append(path)
    return kept, labels
