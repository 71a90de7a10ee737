"""How long does a new process take to its first answer, and how large are files and installs?

    python -m benchmarks.startup [--data DATA] [--models FOLDER] [--rounds N] [--install-sizes]

Needs the ``dev`` extra and ``fasttext-wheel``, Satchel being installed. Starts a new process for
each program below, in interleaved rounds, and prints medians, what is above an empty Python, peak
memory, and the size of the files that a deployment has to carry. ``--models`` is as in
``benchmarks.predict``. ``--install-sizes`` also installs Satchel twice with pip, for prediction
only and for training, and prints the size of both ``site-packages``, pip's time, the start of both,
and which heavy packages can be imported. Nothing else should run on the machine.

- ``python -c pass``
- Satchel from Python: import, load, predict; and ``satchel predict MODEL FILE``
- tf-idf + linear SVM: scikit-learn's pipeline in a joblib file
- fastText: its file is large, as word pairs have two million buckets by default
- dense Keras on JAX: the 2018 tutorial's network (15,000-512-512-20) as a ``.keras`` file, with its
  tokenizer in a pickle
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import data, measure, peers, report

DOCUMENT_CHARACTERS = 2_000
FILES = (peers.SATCHEL_FILE, peers.SVM_FILE, peers.FAST_TEXT_FILE, peers.NETWORK)
INSTALLS = {"prediction only": ".", "training": ".[train]"}
HEAVY = ("keras", "jax", "tensorflow", "torch", "sklearn", "numba", "scipy", "polars")
_FIND = (
    "import importlib.util, sys\n"
    "print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name)))\n"
)

# What a user would write to answer one document.
_READ = "text = open(sys.argv[2], encoding='utf-8').read()\n"
EMPTY = "pass"
SATCHEL = "import sys, satchel\n" + _READ + "print(satchel.load(sys.argv[1]).predict([text])[0])\n"
SVM = "import sys, joblib\n" + _READ + "print(joblib.load(sys.argv[1]).predict([text])[0])\n"
FAST_TEXT = (
    "import sys, fasttext\n"
    + _READ
    + "model = fasttext.load_model(sys.argv[1])\n"
    + "line = text.replace('\\n', ' ') + '\\n'\n"
    + "print(model.f.predict(line, 1, 0.0, 'strict')[0][1][len('__label__'):])\n"
)
KERAS = (
    "import sys, joblib, keras\n"
    + _READ
    + "tokenizer, labels = joblib.load(sys.argv[3])\n"
    + "model = keras.saving.load_model(sys.argv[1])\n"
    + "scores = model.predict(tokenizer.tfidf_matrix([text]), verbose=0)\n"
    + "print(labels[scores.argmax()])\n"
)


@dataclass(frozen=True)
class Program:
    """One row of the table.

    Attributes:
        name: For tables.
        command: Its words; files are absolute paths.
        files: What a deployment has to carry.
        environment: What is added to the environment.
    """

    name: str
    command: list[str]
    files: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def empty(python: str = sys.executable) -> Program:
    """Python that does nothing: what every other row has too."""
    return Program("`python -c pass`", [python, "-c", EMPTY])


def satchel(model: Path, document: Path, python: str = sys.executable) -> Program:
    """Satchel from Python."""
    return Program("Satchel", [python, "-c", SATCHEL, str(model), str(document)], (model,))


def programs(folder: Path, files: list[str], document: Path) -> list[Program]:
    """Return the programs whose models are there, the empty one first.

    Args:
        folder: The trained models, an absolute path.
        files: Those that are there.
        document: The text to answer, an absolute path.
    """
    python = sys.executable
    sealed, svm, fast_text, network = (folder / name for name in FILES)
    tokenizer = folder / peers.TOKENIZER
    script = Path(python).with_name("satchel")
    command_line = [str(script)] if script.exists() else [python, "-m", "satchel"]
    every = [
        empty(),
        satchel(sealed, document),
        Program(
            "`satchel predict MODEL FILE`",
            [*command_line, "predict", str(sealed), str(document)],
            (sealed,),
        ),
        Program(
            "tf-idf + linear SVM (scikit-learn, joblib)",
            [python, "-c", SVM, str(svm), str(document)],
            (svm,),
        ),
        Program("fastText", [python, "-c", FAST_TEXT, str(fast_text), str(document)], (fast_text,)),
        Program(
            "dense Keras on JAX, `.keras` and tokenizer",
            [python, "-c", KERAS, str(network), str(document), str(tokenizer)],
            (network, tokenizer),
            # The tokenizer's class is looked up in this repository.
            {"KERAS_BACKEND": "jax", **measure.import_path()},
        ),
    ]
    return [each for each in every if not each.files or each.files[0].name in files]


def start(each: list[Program], rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Start every program in turn, round after round.

    Args:
        each: What to start; the first is the one that the others are compared with.
        rounds: How often, after one round that does not count and whose output is kept.
        folder: Where to start them; away from the repository, as Python looks there first.

    Returns:
        One row per program.
    """
    first = [measure.run(program.command, program.environment, folder) for program in each]
    runs: list[list[measure.Run]] = [[] for _ in each]
    for _ in range(rounds):
        for program, its_runs in zip(each, runs, strict=True):
            its_runs.append(measure.run(program.command, program.environment, folder))
    seconds = [[run.seconds for run in its_runs] for its_runs in runs]
    return [
        {
            "name": program.name,
            "command": measure.portable(program.command),
            "answer": measure.without_folders(once.output),
            "seconds": its_seconds,
            "more_than_first": statistics.median(
                mine - base for mine, base in zip(its_seconds, seconds[0], strict=True)
            ),
            "peak_mb": statistics.median(run.peak_mb for run in its_runs),
            "files_mb": sum(file.stat().st_size for file in program.files) / 1e6,
        }
        for program, once, its_seconds, its_runs in zip(each, first, seconds, runs, strict=True)
    ]


