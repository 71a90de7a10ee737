"""Predictions for a table of a gigabyte: speed, memory, and what a killed job leaves.

    python -m benchmarks.bulk [--data DATA] [--models FOLDER] [--sizes 125 1000] [--kills 10]

Needs the ``dev`` extra; ``fasttext-wheel`` for the peer. Makes tables of so many megabytes of text
from the 20 Newsgroups posts (each copy with its letters exchanged anew, so that no text repeats and
unknown words grow as they do in real text) as ``.jsonl.zst`` and ``.parquet``, and runs
``satchel predict MODEL TABLE --out FOLDER/`` on them, each in a process of its own: documents per
second from start to end of the process, and its peak memory.

- The peer reads the same ``.jsonl.zst`` line by line, asks fastText for each text, as its users'
  pipelines do, and writes JSON lines.
- *Kills*: the job on the smallest table is killed (SIGKILL) at so many moments, spread evenly over
  its time. Every second time it starts anew, in between it goes on with what the one before left;
  in the end it runs through, and its files are compared with those of a job that nobody killed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure, peers, report

TABLES = {"JSON lines, zstd": "posts.jsonl.zst", "Parquet": "posts.parquet"}
FRAME_DOCUMENTS = 20_000


def make_tables(name: str, megabytes: int, source: str) -> int:
    """Write the tables of one size to a folder; return how many documents each has."""
    import polars
    from backports import zstd

    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    parts: list[Path] = []
    with zstd.open(folder / TABLES["JSON lines, zstd"], "wb") as lines:
        for texts in _frames(data.newsgroups(Path(source), "test")[0], megabytes * 1_000_000):
            ids = [f"post-{count + number}" for number in range(len(texts))]
            count += len(texts)
            frame = polars.DataFrame({"id": ids, "text": texts})
            lines.write(frame.write_ndjson().encode())
            parts.append(folder / f"{len(parts):05}.parquet")
            frame.write_parquet(parts[-1])
    polars.scan_parquet(parts).sink_parquet(folder / TABLES["Parquet"], row_group_size=20_000)
    for part in parts:
        part.unlink()
    return count


def _frames(posts: list[str], size: int) -> Iterator[list[str]]:
    """Yield posts, some at a time, until they have a size in bytes."""
    waiting: list[str] = []
    seed = 0
    while size > 0:
        letters = "".join(np.random.default_rng(seed).permutation([*string.ascii_lowercase]))
        # Most letters stay, so that most words are known, as they are in real text.
        kept = string.ascii_lowercase[: 20 if seed else 26]
        letters = kept + "".join(each for each in letters if each not in kept)
        exchange = str.maketrans(string.ascii_letters, letters + letters.upper())
        for post in posts:
            waiting.append(post.translate(exchange))
            size -= len(waiting[-1].encode())
            if len(waiting) == FRAME_DOCUMENTS or size <= 0:
                yield waiting
                waiting = []
            if size <= 0:
                return
        seed += 1


def command(model: Path, table: Path, out: Path) -> list[str]:
    """Return the job's command line."""
    return [sys.executable, "-m", "satchel", "predict", str(model), str(table), "--out", f"{out}/"]


def bulk(arguments: argparse.Namespace, models: Path, home: Path) -> list[dict[str, Any]]:
    """Speed and memory of each size and format."""
    found = []
    for megabytes in arguments.sizes:
        tables = home / f"tables-{megabytes}"
        # In a process of its own: Linux counts the memory of this one for those that it starts.
        documents = measure.call(make_tables, tables, megabytes, arguments.data).answer
        jobs: dict[str, tuple[str, list[str]]] = {
            name: ("Satchel", command(models / peers.SATCHEL_FILE, tables / file, home / "out"))
            for name, file in TABLES.items()
        }
        if (models / peers.FAST_TEXT_FILE).exists():
            name, file = next(iter(TABLES.items()))
            jobs[f"{name}: fastText, one document at a time"] = (
                "fastText",
                measure.calling(
                    one_at_a_time,
                    models / peers.FAST_TEXT_FILE,
                    tables / file,
                    home / "peer.jsonl",
                ),
            )
        for name, (program, words) in jobs.items():
            runs = []
            for _ in range(arguments.rounds):
                shutil.rmtree(home / "out", ignore_errors=True)
                runs.append(measure.run(words, measure.import_path()))
            best = min(runs, key=lambda run: run.seconds)
            found.append(
                {
                    "megabytes": megabytes,
                    "documents": documents,
                    "program": program,
                    "table": name,
                    "seconds": best.seconds,
                    "all_seconds": [run.seconds for run in runs],
                    "processor_seconds": best.processor_seconds,
                    "peak_mb": max(run.peak_mb for run in runs),
                }
            )
            print(found[-1], file=sys.stderr, flush=True)
    return found


