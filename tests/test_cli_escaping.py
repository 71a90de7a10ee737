"""Nothing from outside steers a terminal, forges a row or runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cli_runs import refused, run, run_process, write_model
from hostile.building import with_manifest
from satchel.inference.structure import Score, Trial
from satchel.sealed.assembly import Contents
from small_models import TEXTS, make_contents

EVIL = "\x1b]52;c;ZXZpbA==\x07\x9b31m\u202etxt\x00\r\nforged\tsport\t1.0000\n\u2028x\x85y\ud800"
"""Writes to the clipboard, colours, turns text around, and adds rows of its own."""

LABELS = tuple(f"{number}{EVIL}".replace("\ud800", "") for number in range(4))


def evil_parts(task: str = "single") -> Contents:
    """A model that says something evil wherever a model can say something."""
    evil = EVIL.replace("\ud800", "")
    parts = make_contents(task=task)
    training = msgspec.structs.replace(
        parts.manifest.training,
        backend=evil,
        effort=evil,
        settings={evil: evil},
        versions={evil: evil},
        trials=(Trial(name=evil, metric=evil, value=1.0, chosen=True),),
    )
    manifest = msgspec.structs.replace(
        parts.manifest,
        labels=LABELS,
        training=training,
        scores=(Score(name=evil, part=evil, value=1.0),),
    )
    return replace(parts, manifest=manifest, card=f"# card\n{evil}\n")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("evil") / "m.satchel", evil_parts())


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("evil") / "m.satchel", evil_parts("multiple"))


def assert_harmless(said: str) -> None:
    acting = [
        character
        for character in said.replace("\n", "")
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != "\t"
    ]
    assert not acting
    assert not any(line.startswith("forged") for line in said.splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents whose names are evil as far as the file system lets them."""
    name = EVIL.replace("\x00", "").replace("\ud800", "").encode() + b"\xff"
    (tmp_path / "docs").mkdir()
    for number, text in enumerate(TEXTS):
        with open(os.fsencode(tmp_path / "docs") + b"/%d" % number + name, "w") as file:
            file.write(EVIL[:-1].replace("\x00", "") + text)
    return tmp_path / "docs"


@pytest.mark.parametrize("more", [(), ("--top", "3"), ("--explain",), ("--json",)])
@pytest.mark.parametrize("kind", ["model", "several"])
def test_predictions_are_harmless(
    kind: str, more: tuple[str, ...], folder: Path, request: pytest.FixtureRequest
) -> None:
    answer = run("predict", request.getfixturevalue(kind), folder, *more)
    assert answer.returncode == 0, answer.stderr
    assert_harmless(answer.stdout)
    assert_harmless(answer.stderr)
    if more in ((), ("--top", "3")):
        assert len(answer.stdout.splitlines()) == len(TEXTS)
    if more == ("--json",):
        assert {each["label"] for each in json.loads(answer.stdout)} <= {*LABELS, None}


def test_files_named_one_by_one_are_harmless_too(model: Path, folder: Path) -> None:
    names = sorted(os.listdir(os.fsencode(folder)))
    paths = [os.fsdecode(os.fsencode(folder) + b"/" + name) for name in names]
    answer = run("predict", model, *paths)
    assert_harmless(answer.stdout)
    assert len(set(answer.stdout.splitlines())) == len(TEXTS)


