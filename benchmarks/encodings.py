"""How many documents are read right that are not UTF-8, and whose encoding nobody has named?

    python -m benchmarks.encodings [--seed N] [--folders N]

Needs ``Django``, whose translations are the text: sentences that people wrote in fifty languages.
Placeholders in them become the number 12, and those that an encoding lacks a character for are left
out. They are put together to documents of 100 and 2,000 bytes, and these to folders of 5 and 200
files, all in one encoding or, below, nine in ten in the first and one in ten in the second. Every
document holds something beyond ASCII; how much, its language decides.

A document is read right if its text is the one that was written, to the character. Satchel reads
the folder as ``satchel train`` does. Beside it, on at most 40 files of each folder: charset-
normalizer, chardet and faust-cchardet, as far as they are installed, each asked about every file
alone, which is how they are used, and the file decoded by what they name.
"""

from __future__ import annotations

import argparse
import gettext
import importlib.util
import random
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure, report
from satchel.sources.reading import read_documents

SIZES = (100, 2_000)
COUNTS = (5, 200)
PEER_FILES = 40
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]*>")

WESTERN = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "fi", "is")
CENTRAL = ("pl", "cs", "sk", "hu", "sl", "hr", "ro")
ANY = ("de", "fr", "pl", "ru", "el", "ja", "zh_Hans", "ko", "ar")
# Encoding → languages; the files of a folder are of one language.
PURE = {
    "latin-1": WESTERN,
    "cp1252": WESTERN,
    "cp1251": ("ru", "uk", "bg", "sr", "mk"),
    "koi8-r": ("ru",),
    "koi8-u": ("uk",),
    "cp866": ("ru",),
    "shift_jis": ("ja",),
    "euc_jp": ("ja",),
    "gb18030": ("zh_Hans",),
    "gbk": ("zh_Hans",),
    "big5": ("zh_Hant",),
    "euc_kr": ("ko",),
    "cp1253": ("el",),
    "iso8859-7": ("el",),
    "iso8859-2": CENTRAL,
    "cp1250": CENTRAL,
    "cp1254": ("tr",),
    "cp1255": ("he",),
    "cp1256": ("ar",),
    "cp874": ("th",),
    "utf-16": ANY,
    "utf-16-le": ANY,
    "utf-16-be": ANY,
}
Source = tuple[str, str]
MIXED: tuple[tuple[Source, Source], ...] = (
    (("cp1252", "fr"), ("cp1251", "ru")),
    (("cp1252", "de"), ("shift_jis", "ja")),
    (("cp1251", "ru"), ("cp1252", "fr")),
    (("cp1251", "ru"), ("koi8-r", "ru")),
    (("gb18030", "zh_Hans"), ("cp1252", "de")),
    (("shift_jis", "ja"), ("euc_jp", "ja")),
    (("euc_kr", "ko"), ("latin-1", "fr")),
    (("utf-8", "de"), ("cp1251", "ru")),
    (("cp1252", "fr"), ("utf-16-le", "ru")),
)


