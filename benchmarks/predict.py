"""How fast does a trained model predict: in bulk, one document at a time, and where does time go?

    python -m benchmarks.predict [--data DATA] [--models FOLDER] [--model FILE] [--rounds N]

Needs the ``dev`` extra and ``fasttext-wheel``. Trains Satchel (its defaults), a linear SVM pipeline
and fastText on 20 Newsgroups by date and predicts the test documents with each; ``--models`` keeps
the models for the next run and for ``benchmarks.startup``, and ``--model`` puts a file of yours
there. Nothing else should run on the machine: its load is kept with the results.

- *Bulk*: from a list of strings to a list of labels, all programs in one process, in interleaved
  rounds; prints documents and megabytes per second, and the ratio to Satchel within each round.
- *One document*: each program in a process of its own; prints median and 99th percentile. Satchel
  runs by its plain path (an error if Numba was loaded) and after ``warm_up()``, as a server does.
- *Stages*: the fused kernel is one call, so its stages are the differences between calls that are
  given less to do. A vocabulary of one feature leaves the reading of the text, rows of width 1
  leave that and the look-up, and the model's own rows add the gathering. Beside them stands what
  the memory would allow, by a plain copy.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import data, measure, peers, report

if TYPE_CHECKING:
    from satchel.features.embedding_bag import View

ABOUT_2_KB = (1_500, 2_500)
WARM_UP = 200
COPIED = 1 << 28  # bytes, well beyond any cache
FILES = (peers.SATCHEL_FILE, peers.SVM_FILE, peers.FAST_TEXT_FILE)
ONE_AT_A_TIME = {
    "satchel-plain": ("Satchel, plain path (Numba not loaded)", peers.SATCHEL_FILE),
    "satchel-kernels": ("Satchel, kernels (after `warm_up()`)", peers.SATCHEL_FILE),
    "svm": ("tf-idf + linear SVM (scikit-learn)", peers.SVM_FILE),
    "fasttext": ("fastText", peers.FAST_TEXT_FILE),
}
STAGES = {
    "packing": "texts to one array of UTF-8",
    "reading": "lower, split, hash, count (fused kernel)",
    "looking up": "find each feature in the vocabulary, weigh (fused kernel)",
    "gathering": "add up the rows of the features (fused kernel)",
    "head": "biases, layers, softmax, labels (NumPy)",
}


def bulk(
    programs: list[peers.Program], texts: list[str], labels: list[str], rounds: int
) -> list[dict[str, Any]]:
    """Time text → labels for all test documents, program by program, in interleaved rounds.

    Args:
        programs: What to time; the ratios are to the first.
        texts: The test documents.
        labels: Their labels.
        rounds: How often.

    Returns:
        One row per program.
    """

    def predict(program: peers.Program) -> Callable[[], list[str]]:
        return lambda: program.many(texts)

    timed = measure.interleaved({each.name: predict(each) for each in programs}, rounds)
    size = sum(len(text.encode()) for text in texts)
    first = timed[programs[0].name]
    rows = []
    for each in programs:
        done = timed[each.name]
        right = [found == label for found, label in zip(done.answer, labels, strict=True)]
        rows.append(
            {
                "name": each.name,
                "threads": each.threads,
                "first_call_seconds": done.first,
                "seconds": done.seconds,
                "documents": len(texts),
                "documents_per_second": len(texts) / statistics.median(done.seconds),
                "mb_per_second": size / statistics.median(done.seconds) / 1e6,
                "satchel_is_faster_by": [
                    theirs / ours for theirs, ours in zip(done.seconds, first.seconds, strict=True)
                ],
                "accuracy": sum(right) / len(right),
            }
        )
    return rows


def one_at_a_time(kind: str, source: str, models: str, documents: int | None) -> dict[str, Any]:
    """Predict every test document by itself and return how long it took.

    Args:
        kind: A key of `ONE_AT_A_TIME`.
        source: See `data.newsgroups`.
        models: The folder of the models.
        documents: How many test documents; None for all.
    """
    path = Path(models, ONE_AT_A_TIME[kind][1])
    if kind == "svm":
        program = peers.load_svm(path)
    elif kind == "fasttext":
        program = peers.load_fast_text(path)
    else:
        program = peers.load_satchel(path, threads=1, warm=kind == "satchel-kernels")
    texts, labels = _test_part(Path(source), documents)
    for text in texts[:WARM_UP]:
        program.one(text)
    seconds = np.empty(len(texts))
    predictions = []
    for number, text in enumerate(texts):
        started = time.perf_counter()
        prediction = program.one(text)
        seconds[number] = time.perf_counter() - started
        predictions.append(prediction)
    if kind == "satchel-plain" and "numba" in sys.modules:
        raise RuntimeError("the plain path was to be measured, but Numba was loaded")
    sizes = np.array([len(text.encode()) for text in texts])
    about_2_kb = (sizes >= ABOUT_2_KB[0]) & (sizes <= ABOUT_2_KB[1])
    right = [found == label for found, label in zip(predictions, labels, strict=True)]
    return {
        "about_2_kb": _facts(seconds[about_2_kb], sizes[about_2_kb]),
        "all": _facts(seconds, sizes),
        "accuracy": float(np.mean(right)),
    }


def _test_part(source: Path, documents: int | None) -> data.Documents:
    texts, labels = data.newsgroups(source, "test")
    # Evenly over the classes, which the documents are sorted by.
    step = 1 if documents is None else max(1, len(texts) // documents)
    return texts[::step][:documents], labels[::step][:documents]


def _facts(seconds: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    return {
        "documents": len(seconds),
        "mean_bytes": float(sizes.mean()),
        "median_us": float(np.median(seconds) * 1e6),
        "p99_us": float(np.quantile(seconds, 0.99) * 1e6),
    }


def stages(path: Path, texts: list[str], rounds: int) -> dict[str, Any]:
    """Measure the stages of ``predict`` on many documents, on one thread.

    Args:
        path: The model file.
        texts: The documents.
        rounds: How often.
    """
    from satchel import load
    from satchel.features.batches import chunks, pack
    from satchel.features.embedding_bag import TextEncoder

    loaded = load(path)
    predictor = loaded.predictor
    views = loaded.ensemble.views
    full = TextEncoder(views)
    narrow = TextEncoder([_cut(view, view.size) for view in views])
    single = TextEncoder([_cut(view, 1) for view in views])
    sums, counts = full.read_fused(texts, threads=1)

    def packing() -> None:
        for chunk in chunks(texts, views[0].vocabulary.features):
            pack(chunk.texts, chunk.first)

    def head() -> np.ndarray:
        logits = predictor.logits_of_sums(sums)
        labels: np.ndarray = loaded.classes_[loaded.ensemble.probabilities(logits).argmax(axis=1)]
        return labels

    timed = measure.interleaved(
        {
            "packing": packing,
            "reading": lambda: single.read_fused(texts, threads=1),
            "looking up": lambda: narrow.read_fused(texts, threads=1),
            "gathering": lambda: full.read_fused(texts, threads=1),
            "head": head,
            "predict": lambda: loaded.predict(texts, threads=1),
        },
        rounds,
    )
    seconds = {name: np.array(done.seconds) for name, done in timed.items()}
    for later, earlier in (
        ("gathering", "looking up"),
        ("looking up", "reading"),
        ("reading", "packing"),
    ):
        seconds[later] = seconds[later] - seconds[earlier]
    known = counts.sum(axis=0, dtype=np.int64).tolist()
    return {
        "us_per_document": {
            name: statistics.median(values.tolist()) / len(texts) * 1e6
            for name, values in seconds.items()
        },
        "known_features_per_document": sum(known) / len(texts),
        "bytes_per_document": sum(len(text.encode()) for text in texts) / len(texts),
        "gathered_bytes_per_document": sum(
            count * view.width * view.rows.itemsize
            for count, view in zip(known, views, strict=True)
        )
        / len(texts),
        "vocabulary_mb": sum(
            v.vocabulary.hashes.nbytes + v.vocabulary.weights.nbytes for v in views
        )
        / 1e6,
        "matrix_mb": sum(view.rows.nbytes for view in views) / 1e6,
        "copy_gb_per_s": copy_bandwidth(rounds),
    }


def _cut(view: View, size: int) -> View:
    """A view with its first features alone, and rows of one number."""
    from satchel.features.embedding_bag import View

    return View(
        view.vocabulary.take(np.arange(size)),
        view.rows[:size, :1].copy(),
        None if view.scales is None else view.scales[:1],
    )


def copy_bandwidth(rounds: int) -> float:
    """Return what one thread copies, in 10^9 bytes per second, read and written bytes added up."""
    source = np.ones(COPIED, np.uint8)
    target = np.zeros_like(source)
    timed = measure.interleaved({"copy": lambda: np.copyto(target, source)}, max(rounds, 5))
    return 2 * COPIED / statistics.median(timed["copy"].seconds) / 1e9


def main() -> None:
    """Train what is missing, measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data.add_data_argument(parser)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--model", type=Path, help="a model file in place of a trained Satchel")
    parser.add_argument("--rounds", type=int, default=7, help="bulk rounds, at least 5")
    parser.add_argument("--latency-rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--documents", type=int, help="how many test documents, to try it (default: all)"
    )
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error(f"--rounds is {arguments.rounds}: expected at least 5")
    # Child processes keep to these cores too, so that "threads" means the same for everyone.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    about = measure.machine()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = arguments.models or Path(scratch)
        if arguments.model:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(arguments.model, folder / peers.SATCHEL_FILE)
        files = peers.ensure_models(folder, FILES, arguments.data)
        texts, labels = _test_part(arguments.data, arguments.documents)
        programs = [peers.load_satchel(folder / peers.SATCHEL_FILE, arguments.threads)]
        if peers.SVM_FILE in files:
            programs.append(peers.load_svm(folder / peers.SVM_FILE))
        if peers.FAST_TEXT_FILE in files:
            programs.append(peers.load_fast_text(folder / peers.FAST_TEXT_FILE))
        alone = peers.load_satchel(folder / peers.SATCHEL_FILE, 1)
        programs.append(replace(alone, name="Satchel, 1 thread"))
        latency: dict[str, list[dict[str, Any]]] = {
            kind: [] for kind, (_, file) in ONE_AT_A_TIME.items() if file in files
        }
        files_mb = {name: (folder / name).stat().st_size / 1e6 for name in files}
        rows = bulk(programs, texts, labels, arguments.rounds)
        for _ in range(arguments.latency_rounds):
            for kind, done in latency.items():
                run = measure.call(one_at_a_time, kind, arguments.data, folder, arguments.documents)
                done.append(run.answer)
        spent = stages(folder / peers.SATCHEL_FILE, texts, arguments.rounds)
    found = {"files_mb": files_mb, "bulk": rows, "latency": latency, "stages": spent}
    page = _bulk(rows) + _latency(latency) + _stages(spent, rows)
    page += peers.left_out(FILES, files)
    title = "Text to labels, 20 Newsgroups by date"
    print(report.write("predict", title, page, found, about, arguments.results))


