"""Reading speed beside polars and scikit-learn: about 100 MB of 20 Newsgroups in each format.

    python -m benchmarks.reading --data FOLDER

The posts are repeated until they have that size and are enough for the folder of 20,000 files.

Satchel reads the labels and makes Python strings (``labelled``), or streams batches without labels
(``streamed``). polars reads the table; scikit-learn's ``load_files`` reads the folder.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import data, measure, report

FORMATS = ("csv", "jsonl", "jsonl.zst", "parquet", "arrow", "db")
FILES = 20_000


def write(folder: Path, texts: list[str], labels: list[str]) -> None:
    """Write the documents in every format, and the first of them as files."""
    import polars

    from satchel.sources.unpacking import zstandard

    frame = polars.DataFrame({"text": texts, "label": labels})
    frame.write_csv(folder / "t.csv")
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    (folder / "t.jsonl").write_bytes(lines)
    (folder / "t.jsonl.zst").write_bytes(zstandard().compress(lines))
    frame.write_parquet(folder / "t.parquet")
    frame.write_ipc(folder / "t.arrow")
    database = sqlite3.connect(folder / "t.db")
    with database:
        database.execute("CREATE TABLE posts (text TEXT, label TEXT)")
        database.executemany("INSERT INTO posts VALUES (?, ?)", frame.iter_rows())
    database.close()
    for number, (text, label) in enumerate(zip(texts[:FILES], labels, strict=False)):
        path = folder / "files" / label / f"{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def calls(folder: Path) -> dict[str, Callable[[], int]]:
    """Return what is timed, by format and program; each returns the number of documents."""
    import polars
    from sklearn.datasets import load_files

    from satchel.sources.collecting import BATCH, Reading
    from satchel.sources.columns import Columns
    from satchel.sources.reading import read_documents, stream_documents

    def labelled(path: Path) -> Callable[[], int]:
        return lambda: len(read_documents(path))

    def streamed(path: Path) -> Callable[[], int]:
        reading = Reading(Columns(labelled=False), batch=BATCH)
        return lambda: sum(map(len, stream_documents(path, reading)))

    def peer(read: Callable[..., Any], path: Path) -> Callable[[], int]:
        return lambda: len(read(path))

    timed: dict[str, Callable[[], int]] = {}
    peers: dict[str, Callable[..., Any]] = {
        "csv": polars.read_csv,
        "jsonl": polars.read_ndjson,
        "jsonl.zst": polars.read_ndjson,
        "parquet": polars.read_parquet,
        "arrow": polars.read_ipc,
    }
    for name in FORMATS:
        path = folder / f"t.{name}"
        timed[f"{name} labelled"] = labelled(path)
        timed[f"{name} streamed"] = streamed(path)
        if name in peers:
            timed[f"{name} polars"] = peer(peers[name], path)
    files = folder / "files"
    timed["files labelled"] = labelled(files)
    timed["files streamed"] = streamed(files)
    timed["files load_files"] = lambda: len(load_files(files, encoding="utf-8").data)
    return timed


def main() -> None:
    """Time every reader in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data.add_data_argument(parser)
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=3)
    report.add_results_argument(parser)
    options = parser.parse_args()
    machine = measure.machine()
    texts: list[str] = []
    labels: list[str] = []
    for part in ("train", "test"):
        more, names = data.newsgroups(Path(options.data), part)
        texts += more
        labels += names
    size = sum(len(text.encode()) for text in texts)
    times = max(1, -(-FILES // len(texts)), round(options.megabytes * 1e6 / size))
    texts, labels = texts * times, labels * times
    found: dict[str, Any] = {}
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, texts, labels)
        for what, timed in measure.interleaved(calls(folder), options.rounds).items():
            number = timed.answer
            megabytes = sum(len(text.encode()) for text in texts[:number]) / 1e6
            least = min(timed.seconds)
            found[what] = {"documents": number, "megabytes": megabytes, "seconds": timed.seconds}
            source, _, reader = what.partition(" ")
            rows.append(
                [
                    *(source, reader, f"{number:,}", f"{megabytes:.0f}", f"{least:.2f}"),
                    *(f"{megabytes / least:,.0f}", f"{number / least:,.0f}"),
                ]
            )
    header = ["source", "reader", "documents", "MB of text", "seconds", "MB/s", "documents/s"]
    page = f"Least of {options.rounds} rounds in turn.\n\n{report.markdown(header, rows)}"
    print(report.write("reading", "Reading speed", page, found, machine, options.results))


if __name__ == "__main__":
    main()
