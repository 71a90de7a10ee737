"""Answers of ``predict``: one schema, joined to what was asked, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_runs import refused, run, write_model
from satchel.bulk.predictions import predict_batches, predictions
from satchel.features.spec import Features
from satchel.inference.structure import Task
from satchel.model import Model, load
from satchel.sealed.assembly import ensemble_of
from satchel.sealed.schema import LayerEntry
from satchel.sources.documents import Documents
from small_models import (
    LINEAR,
    NETWORK,
    TEXTS,
    Head,
    make_contents,
    predictor,
    vocabulary,
    with_rows,
)

SUFFIXES = ("csv", "tsv", "jsonl", "json")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "single.satchel")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = make_contents((NETWORK,), task="multiple")
    probabilities = predictor(parts).probabilities(TEXTS)
    lowest = probabilities[probabilities.sum(axis=1).argmin()]  # a document that gets no label
    thresholds = tuple(np.minimum(lowest * 1.01, 1).tolist())
    parts = replace(parts, manifest=msgspec.structs.replace(parts.manifest, thresholds=thresholds))
    return write_model(tmp_path_factory.mktemp("models") / "several.satchel", parts)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "posts.jsonl"
    rows = [{"id": 7 * n, "text": text, "date": f"2026-{n}"} for n, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[dict]:
    """The rows of a file of answers, whatever its format."""
    text = path.read_bytes().decode("utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    delimiter = "," if path.suffix == ".csv" else "\t"
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def plain(rows: list[dict]) -> list[tuple[str, ...]]:
    """Rows of any format in one form: document, id, answer, what is known, labels that hold."""
    found = []
    for row in rows:
        holding = row.get("labels")
        if isinstance(holding, list):
            row = {
                **row,
                "labels": "|".join(each["label"] for each in holding),
                "probabilities": "|".join(str(each["probability"]) for each in holding),
            }
        names = ("file", "id", "label", "probability", "known", "labels", "probabilities")
        cells = [row.get(name) for name in names]
        found.append(tuple("" if cell is None else str(cell) for cell in cells))
    return found


@pytest.mark.parametrize("task", ["single", "several"])
def test_every_format_says_the_same(
    task: str, table: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = request.getfixturevalue(task)
    said = [plain(json.loads(run("predict", model, table, "--json").stdout))]
    for suffix in SUFFIXES:
        out = tmp_path / f"answers.{suffix}"
        assert run("predict", model, table, "--out", out).returncode == 0
        said.append(plain(read(out)))
    assert all(each == said[0] for each in said)
    assert [row[1] for row in said[0]] == [str(7 * n) for n in range(len(TEXTS))]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_label_is_the_first_of_those_that_hold(
    suffix: str, several: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"answers.{suffix}"
    run("predict", several, table, "--out", out)
    truth = load(several).predict(TEXTS).tolist()
    rows = plain(read(out))
    assert any(len(labels) > 1 for labels in truth)
    assert not all(truth)
    for row, labels in zip(rows, truth, strict=True):
        holding = row[5].split("|") if row[5] else []
        assert sorted(holding) == sorted(labels)
        assert row[2] == (holding[0] if holding else "")
        assert row[3] == (row[6].split("|")[0] if holding else "")
        probabilities = [float(each) for each in row[6].split("|") if each]
        assert probabilities == sorted(probabilities, reverse=True)


def test_a_row_on_the_terminal_names_no_label_that_does_not_hold(
    several: Path, table: Path
) -> None:
    rows = run("predict", several, table).stdout.splitlines()
    answers = json.loads(run("predict", several, table, "--json").stdout)
    for row, answer in zip(rows, answers, strict=True):
        file, *cells = row.split("\t")
        assert file == answer["file"]
        expected = [each["label"] for each in answer["labels"]]
        assert cells[::2] == (expected or ["(none)"])


@given(
    scores=st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=4, max_size=4),
    k=st.integers(1, 6),
)
def test_the_best_labels_are_those_of_a_full_ranking(scores: list[float], k: int) -> None:
    parts = make_contents((LINEAR,))
    parts.arrays["member0.bias"] = np.log(np.array(scores, np.float32))
    model = Model(ensemble_of(parts))
    (answer,) = predictions(model, Documents(["d"], [""], None), top=k)
    probabilities = model.predict_proba([""])[0].tolist()
    ranked = sorted(range(4), key=lambda column: (-probabilities[column], column))
    labels = parts.manifest.labels
    assert answer.top is not None
    assert [choice.label for choice in answer.top] == [labels[column] for column in ranked[:k]]
    assert answer.best == answer.top[0]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_answers_come_in_order_whatever_the_batches(size: int, single: Path) -> None:
    model = load(single)
    documents = Documents([str(n) for n in range(50)], (TEXTS * 6)[:50], None)
    whole = predictions(model, documents)
    batches = [documents.take(range(n, min(n + size, 50))) for n in range(0, 50, size)]
    parts = [row for batch in predict_batches(model, batches) for row in batch.rows()]
    assert [answer.file for answer in parts] == documents.names
    for one, other in zip(whole, parts, strict=True):
        assert one.best is not None
        assert other.best is not None
        assert (one.best.label, one.known) == (other.best.label, other.known)
        assert one.best.probability == pytest.approx(other.best.probability, abs=2e-6)


# Joining answers back to what was asked.


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("out", SUFFIXES)
def test_ids_and_columns_on_request_come_along(
    suffix: str, out: str, single: Path, tmp_path: Path
) -> None:
    names = ("id", "text", "label", "when")
    given_rows = [("a-1", "the old car", "cars", "=now()"), ("007", "a card game", "x", "-3.5")]
    table = tmp_path / f"posts.{suffix}"
    if suffix == "jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in given_rows]
    else:
        lines = [("," if suffix == "csv" else "\t").join(row) for row in (names, *given_rows)]
    table.write_text("\n".join(lines) + "\n", "utf-8")

    rows = read_of(single, table, tmp_path / f"o.{out}")
    assert [row["id"] for row in rows] == ["a-1", "007"]
    assert "when" not in rows[0]
    rows = read_of(single, table, tmp_path / f"o.{out}", "--keep", "when")
    formula = "=now()" if out.startswith("json") else "'=now()"
    assert [row["when"] for row in rows] == [formula, "-3.5"]
    assert "input_label" not in rows[0]
    rows = read_of(single, table, tmp_path / f"o.{out}", "--keep", "all")
    assert [(row["input_label"], row["when"]) for row in rows] == [("cars", formula), ("x", "-3.5")]
    assert all(row["label"] in make_contents().manifest.labels for row in rows)
    assert "text" not in rows[0]


def read_of(model: Path, table: Path, out: Path, *more: str) -> list[dict]:
    done = run("predict", model, table, "--out", out, *more)
    assert done.returncode == 0, done.stderr
    return read(out)


def test_columns_that_are_called_as_ours_are_told_apart(single: Path, tmp_path: Path) -> None:
    names = ("label", "input_label", "known", "label_1", "input_file", "top")
    (tmp_path / "t.jsonl").write_text(
        json.dumps({"text": "the car", **{name: f"my {name}" for name in names}}) + "\n"
    )
    for out in SUFFIXES:
        (row,) = read_of(
            single, tmp_path / "t.jsonl", tmp_path / f"o.{out}", "--keep", "all", "--top", "1"
        )
        assert {name: row[f"input_{name}"] for name in names} == {n: f"my {n}" for n in names}
        assert row["label"] in make_contents().manifest.labels
    (tmp_path / "bare.jsonl").write_text('{"text": "the car"}\n')
    assert len(read_of(single, tmp_path / "bare.jsonl", tmp_path / "o.csv", "--keep", "all")) == 1


def test_columns_of_parquet_come_along_whatever_they_hold(single: Path, tmp_path: Path) -> None:
    import datetime

    import polars

    polars.DataFrame(
        {
            "text": ["the old car", "a card game"],
            "id": [12, None],
            "tags": [["a", "b"], []],
            "on": [datetime.date(2026, 11, 24), None],
            "worth": [0.5, float("nan")],
            "raw": [b"caf\xc3\xa9", b"\xff"],
        }
    ).write_parquet(tmp_path / "t.parquet")
    rows = read_of(single, tmp_path / "t.parquet", tmp_path / "o.json", "--keep", "all")
    assert [row["tags"] for row in rows] == [["a", "b"], []]
    assert [row["on"] for row in rows] == ["2026-11-24", None]
    assert [row["worth"] for row in rows] == [0.5, None]
    assert [row["raw"] for row in rows] == ["café", r"\xff"]
    rows = read_of(single, tmp_path / "t.parquet", tmp_path / "o.csv", "--keep", "tags,worth")
    assert [row["tags"] for row in rows] == ['["a", "b"]', "[]"]
    assert [row["id"] for row in rows] == ["12", ""]
    frame = polars.DataFrame({"text": ["a", "b"], "id": [b"7", b"\xe9"]})
    frame.write_parquet(tmp_path / "raw.parquet")
    rows = read_of(single, tmp_path / "raw.parquet", tmp_path / "o.json")
    assert [row["id"] for row in rows] == ["7", "é"]


def test_columns_are_recognised_and_named_as_for_training(single: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('ID,Subject,Body,"a,b",c\n007,the car,is old,x,y\n8,a game,of cards,,=1\n')
    rows = read_of(single, table, tmp_path / "o.json", "--keep", '"a,b"', "--keep", "C")
    assert [row["id"] for row in rows] == ["007", "8"]
    assert [(row["a,b"], row["c"]) for row in rows] == [("x", "y"), ("", "=1")]
    joined = tmp_path / "joined.jsonl"
    joined.write_text(
        "".join(
            json.dumps({"text": each}) + "\n" for each in ("the car\nis old", "a game\nof cards")
        )
    )
    expected = [row["probability"] for row in read_of(single, joined, tmp_path / "j.json")]
    assert [row["probability"] for row in rows] == expected
    rows = read_of(single, table, tmp_path / "o.csv", "--text", "body", "--keep", "all")
    assert list(rows[0])[6:] == ["Subject", "a,b", "c"]


@pytest.mark.parametrize("option", ["--text", "--keep"])
@pytest.mark.parametrize("names", ["", " , ", '"a', '"a"b', "a\rb", "a\nb"])
def test_a_list_of_columns_that_names_none_is_refused(
    option: str, names: str, single: Path, table: Path
) -> None:
    said = refused("predict", single, table, "--json", option, names)
    assert "expected names of columns" in said
    assert option in said


def test_a_column_that_is_not_there_is_named(single: Path, table: Path, tmp_path: Path) -> None:
    said = refused("predict", single, table, "--keep", "dat", "--out", tmp_path / "o.csv")
    assert "'dat'" in said
    assert "'date'" in said
    assert "a table among the inputs" in refused(
        "predict", single, "-", "--keep", "a", "--json", given="text"
    )
    assert "--json or --out" in refused("predict", single, table, "--keep", "date")


def test_documents_have_names_that_differ(
    single: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("aa", "bb"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "0.txt").write_text("the old car")
        (tmp_path / folder / "deep" / "1.txt").write_text("a card game")
    monkeypatch.chdir(tmp_path)

    def files(*sources: str) -> list[str]:
        return [
            row["file"] for row in json.loads(run("predict", single, *sources, "--json").stdout)
        ]

    assert files("aa/0.txt", "bb/0.txt") == ["aa/0.txt", "bb/0.txt"]
    assert files("aa") == ["0.txt", "deep/1.txt"]
    assert files("aa/", "bb") == ["aa/0.txt", "aa/deep/1.txt", "bb/0.txt", "bb/deep/1.txt"]
    assert files("aa/0.txt", "posts.jsonl")[:2] == ["aa/0.txt", "posts.jsonl:1"]
    rows = json.loads(run("predict", single, "aa", table, "--keep", "date", "--json").stdout)
    assert [row.get("date") for row in rows[:3]] == [None, None, "2026-0"]
    assert [row.get("id") for row in rows[:4]] == [None, None, "0", "7"]


def test_lines_keep_the_id_of_their_row(single: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text(json.dumps({"id": "x", "text": "the car\na card", "n": 1}) + "\n")
    rows = json.loads(run("predict", single, table, "--lines", "--keep", "n", "--json").stdout)
    assert [(row["file"], row["id"], row["n"]) for row in rows] == [
        ("t.jsonl:1:1", "x", 1),
        ("t.jsonl:1:2", "x", 1),
    ]


# No number that is none, and no memory beyond bounds.


@pytest.mark.parametrize("task", ["single", "multiple"])
@pytest.mark.parametrize("more", [(), ("--json",), ("--explain", "--json"), ("--out", "o.json")])
def test_an_answer_that_overflows_is_refused(
    task: str, more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = tuple(LayerEntry(kind="dense", units=4) for _ in range(6))
    parts = make_contents([Head(layers)], task=task)
    for number in range(6):
        kernel = np.full((4, 4), 1e9, np.float32)
        kernel[::2] *= number < 5  # the last one turns infinity into NaN, multiplied by zero
        parts.arrays[f"member0.layer{number}.kernel"] = kernel
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "m", parts)
    said = refused("predict", "m", "-", *more, given="the old car")
    assert "overflow" in said
    assert "warning" not in said
    assert not (tmp_path / "o.json").exists()
    (tmp_path / "t.jsonl").write_text('{"text": "the old car", "label": "cars"}\n')
    if task == "single":
        said = refused("evaluate", "m", "t.jsonl")
        assert "nan" in said or "overflow" in said


LABELS = 65_536
MEMORY = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (600_000_000, 600_000_000))
resource.setrlimit(resource.RLIMIT_CPU, (240, 240))
from satchel.cli import main
main()
"""


