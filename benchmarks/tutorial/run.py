"""Run the programs side by side and write the table.

    python -m benchmarks.tutorial.run 20news-bydate-train 20news-bydate-test

Each program is a process of its own, from its start to its end, reading included. Results go to
``benchmarks/tutorial/results/<date>/``. Nothing else should run on the machine: the load at the
start of each process is kept with the results.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.shared import machine, processes, tables

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, eq=False)
class Program:
    """One row of the table."""

    name: str
    judged_on: str
    command: list[str]
    environment: dict[str, str]


def programs(train: Path, test: Path, scratch: Path, seed: int) -> list[Program]:
    """Return the programs in the order in which they run."""
    python = sys.executable
    path = os.pathsep.join([str(machine.REPOSITORY), str(machine.REPOSITORY / "src")])
    environment = {
        "PYTHONPATH": path,
        "KERAS_BACKEND": "jax",
        # A folder of our own: the first run of Satchel then shows what compiling costs.
        "NUMBA_CACHE_DIR": str(scratch / "numba"),
    }
    seeded = ["--seed", str(seed)]
    judged = [str(train), "--test", str(test), *seeded]
    own = [str(train), *seeded]
    satchel = [python, "-m", "satchel", "train"]

    def sealed(name: str) -> list[str]:
        return ["--json", "-o", str(scratch / f"{name}.satchel")]

    rows = [
        ("Satchel, first run (compiles)", "by date", [*satchel, *judged, *sealed("first")]),
        ("Satchel", "by date", [*satchel, *judged, *sealed("default")]),
        (
            "Satchel, tutorial preset",
            "by date",
            [*satchel, *judged, "--preset", "tutorial", *sealed("tutorial")],
        ),
        (
            "Satchel, tutorial preset",
            "own split",
            [*satchel, *own, "--preset", "tutorial", *sealed("own")],
        ),
        ("tf-idf + linear SVM", "by date", [python, "-m", "benchmarks.tutorial.linear_svm"]),
        ("tf-idf + linear SVM", "own split", [python, "-m", "benchmarks.tutorial.linear_svm"]),
        ("dense Keras", "by date", [python, "-m", "benchmarks.tutorial.dense_keras"]),
        ("dense Keras", "own split", [python, "-m", "benchmarks.tutorial.dense_keras"]),
    ]
    return [
        Program(
            name,
            judged_on,
            command if "satchel" in command else command + (judged if "date" in judged_on else own),
            environment,
        )
        for name, judged_on, command in rows
    ]


def scores(answer: dict) -> dict[str, object]:
    """Return accuracy and what shows that the work is the same, from any program's answer."""
    if "test" in answer:  # Satchel's command line
        judged = answer["test"]
        counts = {"train": answer["documents"], "vocabulary": answer["features"]}
        return {"accuracy": judged["accuracy"], **counts, "answers": judged["n"]}
    return {"accuracy": answer["accuracy"], **answer["counts"]}


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1, help="runs of each; the median counts")
    parser.add_argument("--only", default="", help="only programs whose name has this in it")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    about = machine.describe()
    folder = tables.dated_folder(arguments.results)
    with tempfile.TemporaryDirectory() as scratch:
        chosen = [
            program
            for program in programs(arguments.train, arguments.test, Path(scratch), arguments.seed)
            if arguments.only.lower() in program.name.lower()
        ]
        runs: dict[Program, list[processes.Run]] = {}
        # Interleaved, so that a slow minute of the machine does not fall on one program alone.
        for repeat in range(arguments.repeats):
            for program in chosen:
                if repeat and "first run" in program.name:
                    continue
                print(f"{program.name}, {program.judged_on} …", file=sys.stderr, flush=True)
                done = processes.run(list(program.command), program.environment)
                runs.setdefault(program, []).append(done)
                write(folder, about, runs)
    print((folder / "tutorial.md").read_text(encoding="utf-8"))


def write(folder: Path, about: dict[str, object], runs: dict[Program, list[processes.Run]]) -> None:
    """Write what is known so far: a later program that fails does not take it away."""
    rows = [
        {
            "name": program.name,
            "judged_on": program.judged_on,
            "scores": scores(done[0].answer),
            "runs": [asdict(run) for run in done],
        }
        for program, done in runs.items()
    ]
    tables.write_json(folder / "tutorial.json", {"machine": about, "runs": rows})
    (folder / "tutorial.md").write_text(report(about, runs), encoding="utf-8")


def report(about: dict[str, object], runs: dict[Program, list[processes.Run]]) -> str:
    """Return the results as Markdown."""
    header = ["program", "judged on", "accuracy", "wall time", "processor time", "peak memory"]
    header += ["vocabulary", "trained on", "answers", "load before"]
    rows = []
    for program, done in runs.items():
        found = scores(done[0].answer)
        rows.append(
            [
                program.name,
                program.judged_on,
                f"{found['accuracy']:.4f}",
                f"{statistics.median(run.seconds for run in done):.1f} s",
                f"{statistics.median(run.processor_seconds for run in done):.1f} s",
                f"{max(run.peak_mb for run in done):,.0f} MB",
                *(_number(found.get(name)) for name in ("vocabulary", "train", "answers")),
                f"{max(run.load_before for run in done):.1f}",
            ]
        )
    commands = "\n".join(
        " ".join(Path(part).name if "/" in part else part for part in done[0].command)
        for done in runs.values()
    )
    versions = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        "# The tutorial's program, a linear SVM and Satchel\n\n"
        + tables.markdown(header, rows)
        + f"\n{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; "
        f"Python {about['python']}; {versions}; commit {about['commit']}; "
        f"{max(len(done) for done in runs.values())} run(s) of each, the median counts.\n"
        "By date: trained on the whole train folder, judged on the test folder. Own split: "
        "first 80 % and last 20 % of a shuffle of the train folder.\n\n"
        f"```\n{commands}\n```\n"
    )


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


if __name__ == "__main__":
    main()