def _bulk(rows: list[dict[str, Any]]) -> str:
    header = ["program", "threads", "documents/s", "MB/s", "Satchel is faster by", "accuracy"]
    lines = [
        [
            row["name"],
            str(row["threads"]),
            f"{row['documents_per_second']:,.0f}",
            f"{row['mb_per_second']:.1f}",
            report.ratios(row["satchel_is_faster_by"]),
            f"{row['accuracy']:.4f}",
        ]
        for row in rows
    ]
    return (
        f"## All {rows[0]['documents']:,} test documents at once\n\n"
        + report.markdown(header, lines)
        + f"\nMedians of {len(rows[0]['seconds'])} interleaved rounds in one process, after one "
        "that does not count; the ratio is taken round by round (least to most in brackets).\n\n"
    )


def _latency(runs: dict[str, list[dict[str, Any]]]) -> str:
    header = ["program", "median", "99 %", "median, all", "99 %, all", "accuracy"]
    lines = []
    for kind, done in runs.items():
        cells = [
            f"{statistics.median(run[part][name] for run in done):,.0f} µs"
            for part in ("about_2_kb", "all")
            for name in ("median_us", "p99_us")
        ]
        lines.append([ONE_AT_A_TIME[kind][0], *cells, f"{done[0]['accuracy']:.4f}"])
    rounds = len(next(iter(runs.values())))
    some = next(iter(runs.values()))[0]
    return (
        "## One document at a time\n\n"
        + report.markdown(header, lines)
        + f"\nThe first two columns: {some['about_2_kb']['documents']:,} documents of about 2 kB "
        f"(mean {some['about_2_kb']['mean_bytes']:,.0f} bytes); then all "
        f"{some['all']['documents']:,} (mean {some['all']['mean_bytes']:,.0f}). "
        f"One thread, a new process each, {rounds} interleaved rounds of processes, the median "
        "of their figures.\n\n"
    )


