"""How fast does text become counts, and how do time and memory grow?

    python -m benchmarks.bags compare [--small] [--rounds N] [--corpus NAME] [--task NAME]
    python -m benchmarks.bags growth [--sizes 1 4 16 64] [--features NAME]
    python -m benchmarks.bags single [--rounds N]
    python -m benchmarks.bags profile [--rounds N]

Needs the ``dev`` extra and ``tokenizers``; all take ``--data``.

- ``compare``: counting the training part and applying the vocabulary to the test part, beside
  scikit-learn, polars and Hugging Face's ``tokenizers``, on long posts, short comments and made
  Chinese, Thai and Arabic text. Each round runs every program once, in turn, in one process; prints
  the best and the median of the rounds. Whoever can uses two threads.
- ``growth``: 20 Newsgroups once, and then again with its letters exchanged anew for each copy, so
  that the vocabulary grows too; each size in a process of its own. Prints time and peak memory.
- ``single``: the plain path (NumPy alone) beside the loaded kernels, on the post nearest to 2 kB,
  with the words and pairs of the training part cut to 400,000 features; then how long a process
  takes to load the kernels, from no cache and from a warm one.
- ``profile``: the steps of a document run one more at a time over the packed training posts, on one
  thread; prints the differences, and below them what a plain copy of the bytes takes.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import string
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "2")
os.environ.setdefault("RAYON_NUM_THREADS", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import numpy as np

from benchmarks import data, measure, peers, report
from benchmarks.peers import Counting, Step
from satchel.features.counting import count
from satchel.features.embedding_bag import TextEncoder, View
from satchel.features.spec import Features, Weighting
from satchel.features.vocabulary import HashIndex, Vocabulary, transform
from satchel.features.weighting import inverse_document_frequency, weigh

THREADS = 2
KEY = 0x1234_5678_9ABC_DEF1
"""A hash key, as every model has one: without it the kernels do not serve."""
CONTRIBUTIONS = {
    "CountVectorizer": "counts, one thread (it has no more)",
    "TfidfVectorizer": "weighted rows, one thread (it has no more)",
    "polars": "a long table of (document, word, count) from the streaming engine",
    "tokenizers": "the ids of the words in order (WordLevel over `\\w+|[^\\w\\s]+`), no counts",
    "satchel": "counts by the same pattern as CountVectorizer, or weighted rows as TfidfVectorizer",
    "satchel, own rules": "counts by docs/tokens.md: numbers, addresses, scripts, emoji",
}
WORDS = Features(words=1, hash_key=KEY)
PAIRS = Features(words=2, hash_key=KEY)
GROWTH = {"words": WORDS, "words + pairs": PAIRS}


def _count_by_satchel(features: Features) -> Counting:
    def start(train: list[str], test: list[str]) -> tuple[Step, Step]:
        known: list[HashIndex] = []

        def learn() -> Any:
            counts, rows = count(train, features, threads=THREADS)
            known[:] = [HashIndex(counts.hashes)]
            return rows

        return learn, lambda: transform(test, features, known[0], threads=THREADS)

    return start


def _weigh_characters_by_satchel(train: list[str], test: list[str]) -> tuple[Step, Step]:
    features = Features(words=0, characters=(3, 5), hash_key=KEY)
    weighting = Weighting(term_frequency="count", norm="l2")
    known: list[tuple[HashIndex, np.ndarray]] = []

    def learn() -> Any:
        counts, rows = count(train, features, threads=THREADS)
        weights = inverse_document_frequency(counts.document_frequency, counts.documents)
        known[:] = [(HashIndex(counts.hashes), weights)]
        return weigh(rows, weights, weighting)

    def apply() -> Any:
        vocabulary, weights = known[0]
        return weigh(transform(test, features, vocabulary, threads=THREADS), weights, weighting)

    return learn, apply


TASKS: dict[str, dict[str, Counting]] = {
    "words": {
        "CountVectorizer": peers.count_by_scikit_learn(1),
        "polars": peers.count_by_polars,
        "tokenizers": peers.number_by_tokenizers,
        "satchel": _count_by_satchel(Features(rules="words", min_length=2, words=1, hash_key=KEY)),
        "satchel, own rules": _count_by_satchel(WORDS),
    },
    "words + pairs": {
        "CountVectorizer": peers.count_by_scikit_learn(2),
        "satchel": _count_by_satchel(Features(rules="words", min_length=2, words=2, hash_key=KEY)),
        "satchel, own rules": _count_by_satchel(PAIRS),
    },
    "characters 3-5": {
        "TfidfVectorizer": peers.weigh_characters_by_scikit_learn,
        "satchel": _weigh_characters_by_satchel,
    },
}
MODULES = {
    "CountVectorizer": "sklearn",
    "TfidfVectorizer": "sklearn",
    "polars": "polars",
    "tokenizers": "tokenizers",
}


def compare(arguments: argparse.Namespace) -> None:
    """Text to counts, beside the peers."""
    about = measure.machine()
    found: list[dict[str, Any]] = []
    installed = peers.present(CONTRIBUTIONS, MODULES)
    # Loads the kernels, compiling them where that has not happened yet.
    count(["warm up " * 400_000], WORDS)
    rounds, documents = (1, 300) if arguments.small else (arguments.rounds, None)
    for corpus in data.CORPORA if arguments.corpus == "all" else [arguments.corpus]:
        train, test = (
            data.CORPORA[corpus](arguments.data, part)[:documents] for part in ("train", "test")
        )
        for task in TASKS if arguments.task == "all" else [arguments.task]:
            programs = {name: each for name, each in TASKS[task].items() if name in installed}
            found += _compare(corpus, task, programs, train, test, rounds)
            print(f"{corpus}, {task}: done", file=sys.stderr, flush=True)
    gives = "".join(f"- {name}: {what}.\n" for name, what in CONTRIBUTIONS.items())
    page = _compare_table(found) + "\nWhat each gives:\n" + gives
    page += peers.left_out(CONTRIBUTIONS, installed)
    name = "bags-compare-small" if arguments.small else "bags-compare"
    print(report.write(name, "Text to counts", page, found, about, arguments.results))


def _compare(
    corpus: str,
    task: str,
    programs: dict[str, Counting],
    train: list[str],
    test: list[str],
    rounds: int,
) -> list[dict[str, Any]]:
    megabytes = sum(len(text.encode()) for text in train) / 1e6
    steps = {name: start(train, test) for name, start in programs.items()}
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, (learn, apply) in steps.items():
            times[name].append((*_spent(learn), *_spent(apply)))
    rows = []
    for name, spent in times.items():
        learn_wall, learn_processor, apply_wall, apply_processor = zip(*spent, strict=True)
        rows.append(
            {
                "corpus": corpus,
                "task": task,
                "contender": name,
                "documents": len(train),
                "megabytes": megabytes,
                "learn": min(learn_wall),
                "learn_median": median(learn_wall),
                "learn_processor": min(learn_processor),
                "apply": min(apply_wall),
                "apply_processor": min(apply_processor),
            }
        )
    return rows


def _spent(step: Step) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = step()
    spent = time.perf_counter() - wall, time.process_time() - cpu
    del answer
    return spent


def _compare_table(found: list[dict[str, Any]]) -> str:
    """The figures in Markdown; × = how many times the first program of the task is slower."""
    header = ["corpus", "task", "program", "learn, s (median)", "MB/s", "×", "processor s"]
    lines = []
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        base = first.setdefault((row["corpus"], row["task"]), row)
        lines.append(
            [
                row["corpus"],
                row["task"],
                row["contender"],
                f"{row['learn']:.3f} ({row['learn_median']:.3f})",
                f"{row['megabytes'] / row['learn']:.0f}",
                f"{base['learn'] / row['learn']:.1f}",
                f"{row['learn_processor']:.2f}",
                f"{row['apply']:.3f}",
                f"{base['apply'] / row['apply']:.1f}",
            ]
        )
    return report.markdown([*header, "apply, s", "×"], lines)


def growth(arguments: argparse.Namespace) -> None:
    """Time and peak memory as the corpus grows."""
    about = measure.machine()
    found = []
    for size in arguments.sizes:
        found.append(measure.call(grown, size, arguments.features, arguments.data).answer)
        print(found[-1], file=sys.stderr, flush=True)
    header = ["size", "MB of text", "vocabulary", "seconds", "MB/s", "MB before", "MB at peak"]
    lines = []
    for row in found:
        more = row["memory_peak_mb"] - row["memory_before_mb"]
        lines.append(
            [
                f"{row['size']}×",
                f"{row['megabytes']:.0f}",
                f"{row['vocabulary']:,}",
                f"{row['seconds']:.2f}",
                f"{row['megabytes'] / row['seconds']:.0f}",
                f"{row['memory_before_mb']:.0f}",
                f"{row['memory_peak_mb']:.0f}",
                f"{more * 1048576 / row['vocabulary']:.0f}",
            ]
        )
    page = report.markdown([*header, "bytes per feature"], lines)
    name = f"bags-growth-{arguments.features.replace(' + ', '-')}"
    title = f"Growth: {arguments.features}, with rows"
    print(report.write(name, title, page, found, about, arguments.results))


def grown(size: int, features: str, source: str) -> dict[str, float]:
    """Count so many copies of the corpus in this process."""
    texts = data.newsgroups(Path(source), "train")[0]
    count(["warm up " * 400_000], GROWTH[features])
    documents = list(_copies(texts, size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    counts, _ = count(documents, GROWTH[features])
    seconds = time.perf_counter() - started
    return {
        "size": size,
        "megabytes": size * sum(map(len, texts)) / 1e6,
        "vocabulary": len(counts),
        "seconds": seconds,
        "memory_before_mb": before / 1024,
        "memory_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _copies(texts: list[str], number: int) -> Iterator[str]:
    """The corpus so many times, each time with other letters."""
    for seed in range(number):
        letters = "".join(np.random.default_rng(seed).permutation([*string.ascii_lowercase]))
        exchange = str.maketrans(string.ascii_letters, letters + letters.upper())
        for text in texts:
            yield text.translate(exchange) if seed else text


START = """
import time
start = time.perf_counter()
{step}
import satchel.features.kernels.unicode_tables as tables
tables.tables("satchel")
print(time.perf_counter() - start, time.process_time())
"""
STARTS = {
    "prediction": "import satchel.features.kernels.transform as s; s.sum_chunk('float32')",
    "counting": "import satchel.features.kernels.counting",
}


def single(arguments: argparse.Namespace) -> None:
    """One document at a time, and the cost of a start."""
    about = measure.machine()
    posts = data.newsgroups(arguments.data, "train")[0]
    post = min(data.newsgroups(arguments.data, "test")[0], key=lambda text: abs(len(text) - 2000))
    counts, _ = count(posts, PAIRS)
    kept = np.sort(np.argsort(-counts.document_frequency, kind="stable")[:400_000])
    known = HashIndex(counts.hashes[kept])
    weights = np.ones(len(known), np.float32)
    matrix = np.random.default_rng(0).normal(size=(len(known), 128)).astype(np.float32)
    kinds = counts.kinds[kept]
    vocabulary = Vocabulary(PAIRS, Weighting(), known.hashes, kinds, weights)
    reader = TextEncoder([View(vocabulary, matrix)])
    steps = {
        "lookup": lambda: transform([post], PAIRS, known, threads=1),
        "bag sums": lambda: reader.read([post], threads=1),
    }
    found: dict[str, object] = {"characters": len(post)}
    lines = []
    for path, allowed in (("kernels", True), ("plain", False)):
        for module in ("vocabulary", "embedding_bag"):
            vars(sys.modules[f"satchel.features.{module}"])["use_kernels"] = _always(allowed)
        for name, step in steps.items():
            timed = measure.interleaved({name: step}, arguments.rounds or 2000)[name]
            middle, high = (np.quantile(timed.seconds, [0.5, 0.95]) * 1e6).tolist()
            found[f"{name}, {path}"] = [middle, high]
            lines.append([name, path, f"{middle:.0f}", f"{high:.0f}"])
    starts = ""
    for purpose in STARTS:
        with measure.empty_cache() as cache:
            first = _start_seconds(purpose, cache)
            later = min(_start_seconds(purpose, cache) for _ in range(5))
        for when, (wall, cpu) in (("first", first), ("later", later)):
            found[f"{when} start, {purpose}"] = [wall, cpu]
            starts += f"- {when} start, {purpose}: {wall:.2f} s ({cpu:.2f} s of processor)\n"
    page = report.markdown(["what", "path", "median, µs", "95 %, µs"], lines) + "\n" + starts
    title = "One document, and the start"
    print(report.write("bags-single", title, page, found, about, arguments.results))


def _always(answer: bool) -> Callable[..., bool]:
    return lambda *_: answer


def _start_seconds(purpose: str, cache: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of a process that loads the kernels."""
    command = [sys.executable, "-c", START.format(step=STARTS[purpose])]
    done = measure.run(command, {**measure.import_path(), **cache})
    wall, cpu = map(float, done.output.split())
    return wall, cpu


