"""What is to be written is asked before the work, and said where something stood there before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli_runs import refused, run, run_process, write_model
from small_models import TEXTS, make_contents


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_model(tmp_path / "m.satchel")
    labels = make_contents().manifest.labels
    rows = [{"text": text, "label": labels[n % 4]} for n, text in enumerate(TEXTS)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Nothing that these calls read is there: whatever they say of the output was asked before.
WRITING = {
    "train": ("train", "none.jsonl", "-o"),
    "predict": ("predict", "none.satchel", "none.jsonl", "--out"),
    "compress": ("compress", "none.satchel", "--max-size", "9kB", "-o"),
    "export": ("export", "none.satchel", "--to", "onnx", "-o"),
    "import": ("import-tutorial", "--tokenizer", "a", "--model", "b", "--labels", "c", "-o"),
}
FOLDERS = {
    "train": ("train", "none.jsonl", "-o", "new", "--report"),
    "evaluate": ("evaluate", "none.satchel", "none.jsonl", "--report"),
    "demo": ("demo", "--folder"),
}
END = {"predict": ".csv", "export": ".onnx"}


@pytest.mark.parametrize("where", ["none/x", "file/x", "folder"])
@pytest.mark.parametrize("verb", WRITING)
def test_a_file_that_cannot_be_written_is_known_before_the_work(
    verb: str, where: str, place: Path
) -> None:
    path = where + END.get(verb, "")
    if where == "folder":
        (place / path).mkdir(exist_ok=True)
    said = refused(*WRITING[verb], path)
    assert path.split("/")[0] in said
    assert "folder" in said or "directory" in said


@pytest.mark.parametrize("where", ["file", "file/x"])
@pytest.mark.parametrize("verb", FOLDERS)
def test_a_folder_that_cannot_be_written_is_known_before_the_work(
    verb: str, where: str, place: Path
) -> None:
    said = refused(*FOLDERS[verb], where)
    assert "it is a file; name a folder" in said or "'file' is a file" in said
    assert sorted(os.listdir(place)) == ["file", "folder", "m.satchel", "t.jsonl"]


READ_ONLY = """
import ctypes, os, sys
from satchel.cli import main
if os.getuid() == 0:
    # Root gives up its privileges rather than its name: as another user it could not import what
    # lies in its home folder.
    version, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(version, nothing) == 0
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="root gives up its privileges as on Linux")
def test_a_folder_without_permission_is_known_before_the_work(place: Path) -> None:
    (place / "t.jsonl").chmod(0o444)
    place.chmod(0o555)
    for more in (("-o", "m"), ("-o", "/dev/null"), ("--report", "r")):
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, "train", "t.jsonl", *more],
            cwd=place,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2, done.stderr
        assert "no permission to write" in done.stderr or "device" in done.stderr
    place.chmod(0o755)


@pytest.mark.parametrize(
    "call",
    [
        ("train", "t.jsonl", "-o", "t.jsonl"),
        ("train", "*.jsonl", "-o", "t.jsonl"),
        ("check", "t*", "--rejects", "t.csv"),
        ("train", "t.jsonl", "--test", "file", "-o", "./file"),
        ("predict", "m.satchel", "t.csv", "--out", "t.csv"),
        ("predict", "m.csv", "file", "--out", "m.csv"),
        ("train", "a.zip/inside/train", "-o", "a.zip"),
        ("compress", "m.satchel", "--max-size", "9kB", "--test", "t.jsonl", "-o", "t.jsonl"),
    ],
)
def test_what_is_read_is_not_overwritten(call: tuple[str, ...], place: Path) -> None:
    (place / "t.csv").write_text("text\nthe car\n")
    write_model(place / "m.csv")
    (place / "a.zip").write_bytes(b"PK")
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    assert "expected an output that is not another file of this command" in refused(*call)
    assert before == {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}


