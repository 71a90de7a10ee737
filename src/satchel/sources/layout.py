"""Where the labelled folders start in a tree of files, and what each file's label is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import Remarks, brief, counted, examples

LONGEST_LABEL = 1_000
"""The longest label, in characters: a longer one is a text in the wrong place."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_PART_WORDS = {"train", "training", "test", "testing", "dev", "valid", "validation", "val", "eval"}


def readable(name: str) -> str:
    """Return a file name as Unicode: bytes that are not UTF-8 are shown in hexadecimal."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def clean_label(label: str) -> str:
    """Return a label without surrounding white space, in Unicode's composed form (NFC).

    macOS stores file names decomposed; this way a label is the same on every machine.
    """
    return unicodedata.normalize("NFC", label).strip()


def has_controls(label: str) -> bool:
    """Tell whether a label holds control characters, such as a NUL or a line feed."""
    return _CONTROLS.search(label) is not None


def label_fault(label: str) -> str:
    r"""Return why a label cannot be used, or an empty string where it can.

    Control characters are refused: NumPy drops a NUL at the end, so that ``spam`` and ``spam\0``
    would become one label, and a line feed would break every table and every terminal.
    """
    if len(label) > LONGEST_LABEL:
        return (
            f"expected a label of at most {LONGEST_LABEL:,} characters, found one of "
            f"{len(label):,}: {printable(label[:20])}…"
        )
    if has_controls(label.strip()):
        return f"expected a label, found control characters in it: {brief(label)}"
    return ""


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
    # Each path is split once and compared part by part, so that the work grows with the characters
    # of all paths, however deep they are.
    deep = [path.split("/") for path in paths if "/" in path]
    if not deep:
        raise SourceError(
            f"{source}: expected sub-folders, one a label, with files in them; found none, but "
            f"{counted(len(paths), 'file')} outside any: {examples(paths, len(paths))}. "
            f"Put the files of each label in a folder of its own, or name a table "
            f"(CSV, TSV, JSONL, Parquet)."
        )
    wraps: list[str] = []
    while True:
        depth = len(wraps)
        folders: dict[str, set[str]] = {}
        for parts in deep:
            below = folders.setdefault(parts[depth], set())
            if len(parts) > depth + 2:
                below.add(parts[depth + 1])
        if len(folders) > 1 or not next(iter(folders.values())):
            break
        wraps += folders
        deep = [parts for parts in deep if len(parts) > depth + 2]
    if len(folders) == 1:
        wraps = []
    prefix = "".join(f"{name}/" for name in wraps)
    wrapped = {name: below for name, below in folders.items() if len(below) > 1}
    if len(wrapped) > 1 and any(map(_is_part, wrapped)):
        first, *others = wrapped.values()
        if len(first.intersection(*others)) > 1:
            base = f"{source.rstrip('/')}/{prefix}"
            named = "\n".join(f"  {printable(base + name)}" for name in sorted(wrapped))
            raise SourceError(
                f"{source}: expected one set of labelled folders, found {len(wrapped)} parts, each "
                f"with the labels as its sub-folders. Name the part to read:\n{named}"
            )
    if prefix:
        remarks.notes.append(
            f"The labelled folders were found in {printable(prefix)}, the only folder there is."
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
    cleaned: dict[str, str] = {}
    for path in paths:
        first, slash, _ = path[len(prefix) :].partition("/")
        if not slash or not path.startswith(prefix):
            remarks.unlabelled.append(path)
            continue
        if first not in cleaned:
            name = readable(first)
            fault = label_fault(name)
            cleaned[first] = "" if fault else clean_label(name)
            if fault:
                remarks.notes.append(f"Skipped the folder {brief(name)}: {fault}.")
        if cleaned[first]:
            kept.append(path)
            labels.append(cleaned[first])
        else:
            remarks.unlabelled.append(path)
    return kept, labels