def profile(arguments: argparse.Namespace) -> None:
    """Where the time of counting goes."""
    from satchel.features.batches import pack
    from satchel.features.kernels.text import settings_of
    from satchel.features.kernels.unicode_tables import tables

    about = measure.machine()
    texts = data.newsgroups(arguments.data, "train")[0]
    packed = pack(texts)
    size = len(packed.data)
    steps = _compile_steps()
    rounds = arguments.rounds or 7
    lines: list[list[str]] = []
    found: dict[str, Any] = {}
    for name, features in (
        (
            "scikit-learn's pattern, words",
            Features(rules="words", min_length=2, words=1, hash_key=KEY),
        ),
        ("own rules, words", WORDS),
        ("own rules, words + pairs", PAIRS),
        ("own rules, words + pairs + fields", Features(words=2, fields=True, hash_key=KEY)),
    ):
        settings = tables(features.rules), settings_of(features)
        times = [0.0]
        for step in (0, 1, 2):
            steps(packed.data[:1], packed.offsets[:1], *settings, step)
            run = partial(steps, packed.data, packed.offsets, *settings, step)
            times.append(_least(rounds, run))
        times.append(_least(rounds, partial(count, texts, features, threads=1)))
        parts = np.diff(times)
        found[name] = parts.tolist()
        lines.append([name, *(f"{part * 1e9 / size:.2f}" for part in [*parts, times[-1]])])
    copy = _least(rounds, packed.data.copy)
    found["copy"] = copy
    header = ["features", "lower and classify", "words and n-grams", "addresses, fields, merge"]
    page = "Nanoseconds of processor time per byte of text, one thread.\n\n" + report.markdown(
        [*header, "pack, table, merge, sort", "all"], lines
    )
    page += f"\nA plain copy of the bytes: {copy * 1e9 / size:.2f} ns per byte."
    title = "Where the time of counting goes"
    print(report.write("bags-profile", title, page, found, about, arguments.results))


