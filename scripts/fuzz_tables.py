"""Attack the reader of tables with damaged CSV, TSV, JSON, fastText and Parquet.

    python scripts/fuzz_tables.py --minutes 10 --seed 7

A table that is whole must be read exactly as it was written; a damaged one must be read into
documents that hold together, or be refused with a ``SourceError``. The first case that breaks this,
crashes, hangs or floods the memory is kept, and the exit status is 1.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import sys
import warnings
from pathlib import Path

from fuzzing import Attack, fit_to_show, main, mutated

from satchel.errors import SourceError
from satchel.sources.files import clean_label
from satchel.sources.reading import read_documents

TOKENS = [
    *(b'"', b'""', b",", b";", b"\t", b"|", b"\n", b"\r\n", b"\r", b"\0", b"\\", b"\xff"),
    *(b"\xef\xbb\xbf", b"sep=;\n", b"text", b"label", b"labels", b"id", b"__label__", b"=1+1"),
    *(b"[", b"]", b"{", b"}", b":", b"\\ud800", b"\\udc80", b"null", b"NaN", b"1e999", b"[" * 3000),
    *(b"9" * 5000, b"\xed\xa0\x80", b"\xff\xfe", b"\xfe\xff", b"\x80\x81\x8d", "e\u0301".encode()),
    *(b"x" * 70_000, b'"text":', b"PAR1", b"\x1f\x8b\x08"),
]
NUMBERS = [b"\x80\x80\x80\x80\x08", b"\xff\xff\xff\xff\x0f", b"\0" * 16, b"PAR1", b"\x7f"]
WORDS = ["ham", "spam", "été", "a b", "x,y", 'q"q', "z;z", "NA", "007", "-", "中文", "𝔞", "label"]
TEXTS = [
    *WORDS,
    "t\tt",
    "",
    " ",
    "one\ntwo",
    "one\r\ntwo",
    '"',
    '""',
    "a\rb",
    "\ufeffx",
    "x" * 3000,
    "don’t – 5 €",
]
SUFFIXES = [
    "csv",
    "tsv",
    "jsonl",
    "ndjson",
    "json",
    "txt",
    "csv.gz",
    "tsv.gz",
    "jsonl.gz",
    "json.gz",
]


def rows_of(chance: random.Random) -> list[tuple[str, str]]:
    """Make labelled texts, in which the first label comes twice or more."""
    count = chance.choice((1, 2, 3, 5, 30))
    rows = [(chance.choice(WORDS), chance.choice(TEXTS)) for _ in range(count)]
    return [*rows, (rows[0][0], "again")]


def written(chance: random.Random, rows: list[tuple[str, str]], suffix: str) -> bytes:
    """Write a table in one of the ways of its format."""
    name = suffix.removesuffix(".gz")
    if name in ("jsonl", "ndjson"):
        records = [{"text": text, "label": label, "id": n} for n, (label, text) in enumerate(rows)]
        ascii_ = chance.random() < 0.5
        return "".join(json.dumps(each, ensure_ascii=ascii_) + "\n" for each in records).encode()
    if name == "json":
        records = [{"text": text, "label": label} for label, text in rows]
        return json.dumps(records, indent=chance.choice((None, 1))).encode()
    if name == "txt":
        lines = [f"__label__{label.split()[0]} {' '.join(text.split())}" for label, text in rows]
        return "\n".join(lines).encode()
    stream = io.StringIO(newline="")
    # With line feeds alone, carriage returns would go unquoted.
    end, quoting = chance.choice(
        (("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL))
    )
    delimiter = "\t" if name == "tsv" else chance.choice(",;|\t")
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(["label", "text"])
    writer.writerows(rows)
    return stream.getvalue().encode()


def make_table(chance: random.Random, folder: Path) -> tuple[Path, object]:
    """Write a table, whole or damaged."""
    suffix = chance.choice(SUFFIXES)
    rows = rows_of(chance)
    data = written(chance, rows, suffix)
    whole = chance.random() < 0.2
    if not whole:
        data = data.decode().encode(
            chance.choice(("utf-8",) * 6 + ("utf-16", "cp1252", "utf-8-sig")), "replace"
        )
        data = mutated(chance, data, TOKENS)
    if suffix.endswith(".gz"):
        data = gzip.compress(data, 1)
        if not whole and chance.random() < 0.3:
            data = mutated(chance, data, TOKENS)
    path = folder / f"t.{suffix}"
    path.write_bytes(data)
    return path, rows if whole and not suffix.startswith("txt") else None


def check_table(chance: random.Random, path: Path, known: object) -> str:
    """Read a table in one of many ways."""
    options: dict[str, object] = {
        "labelled": known is not None or chance.random() < 0.7,
        "keep": chance.choice(((), "all", ("id",))) if known is None else (),
    }
    if known is None and chance.random() < 0.2:
        options["text"] = chance.choice(("text", "1", "2", ("label", "text"), "TEXT", "no"))
    if known is None and chance.random() < 0.2:
        options["encoding"] = chance.choice(("cp1251", "utf-8", "utf-16", "shift_jis"))
    try:
        found = read_documents(path, **options)  # type: ignore[arg-type]
    except SourceError as error:
        if known is not None or not fit_to_show(error):
            raise
        return f"refused: {reason_of(error)}"
    assert len(found.names) == len(found.texts) == len(set(found.names)) > 0
    "".join(found.texts).encode()
    for values in (found.labels, found.ids, *(found.columns or {}).values()):
        assert values is None or len(values) == len(found.texts)
    assert all("\0" not in name and name.strip() for name in found.classes())
    assert all(fit_to_show(line) and "\n" not in line for line in found.report.lines())
    json.dumps(found.report.to_dict()).encode()
    if known is not None:
        assert found.texts == [text for _, text in known]  # type: ignore[attr-defined]
        assert found.labels == [clean_label(label) for label, _ in known]  # type: ignore[attr-defined]
        return "whole: read as it was written"
    return "read, with rows rejected" if found.report.rejected else "read"


def reason_of(error: SourceError) -> str:
    """Return what an error is about, without what differs from case to case."""
    text = re.sub(r"^.*?: (expected|the first row)", r"\1", str(error).split("\n")[0])
    text = re.sub(r", found the columns? .*|'[^']*'|\(.*|[0-9][0-9,.]*|b'.*", "…", text)
    return text.split(": it looks")[0][:70]


def make_parquet(chance: random.Random, folder: Path) -> tuple[Path, object]:
    """Write a Parquet file, whole or damaged."""
    import polars

    rows = rows_of(chance)
    frame = polars.DataFrame(rows, schema=["label", "text"], orient="row")
    labels = [
        frame["label"],
        frame["label"].cast(polars.Categorical),
        polars.Series(range(len(rows))),
        polars.Series([[label] for label, _ in rows]),
        polars.Series([{"a": label} for label, _ in rows]),
        polars.Series([1.5] * len(rows)),
    ]
    kind = chance.choice((0, 0, 0, 0, 1, 2, 3, 4, 5))
    path = folder / "t.parquet"
    frame.with_columns(labels[kind].alias("label")).write_parquet(
        path,
        compression=chance.choice(
            ("uncompressed", "uncompressed", "snappy", "zstd", "gzip", "lz4")
        ),
        row_group_size=chance.choice((1, 3, 1000)),
        use_pyarrow=False,
        statistics=chance.random() < 0.5,
    )
    if chance.random() < 0.1:
        return path, rows if kind < 2 else None
    data = path.read_bytes()
    # The footer, where most of the meaning is, is as likely to be hit as all the rest.
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little") if chance.random() < 0.5 else 4
    damaged = mutated(chance, data[start:-8], NUMBERS)
    length = data[-8:-4]
    if start > 4:
        length = len(damaged).to_bytes(4, "little")
    path.write_bytes(data[:start] + damaged + length + b"PAR1")
    return path, None


if __name__ == "__main__":
    warnings.simplefilter("error")
    attacks = {
        "text": Attack(make_table, check_table),
        "parquet": Attack(make_parquet, check_table, cases=20),  # each starts a process
    }
    sys.exit(main(__doc__.splitlines()[0], attacks, megabytes=3_000))