def test_what_was_there_before_is_replaced_with_a_remark(place: Path) -> None:
    (place / "o.csv").write_text("old")
    answer = run("predict", "m.satchel", "t.jsonl", "--out", "o.csv")
    assert "o.csv exists and will be replaced" in answer.stderr
    assert (place / "o.csv").read_text().startswith("file,")
    assert "will be replaced" not in run("predict", "m.satchel", "file", "--out", "n.csv").stderr
    for remark in ("", "the report in r will be replaced"):
        answer = run("evaluate", "m.satchel", "t.jsonl", "--report", "r")
        assert answer.returncode == 0, answer.stderr
        assert ("will be replaced" in answer.stderr) == bool(remark)
        assert remark in answer.stderr


def test_compress_onto_its_input_knows_the_size_before(place: Path) -> None:
    before = (place / "m.satchel").stat().st_size
    answer = run("compress", "m.satchel", "--max-size", "9kB", "-o", "m.satchel", "--json")
    facts = json.loads(answer.stdout)
    assert facts["bytes_before"] == before
    assert facts["bytes_after"] == (place / "m.satchel").stat().st_size < before
    assert "m.satchel exists and will be replaced" in answer.stderr


def test_a_size_that_costs_much_is_warned_of(place: Path) -> None:
    texts = [" ".join(f"word{n} other{n * k}" for n in range(500)) for k in range(4)]
    write_model(place / "large", make_contents(texts=texts))
    answer = run("compress", "large", "--max-size", "4kB", "-o", "s", "--json")
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    assert facts["features_after"] < 0.1 * facts["features_before"]
    left = f"{facts['features_after']:,} of {facts['features_before']:,} features"
    assert f"warning: {left}" in answer.stderr
    assert "warning" not in run("compress", "large", "--max-size", "1MB", "-o", "s").stderr

    (place / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts * 9))
    told = json.loads(run("predict", "large", "texts.jsonl", "--json").stdout)
    rows = [{"text": t, "label": a["label"]} for t, a in zip(texts * 9, told, strict=True)]
    (place / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = run("compress", "large", "--max-size", "2.6kB", "-o", "s", "--test", "own.jsonl")
    assert "accuracy 1.0000 →" in measured.stdout
    assert "points of accuracy" in measured.stderr


# Labels of one kind and of the other.


def test_a_test_of_another_kind_than_the_model_is_refused(place: Path) -> None:
    write_model(place / "several", make_contents(task="multiple"))
    (place / "lists.jsonl").write_text('{"text": "the car", "labels": ["cars", "sport"]}\n')
    said = refused("evaluate", "m.satchel", "lists.jsonl")
    assert "expected one label for each document" in said
    assert "cars, sport" in said
    said = refused("evaluate", "several", "t.jsonl")
    assert "expected a list of labels" in said
    assert "'cars'" in said
    said = refused("train", "t.jsonl", "--test", "lists.jsonl", "-o", "new")
    assert "lists of labels" in said
    assert not (place / "new").exists()


# Hints.


def test_a_hint_says_what_works_before_a_release(place: Path) -> None:
    from satchel.errors import MissingDependencyError

    said = str(MissingDependencyError("onnx", "onnx", "exporting to ONNX"))
    assert "pip install 'satchel[onnx]'" in said
    assert "pip install '.[onnx]'" in said


def test_the_estimator_names_what_it_needs(place: Path) -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import satchel\n"
        "try:\n    satchel.TextClassifier\n"
        "except satchel.SatchelError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "scikit-learn, which is not installed" in done.stdout, done.stderr


@pytest.mark.parametrize("text", ["some text", "hello", "a long text " * 1_000, ""])
def test_a_text_in_place_of_a_file_is_told_the_way_in(text: str, place: Path) -> None:
    said = refused("predict", "m.satchel", text)
    assert "echo 'some text' | satchel predict MODEL" in said
    assert len(said) < 300
    assert "echo" not in refused("predict", "m.satchel", "folder/none.txt")


@pytest.mark.parametrize("flag", ["--version", "-h"])
def test_run_as_a_module_it_has_its_name(flag: str, place: Path) -> None:
    said = run_process(flag, folder=place).stdout
    assert "satchel" in said.splitlines()[0]
    assert "__main__" not in said