def _least(rounds: int, step: Callable[[], Any]) -> float:
    """The least processor time of some rounds, in seconds."""
    spent = []
    for _ in range(rounds):
        started = time.process_time()
        step()
        spent.append(time.process_time() - started)
    return min(spent)


def _compile_steps() -> Any:
    """Return a kernel that runs the steps of each document up to a numbered one."""
    import numba

    from satchel.features.kernels.bag import document_bag, longest_document, make_scratch
    from satchel.features.kernels.text import lower_document
    from satchel.features.kernels.words import word_features

    @numba.njit(nogil=True, error_model="numpy")
    def steps(data, offsets, table, settings, step):  # type: ignore[no-untyped-def]
        scratch = make_scratch(longest_document(offsets), settings)
        text, found, _, chain = scratch
        total = 0
        for document in range(len(offsets) - 1):
            start, stop = offsets[document], offsets[document + 1]
            if step == 2:
                total += document_bag(data, start, stop, table, settings, scratch)
                continue
            size = lower_document(data, start, stop, table, text)
            total += size
            if step == 1:
                total += word_features(text, size, settings, chain, found)[0]
        return total

    return steps


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="QUESTION")
    for function in (compare, growth, single, profile):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        data.add_data_argument(command)
        report.add_results_argument(command)
        if function is compare:
            command.add_argument("--small", action="store_true", help="300 documents, one round")
            command.add_argument("--rounds", type=int, default=3)
            command.add_argument("--corpus", choices=[*data.CORPORA, "all"], default="all")
            command.add_argument("--task", choices=[*TASKS, "all"], default="all")
        elif function is growth:
            command.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 64])
            command.add_argument("--features", choices=GROWTH, default="words")
        else:
            command.add_argument("--rounds", type=int, help="default: 2000 of single, 7 of profile")
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