def one_at_a_time(model: str, table: str, out: str) -> int:
    """Ask fastText for each document of a table; return how many there are."""
    from backports import zstd

    program = peers.load_fast_text(Path(model))
    count = 0
    with zstd.open(table, "rb") as lines, open(out, "w") as answers:
        for line in lines:
            row = json.loads(line)
            label = program.one(row["text"])
            answers.write(json.dumps({"id": row["id"], "label": label}) + "\n")
            count += 1
    return count


def kills(arguments: argparse.Namespace, models: Path, home: Path) -> dict[str, Any]:
    """Kill a job at many moments; compare what it leaves in the end."""
    table = home / f"tables-{min(arguments.sizes)}" / TABLES["Parquet"]
    whole, killed = home / "whole", home / "killed"
    model = models / peers.SATCHEL_FILE
    seconds = measure.run(command(model, table, whole), measure.import_path()).seconds
    environment = {**os.environ, **measure.import_path()}
    left = []
    ended_before = 0
    for number in range(arguments.kills):
        if number % 2 == 0:
            shutil.rmtree(killed, ignore_errors=True)
        process = subprocess.Popen(
            command(model, table, killed), env=environment, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds * (number + 0.5) / arguments.kills)
        ended_before += process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        left.append(_parts(killed))
    last = measure.run(command(model, table, killed), measure.import_path())
    return {
        "kills": arguments.kills,
        "ended_before": ended_before,
        "seconds_of_whole": seconds,
        "parts_left_by_each": left,
        "parts": _parts(whole),
        "seconds_of_last": last.seconds,
        "same": _digests(whole) == _digests(killed),
        "files_left_over": sorted(
            path.name for path in killed.iterdir() if path.name.startswith(".satchel")
        ),
    }


def _parts(folder: Path) -> int:
    return len(list(folder.glob("part-*")))


def _digests(folder: Path) -> dict[str, str]:
    """Return the digests of all that a job wrote, but for the lock."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != ".lock"
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    data.add_data_argument(parser)
    report.add_results_argument(parser)
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[125, 1000], help="megabytes")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    arguments = parser.parse_args()
    about = measure.machine()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        models = arguments.models or home / "models"
        peers.ensure_models(models, (peers.SATCHEL_FILE, peers.FAST_TEXT_FILE), arguments.data)
        found = bulk(arguments, models, home)
        job = kills(arguments, models, home)
    lines = [
        [
            f"{row['megabytes']:,} MB",
            f"{row['documents']:,}",
            row["table"],
            f"{row['seconds']:.1f}",
            f"{row['documents'] / row['seconds']:,.0f}",
            f"{row['megabytes'] / row['seconds']:.0f}",
            f"{row['peak_mb']:,.0f}",
        ]
        for row in found
    ]
    header = ["text", "documents", "table", "seconds", "documents/s", "MB/s", "peak MB"]
    page = report.markdown(header, lines)
    same = "the same, byte for byte" if job["same"] else "DIFFERENT"
    page += (
        f"\n\nA whole process each, start to end, written as Parquet parts (fastText: JSON lines); "
        f"the best of {arguments.rounds} rounds, the greatest memory.\n\n"
        f"Killed at {job['kills']} moments of the {job['seconds_of_whole']:.1f} s that the "
        f"smallest job takes, every second time while it went on with what the one before left "
        f"({job['ended_before']} had ended before), which leaves {job['parts_left_by_each']} of "
        f"{job['parts']} parts; finished in the end in {job['seconds_of_last']:.1f} s: all files "
        f"{same}.\n"
    )
    result = {"bulk": found, "kills": job}
    print(report.write("bulk", "Predictions in bulk", page, result, about, arguments.results))


if __name__ == "__main__":
    main()
