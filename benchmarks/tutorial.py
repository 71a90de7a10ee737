"""Is Satchel faster, smaller and more accurate than the program of the 2018 tutorial?

    python -m benchmarks.tutorial 20news-bydate-train 20news-bydate-test [--repeats N] [--only NAME]

Needs the ``dev`` extra. Runs each program as a process of its own, from its start to its end,
reading included, and prints accuracy, wall time, processor time and peak memory of the process, and
the counts that show that each did the same work. Nothing else should run on the machine: the load
at the start of each process is kept.

- Dense Keras (``dense.py``): 15,000 columns by the rules of Keras's old ``Tokenizer``, its tf-idf
  in a dense float64 matrix, 512-512 with dropout 0.3, Adam, 30 epochs, batches of 100, the last
  10 % for validation.
- tf-idf + linear SVM: scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` and ``LinearSVC()``.
- Satchel by its command line, with its defaults and with ``--preset tutorial``. The first run
  starts with an empty Numba cache and shows what compiling costs.

*By date* trains on the whole train folder and is scored on the test folder. *Own split* is the
tutorial's: the first 80 % of a shuffle of the train folder train, the last 20 % score; near-copies
and replies to a post fall on both sides there, which flatters.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data, measure, report


def linear_svm(folder: str, test_folder: str | None, seed: int) -> dict[str, Any]:
    """Vectorise (words, sublinear tf-idf), train, score."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    train, test, reading = _read(folder, test_folder, seed)
    started = time.perf_counter()
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    x_train = vectorizer.fit_transform(train[0])
    vectorised = time.perf_counter()
    model = LinearSVC(random_state=seed).fit(x_train, train[1])
    fitted = time.perf_counter()
    predictions = model.predict(vectorizer.transform(test[0]))
    return {
        "accuracy": float(np.mean(predictions == np.array(test[1]))),
        "counts": {
            "vocabulary": len(vectorizer.vocabulary_),
            "answers": len(predictions),
            **_sizes(train, test),
        },
        "stages": {
            "reading": reading,
            "vectorising": vectorised - started,
            "fitting": fitted - vectorised,
            "scoring": time.perf_counter() - fitted,
        },
    }


def dense_keras(folder: str, test_folder: str | None, seed: int) -> dict[str, Any]:
    """Vectorise to a dense matrix, train 512-512, score."""
    import keras

    from benchmarks.dense import WORDS, OldTokenizer, train_dense

    train, test, reading = _read(folder, test_folder, seed)
    started = time.perf_counter()
    tokenizer = OldTokenizer(WORDS)
    tokenizer.fit_on_texts(train[0])
    x_train, x_test = tokenizer.tfidf_matrix(train[0]), tokenizer.tfidf_matrix(test[0])
    vectorised = time.perf_counter()
    classes = sorted(set(train[1]))
    model, history = train_dense(x_train, train[1], classes, seed, validation_split=0.1)
    fitted = time.perf_counter()
    places = model.predict(x_test, batch_size=100, verbose=0).argmax(axis=1)
    right = [classes[place] == label for place, label in zip(places, test[1], strict=True)]
    return {
        "accuracy": float(np.mean(right)),
        "counts": {
            "vocabulary": WORDS - 1,
            "epochs": len(history.epoch),
            "parameters": model.count_params(),
            "answers": len(places),
            **_sizes(train, test),
        },
        "stages": {
            "reading": reading,
            "vectorising": vectorised - started,
            "fitting": fitted - vectorised,
            "scoring": time.perf_counter() - fitted,
        },
        "backend": keras.backend.backend(),
    }


def _read(
    folder: str, test_folder: str | None, seed: int
) -> tuple[data.Documents, data.Documents, float]:
    """Return what trains, what scores, and the seconds that reading took: see the module."""
    started = time.perf_counter()
    texts, labels = data.shuffled(data.read_folder(Path(folder)), seed)
    if test_folder is None:
        cut = int(len(texts) * 0.8)
        train, test = (texts[:cut], labels[:cut]), (texts[cut:], labels[cut:])
    else:
        train, test = (texts, labels), data.read_folder(Path(test_folder))
    return train, test, time.perf_counter() - started


def _sizes(train: data.Documents, test: data.Documents) -> dict[str, int]:
    return {"train": len(train[0]), "test": len(test[0])}


