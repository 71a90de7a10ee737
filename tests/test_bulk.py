"""Predictions in bulk: the same rows in every format, whatever the batches, kills and rejects."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars
import pytest

import satchel
from cli_runs import refused, run, write_model
from satchel.bulk.job import Request, describe, write_folder
from satchel.bulk.predictions import read_ahead
from satchel.bulk.writers import OutputFormat, Shape
from satchel.errors import InputError, TextError
from satchel.sources.collecting import BatchSize, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents
from satchel.sources.reading import stream_documents
from small_models import LINEAR, TEXTS, make_contents

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "arrow", "jsonl.zst", "csv.gz", "tsv.xz")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_model(tmp_path / "m.satchel")
    write_model(tmp_path / "several.satchel", make_contents((LINEAR,), task="multiple"))
    rows = [
        {"id": f"p{n}", "text": TEXTS[n % len(TEXTS)], "n": n, "when": f"2026-01-{n + 1:02}"}
        for n in range(30)
    ]
    polars.DataFrame(rows).write_parquet(tmp_path / "t.parquet", row_group_size=7)
    lines = [json.dumps(row) for row in rows]
    lines[3:3] = ["{", '{"id": "x"}']
    (tmp_path / "t.jsonl").write_text("".join(line + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read a file of predictions as text cells, whatever its format; what is empty is left out."""
    if path.name.endswith(".parquet"):
        found = polars.read_parquet(path).to_dicts()
    elif path.name.endswith(".arrow"):
        found = polars.read_ipc(path).to_dicts()
    elif path.name.endswith(".json"):
        found = json.loads(path.read_text())
    elif ".jsonl" in path.name:
        found = satchel.read(path, text="file", labelled=False).to_dicts()
        if not path.name.endswith(".zst"):
            found = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        found = satchel.read(path, text="file", labelled=False).to_dicts()
    return [
        {name: str(cell) for name, cell in row.items() if cell not in (None, "", [])}
        for row in found
    ]


@pytest.mark.parametrize("source", ["t.parquet", "t.jsonl"])
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_same_rows(source: str, format: str, place: Path) -> None:
    expected = json.loads(
        run("predict", "m.satchel", source, "--keep", "n,when", "--top", "2", "--json").stdout
    )
    assert len(expected) == (30 if source == "t.parquet" else 32)
    answer = run(
        "predict", "m.satchel", source, "--keep", "n,when", "--top", "2", "--out", f"o.{format}"
    )
    assert "wrote 30 predictions to o." in answer.stderr
    found = rows_of(place / f"o.{format}")
    for row, wanted in zip(found, expected, strict=True):
        flat = {**wanted}
        for rank, top in enumerate(flat.pop("top", []), 1):
            if "json" not in format:
                flat |= {f"label_{rank}": top["label"], f"probability_{rank}": top["probability"]}
        row.pop("top", None)
        assert row == {name: str(cell) for name, cell in flat.items() if cell not in (None, "")}
    rejected = [number for number, row in enumerate(found) if "rejected" in row]
    assert rejected == ([] if source == "t.parquet" else [3, 4])


@pytest.mark.parametrize("format", ["csv", "parquet", "arrow"])
def test_several_labels_are_lists_where_the_format_has_them(format: str, place: Path) -> None:
    expected = json.loads(run("predict", "several.satchel", "t.jsonl", "--json").stdout)
    run("predict", "several.satchel", "t.jsonl", "--out", f"o.{format}")
    if format == "csv":
        frame = polars.read_csv(place / "o.csv")
        found = [[*filter(None, (each or "").split("|"))] for each in frame["labels"]]
    else:
        reader = {"parquet": polars.read_parquet, "arrow": polars.read_ipc}[format]
        frame = reader(place / f"o.{format}")
        assert frame.schema["labels"] == polars.List(polars.String)
        found = [each or [] for each in frame["labels"].to_list()]
    assert found == [[each["label"] for each in row.get("labels", [])] for row in expected]


