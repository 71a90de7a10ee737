"""Make small bad and odd inputs, about seventy, to see what Satchel says to each.

    python tests/bad_inputs.py FOLDER

docs/bad-inputs.md lists them with what Satchel says; tests/test_bad_inputs.py makes and runs them.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import gzip
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars


@dataclass(frozen=True)
class Input:
    """A bad or odd input.

    Attributes:
        source: What is named on the command line, in the folder of all inputs.
        have: What it is, in a few words.
        todo: What its owner should do about it.
        make: Makes it, given its path (without what follows ``::``).
        options: Options of reading that its owner gives.
        given: What is on standard input; None for nothing.
        trains: Whether a model can be trained on it, where ``satchel check`` finds no error.
    """

    source: str
    have: str
    todo: str
    make: Callable[[Path], object]
    options: tuple[str, ...] = ()
    given: bytes | None = None
    trains: bool = False


LABELS = ("cars", "space")
WORDS = {
    "cars": ("engine", "driver", "wheel", "brake", "road"),
    "space": ("orbit", "shuttle", "crew", "moon", "rocket"),
}
NOTHING_TO_DO = "nothing"
ROWS = 120


def texts(number: int = ROWS) -> list[tuple[str, str]]:
    """Return pairs of a text and its label, all different, the labels in turn."""
    pairs = []
    for row in range(number):
        label = LABELS[row % 2]
        words = WORDS[label]
        first, second = words[row // 2 % 5], words[row // 10 % 5]
        pairs.append((f"the old {first} and the {second} number {row}", label))
    return pairs


def relabelled(*labels: object, number: int = ROWS) -> list[tuple[str, object]]:
    """Return the texts with other labels, which take turns."""
    return [(text, labels[row % len(labels)]) for row, (text, _) in enumerate(texts(number))]


def table(
    rows: Iterable[Sequence[object]] | None = None,
    header: Sequence[str] | None = ("text", "label"),
    delimiter: str = ",",
    end: str = "\n",
) -> str:
    """Return a CSV of rows, by default of :func:`texts`."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    if header is not None:
        writer.writerow(header)
    writer.writerows(texts() if rows is None else rows)
    return stream.getvalue()


def records(rows: Iterable[Sequence[object]] | None = None) -> list[dict[str, object]]:
    """Return rows as objects with the keys ``text`` and ``label``."""
    pairs = texts() if rows is None else rows
    return [dict(zip(("text", "label"), row, strict=True)) for row in pairs]


def lines(objects: Iterable[object]) -> str:
    """Return JSON lines."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def file(content: str | bytes, encoding: str = "utf-8") -> Callable[[Path], object]:
    """Return what writes a file of this content."""
    data = content.encode(encoding) if isinstance(content, str) else content

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return make


def folder(files: dict[str, str | bytes]) -> Callable[[Path], object]:
    """Return what writes a folder of files; a name that ends in a slash is a folder."""

    def make(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            if name.endswith("/"):
                (path / name).mkdir(parents=True)
            else:
                file(content)(path / name)

    return make


def labelled(more: dict[str, str | bytes] | None = None) -> dict[str, str | bytes]:
    """Return the files of a folder with a sub-folder per label, and some more."""
    files: dict[str, str | bytes] = {
        f"{label}/{row:03}.txt": text for row, (text, label) in enumerate(texts())
    }
    return {**files, **(more or {})}


def packed(compress: Callable[[bytes], bytes], content: str | None = None) -> bytes:
    """Return compressed content, cut off in the middle."""
    data = compress((content or table()).encode())
    return data[: len(data) // 2]


def zstandard(data: bytes) -> bytes:
    """Compress with Zstandard."""
    from satchel.sources.unpacking import zstandard as module

    return bytes(module().compress(data))


def frame(**columns: Any) -> polars.DataFrame:
    """Return the texts and labels as a data frame, with other columns."""
    own = {
        "text": [text for text, _ in texts()],
        "label": [label for _, label in texts()],
    }
    return polars.DataFrame({**own, **columns})


def parquet(**columns: Any) -> bytes:
    """Return a Parquet file of :func:`frame`."""
    stream = io.BytesIO()
    frame(**columns).write_parquet(stream)
    return stream.getvalue()


def arrow() -> bytes:
    """Return an Arrow file of :func:`frame`."""
    stream = io.BytesIO()
    frame().write_ipc(stream)
    return stream.getvalue()


def database(*tables: str) -> Callable[[Path], object]:
    """Return what writes a SQLite database with tables of the texts."""

    def make(path: Path) -> None:
        connection = sqlite3.connect(path)
        if not tables:
            connection.execute("PRAGMA user_version = 1")
        for name in tables:
            connection.execute(f'CREATE TABLE "{name}" (text TEXT, label TEXT)')
            connection.executemany(f'INSERT INTO "{name}" VALUES (?, ?)', texts())
        connection.commit()
        connection.close()

    return make


def cut_database(path: Path) -> None:
    """Write the first half of a SQLite database."""
    database("posts")(path)
    path.write_bytes(path.read_bytes()[:6000])


def zipped(files: dict[str, str]) -> bytes:
    """Return a ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


