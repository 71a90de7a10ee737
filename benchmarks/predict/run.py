"""Text to labels, side by side: bulk, one document at a time, and where Satchel's time goes.

    python -m benchmarks.predict.run --data DATA

DATA holds 20 Newsgroups by date: ``20news-bydate.tar.gz``, or ``20news-bydate-train`` and
``20news-bydate-test``. Results go to ``benchmarks/predict/results/<date>/``. Nothing else should
run on the machine: its load is kept with the results.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.predict import latency, models
from benchmarks.predict.contenders import Contender, fast_text, satchel, svm
from benchmarks.predict.documents import documents
from benchmarks.predict.report import report
from benchmarks.predict.rounds import interleaved
from benchmarks.predict.stages import stages
from benchmarks.shared import machine, tables

HERE = Path(__file__).resolve().parent


def bulk(folder: Path, data: Path, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Time text → labels for all test documents, program by program, in interleaved rounds.

    Args:
        folder: The models.
        data: See `documents`.
        threads: For who can use several.
        rounds: How often.

    Returns:
        One row a program, Satchel first.
    """
    texts, labels = documents(data, "test")
    first = satchel(folder / models.SATCHEL, threads)
    alone = satchel(folder / models.SATCHEL, 1)
    contenders: list[Contender] = [
        first,
        svm(folder / models.SVM),
        fast_text(folder / models.FAST_TEXT),
        replace(alone, name="Satchel, 1 thread"),
    ]
    timed = interleaved({one.name: lambda many=one.many: many(texts) for one in contenders}, rounds)
    size = sum(len(text.encode()) for text in texts)
    rows = []
    for one in contenders:
        done = timed[one.name]
        ratios = [
            theirs / ours
            for theirs, ours in zip(done.seconds, timed[first.name].seconds, strict=True)
        ]
        right = [answer == label for answer, label in zip(done.answer, labels, strict=True)]
        rows.append(
            {
                "name": one.name,
                "threads": one.threads,
                "first_call_seconds": done.first,
                "seconds": done.seconds,
                "documents": len(texts),
                "documents_per_second": len(texts) / statistics.median(done.seconds),
                "mb_per_second": size / statistics.median(done.seconds) / 1e6,
                "satchel_is_faster_by": ratios,
                "accuracy": sum(right) / len(right),
            }
        )
    return rows


def main() -> None:
    """Train what is missing, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="see above")
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument(
        "--model", type=Path, help="a satchel to put there, in place of training one"
    )
    parser.add_argument("--rounds", type=int, default=7, help="bulk rounds, at least 5")
    parser.add_argument("--latency-rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error(f"--rounds is {arguments.rounds}: expected at least 5")
    # Child processes keep to these cores too, so that "threads" means the same for everyone.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    about = {**machine.describe(), "command": ["python", "-m", "benchmarks.predict.run"]}
    about["command"] += [Path(part).name if "/" in part else part for part in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.models or Path(scratch)
        if arguments.model:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(arguments.model, folder / models.SATCHEL)
        models.ensure(arguments.data, folder)
        found = {
            "machine": about,
            "files_mb": {name: (folder / name).stat().st_size / 1e6 for name in models.TRAINERS},
            "bulk": bulk(folder, arguments.data, arguments.threads, arguments.rounds),
            "latency": latency.measure(arguments.data, folder, arguments.latency_rounds),
            "stages": stages(
                folder / models.SATCHEL, documents(arguments.data, "test")[0], arguments.rounds
            ),
            "load_after": os.getloadavg()[0],
        }
    dated = tables.dated_folder(arguments.results)
    tables.write_json(dated / "predict.json", found)
    text = report(found)
    (dated / "predict.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