@pytest.mark.parametrize("verb", ["inspect", "compress"])
def test_what_a_model_says_of_itself_is_harmless(verb: str, model: Path, tmp_path: Path) -> None:
    more = ("--max-size", "9kB", "-o", tmp_path / EVIL[:9]) if verb == "compress" else ()
    answer = run(verb, model, *more)
    assert answer.returncode == 0, answer.stderr
    assert_harmless(answer.stdout)
    assert_harmless(answer.stderr)
    if verb == "inspect":
        assert_harmless(run(verb, model, "--json").stdout)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_evaluation_is_harmless(more: tuple[str, ...], model: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    # Control characters in a label of a table are refused; what else acts is not.
    visible = [
        "".join(each for each in label if unicodedata.category(each) != "Cc") for label in LABELS
    ]
    for labels, status in ((visible, 0), (LABELS, 2)):
        rows = [{"text": text, "label": labels[n % 4]} for n, text in enumerate(TEXTS)]
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        answer = run("evaluate", model, table, *more)
        assert answer.returncode == status, answer.stderr
        assert_harmless(answer.stdout)
        assert_harmless(answer.stderr)


def test_refusals_are_harmless_and_one_line(tmp_path: Path) -> None:
    name = EVIL.replace("\x00", "")[:-1]
    (tmp_path / "is\x1b[31mfolder").mkdir()
    raw = (tmp_path / "unknown.satchel").absolute()
    # The name of a field becomes an escape sequence, which is what the refusal quotes.
    raw.write_bytes(
        with_manifest(make_contents(), lambda data: data.replace(b'"labels"', rb'"\u001b[31m"', 1))
    )
    assert "\\x1b[31m" in refused("inspect", raw)
    calls = [
        ("predict", name),
        ("predict", name, name),
        ("inspect", f"{tmp_path}/is\x1b[31mfolder"),
        ("inspect", raw),
        ("evaluate", f"--{name}"),
        ("train", name, "-o", f"{tmp_path}/{name}/m"),
        (name,),
    ]
    for call in calls:
        answer = run(*call)
        assert answer.returncode == 2, call
        assert_harmless(answer.stderr)
        assert len(answer.stderr.splitlines()) == 1, answer.stderr


def test_a_tsv_file_has_one_line_a_document(several: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.tsv"
    run("predict", several, folder, "--out", out, "--top", 2)
    text = out.read_bytes().decode()
    assert_harmless(text)
    assert len(text.splitlines()) == len(TEXTS) + 1


FORMULAS = ["=1+1", " =a", "\n=b", "@c", "+d", "-e", "\tf", "\rg", "＝h", "－i"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_spreadsheet_runs_nothing(suffix: str, tmp_path: Path) -> None:
    parts = make_contents()
    manifest = msgspec.structs.replace(parts.manifest, labels=tuple(FORMULAS[:4]))
    write_model(tmp_path / "m", replace(parts, manifest=manifest))
    table = tmp_path / "t.jsonl"
    rows = [{"text": TEXTS[0], "id": each, each: each, "n": -1} for each in FORMULAS]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / f"o{suffix}"
    answer = run("predict", tmp_path / "m", table, "--keep", "all", "--top", 4, "--out", out)
    assert answer.returncode == 0, answer.stderr
    delimiter = "," if suffix == ".csv" else "\t"
    text = out.read_bytes().decode()
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert len(found) == len(FORMULAS) + 1
    for cell in (cell for row in found for cell in row if cell != "-1"):
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
        assert not cell.startswith(("\t", "\r"))
    assert [row[found[0].index("n")] for row in found[1:]] == ["-1"] * len(FORMULAS)


def test_an_explained_text_cannot_pass_for_a_row(tmp_path: Path) -> None:
    write_model(tmp_path / "m")
    text = "the old car\nforged\tsport\t1.0000\n" * 3
    answer = run_process("predict", tmp_path / "m", "-", "--explain", given=text)
    rows = [line for line in answer.stdout.splitlines() if line and not line.startswith("    ")]
    assert len(rows) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_terminal_gets_colours_from_us_alone(model: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "satchel", "predict", str(model), "-", "--explain"],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    assert done.stdin is not None
    done.stdin.write(f"the old car {EVIL[:-1]} of the car".replace("\x00", "").encode())
    done.stdin.close()
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(ours)
    assert done.wait() == 0
    shown = said.decode()
    assert "\x1b[1;" in shown  # the words that moved the answer
    for evil in ("\x1b]52", "\x9b", "\u202e", "\x00", "\x85"):
        assert evil not in shown
