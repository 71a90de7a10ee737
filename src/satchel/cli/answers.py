"""Inputs of ``predict`` and its answers, as rows that a terminal, JSON or a table can take."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satchel.errors import InputError, SettingError
from satchel.files import write_atomically
from satchel.sources.documents import Documents, Remarks
from satchel.sources.encodings import Decoder
from satchel.sources.reading import read_documents

if TYPE_CHECKING:
    from satchel.progress import Progress
    from satchel.satchel import Satchel

FORMATS = (".csv", ".tsv", ".jsonl", ".json")


def read_inputs(
    sources: Sequence[str], text: str, label: str | None, lines: bool, progress: Progress
) -> tuple[Documents, list[str]]:
    """Read every input in the order given; ``-`` is standard input.

    Args:
        sources: Files, folders, archives, tables or ``-``.
        text: Column of the text in tables.
        label: Column of the label in tables, which prediction does not need.
        lines: Whether every line is a document of its own.
        progress: Told how far reading is.

    Returns:
        The documents, and remarks on how they were read.

    Raises:
        SourceError: If an input cannot be read or holds no document.
    """
    names: list[str] = []
    texts: list[str] = []
    remarks: list[str] = []
    for source in sources:
        if source == "-":
            documents = _standard_input()
        else:
            documents = read_documents(
                source, text=text, label=label, labelled=False, progress=progress
            )
        names += documents.names
        texts += documents.texts
        remarks += documents.remarks.lines()
    together = Documents(names, texts, None)
    return _split_lines(together) if lines else together, remarks


def _standard_input() -> Documents:
    remarks = Remarks()
    decoder = Decoder(remarks)
    text = decoder.decode(0, "-", sys.stdin.buffer.read())
    return Documents(["-"], [decoder.finish().get(0, text)], None, remarks)


def _split_lines(documents: Documents) -> Documents:
    names, texts = [], []
    for name, text in zip(documents.names, documents.texts, strict=True):
        for number, line in enumerate(text.splitlines(), start=1):
            names.append(f"{name}:{number}")
            texts.append(line)
    if not texts:
        raise InputError("expected at least one line to predict, found none")
    return Documents(names, texts, None)


def answers_of(
    satchel: Satchel, names: list[str], texts: list[str], top: int | None, threads: int | None
) -> list[dict[str, Any]]:
    """One answer a document, in input order.

    Returns:
        Dictionaries with ``file``, ``label``, ``probability`` and ``known`` (tokens that the model
        knows; 0 means that the answer is the prior), ``top`` (the best K) where asked for, and
        ``labels`` (those that hold) for models of several labels a document.
    """
    answers: list[dict[str, Any]] = []
    for name, ranking in zip(names, satchel.model.rank(texts, top or 1, threads), strict=True):
        best = [_choice(*pair) for pair in ranking.best]
        answer: dict[str, Any] = {"file": name, **best[0], "known": ranking.known}
        if satchel.manifest.thresholds:
            answer["labels"] = [_choice(*pair) for pair in ranking.holding]
        if top:
            answer["top"] = best
        answers.append(answer)
    return answers


def _choice(label: str, probability: float) -> dict[str, Any]:
    return {"label": label, "probability": round(probability, 6)}


def write_answers(path: Path, answers: list[dict[str, Any]]) -> None:
    """Write answers to a file whose extension names the format.

    Raises:
        SettingError: If the extension is not one of ``.csv .tsv .jsonl .json``.
        SaveError: If the file could not be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        text = json.dumps(answers, ensure_ascii=False, indent=2) + "\n"
    elif suffix == ".jsonl":
        text = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)
    elif suffix in (".csv", ".tsv"):
        text = _as_table(answers, "," if suffix == ".csv" else "\t")
    else:
        raise SettingError(
            f"expected --out to end in one of {' '.join(FORMATS)}, found {path.name!r}"
        )
    write_atomically(path, text.encode("utf-8"))


def _as_table(answers: list[dict[str, Any]], delimiter: str) -> str:
    """One row a document; the best K, or all labels that pass, are numbered columns."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    depth = max((len(answer.get("top", ())) for answer in answers), default=0)
    several = any("labels" in answer for answer in answers)
    header = ["file", "label", "probability", "known"]
    header += ["labels"] if several else []
    for rank in range(1, depth + 1):
        header += [f"label_{rank}", f"probability_{rank}"]
    writer.writerow(header)
    for answer in answers:
        row = [answer["file"], answer["label"], answer["probability"], answer["known"]]
        if several:
            row.append("|".join(choice["label"] for choice in answer["labels"]))
        for choice in answer.get("top", ()):
            row += [choice["label"], choice["probability"]]
        writer.writerow(row)
    return buffer.getvalue()
