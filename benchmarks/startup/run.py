"""How long a fresh process takes to its first answer, and how large files and installs are.

    python -m benchmarks.startup.run --data DATA [--install-sizes]

DATA is as for ``benchmarks.predict.run``, whose models it takes too. Results go to
``benchmarks/startup/results/<date>/``. Nothing else should run on the machine: its load is kept
with the results.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.predict import models
from benchmarks.predict.documents import documents
from benchmarks.shared import machine, tables
from benchmarks.startup import dense
from benchmarks.startup.contenders import programs
from benchmarks.startup.installs import installs
from benchmarks.startup.report import report
from benchmarks.startup.timing import measure

HERE = Path(__file__).resolve().parent
DOCUMENT_CHARACTERS = 2_000


def main() -> None:
    """Train what is missing, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--rounds", type=int, default=21, help="at least 15")
    parser.add_argument("--install-sizes", action="store_true", help="install twice with pip, too")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.rounds < 15:
        parser.error(f"--rounds is {arguments.rounds}: expected at least 15")
    about = {**machine.describe(), "command": ["python", "-m", "benchmarks.startup.run"]}
    about["command"] += [Path(part).name if "/" in part else part for part in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = (arguments.models or scratch).resolve()
        models.ensure(arguments.data, folder)
        dense.ensure(arguments.data, folder)
        # A child's peak memory begins with its parent's: another process reads the documents.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            text = pool.submit(typical, arguments.data).result()
        document = scratch / "document.txt"
        document.write_text(text, encoding="utf-8")
        starts = measure(programs(folder, document), arguments.rounds, scratch)
        found = {
            "machine": about,
            "document_bytes": document.stat().st_size,
            "starts": [_portable(row) for row in starts],
            "installs": [],
        }
        if arguments.install_sizes:
            rows = installs(folder / models.SATCHEL, document, arguments.rounds, scratch)
            for row in rows:
                for start in ("start", "empty_start"):
                    row[start] = _portable(row[start])
            found["installs"] = rows
        found["load_after"] = os.getloadavg()[0]
    dated = tables.dated_folder(arguments.results)
    tables.write_json(dated / "startup.json", found)
    page = report(found)
    (dated / "startup.md").write_text(page, encoding="utf-8")
    print(page)


def typical(data: Path) -> str:
    """Return the test document whose length is nearest to 2,000 characters."""
    texts, _ = documents(data, "test")
    return min(texts, key=lambda text: abs(len(text) - DOCUMENT_CHARACTERS))


def _portable(row: dict) -> dict:
    """Return a row whose command has no paths of this machine."""
    names = [Path(part).name if part.startswith("/") else part for part in row["command"]]
    return {**row, "command": names, "answer": row["answer"].rsplit("/", 1)[-1]}


if __name__ == "__main__":
    main()
