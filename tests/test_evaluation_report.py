"""The report's folder: complete, written together or not at all, for people and for programs."""

from __future__ import annotations

import csv
import datetime
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluations import HOSTILE, judged
from satchel.errors import SaveError
from satchel.evaluation.context import Baseline, LearningPoint, ReportContext, TrialResult
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.page import render
from satchel.evaluation.reasons import find_reasons

DAY = datetime.date(2026, 11, 24)
FULL = ReportContext(
    model="news.satchel",
    data="test.csv",
    trained_on="300 documents",
    date=DAY,
    training={"effort": "balanced"},
    notes=["Thirty documents had no text."],
    baselines=[Baseline("linear SVM", 0.5, 0.4)],
    history=[{"loss": [1.0, 0.5], "val_accuracy": [0.4, float("inf")]}],
    learning_curve=[LearningPoint(100, 0.4), LearningPoint(200, 0.5)],
    trials=[TrialResult("with networks", "accuracy", 0.5, True)],
)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_json_report_holds_the_figures_and_those_of_every_picture(tmp_path):
    evaluation = judged(["a", "b/c"])
    evaluation.save_report(tmp_path, FULL)
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    figures = json.loads(json.dumps(evaluation.to_dict()))
    assert {name: stored[name] for name in figures} == figures
    assert list(stored)[:6] == [
        "n",
        "accuracy",
        "macro_f1",
        "per_class",
        "confusion_matrix",
        "labels",
    ]
    assert set(stored["per_class"]["b/c"]) >= {"precision", "recall", "f1", "support"}
    assert stored["about"]["model"] == "news.satchel"
    assert stored["about"]["date"] == "2026-11-24"
    assert sum(stored["reliability"]["count"]) == evaluation.n
    assert stored["risk_coverage"][-1] == {
        "coverage": 1.0,
        "risk": pytest.approx(1 - evaluation.accuracy),
    }
    assert stored["training_curves"][0]["val_accuracy"] == [0.4, None]
    assert stored["learning_curve"][1] == {"documents": 200, "accuracy": 0.5}
    assert stored["trials"][0]["chosen"] is True
    assert stored["other_methods"][0]["name"] == "linear SVM"