def _stages(found: dict[str, Any], bulk_rows: list[dict[str, Any]]) -> str:
    spent = found["us_per_document"]
    whole = spent["predict"]
    lines = [
        [name, meaning, f"{spent[name]:.1f} µs", f"{spent[name] / whole:.0%}"]
        for name, meaning in STAGES.items()
    ]
    rest = whole - sum(spent[name] for name in STAGES)
    lines += [
        ["rest", "what the differences do not explain", f"{rest:.1f} µs", f"{rest / whole:.0%}"],
        ["predict", "all of it", f"{whole:.1f} µs", "100%"],
    ]
    gathered, copied = found["gathered_bytes_per_document"], found["copy_gb_per_s"]
    bound = gathered / copied / 1e3
    achieved = gathered / spent["gathering"] / 1e3
    text_rate = found["bytes_per_document"] / spent["reading"]
    each = spent["looking up"] * 1e3 / found["known_features_per_document"]
    speedup = bulk_rows[0]["documents_per_second"] / bulk_rows[-1]["documents_per_second"]
    return (
        "## Where Satchel's time goes: one thread, per document\n\n"
        + report.markdown(["stage", "what", "time", "share"], lines)
        + "\n"
        f"- Gathering reads {gathered / 1e3:,.0f} kB of rows per document "
        f"({found['known_features_per_document']:,.0f} known features) from a matrix of "
        f"{found['matrix_mb']:,.0f} MB: {achieved:.1f} GB/s. One thread's plain copy moves "
        f"{copied:.1f} GB/s (read and written), so that the memory's bound is {bound:.1f} µs per "
        f"document, {bound / spent['gathering']:.0%} of what gathering takes; more than 100 % "
        "means that the rows of common words stay in the caches.\n"
        f"- Reading goes through {text_rate:,.0f} MB of text a second, and that copy through "
        f"{copied * 500:,.0f}: its limit is instructions, not memory.\n"
        f"- Looking up takes {each:,.0f} ns per known feature, at random places of hashes and "
        f"weights that are {found['vocabulary_mb']:,.1f} MB large.\n"
        f"- {bulk_rows[0]['threads']} threads are {speedup:.2f} × as fast as one.\n"
    )


if __name__ == "__main__":
    main()