@dataclass(frozen=True)
class Program:
    """One row of the table."""

    name: str
    scored: str
    command: tuple[str, ...]


def programs(train: Path, test: Path, scratch: Path, seed: int) -> list[Program]:
    """Return the programs in the order in which they run."""
    by_date = ("--test", str(test))

    def satchel(name: str, scored: str, file: str, *words: str) -> Program:
        train_command = (sys.executable, "-m", "satchel", "train", str(train))
        out = ("--seed", str(seed), "--json", "-o", str(scratch / f"{file}.satchel"))
        return Program(name, scored, (*train_command, *words, *out))

    tutorial = ("--preset", "tutorial")
    return [
        satchel("Satchel, first run (compiles)", "by date", "first", *by_date),
        satchel("Satchel", "by date", "default", *by_date),
        satchel("Satchel, tutorial preset", "by date", "tutorial", *by_date, *tutorial),
        satchel("Satchel, tutorial preset", "own split", "own", *tutorial),
        *(
            Program(name, scored, tuple(measure.calling(function, train, test_part, seed)))
            for name, function in (
                ("tf-idf + linear SVM", linear_svm),
                ("dense Keras", dense_keras),
            )
            for scored, test_part in (("by date", test), ("own split", None))
        ),
    ]


def scores(answer: dict[str, Any]) -> dict[str, Any]:
    """Return accuracy and what shows that the work is the same, from any program's answer."""
    if "test" in answer:  # Satchel's command line
        scored = answer["test"]
        counts = {"train": answer["documents"], "vocabulary": answer["features"]}
        return {"accuracy": scored["accuracy"], **counts, "answers": scored["n"]}
    return {"accuracy": answer["accuracy"], **answer["counts"]}


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1, help="runs of each; the median counts")
    parser.add_argument("--only", default="", help="only programs whose name has this in it")
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    about = measure.machine()
    text = "no program has that name"
    # With an empty cache the first run of Satchel shows what compiling costs.
    with tempfile.TemporaryDirectory() as scratch, measure.empty_cache() as cache:
        environment = {**measure.import_path(), **cache, "KERAS_BACKEND": "jax"}
        chosen = [
            program
            for program in programs(
                arguments.train.resolve(), arguments.test.resolve(), Path(scratch), arguments.seed
            )
            if arguments.only.lower() in program.name.lower()
        ]
        runs: dict[Program, list[measure.Run]] = {}
        for repeat in range(arguments.repeats):
            for program in chosen:
                if repeat and "first run" in program.name:
                    continue
                print(f"{program.name}, {program.scored} …", file=sys.stderr, flush=True)
                runs.setdefault(program, []).append(measure.run(program.command, environment))
                # Written each time: a later program that fails does not take away what is known.
                text = write(runs, about, arguments.results)
    print(text)


def write(runs: dict[Program, list[measure.Run]], about: dict[str, Any], results: Path) -> str:
    """Write what is known so far; return the page."""
    found = [
        {
            "name": program.name,
            "judged_on": program.scored,
            "scores": scores(done[0].answer),
            "runs": [run.facts() for run in done],
        }
        for program, done in runs.items()
    ]
    header = ["program", "scored", "accuracy", "wall time", "processor time", "peak memory"]
    header += ["vocabulary", "trained on", "predictions", "load before"]
    rows = []
    for program, done in runs.items():
        facts = scores(done[0].answer)
        rows.append(
            [
                program.name,
                program.scored,
                f"{facts['accuracy']:.4f}",
                f"{statistics.median(run.seconds for run in done):.1f} s",
                f"{statistics.median(run.processor_seconds for run in done):.1f} s",
                f"{max(run.peak_mb for run in done):,.0f} MB",
                *(f"{facts[name]:,}" for name in ("vocabulary", "train", "answers")),
                f"{max(run.load_before for run in done):.1f}",
            ]
        )
    commands = "\n".join(" ".join(measure.portable(program.command)) for program in runs)
    page = (
        report.markdown(header, rows)
        + f"\n{max(len(done) for done in runs.values())} run(s) of each, the median counts. By "
        "date: trained on the whole train folder, scored on the test folder. Own split: first 80 % "
        f"and last 20 % of a shuffle of the train folder.\n\n```\n{commands}\n```\n"
    )
    title = "The tutorial's program, a linear SVM and Satchel"
    return report.write("tutorial", title, page, found, about, results)


if __name__ == "__main__":
    main()