WORKBOOK = zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})
LETTER = zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<document/>"})
PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\b\6\0\0\0\x1f\x15\xc4\x89"
PDF = (
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Length 9 >>\nstream\n\0\1\2\3\xff\xfe\nendstream\n"
)
SQLITE = b"SQLite format 3\0" + bytes(84)


def nothing(path: Path) -> None:
    """Make no file."""


def unreadable(path: Path) -> None:
    """Write a table that nobody may read."""
    file(table())(path)
    path.chmod(0)


def spoiled(row: int, line: str) -> str:
    """Return JSON lines of which one is another."""
    all_lines = lines(records()).splitlines(keepends=True)
    all_lines[row] = f"{line}\n"
    return "".join(all_lines)


def mixed_ends() -> str:
    """Return a CSV whose lines end in all three ways."""
    rows = table().splitlines()
    return "".join(row + ("\r\n", "\n", "\r")[place % 3] for place, row in enumerate(rows))


def french() -> list[tuple[str, str]]:
    """Return texts with accents, and the sign of the euro, which Latin-1 has not."""
    return [(f"{text}, déjà vu à 5 €", label) for text, label in texts()]


def marked(rows: list[Sequence[object]]) -> list[Sequence[object]]:
    """Return rows to which an id has been put first: every second one repeats."""
    return [(row // 2, *cells) for row, cells in enumerate(rows)]


def half(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return rows of which a little more than half have no label."""
    return [(text, label if row % 9 < 4 else "") for row, (text, label) in enumerate(rows)]


DATES = [datetime.date(2024, 1, 1 + row % 2) for row in range(ROWS)]
NUMBERS = [float(row % 2) for row in range(ROWS)]
LISTS = [[LABELS[row % 2], "all"] if row % 3 else [] for row in range(ROWS)]
NESTED = {
    f"{part}/{label}/{row}.txt": text
    for part in ("train", "test")
    for row, (text, label) in enumerate(texts(40))
}

TABLES = [
    Input(
        "excel.csv",
        "a CSV from Excel: `;` between cells, a first line `sep=;`, windows-1252",
        "nothing, or save it as “CSV UTF-8”",
        file("sep=;\r\n" + table(french(), delimiter=";", end="\r\n"), "cp1252"),
    ),
    Input(
        "kaggle.csv",
        "columns called `Category` and `Message`",
        NOTHING_TO_DO,
        file(table([(label, text) for text, label in texts()], ("Category", "Message"))),
    ),
    Input(
        "none.csv",
        "classes called `None`, `NA`, `null`, `1`, `TRUE`, `2024-01-01`, `=cmd()`",
        "nothing: a class keeps its name",
        file(
            table(relabelled("None", "NA", "null", "1", "TRUE", "2024-01-01", "=cmd()", number=210))
        ),
        trains=True,
    ),
    Input(
        "case.csv",
        "labels that differ in case, or in a space at their end",
        "spell each label one way",
        file(table(relabelled("cars", "space", "Cars", "space "))),
        trains=True,
    ),
    Input(
        "utf16.csv",
        "UTF-16, as Excel's “Unicode text”",
        NOTHING_TO_DO,
        file(table(french(), delimiter="\t"), "utf-16"),
    ),
    Input(
        "noheader.csv",
        "no header",
        "check that the right column was taken for the label",
        file(table(header=None)),
    ),
    Input("header.csv", "a header and no row", "export it again", file("text,label\n")),
    Input("empty.csv", "an empty file", "export it again", file("")),
    Input(
        "missing.csv",
        "no column that may be the label",
        "name the column",
        file(table(header=("text", "number"))),
    ),
    Input(
        "named.csv",
        "`--label` names a column that is not there",
        "name another one",
        file(table()),
        ("--label", "topic"),
    ),
    Input(
        "alike.csv",
        "two columns that may be the label",
        "name the right one",
        file(
            table(
                [(text, label, label) for text, label in texts()],
                ("text", "sentiment", "emotion"),
            )
        ),
    ),
    Input(
        "twice.csv",
        "two columns called `text`",
        "rename one",
        file(table([(text, text, label) for text, label in texts()], ("text", "text", "label"))),
    ),
    Input(
        "long.csv",
        "a cell of a million characters",
        NOTHING_TO_DO,
        file(table([("the engine " * 90_910, "cars"), *texts()])),
    ),
    Input(
        "nul.csv",
        "NULs between the letters of a few texts",
        NOTHING_TO_DO,
        file(table([("the\0old\0engine", "cars"), *texts()])),
    ),
    Input("crlf.csv", "lines that end in CR LF", NOTHING_TO_DO, file(table(end="\r\n"))),
    Input("cr.csv", "lines that end in CR, as on old Macs", NOTHING_TO_DO, file(table(end="\r"))),
    Input("ends.csv", "lines that end in all three ways", NOTHING_TO_DO, file(mixed_ends())),
    Input(
        "ragged.csv",
        "a row with a cell too many",
        "put the text into quotes",
        file(table() + "the engine, and the wheel,cars\n"),
    ),
    Input(
        "half.csv",
        "no label in a little more than half of the rows",
        "leave the others out, or allow them by --max-bad",
        file(table(half(texts()))),
    ),
    Input(
        "half.csv",
        "the same, with `--max-bad 60%`",
        NOTHING_TO_DO,
        file(table(half(texts()))),
        ("--max-bad", "60%"),
        trains=True,
    ),
    Input(
        "numbers.csv",
        "a text column of numbers",
        "name the column of the text, if it is another",
        file(table([(row * 7, label) for row, (_, label) in enumerate(texts())])),
    ),
    Input(
        "blank.csv",
        "texts that are all empty",
        "name the column of the text, if it is another",
        file(table([("", label) for _, label in texts()])),
        trains=True,
    ),
    Input(
        "ids.csv",
        "ids that come twice",
        NOTHING_TO_DO,
        file(table(marked(texts()), ("id", "text", "label"))),
    ),
    Input(
        "one.csv",
        "one class",
        "add documents of another label",
        file(table(relabelled("cars"))),
        trains=True,
    ),
    Input("single.csv", "one document", "add documents", file(table(texts(1))), trains=True),
    Input(
        "labels.csv",
        "10,000 different labels",
        "name the column of the label",
        file(table([(f"the engine {row}", f"L{row}") for row in range(10_000)])),
    ),
]

JSON = [
    Input(
        "broken.jsonl",
        "one line of JSON broken",
        "fix the line",
        file(spoiled(6, '{"text": "the engine", "label": "cars"')),
    ),
    Input(
        "nan.jsonl",
        "NaN, which JSON has not",
        "write null",
        file(spoiled(6, '{"text": NaN, "label": "cars"}')),
    ),
    Input(
        "keys.jsonl",
        "a key that comes twice",
        "remove one",
        file(spoiled(6, '{"text": "the engine", "text": "the wheel", "label": "cars"}')),
    ),
    Input(
        "pretty.json",
        "an array of objects, each over several lines",
        NOTHING_TO_DO,
        file(json.dumps(records(), indent=2)),
    ),
    Input(
        "pretty.jsonl",
        "objects over several lines, one after another",
        "write each on a line of its own",
        file("".join(json.dumps(each, indent=2) + "\n" for each in records())),
    ),
    Input(
        "object.json",
        "one object with the documents inside",
        "save the list alone",
        file(json.dumps({"data": records()}, indent=2)),
    ),
    Input(
        "object-line.json",
        "the same on one line",
        "save the list alone",
        file(json.dumps({"data": records()})),
    ),
    Input(
        "columns.json",
        "columns, as pandas' `to_json` writes them",
        'write with `orient="records"`',
        file(
            json.dumps(
                {
                    "text": {str(row): text for row, (text, _) in enumerate(texts())},
                    "label": {str(row): label for row, (_, label) in enumerate(texts())},
                }
            )
        ),
    ),
    Input("bom.jsonl", "a byte-order mark", NOTHING_TO_DO, file(lines(records()), "utf-8-sig")),
    Input("cut.json", "an array cut off", "get a fresh copy", file(json.dumps(records())[:5000])),
    Input(
        "mix.jsonl",
        "one label in some rows, several in others",
        NOTHING_TO_DO,
        file(lines(records(relabelled("cars", ["cars", "space"], ["space"], [])))),
        trains=True,
    ),
    Input(
        "types.jsonl",
        "labels of all types: text, number, truth value, null",
        "nothing, or give the row without label one",
        file(lines(records([*relabelled("1", 1, True, "true"), ("the engine", None)]))),
        trains=True,
    ),
]

BINARY = [
    Input("cut.csv.gz", "gzip, cut off", "get a fresh copy", file(packed(gzip.compress))),
    Input("cut.jsonl.zst", "Zstandard, cut off", "get a fresh copy", file(packed(zstandard))),
    Input("cut.parquet", "Parquet, cut off", "get a fresh copy", file(parquet()[:1500])),
    Input("cut.arrow", "Arrow, cut off", "get a fresh copy", file(arrow()[:1500])),
    Input("cut.db", "a SQLite database, cut off", "get a fresh copy", cut_database),
    Input(
        "null.parquet",
        "Parquet with a text missing",
        NOTHING_TO_DO,
        file(parquet(text=[None, *(text for text, _ in texts()[1:])])),
    ),
    Input(
        "lists.parquet", "Parquet with lists of labels", NOTHING_TO_DO, file(parquet(label=LISTS))
    ),
    Input(
        "floats.parquet",
        "labels 0.0 and 1.0, as pandas makes of whole numbers with gaps",
        "convert the column to whole numbers",
        file(parquet(label=NUMBERS)),
        trains=True,
    ),
    Input("dates.parquet", "labels that are dates", NOTHING_TO_DO, file(parquet(label=DATES))),
    Input(
        "bytes.parquet",
        "a text column of bytes",
        NOTHING_TO_DO,
        file(parquet(text=[text.encode() for text, _ in texts()])),
    ),
    Input(
        "zip.csv",
        "a ZIP archive called `.csv`",
        "rename it to .zip, or unpack it",
        file(zipped({"posts.csv": table()})),
    ),
    Input("gzip.csv", "gzip called `.csv`", NOTHING_TO_DO, file(gzip.compress(table().encode()))),
    Input("plain.csv.gz", "a CSV called `.csv.gz`", NOTHING_TO_DO, file(table())),
    Input("csv.parquet", "a CSV called `.parquet`", NOTHING_TO_DO, file(table())),
    Input("parquet.csv", "Parquet called `.csv`", NOTHING_TO_DO, file(parquet())),
    Input("json.csv", "JSON lines called `.csv`", NOTHING_TO_DO, file(lines(records()))),
    Input("sqlite.csv", "a SQLite database called `.csv`", NOTHING_TO_DO, database("posts")),
    Input("book.xlsx", "an Excel workbook", "save it as CSV (UTF-8)", file(WORKBOOK)),
    Input("book.csv", "an Excel workbook called `.csv`", "save it as CSV (UTF-8)", file(WORKBOOK)),
    Input("table.txt", "a CSV called `.txt`", "add --format csv", file(table())),
    Input("picture.csv", "a picture called `.csv`", "name another file", file(PICTURE)),
    Input(
        "page.csv",
        "a web page, saved for a CSV",
        "download the file itself",
        file("<!DOCTYPE html>\n<html>\n<head></head>\n<body>text, label</body>\n"),
    ),
    Input("two.db", "a database with two tables", "name one", database("posts", "mails")),
    Input("bare.db", "a database without tables", "name another file", database()),
    Input(
        "one.db::DELETE FROM posts",
        "a query that writes",
        "write a SELECT",
        database("posts"),
    ),
    Input(
        "one.db::WITH old AS (SELECT 1) DELETE FROM posts",
        "a query that writes and looks like one that reads",
        "write a SELECT",
        database("posts"),
    ),
]

FOLDERS = [
    Input("nothing", "an empty folder", "name another folder", folder({})),
    Input(
        "latin",
        "a folder of files in Latin-1",
        NOTHING_TO_DO,
        folder({name: f"{text!s}, déjà vu".encode("latin-1") for name, text in labelled().items()}),
    ),
    Input(
        "binary",
        "pictures, PDF, Word and SQLite files between the texts",
        "convert them to text, or remove them",
        folder(
            labelled(
                {
                    "cars/a.png": PICTURE,
                    "cars/b.pdf": PDF,
                    "space/c.docx": LETTER,
                    "space/d.sqlite": SQLITE,
                }
            )
        ),
    ),
    Input(
        "hollow",
        "a folder of a class without files",
        "add files, or remove the folder",
        folder(labelled({"boats/": ""})),
    ),
    Input("nested", "folders `train` and `test`", "name the part", folder(NESTED)),
    Input(
        "flat",
        "files, but no folder per label",
        "put them into folders",
        folder({"1.txt": "the engine", "2.txt": "the orbit"}),
    ),
    Input("mixed", "a table in a folder", "name the table", folder({"posts.csv": table()})),
    Input("folder.csv", "a folder called `.csv`", NOTHING_TO_DO, folder(labelled())),
    Input("with space é.csv", "a name with a space and an accent", NOTHING_TO_DO, file(table())),
    Input("line\nfeed.csv", "a name with a line feed", NOTHING_TO_DO, file(table())),
    Input(
        "./-x.csv", "a name that begins with `-`, named as `./-x.csv`", NOTHING_TO_DO, file(table())
    ),
    Input(
        "link.csv", "a broken link", "check where it leads", lambda path: path.symlink_to("gone")
    ),
    Input("locked.csv", "a file that you may not read", "change its permissions", unreadable),
    Input("pipe", "a FIFO", "save it to a file", os.mkfifo),
    Input("absent.csv", "no such file", "check the path", nothing),
    Input("absent-*.csv", "a pattern that matches nothing", "check the pattern", nothing),
    Input(
        "http://127.0.0.1:9/posts.csv",
        "an address that cannot be reached",
        "check the address and the network",
        nothing,
    ),
    Input("-", "an empty standard input", "check the pipe", nothing, (), b""),
    Input(
        "-",
        "a CSV on standard input, `--format csv`",
        NOTHING_TO_DO,
        nothing,
        ("--format", "csv"),
        table().encode(),
    ),
    Input(
        "named",
        "`--format csv` for a folder",
        "name the files in it",
        folder(labelled()),
        ("--format", "csv"),
    ),
    Input(
        "klingon.csv",
        "`--encoding klingon`",
        "name a known encoding",
        file(table()),
        ("--encoding", "klingon"),
    ),
]

SECTIONS = {
    "CSV": TABLES,
    "JSON": JSON,
    "Binary formats, and files under the wrong name": BINARY,
    "Folders, names and places": FOLDERS,
}


def make_all(place: Path) -> None:
    """Make all inputs.

    Args:
        place: The folder, which is empty.
    """
    for inputs in SECTIONS.values():
        for each in inputs:
            path = place / each.source.split("::")[0]
            if not os.path.lexists(path):
                each.make(path)


def main() -> None:
    """Make all inputs in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    place = parser.parse_args().folder
    place.mkdir()
    make_all(place)
    print(f"{sum(map(len, SECTIONS.values()))} inputs are in {place}")


if __name__ == "__main__":
    main()