def test_predictions_begin_with_the_surest_errors_and_run_no_formula(tmp_path):
    evaluation = judged(HOSTILE, skill=1.0, names=["+cmd"] * 400)
    evaluation.save_report(tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == evaluation.n
    right = [row["right"] for row in rows]
    assert right == sorted(right)  # "false" before "true"
    wrong = [float(row["probability"]) for row in rows if row["right"] == "false"]
    assert wrong == sorted(wrong, reverse=True)
    cells = [row[name] for row in rows for name in ("name", "true", "predicted")]
    assert not [cell for cell in cells if cell.startswith(("=", "+"))]
    suspects = [row for row in rows if row["suspected_label_error"] == "true"]
    assert evaluation.suspect is not None
    assert len(suspects) == evaluation.suspect.sum() > 0
    assert all(row["right"] == "false" for row in suspects)


def test_without_probabilities_there_is_no_reliability(tmp_path):
    judged(["a", "b"], sure=False).save_report(tmp_path)
    assert sorted(files_of(tmp_path)) == [
        "classes.png",
        "confusion_matrix.png",
        "predictions.csv",
        "report.html",
        "report.json",
    ]


def test_several_labels_a_document_have_a_report_too(tmp_path):
    evaluation = evaluate_multiple(
        [["a", "b"], [], ["a"]],
        [["a"], [], ["b"]],
        "abc",
        probabilities=[[0.9, 0.2, 0.1], [0.1, 0.1, 0.1], [0.4, 0.8, 0.1]],
    )
    evaluation.save_report(tmp_path)
    assert sorted(files_of(tmp_path)) == [
        "classes.png",
        "predictions.csv",
        "reliability.png",
        "report.html",
        "report.json",
        "risk_coverage.png",
    ]
    assert "micro-F1" in evaluation.summary()


@pytest.mark.parametrize("task", ["one", "several"])
def test_the_smallest_test_still_makes_a_report(tmp_path, task):
    if task == "one":
        evaluate(["a"], ["a"], ["a"]).save_report(tmp_path)
    else:
        evaluate_multiple([[]], [[]], ["a"]).save_report(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_the_same_evaluation_gives_the_same_files(tmp_path):
    for name in ("one", "two"):
        judged(HOSTILE, skill=1.0, texts=["some text"] * 400).save_report(tmp_path / name, FULL)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_second_report_leaves_no_picture_of_the_first(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    judged(["a", "b"]).save_report(tmp_path, FULL)
    assert (tmp_path / "training_curves.png").exists()
    judged(["a", "b"], sure=False).save_report(tmp_path, ReportContext(date=DAY))
    assert not {"training_curves.png", "learning_curve.png", "reliability.png"} & set(
        files_of(tmp_path)
    )
    assert (tmp_path / "notes.txt").read_text() == "mine"


FULL_DISK = """
import resource, signal, sys
from evaluations import judged
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # pictures fit, the page does not
from satchel.errors import SaveError
evaluation = judged([f"class {place}" for place in range(30)], n=2000, texts=["word " * 40] * 2000)
try:
    evaluation.save_report(sys.argv[1])
except SaveError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_report_whole(tmp_path):
    judged(["old", "older"]).save_report(tmp_path)
    before = files_of(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    assert "the old files are intact" in done.stdout, done.stderr
    assert files_of(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_a_save_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveError, match="cannot write"):
        judged(["a", "b"]).save_report(tmp_path / "file")


def test_names_and_texts_must_fit():
    from satchel.errors import InputError

    with pytest.raises(InputError, match="expected names for 400 documents, found 1"):
        judged(["a", "b"], names=["one"])
    with pytest.raises(InputError, match="expected texts for 400 documents, found 1"):
        judged(["a", "b"], texts=["one"])


@pytest.mark.parametrize(
    ("classes", "documents", "skill"),
    [(4, 20_000, 0.0), (150, 20_000, 1.0), (20, 20_000, 4.0), (6_000, 8_000, 0.5)],
)
def test_the_page_is_bounded(classes, documents, skill):
    labels = [
        f"a class with a long name, number {place} of very many" * 2 for place in range(classes)
    ]
    generator = np.random.default_rng(0)
    true = generator.integers(0, classes, documents)
    right = generator.random(documents) < skill / 5
    predicted = np.where(right, true, generator.integers(0, classes, documents))
    evaluation = evaluate(
        [labels[place] for place in true],
        [labels[place] for place in predicted],
        labels,
        names=[f"a/long/folder/of/documents/{place}.txt" for place in range(documents)],
        texts=["日本語の長い文章 and <b>English</b> words. " * 40] * documents,
    )
    page = render(evaluation, ReportContext(), find_reasons(evaluation, None))
    assert len(page.encode()) <= 3_000_000


def test_a_context_without_bounds_makes_no_page_without_bounds():
    long = "日本 <b>" * 500
    context = ReportContext(
        model=long,
        data=long,
        trained_on=long,
        training={f"{place} {long}": long for place in range(1000)},
        notes=[long] * 1000,
        baselines=[Baseline(long, 0.5)] * 1000,
        history=[{"loss": [0.5] * 5000, **{f"{place}{long}": [0.5] * 5000 for place in range(50)}}]
        * 100,
        learning_curve=[LearningPoint(place, 0.5) for place in range(1, 5000)],
        trials=[TrialResult(long, long, 0.5, place == 999) for place in range(1000)],
    )
    labels = [f"{place} " + "e\u0301\u0323" * 500 for place in range(1500)]
    texts = [f"{long} {place}" for place in range(3000)]
    true = labels * 2
    evaluation = evaluate(true, true[1:] + true[:1], labels, texts=texts)
    page = render(evaluation, context, find_reasons(evaluation, None))
    assert len(page.encode()) <= 3_000_000
    assert '"trials_left_out":800' in page


MANY = """
import resource, sys, datetime
import numpy as np
from satchel.evaluation import evaluate
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
generator = np.random.default_rng(0)
labels = [f"label {place}" for place in range(65_536)]
true = generator.integers(0, 65_536, 20_000)
predicted = np.where(generator.random(20_000) < 0.8, true, generator.integers(0, 65_536, 20_000))
name = labels.__getitem__
evaluation = evaluate(map(name, true), map(name, predicted), labels, texts=["some text"] * 20_000)
print(evaluation.save_report(sys.argv[1]).stat().st_size)
"""


def test_tens_of_thousands_of_labels_have_a_report_of_bounded_size_and_cost(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) <= 3_000_000
    assert (tmp_path / "report.json").stat().st_size <= 15_000_000


def test_evaluating_needs_numpy_only():
    code = (
        "import sys; from satchel.evaluation import evaluate;"
        "evaluate('ab', 'aa', 'ab', probabilities=[[.5, .5]] * 2).summary();"
        "heavy = {'matplotlib', 'sklearn', 'scipy', 'polars', 'keras', 'numba'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
