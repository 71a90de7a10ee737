"""Accounting: of generated rows of which some are damaged, each is used or rejected, by its id.

    python -m benchmarks.damage

Each kind of source gets the same documents, and the kinds of damage that it can have. It is read
with labels in Python, and scored without labels by ``satchel predict --out … --rejects …``. Every
id must be among the used or the rejected, once, in the order of the source; the text of a used
document must be the one that was written.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import re
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure, report

LABELS = ("ham", "spam", "eggs")
LONG = "x" * 3_000
WORDS = ("the", "price", "of", "tea", "rose", "again", "while", "coffee", "fell", "a", "little")
ENDINGS = (".", ", or so.", ', "they" said.', "\nIn a second line, with more.", " – déjà vu.")
CELLS = ("one cell less", "one cell more", "quote not closed", "quote not opened", "quote inside")
LINES = ("invalid UTF-8", "cut off")
ONLY_LABELS = ("no label", "label too long")  # which leaves a row that can be scored
KINDS: dict[str, tuple[str, ...]] = {
    "csv": (*CELLS, *LINES, *ONLY_LABELS),
    "csv.gz": (*CELLS, *LINES, *ONLY_LABELS),
    "tsv": (*CELLS, *LINES, *ONLY_LABELS),
    "jsonl": ("invalid JSON", "no object", "no text", "text is a number", *LINES, *ONLY_LABELS),
    "jsonl.zst": ("invalid JSON", "no object", "no text", "text is a number", *LINES, *ONLY_LABELS),
    "json": ("no object", "no text", "text is a number", *ONLY_LABELS),
    "parquet": ("no text", *ONLY_LABELS),
    "arrow": ("no text", *ONLY_LABELS),
    "db": ("no text", *ONLY_LABELS),
    "fasttext": ("invalid UTF-8", *ONLY_LABELS),
    "folder": ("binary", "invalid UTF-8"),
    "zip": ("binary", "invalid UTF-8"),
    "tar.gz": ("binary", "invalid UTF-8"),
}
_ID = re.compile(r"d\d{6}")


@dataclass(frozen=True)
class Document:
    """A document as it is generated; ``damage`` is empty where it is sound."""

    id: str
    text: str
    label: str
    damage: str


@dataclass
class Account:
    """What became of the documents of a source.

    Attributes:
        rows: How many were written.
        damaged: How many of them were damaged.
        used: How many were used with the text that was written.
        rejected: How many ids are among the rejected.
        sound_rejected: How many of those were sound.
        lost: How many are neither used nor rejected.
        wrongly_used: How many damaged ones were used, or used with another text.
        in_order: Whether the order is that of the source.
    """

    rows: int
    damaged: int
    used: int
    rejected: int
    sound_rejected: int
    lost: int
    wrongly_used: int
    in_order: bool


def documents(number: int, share: float, source: str, seed: int = 0) -> list[Document]:
    """Generate documents of which a share is damaged, in each way that a source can have."""
    rng = random.Random(f"{seed} {source}")
    kinds = KINDS[source]
    found = []
    for n in range(number):
        damage = rng.choice(kinds) if n > 100 and rng.random() < share else ""
        text = f"d{n:06} {' '.join(rng.choices(WORDS, k=rng.randrange(3, 30)))}"
        text += rng.choice(ENDINGS)
        if source == "fasttext":
            text = " ".join(text.split())
        found.append(Document(f"d{n:06}", text, rng.choice(LABELS), damage))
    return found


def _cells(document: Document) -> list[str]:
    label = {"no label": "", "label too long": LONG}.get(document.damage, document.label)
    return [document.id, document.text, label]


def _delimited(found: list[Document], delimiter: str) -> bytes:
    lines = [delimiter.join(("id", "text", "label")).encode() + b"\r\n"]
    for each in found:
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=delimiter).writerow(_cells(each))
        plain = each.text.replace('"', "").replace(delimiter, " ").replace("\n", " ")
        text = {
            "quote not closed": f'"{plain}',
            "quote not opened": f'{plain}"',
            "quote inside": f'"a "{plain}" b"',
            "one cell more": f"{plain}{delimiter}{plain}",
        }.get(each.damage)
        line = stream.getvalue()
        if text is not None:
            line = delimiter.join((each.id, text, each.label)) + "\r\n"
        elif each.damage == "one cell less":
            line = delimiter.join((each.id, plain)) + "\r\n"
        elif each.damage == "cut off":
            line = f'{each.id}{delimiter}"{plain[:20]}\r\n'
        data = line.encode()
        if each.damage == "invalid UTF-8":
            data = delimiter.join((each.id, f"{plain} ÿ", each.label)).encode("cp1252") + b"\r\n"
        lines.append(data)
    return b"".join(lines)


def _json(each: Document) -> bytes:
    fields: dict[str, Any] = dict(zip(("id", "text", "label"), _cells(each), strict=True))
    if each.damage == "no text":
        del fields["text"]
    elif each.damage == "text is a number":
        fields["text"] = 5
    elif each.damage == "no label":
        fields["label"] = None
    elif each.damage == "no object":
        return json.dumps([each.id]).encode()
    data = json.dumps(fields, ensure_ascii=False).encode()
    if each.damage == "invalid JSON":
        data = data.replace(b'", "text', b'" "text')
    elif each.damage == "cut off":
        data = data[:30]
    elif each.damage == "invalid UTF-8":
        data = data.replace(b'"text": "', b'"text": "\xff ')
    return data


def _file(each: Document) -> bytes:
    start = {"binary": b"\0\1\2\0", "invalid UTF-8": b"\xff\x81 "}.get(each.damage, b"")
    return start + each.text.encode()


def _fasttext(each: Document) -> bytes:
    label = {"no label": "", "label too long": f"__label__{LONG} "}.get(
        each.damage, f"__label__{each.label} "
    )
    return (
        label.encode() + (b"\xff " if each.damage == "invalid UTF-8" else b"") + each.text.encode()
    )


def _frame(found: list[Document]) -> Any:
    import polars

    rows = [_cells(each) for each in found]
    return polars.DataFrame(
        {
            "id": [row[0] for row in rows],
            "text": [None if each.damage == "no text" else each.text for each in found],
            "label": [row[2] or None for row in rows],
        }
    )


def write(folder: Path, source: str, found: list[Document]) -> str:
    """Write a source; return what to call it."""
    path = folder / f"t.{source}"
    if source in ("csv", "tsv", "csv.gz"):
        data = _delimited(found, "\t" if source == "tsv" else ",")
        path.write_bytes(gzip.compress(data, 1) if source.endswith("gz") else data)
    elif source == "jsonl":
        path.write_bytes(b"".join(_json(each) + b"\n" for each in found))
    elif source == "jsonl.zst":
        from satchel.sources.unpacking import zstandard

        path.write_bytes(zstandard().compress(b"".join(_json(each) + b"\n" for each in found)))
    elif source == "json":
        path.write_bytes(b"[" + b",\n".join(map(_json, found)) + b"]")
    elif source == "parquet":
        _frame(found).write_parquet(path)
    elif source == "arrow":
        _frame(found).write_ipc(path)
    elif source == "db":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE posts (id TEXT, text TEXT, label TEXT)")
            database.executemany("INSERT INTO posts VALUES (?, ?, ?)", _frame(found).iter_rows())
        database.close()
        return f"{path}::posts"
    elif source == "fasttext":
        path.write_bytes(b"".join(_fasttext(each) + b"\n" for each in found))
    elif source == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each in found:
                archive.writestr(f"{each.label}/{each.id}.txt", _file(each))
    elif source == "tar.gz":
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            for each in found:
                member = tarfile.TarInfo(f"{each.label}/{each.id}.txt")
                data = _file(each)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    else:
        for label in LABELS:
            (path / label).mkdir(parents=True)
        for each in found:
            (path / each.label / f"{each.id}.txt").write_bytes(_file(each))
    return str(path)


def _ids(raw: str, name: str, line: int, found: list[Document]) -> list[str]:
    """Return the ids of what was rejected: those in its raw text, or that of its file or row."""
    at = _ID.findall(raw) or _ID.findall(name)
    return list(dict.fromkeys(at)) or [found[line - 1].id]


def _account(
    found: list[Document],
    used: Mapping[str, str | None],
    rejected: list[str],
    in_order: bool,
    labelled: bool,
) -> Account:
    bad = {
        each.id for each in found if each.damage and (labelled or each.damage not in ONLY_LABELS)
    }
    texts = {each.id: each.text for each in found}
    wrong = {id for id, text in used.items() if id in bad or text not in (None, texts[id])}
    left_out = set(rejected)
    return Account(
        rows=len(found),
        damaged=len(bad),
        used=len(used.keys() - wrong),
        rejected=len(left_out),
        sound_rejected=len(left_out - bad),
        lost=len(texts.keys() - used.keys() - left_out),
        wrongly_used=len(wrong) + len(left_out & used.keys()) + len(rejected) - len(left_out),
        in_order=in_order,
    )


def in_python(source: str, found: list[Document]) -> Account:
    """Read a source with its labels."""
    from satchel.sources.documents import Skipped
    from satchel.sources.reading import read_documents

    skipped: list[Skipped] = []
    read = read_documents(source, encoding="utf-8", on_bad_encoding="skip", rejects=skipped.append)
    ids = read.ids or [_ID.findall(each)[0] for each in read.texts]
    rejected = [id for each in skipped for id in _ids(each.raw, each.name, each.line, found)]
    used = dict(zip(ids, read.texts, strict=True))
    files = read.taken is None and ".fasttext" not in source
    in_order = len(used) == len(ids) and (files or ids == sorted(ids))
    return _account(found, used, rejected, in_order, labelled=True)


def by_command(source: str, found: list[Document], model: Path, folder: Path) -> Account:
    """Score a source by the command."""
    out, rejects = folder / "out.jsonl", folder / "rejects.jsonl"
    measure.run(
        [
            *(sys.executable, "-m", "satchel", "predict", str(model), source),
            *("--out", str(out), "--rejects", str(rejects)),
            *("--encoding", "utf-8", "--on-bad-encoding", "skip"),
        ],
        measure.import_path(),
    )
    with out.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with rejects.open(encoding="utf-8") as file:
        skipped = [json.loads(line) for line in file]
    rejected = [
        id for each in skipped for id in _ids(each["raw"], each["source"], each["line"] or 0, found)
    ]
    marked = sum("rejected" in row for row in rows)
    places = [row["file"].rpartition(":")[2] for row in rows]
    numbers = list(map(int, places)) if all(map(str.isdigit, places)) else []
    in_order = marked == len(skipped) and (
        numbers == sorted(numbers) if numbers else places == sorted(places)
    )
    used: dict[str, str | None] = {}
    for row, number in zip(rows, numbers or range(len(rows)), strict=True):
        if "rejected" not in row:
            id = row.get("id") or (_ID.findall(row["file"]) or [found[number - 1].id])[0]
            used[id] = None
    return _account(found, used, rejected, in_order, labelled=False)


def train(folder: Path) -> Path:
    """Train a model to score with."""
    path, model = folder / "train.csv", folder / "model.satchel"
    path.write_bytes(_delimited(documents(600, 0.0, "csv"), ","))
    measure.run(
        [sys.executable, "-m", "satchel", "train", str(path), "--output", str(model)],
        measure.import_path(),
    )
    return model


def account(source: str, number: int, share: float, model: Path | None) -> dict[str, Account]:
    """Write a source and read it: ``python`` and, where there is a model, ``predict``."""
    found = documents(number, share, source)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write(folder, source, found)
        accounts = {"python": in_python(path, found)}
        if model is not None:
            accounts["predict"] = by_command(path, found, model, folder)
    return accounts


def main() -> None:
    """Account for the documents of every kind of source."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.01, help="of damaged rows")
    parser.add_argument("--sources", nargs="*", choices=list(KINDS), default=list(KINDS))
    report.add_results_argument(parser)
    options = parser.parse_args()
    machine = measure.machine()
    results: dict[str, dict[str, Any]] = {}
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        model = train(Path(name))
        for source in options.sources:
            found = account(source, options.rows, options.share, model)
            results[source] = {door: asdict(each) for door, each in found.items()}
            for door, each in found.items():
                figures = [f"{value:,}" for value in list(asdict(each).values())[:-1]]
                rows.append([source, door, *figures, "yes" if each.in_order else "no"])
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    header = ["source", "read by", "rows", "damaged", "used", "rejected", "of them sound"]
    page = report.markdown([*header, "lost", "wrongly used", "in order"], rows)
    title = "Damaged rows: used, rejected, lost"
    print(report.write("damage", title, page, results, machine, options.results))


if __name__ == "__main__":
    main()
