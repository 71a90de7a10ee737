"""Every snippet of the README and of docs runs as it stands, and prints what the page says.

With ``SATCHEL_DATA`` they run on the data that they name; without it on made posts of its shape.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import numpy as np
import polars
import pytest

from corpora import COMMON

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# The README first: the snippets of the other pages use the model that its snippets train.
PAGES = [README, *sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - {README})]
BLOCKS = [
    (match["language"], textwrap.dedent(match["text"]))
    for page in PAGES
    for match in re.finditer(
        r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", page.read_text("utf-8"), re.M | re.S
    )
]
DATA = Path(os.environ.get("SATCHEL_DATA", "none"))
ARCHIVE = "20news-bydate.tar.gz"
REAL = (DATA / ARCHIVE).is_file()
GROUPS = [
    "alt.atheism",
    "comp.graphics",
    "comp.os.ms-windows.misc",
    "comp.sys.ibm.pc.hardware",
    "comp.sys.mac.hardware",
    "comp.windows.x",
    "misc.forsale",
    "rec.autos",
    "rec.motorcycles",
    "rec.sport.baseball",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.guns",
    "talk.politics.mideast",
    "talk.politics.misc",
    "talk.religion.misc",
]


def of_language(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def post(group: str, random: np.random.Generator) -> str:
    topic = "shuttle telescope orbit crew" if group == "sci.space" else group.replace(".", " ")
    words = [*random.choice(topic.split(), 6), *random.choice(COMMON, 14)]
    random.shuffle(words)
    text = " ".join(words)
    return f"From: {random.integers(99)}@x.org\nSubject: {' '.join(words[:3])}\n\n{text}\n"


def made_archive(path: Path) -> None:
    """Posts in the folders, and with the headers, of 20 Newsgroups by date."""
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:
        for part, count in (("train", 12), ("test", 4)):
            for group in GROUPS:
                for number in range(count):
                    data = post(group, random).encode()
                    member = tarfile.TarInfo(f"20news-bydate-{part}/{group}/{number}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    if REAL:
        shutil.copy(DATA / ARCHIVE, folder)
    else:
        made_archive(folder / ARCHIVE)
    rows = {"id": [*range(500)], "text": ["the shuttle"] * 500}
    polars.DataFrame(rows).write_parquet(folder / "big.parquet")
    polars.DataFrame(rows).write_csv(folder / "big.csv")
    with (folder / "big.csv").open("a") as file:
        file.write("500,a,cell,too,many\n")
    binaries = folder / "bin"
    binaries.mkdir()
    command = binaries / "satchel"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m satchel "$@"\n', "utf-8")
    command.chmod(0o755)
    return folder


def bare(place: Path) -> dict[str, str]:
    """The environment of somebody who has set no variable at all."""
    home = place / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        # Where this process finds the package, which need not be installed.
        "PYTHONPATH": os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p),
    }


def run(place: Path, command: str | list[str]) -> str:
    answer = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=place,
        env=bare(place),
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    assert "Traceback" not in answer.stderr
    return answer.stdout


def same(said: str, promised: str) -> bool:
    """Whether a line is as promised, but for figures that another machine may round otherwise."""

    def parts(line: str) -> tuple[str, list[float]]:
        numbers = [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", line)]
        return " ".join(re.sub(r"\d[\d,]*\.?\d*", "#", line).split()), numbers

    (words, figures), (wanted_words, wanted) = parts(said), parts(promised)
    if words != wanted_words:
        return False
    return all(abs(a - b) <= max(0.02 * abs(b), 3.0) for a, b in zip(figures, wanted, strict=True))


def test_there_are_snippets_of_both_kinds() -> None:
    assert len(of_language("console")) >= 1
    assert len(of_language("python")) >= 3
    assert sum(text.count("$ ") for text in of_language("console")) >= 4


def test_the_console_snippets(place: Path) -> None:
    for block in of_language("console"):
        for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, promised = step.partition("\n")
            if command.startswith("curl"):
                # The data is here already; the name that it is saved under must be this one.
                assert command.rsplit("/", 1)[1] == ARCHIVE
                continue
            said = run(place, command).splitlines()
            if not REAL:
                continue
            for line in promised.splitlines():
                if line.strip() not in ("", "…"):
                    assert any(same(each, line) for each in said), f"{line}\nnot in\n{said}"
    assert (place / "news.satchel").stat().st_size > 0
    assert (place / "report" / "report.html").stat().st_size > 0


def test_the_python_snippets_one_after_the_other(place: Path) -> None:
    program = "\n".join(of_language("python"))
    answers = re.findall(r"^(model\.predict\(.*\))  # (\[.*\])$", program, re.M)
    assert answers
    for asked, promised in answers:
        program += f"\nassert {asked}.tolist() == {promised}\n"
    program += "\nassert len(clf.history_[0]['val_loss']) == len(clf.history_[0]['loss']) > 0\n"
    # A home below a folder that others can write keeps no machine code, and says so.
    kept = "ignore:machine code is not kept"
    run(place, [sys.executable, "-W", "error::UserWarning", "-W", kept, "-c", program])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\((?![a-z]+:)([^)]+)\)", page.read_text("utf-8")):
        name, _, heading = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        if heading:
            lines = linked.read_text("utf-8").splitlines()
            headings = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
            slugs = [re.sub(r"[^\w\- ]", "", line).replace(" ", "-") for line in headings]
            assert heading in slugs, target