def test_rows_without_text_are_rejected_in_their_places_by_columns_too(place: Path) -> None:
    texts = ["the car", None, None, "a card", "x" * 10, None]
    polars.DataFrame({"text": texts, "id": range(6)}).write_parquet("n.parquet")
    run("predict", "m.satchel", "n.parquet", "--out", "o.parquet", "--rejects", "r.jsonl")
    frame = polars.read_parquet("o.parquet")
    assert frame["file"].to_list() == [f"n.parquet:{n}" for n in range(1, 7)]
    assert frame["id"].to_list() == ["0", None, None, "3", "4", None]
    assert [each is not None for each in frame["rejected"]] == [text is None for text in texts]
    assert frame["label"].is_null().to_list() == [text is None for text in texts]
    lines = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [(line["source"], line["line"]) for line in lines] == [
        ("n.parquet", 2),
        ("n.parquet", 3),
        ("n.parquet", 6),
    ]


# A folder of parts, and jobs that stop.

SHAPE = Shape(ids=True)
PARQUET = OutputFormat(".parquet")


def batches(path: str = "t.jsonl", stop: int = 1000) -> Iterator[Documents]:
    """Yield batches of five; stop with an error before one of them."""
    reading = Reading(Columns(labelled=False), batch=BatchSize(5))
    for number, batch in enumerate(stream_documents(path, reading)):
        if number == stop:
            raise TextError("stopped")
        yield batch


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != ".lock"
    }


def predict_into(folder: str, stop: int = 1000, format: OutputFormat = PARQUET) -> Any:
    model = satchel.load("m.satchel")
    job = describe("m.satchel", ["t.jsonl"], {}, format)
    return write_folder(folder, job, model, batches(stop=stop), Request(), format, SHAPE)


@pytest.mark.parametrize("stop", range(8))
def test_a_job_that_stopped_goes_on_with_the_same_bytes(stop: int, place: Path) -> None:
    whole = predict_into("whole")
    assert (whole.documents, whole.rejected, whole.parts, whole.resumed) == (30, 2, 7, 0)
    if stop < 7:
        with pytest.raises(TextError, match="stopped"):
            predict_into("part", stop)
    again = predict_into("part")
    assert again.resumed == (min(stop, 7) if stop < 7 else 0)
    assert replace(again, resumed=0) == whole
    assert digests(place / "part") == digests(place / "whole")


@pytest.mark.parametrize("damage", ["torn line", "missing part", "short part", "left over"])
def test_what_a_crash_may_leave_is_mended(damage: str, place: Path) -> None:
    predict_into("whole")
    with pytest.raises(TextError):
        predict_into("part", 4)
    folder = place / "part"
    if damage == "torn line":
        log = folder / "progress.jsonl"
        log.write_bytes(log.read_bytes()[:-9])
    elif damage == "missing part":
        (folder / "part-000001.parquet").unlink()
    elif damage == "short part":
        (folder / "part-000002.parquet").write_bytes(b"PAR1")
    else:
        (folder / ".satchel-0123.tmp").write_bytes(b"half")
    predict_into("part")
    assert digests(folder) == digests(place / "whole")


def test_a_finished_job_is_not_done_again(place: Path) -> None:
    run("predict", "m.satchel", "t.jsonl", "--out", "parts/")
    before = digests(place / "parts")
    answer = run("predict", "m.satchel", "t.jsonl", "--out", "parts/", "--rejects", "r.csv")
    assert len((place / "r.csv").read_text().splitlines()) > 2  # none of them is lost
    assert "wrote 30 predictions to parts/ (1 part, 1 of them by an earlier run)" in answer.stderr
    assert digests(place / "parts") == before