def sentences(language: str) -> list[str]:
    """Return Django's translations into a language.

    Raises:
        SystemExit: Django is not installed.
    """
    found = importlib.util.find_spec("django")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("expected Django, whose translations are the text: pip install Django")
    texts = []
    root = Path(found.submodule_search_locations[0])
    for path in sorted(root.glob(f"**/locale/{language}/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalog: dict[Any, str] = vars(gettext.GNUTranslations(file))["_catalog"]
        texts += [text for key, text in catalog.items() if key and text]
    return sorted({_PLACEHOLDER.sub("12", text) for text in texts})


def documents(source: Source, count: int, size: int, seed: int) -> list[tuple[str, bytes]]:
    """Return texts and their bytes.

    Args:
        source: Encoding and language.
        count: How many.
        size: Their least number of bytes, which the last sentence of each goes beyond.
        seed: Seed of the choice of sentences.
    """
    encoding, language = source
    pool = []
    for text in sentences(language):
        try:
            pool.append((text, len(text.encode(encoding))))
        except UnicodeEncodeError:
            continue
    choice = random.Random(f"{source} {count} {size} {seed}")
    made: list[tuple[str, bytes]] = []
    while len(made) < count:
        lines, length = [], 0
        while length < size:
            line, bytes_ = choice.choice(pool)
            lines.append(line)
            length += bytes_
        text = "\n".join(lines)
        if not text.isascii():
            made.append((text, text.encode(encoding)))
    return made


def read_by_satchel(made: list[tuple[str, bytes]]) -> list[bool]:
    """Return which files of a folder Satchel reads right."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (_, content) in enumerate(made):
            (Path(folder) / f"{number:05}.txt").write_bytes(content)
        found = read_documents(folder, labelled=False)
    texts = dict(zip(found.names, found.texts, strict=True))
    return [texts.get(f"{number:05}.txt") == text for number, (text, _) in enumerate(made)]


def detectors() -> dict[str, Callable[[bytes], str | None]]:
    """Return the detectors that are installed; each names the encoding of a file's bytes."""
    found: dict[str, Callable[[bytes], str | None]] = {}
    if importlib.util.find_spec("charset_normalizer"):
        from charset_normalizer import from_bytes

        def by_normalizer(content: bytes) -> str | None:
            best = from_bytes(content).best()
            return None if best is None else best.encoding

        found["charset-normalizer"] = by_normalizer
    for name, module in (("chardet", "chardet"), ("faust-cchardet", "cchardet")):
        if importlib.util.find_spec(module):
            found[name] = _by_detect(importlib.import_module(module).detect)
        else:
            print(f"{name} is not installed: left out", file=sys.stderr)
    return found


def _by_detect(detect: Callable[[bytes], dict[str, Any]]) -> Callable[[bytes], str | None]:
    return lambda content: detect(content)["encoding"]


def _reads(content: bytes, text: str, encoding: str | None) -> bool:
    try:
        return content.decode(encoding or "utf-8").removeprefix("\ufeff") == text
    except (UnicodeDecodeError, LookupError):
        return False


@dataclass
class Score:
    """How many files were read right.

    Attributes:
        right: These.
        files: Of so many.
    """

    right: int = 0
    files: int = 0

    def add(self, outcomes: list[bool]) -> None:
        """Count files."""
        self.right += sum(outcomes)
        self.files += len(outcomes)

    @property
    def share(self) -> float:
        """The share that was read right."""
        return self.right / self.files

    def __str__(self) -> str:
        return f"{self.share:.1%}"


def score(folders: list[list[tuple[str, bytes]]]) -> dict[str, Score]:
    """Return how many files of some folders each program reads right."""
    scores = {"Satchel": Score()}
    asked = detectors()
    for made in folders:
        scores["Satchel"].add(read_by_satchel(made))
        few = made[:: max(1, len(made) // PEER_FILES)]
        for name, detect in asked.items():
            outcomes = [_reads(content, text, detect(content)) for text, content in few]
            scores.setdefault(name, Score()).add(outcomes)
    return scores


def mixed(first: Source, second: Source, count: int, size: int, seed: int) -> list[Any]:
    """Return the documents of a folder of two encodings, those of the second evenly among them."""
    few = max(1, count // 10)
    made = documents(first, count - few, size, seed)
    for number, each in enumerate(documents(second, few, size, seed)):
        made.insert(number * count // few, each)
    return made


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folders", type=int, default=4, help="folders of 5 files per language (of 200: one)"
    )
    report.add_results_argument(parser)
    options = parser.parse_args()
    about = measure.machine()
    about["packages"] |= {
        name: measure.version(name)
        for name in ("charset-normalizer", "chardet", "faust-cchardet", "Django")
    }
    found: list[dict[str, Any]] = []
    programs = ["Satchel", *detectors()]
    totals: dict[str, dict[str, Score]] = {"pure": {}, "mixed": {}}
    pages = {}
    for kind in totals:
        lines = []
        names = PURE if kind == "pure" else MIXED
        for case in names:
            for count in COUNTS:
                for size in SIZES:
                    seeds = range(
                        options.seed, options.seed + (options.folders if count == 5 else 1)
                    )
                    if isinstance(case, str):
                        title = case
                        folders = [
                            documents((case, language), count, size, seed)
                            for language in PURE[case]
                            for seed in seeds
                        ]
                    else:
                        title = " + ".join(f"{code} ({language})" for code, language in case)
                        folders = [mixed(*case, count, size, seed) for seed in seeds]
                    scores = score(folders)
                    for name, each in scores.items():
                        total = totals[kind].setdefault(name, Score())
                        total.right += each.right
                        total.files += each.files
                    row = [title, str(count), f"{size:,}", str(scores["Satchel"].files)]
                    lines.append([*row, *(str(scores[name]) for name in programs)])
                    found.append(
                        {
                            "kind": kind,
                            "encoding": title,
                            "files_per_folder": count,
                            "bytes_per_file": size,
                            **{name: vars(each) for name, each in scores.items()},
                        }
                    )
                    print(*lines[-1], flush=True, file=sys.stderr)
        all_of_it = ["all", "", "", str(totals[kind]["Satchel"].files)]
        lines.append([*all_of_it, *(f"**{totals[kind][name]}**" for name in programs)])
        header = ["encoding", "files in a folder", "bytes of a file", "files", *programs]
        pages[kind] = report.markdown(header, lines)
    page = (
        "Share of the files read right, to the character. Satchel reads a folder as a whole; the "
        f"others are asked about each file alone, at most {PEER_FILES} of a folder.\n\n"
        f"## One encoding in a folder\n\n{pages['pure']}\n"
        f"## Two encodings in a folder, nine to one\n\n{pages['mixed']}"
    )
    print(
        report.write(
            "encodings", "Encodings that nobody named", page, found, about, options.results
        )
    )


if __name__ == "__main__":
    main()