@pytest.mark.parametrize(
    ("task", "lines", "more"),
    [
        ("single", 3_000, ("--top", "5", "--json")),
        ("single", 3_000, ("--out", "o.csv")),
        ("multiple", 30, ("--out", "o.jsonl")),
    ],
)
def test_many_labels_take_little_memory(
    task: Task, lines: int, more: tuple[str, ...], tmp_path: Path
) -> None:
    """Ranking all labels of 200 lines took 4.1 GB; the probabilities of 3,000 are 790 MB."""
    hashes, _, _ = vocabulary(TEXTS[:1], Features(words=1))
    rows = np.random.default_rng(0).integers(-99, 99, (len(hashes), LABELS)).astype(np.int8)
    scales = np.full(LABELS, 0.02, np.float32)
    write_model(tmp_path / "m", with_rows(rows, hashes, scales=scales, task=task))
    (tmp_path / "lines").write_text("the old car\nengine start\nstayed at home\n" * (lines // 3))
    with (tmp_path / "said").open("wb") as said:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, "predict", "m", "lines", "--lines", *more],
            cwd=tmp_path,
            stdout=said,
            stderr=subprocess.PIPE,
            env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
            text=True,
        )
    assert done.returncode == 0, done.stderr
    out = tmp_path / more[-1]
    assert (out if out.exists() else tmp_path / "said").stat().st_size > 30 * lines