def test_another_job_and_other_files_are_refused(place: Path) -> None:
    run("predict", "m.satchel", "t.jsonl", "--out", "parts/")
    for more, what in (
        (("several.satchel", "t.jsonl"), "the model"),
        (("m.satchel", "t.parquet"), "the source"),
        (("m.satchel", "t.jsonl", "--top", "2"), "the options"),
        (("m.satchel", "t.jsonl", "--out-format", "csv"), "the format"),
    ):
        said = refused("predict", *more, "--out", "parts/")
        assert "expected the same job as the one begun in parts" in said
        assert what in said
    (place / "mine").mkdir()
    (place / "mine" / "notes.txt").write_text("keep")
    said = refused("predict", "m.satchel", "t.jsonl", "--out", "mine/")
    assert "found other files ('notes.txt')" in said
    assert os.listdir(place / "mine") == ["notes.txt"] or sorted(os.listdir(place / "mine")) == [
        ".lock",
        "notes.txt",
    ]


def test_a_source_that_changed_under_a_job_is_refused(place: Path) -> None:
    with pytest.raises(TextError):
        predict_into("part", 3)
    lines = (place / "t.jsonl").read_text().splitlines(keepends=True)
    (place / "t.jsonl").write_text("".join(lines[:4]))
    job = describe("m.satchel", ["other"], {}, PARQUET)
    model = satchel.load("m.satchel")
    with pytest.raises(InputError, match="differs in the source"):
        write_folder("part", job, model, batches(), Request(), PARQUET, SHAPE)


@pytest.mark.skipif(sys.platform == "win32", reason="locks differ there")
def test_two_runs_in_one_folder_are_refused(place: Path) -> None:
    import fcntl

    (place / "parts").mkdir()
    with (place / "parts" / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refused("predict", "m.satchel", "t.jsonl", "--out", "parts/")
    assert "found one that is writing there" in said


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_a_killed_process_leaves_whole_parts_only(place: Path) -> None:
    """The command itself, ended without warning once it has written something."""
    lines = [json.dumps({"text": f"{TEXTS[n % len(TEXTS)]} {n}"}) for n in range(150_000)]
    (place / "many.jsonl").write_text("\n".join(lines))
    arguments = [sys.executable, "-m", "satchel", "predict", "m.satchel", "many.jsonl", "--out"]
    subprocess.run([*arguments, "whole/"], check=True, stderr=subprocess.DEVNULL)
    process = subprocess.Popen([*arguments, "killed/"], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not list(place.glob("killed/part-*")) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for part in place.glob("killed/part-*"):
        assert part.read_bytes() == (place / "whole" / part.name).read_bytes()
    done = subprocess.run([*arguments, "killed/"], check=True, capture_output=True, text=True)
    assert "wrote 150,000 predictions to killed/ (5 parts" in done.stderr
    assert digests(place / "killed") == digests(place / "whole")


def test_one_batch_is_read_ahead_and_errors_come_in_order() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            yield number
        raise ValueError("the end")

    seen = []

    def consume() -> None:
        for number in read_ahead(numbers()):
            seen.append(number)
            assert len(read) <= number + 2

    with pytest.raises(ValueError, match="the end"):
        consume()
    assert seen == read == [0, 1, 2, 3, 4]


def test_a_table_on_standard_input_has_its_ids_and_columns(place: Path) -> None:
    data = (place / "t.jsonl").read_bytes()
    arguments = ["predict", "m.satchel", "-", "--format", "jsonl", "--keep", "n", "--out", "o.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "satchel", *arguments], input=data, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of(place / "o.csv")
    assert [row["n"] for row in rows if "rejected" not in row] == [str(n) for n in range(30)]
    assert rows[0]["id"] == "p0"


def test_rejected_documents_are_kept_where_the_work_ends_with_an_error(place: Path) -> None:
    before = set(os.listdir(place))
    for arguments in (
        ("predict", "m.satchel", "t.jsonl", "--out", "o.csv"),
        ("predict", "m.satchel", "t.jsonl", "--out", "o.parquet"),
    ):
        said = refused(*arguments, "--max-bad", "1%", "--rejects", "r.jsonl")
        assert "2 of 32 rows cannot be used" in said
        rows = [json.loads(line) for line in (place / "r.jsonl").read_text().splitlines()]
        assert [row["line"] for row in rows] == [4, 5]
        assert [row["raw"] for row in rows] == ["{\n", '{"id": "x"}\n']
        assert set(os.listdir(place)) - before == {"r.jsonl"}
