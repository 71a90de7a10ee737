"""The command line as other programs rely on it: outputs, exit statuses, one clear message."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cli_runs import refused, run, run_process
from corpora import LABELS, corpus, folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli")
    folder(root / "train")
    folder(root / "test", 60, seed=1)
    return root


@pytest.fixture(scope="module")
def trained(place: Path) -> dict:
    model = place / "model.satchel"
    report = place / "report"
    answer = run_process(
        "train", place / "train", "--test", place / "test", "-o", model, "--json",
        "--report", report, "--effort", "fast",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def model(trained: dict) -> str:
    return trained["model"]


def test_train_prints_one_json_document_and_evaluates_on_the_test(
    trained: dict, place: Path
) -> None:
    assert trained["documents"] == 150
    assert trained["seconds"] > 0
    assert trained["labels"] == sorted(LABELS)
    assert trained["test"]["n"] == 60
    assert trained["test"]["accuracy"] > 0.95
    assert {"macro_f1", "per_class", "confusion_matrix", "labels"} <= trained["test"].keys()
    assert (place / "report" / "report.html").stat().st_size > 1000
    assert (place / "report" / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_agrees_with_what_train_said(trained: dict, model: str, place: Path) -> None:
    answer = run("evaluate", model, place / "test", "--json")
    # Only training knows the training documents, and so which ones leak.
    known = {name: value for name, value in trained["test"].items() if name != "leaks"}
    said = json.loads(answer.stdout)
    # A process that has the kernels loaded sums in another order than one that has not.
    for name in ("log_loss", "calibration_error"):
        assert said.pop(name) == pytest.approx(known.pop(name), rel=1e-3)
    assert said == known


def test_evaluate_tells_people_the_accuracy(model: str, place: Path) -> None:
    answer = run("evaluate", model, place / "test")
    assert answer.returncode == 0
    assert "accuracy" in answer.stdout


def test_predict_answers_a_folder_in_order(model: str, place: Path) -> None:
    answer = run("predict", model, place / "test", "--json")
    answers = json.loads(answer.stdout)
    assert len(answers) == 60
    assert [each["file"] for each in answers] == sorted(
        (each["file"] for each in answers), key=lambda name: name.encode()
    )
    right = [each["label"] == Path(each["file"]).parts[-2] for each in answers]
    assert sum(right) / 60 > 0.95
    assert all(0 <= each["probability"] <= 1 for each in answers)


def test_predict_reads_standard_input(model: str) -> None:
    answer = run_process("predict", model, "-", given="the puck and the goalie on the ice")
    name, label, probability = answer.stdout.rstrip("\n").split("\t")
    assert (name, label) == ("-", "hockey & ice")
    assert 0 < float(probability) <= 1


def test_predict_takes_lines(model: str) -> None:
    given = "oven butter flour\n\nrocket orbit moon\n"
    answer = run("predict", model, "-", "--lines", "--json", given=given)
    answers = json.loads(answer.stdout)
    assert [each["label"] for each in answers][::2] == ["cooking", "宇宙"]
    assert answers[1]["known"] == 0
    assert "1 of 3 documents contains no word that the model knows" in answer.stderr


def test_predict_shows_the_best_labels(model: str) -> None:
    answer = run("predict", model, "-", "--top", 2, "--json", given="flour and a puck")
    (only,) = json.loads(answer.stdout)
    assert only["top"][0]["label"] == only["label"]
    assert len(only["top"]) == 2


def test_predict_explains_with_offsets(model: str) -> None:
    text = "the puck was on the ice"
    answer = run("predict", model, "-", "--explain", "--json", given=text)
    (only,) = json.loads(answer.stdout)
    tokens = only["explanation"]["tokens"]
    assert all(text[token["start"] : token["end"]] == token["text"] for token in tokens)
    best = max(tokens, key=lambda token: token["value"])
    assert set(best["text"].split()) & {"puck", "ice"}


def test_predict_explains_in_colour_on_a_terminal(model: str) -> None:
    answer = run("predict", model, "-", "--explain", given="the puck was on the ice")
    assert answer.returncode == 0
    assert "puck" in answer.stdout


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json"])
def test_predict_writes_a_file(model: str, place: Path, suffix: str) -> None:
    out = place / f"answers.{suffix}"
    answer = run("predict", model, place / "test", "--out", out, "--top", 2)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    text = out.read_text("utf-8")
    if suffix in ("csv", "tsv"):
        rows = list(csv.DictReader(text.splitlines(), delimiter="," if suffix == "csv" else "\t"))
    else:
        rows = (
            [json.loads(line) for line in text.splitlines()]
            if suffix == "jsonl"
            else json.loads(text)
        )
    assert len(rows) == 60
    assert {"file", "label", "probability"} <= rows[0].keys()


def test_predict_reads_a_table(model: str, place: Path) -> None:
    table = place / "new.csv"
    table.write_text('text\n"oven, butter"\nrink and skate\n', "utf-8")
    answers = json.loads(run("predict", model, table, "--json").stdout)
    assert [each["label"] for each in answers] == ["cooking", "hockey & ice"]


def test_inspect_shows_labels_and_structure(model: str) -> None:
    shown = run("inspect", model)
    assert "宇宙" in shown.stdout
    assert "view 0" in shown.stdout
    facts = json.loads(run("inspect", model, "--json").stdout)
    assert facts["labels"] == sorted(LABELS)
    assert any(score["part"] == "test" for score in facts["scores"])


def test_check_finds_what_would_flatter(place: Path) -> None:
    answer = run("check", place / "train", "--test", place / "train", "--json")
    assert answer.returncode in (0, 2)
    assert json.loads(answer.stdout)["findings"]


def test_compress_keeps_the_answers_and_the_limit(model: str, place: Path) -> None:
    out = place / "small.satchel"
    answer = run(
        "compress", model, "--max-size", "12kB", "-o", out, "--test", place / "test", "--json"
    )
    facts = json.loads(answer.stdout)
    assert out.stat().st_size == facts["bytes_after"] <= 12_000
    assert facts["accuracy_after"] >= facts["accuracy_before"] - 0.05


def test_train_keeps_below_a_size_and_says_what_it_costs(place: Path) -> None:
    out = place / "below.satchel"
    train = ("train", place / "train", "--test", place / "test", "-o", out, "--max-size", "12kB")
    facts = json.loads(run(*train, "--effort", "fast", "--json").stdout)
    assert out.stat().st_size == facts["bytes"] <= 12_000
    assert facts["test"]["accuracy"] >= facts["accuracy_before_max_size"] - 0.05
    assert "kept below 12,000 bytes: accuracy" in run(*train, "--effort", "fast").stdout
    refused = run(*train[:-1], "10B", "--effort", "fast")
    assert refused.returncode == 2
    assert "10 bytes" in refused.stderr


def test_hold_out_is_predicted_at_the_end(place: Path) -> None:
    answer = run(
        "train", place / "train", "--hold-out", 5, "-o", place / "held.satchel", "--json",
        "--effort", "fast",
    )  # fmt: skip
    result = json.loads(answer.stdout)
    assert len(result["held_out"]) == 5
    assert result["documents"] == 145
    assert result["documents_of_evaluated_model"] + result["test"]["n"] == 145


def test_the_tutorial_preset_scores_the_last_fifth_of_its_shuffle(place: Path) -> None:
    answer = run(
        "train", place / "train", "--preset", "tutorial", "-o", place / "old.satchel", "--json"
    )
    result = json.loads(answer.stdout)
    assert result["test"]["n"] == 30
    assert result["test"]["accuracy"] > 0.9


def test_no_progress_bars_where_standard_error_is_no_terminal(model: str, place: Path) -> None:
    assert run_process("predict", model, place / "test").stderr == ""


# Bad input: exit status 2, one message, no traceback, nothing on standard output.


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    assert "nowhere" in refused("train", tmp_path / "nowhere")


def test_an_empty_folder_says_why(tmp_path: Path) -> None:
    assert "It is empty" in refused("train", tmp_path)


def test_one_class_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    for i in range(3):
        (tmp_path / "only" / str(i)).write_text(f"text {i}")
    assert "two" in refused("train", tmp_path, "--no-test", "-o", tmp_path / "m.satchel")
    assert not (tmp_path / "m.satchel").exists()


def test_a_foreign_model_file_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.satchel"
    foreign.write_bytes(b"PK\x03\x04 not a model")
    assert "foreign.satchel" in refused("predict", foreign, "-", given="text")


def test_a_truncated_model_file_is_refused(model: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.satchel"
    cut.write_bytes(Path(model).read_bytes()[:-100])
    assert "cut" in refused("predict", cut, "-", given="text")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.satchel"
    for verb in (["predict", missing, "-"], ["inspect", missing], ["evaluate", missing, tmp_path]):
        assert "none.satchel" in refused(*verb, given="text")


def test_an_unknown_output_format_lists_those_there_are(model: str, tmp_path: Path) -> None:
    assert ".jsonl" in refused("predict", model, "-", "--out", tmp_path / "a.xlsx", given="text")


def test_an_output_folder_that_is_not_there_loses_nothing(model: str, tmp_path: Path) -> None:
    refused("predict", model, "-", "--out", tmp_path / "none" / "a.csv", given="text")


def test_a_class_with_one_document_still_trains(tmp_path: Path) -> None:
    folder(tmp_path / "train", 60)
    rare = tmp_path / "train" / "rare"
    rare.mkdir()
    (rare / "1").write_text("unique words of a rare kind")
    answer = run(
        "train", tmp_path / "train", "-o", tmp_path / "m.satchel", "--json", "--effort", "fast"
    )
    assert answer.returncode == 0, answer.stderr
    assert "rare" in json.loads(answer.stdout)["labels"]


def test_a_label_with_slashes_comes_from_a_table_and_goes_to_json(tmp_path: Path) -> None:
    texts, labels = corpus(60)
    table = tmp_path / "t.jsonl"
    rows = [{"text": t, "label": f"a/{k}\\ x"} for t, k in zip(texts, labels, strict=True)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    answer = run("train", table, "-o", tmp_path / "m.satchel", "--json", "--effort", "fast")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["labels"] == sorted({row["label"] for row in rows})


def test_several_labels_a_document_go_all_the_way(tmp_path: Path) -> None:
    texts, labels = corpus(120)
    rows = [
        {"text": f"{a} {b}", "labels": sorted({x, y})}
        for a, b, x, y in zip(texts, texts[1:], labels, labels[1:], strict=False)
    ] + [{"text": t, "labels": [x]} for t, x in zip(texts, labels, strict=True)]
    table = tmp_path / "several.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    model = tmp_path / "m.satchel"
    answer = run("train", table, "-o", model, "--json")
    assert answer.returncode == 0, answer.stderr
    judged = json.loads(answer.stdout)["test"]
    assert judged["micro_f1"] > 0.9
    given = "oven butter flour sugar puck goal skate rink goalie recipe"
    (only,) = json.loads(run("predict", model, "-", "--json", given=given).stdout)
    assert {choice["label"] for choice in only["labels"]} == {"cooking", "hockey & ice"}