def install(
    name: str, what: str, model: Path, document: Path, rounds: int, folder: Path
) -> dict[str, Any]:
    """Install Satchel into an environment of its own and start it there.

    Args:
        name: For tables.
        what: What pip installs.
        model: The model file that predicts.
        document: The text to answer.
        rounds: How often it is started.
        folder: Takes the environment.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    before = _size_and_packages(folder)
    started = time.perf_counter()
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what],
        cwd=measure.REPOSITORY,
        check=True,
    )
    seconds = time.perf_counter() - started
    after = _size_and_packages(folder)
    nothing_else = {"PYTHONPATH": ""}  # what that names was not installed
    found = measure.run([str(python), "-c", _FIND, *HEAVY], nothing_else, folder)
    both = (empty(str(python)), satchel(model, document, str(python)))
    empty_start, its_start = start(
        [replace(program, environment=nothing_else) for program in both], rounds, folder
    )
    return {
        "name": name,
        "command": f"pip install '{what}'",
        "pip_seconds": seconds,
        "site_packages_mb": (after[0] - before[0]) / 1e6,
        "packages": after[1] - before[1],
        "heavy": found.output.split(),
        "empty_start": empty_start,
        "start": its_start,
    }


def _size_and_packages(folder: Path) -> tuple[int, int]:
    """Return bytes and distributions of an environment's site-packages."""
    (packages,) = folder.glob("lib/python*/site-packages")
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    return size, len(list(packages.glob("*.dist-info")))


def typical(source: Path) -> str:
    """Return the test document whose length is nearest to 2,000 characters."""
    texts, _ = data.newsgroups(source, "test")
    return min(texts, key=lambda text: abs(len(text) - DOCUMENT_CHARACTERS))


def main() -> None:
    """Train what is missing, measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data.add_data_argument(parser)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--rounds", type=int, default=21, help="at least 15")
    parser.add_argument("--install-sizes", action="store_true", help="install twice with pip, too")
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    if arguments.rounds < 15:
        parser.error(f"--rounds is {arguments.rounds}: expected at least 15")
    about = measure.machine()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = (arguments.models or scratch).resolve()
        files = peers.ensure_models(folder, FILES, arguments.data)
        # A child's peak memory begins with its parent's: another process reads the documents.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            text = pool.submit(typical, arguments.data).result()
        document = scratch / "document.txt"
        document.write_text(text, encoding="utf-8")
        starts = start(programs(folder, files, document), arguments.rounds, scratch)
        document_bytes = document.stat().st_size
        installs = [
            install(
                name,
                what,
                folder / peers.SATCHEL_FILE,
                document,
                arguments.rounds,
                scratch / name.replace(" ", "-"),
            )
            for name, what in (INSTALLS if arguments.install_sizes else {}).items()
        ]
    found = {"document_bytes": document_bytes, "starts": starts, "installs": installs}
    page = _starts(starts, document_bytes) + (_installs(installs) if installs else "")
    page += peers.left_out(FILES, files)
    print(
        report.write("startup", "From nothing to one answer", page, found, about, arguments.results)
    )


def _starts(rows: list[dict[str, Any]], document_bytes: int) -> str:
    header = ["program", "median", "least to most", "more than empty", "memory", "files", "answer"]
    lines = [
        [
            row["name"],
            f"{statistics.median(row['seconds']):.3f} s",
            f"{min(row['seconds']):.3f} to {max(row['seconds']):.3f} s",
            f"{row['more_than_first']:+.3f} s",
            f"{row['peak_mb']:,.0f} MB",
            f"{row['files_mb']:,.1f} MB" if row["files_mb"] else "",
            row["answer"].split("\t", 1)[-1].replace("\t", " "),
        ]
        for row in rows
    ]
    return (
        report.markdown(header, lines)
        + f"\nA new process each: import, load, answer one document of {document_bytes:,} bytes. "
        f"{len(rows[0]['seconds'])} interleaved rounds after one that does not count; *more than "
        "empty* is the median of the differences round by round; memory is the peak.\n"
    )


def _installs(rows: list[dict[str, Any]]) -> str:
    header = ["install", "site-packages", "packages", "pip took", "load and answer", "empty"]
    header += ["can import"]
    lines = [
        [
            f"{row['name']}: `{row['command']}`",
            f"{row['site_packages_mb']:,.0f} MB",
            str(row["packages"]),
            f"{row['pip_seconds']:.0f} s",
            f"{statistics.median(row['start']['seconds']):.3f} s",
            f"{statistics.median(row['empty_start']['seconds']):.3f} s",
            ", ".join(row["heavy"]) or "none of the heavy ones",
        ]
        for row in rows
    ]
    return (
        "\n## Two installs\n\n"
        + report.markdown(header, lines)
        + "\nWithout pip itself; compiled bytecode is counted. pip's time depends on its cache and "
        "on the network.\n"
    )


if __name__ == "__main__":
    main()
