"""``train``: the documents that the saved model was trained on, and whose the scores are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import satchel
from corpora import corpus, folder


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    answer = subprocess.run(
        [sys.executable, "-m", "satchel", "train", *map(str, arguments), "--effort", "fast"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("refit") / "posts", 150)


def test_the_saved_model_is_retrained_on_all_and_the_scores_name_their_model(
    source: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.satchel"
    said = train(source, "-o", model).stdout
    line = "evaluated on 30 documents held out (20 %), with a model trained on 120; the saved model"
    assert f"{line} was then retrained on all 150" in said
    assert "trained on 150 documents" in said
    ensemble = satchel.load(model).ensemble
    assert ensemble.training.documents == 150
    assert sum(ensemble.training.class_counts) == 150
    assert {score.part for score in ensemble.scores} == {
        "held-out documents, before training on them too"
    }
    facts = json.loads(train(source, "-o", model, "--json").stdout)
    assert facts["documents"] == 150
    assert facts["documents_of_evaluated_model"] == 120
    assert facts["test"]["n"] == 30


def test_the_saved_model_is_what_was_chosen_trained_on_all(source: Path, tmp_path: Path) -> None:
    both, judged = tmp_path / "both.satchel", tmp_path / "judged.satchel"
    train(source, "-o", both)
    train(source, "-o", judged, "--no-refit")
    one, other = satchel.load(both).ensemble, satchel.load(judged).ensemble
    # The search was not repeated: the same trials, settings and scales.
    assert one.training.trials == other.training.trials
    assert one.training.settings == other.training.settings
    assert [member.scale for member in one.members] == [member.scale for member in other.members]
    assert [(s.name, s.value) for s in one.scores] == [(s.name, s.value) for s in other.scores]


def test_no_refit_keeps_the_evaluated_model(source: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.satchel"
    said = train(source, "-o", model, "--no-refit").stdout
    assert "with a model trained on 120, which is the model saved" in said
    ensemble = satchel.load(model).ensemble
    assert ensemble.training.documents == 120
    assert {score.part for score in ensemble.scores} == {"test"}


def test_with_a_test_of_its_own_or_none_there_is_nothing_to_refit(
    source: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.satchel"
    test = folder(tmp_path / "test", 45, seed=1)
    said = train(source, "--test", test, "-o", model).stdout
    assert (
        "evaluated on 45 documents, with a model trained on 150, which is the model saved" in said
    )
    by_test = satchel.load(model)
    facts = json.loads(train(source, "--no-test", "-o", model, "--json").stdout)
    assert facts["documents"] == 150
    assert "documents_of_evaluated_model" not in facts
    texts = corpus(45, seed=2)[0]
    assert (
        satchel.load(model).predict_proba(texts).tolist() == by_test.predict_proba(texts).tolist()
    )


def test_documents_set_aside_are_in_neither(source: Path, tmp_path: Path) -> None:
    facts = json.loads(train(source, "--hold-out", 7, "-o", tmp_path / "m", "--json").stdout)
    assert len(facts["held_out"]) == 7
    assert facts["documents"] == 143


def test_a_size_is_kept_by_the_model_trained_on_all(source: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.satchel"
    facts = json.loads(train(source, "-o", model, "--max-size", "6kB", "--json").stdout)
    assert model.stat().st_size == facts["bytes"] <= 6_000
    assert facts["documents"] == 150


def test_documents_left_out_are_counted_with_the_reason(tmp_path: Path) -> None:
    texts, labels = corpus(60)
    rows = [*zip(labels, texts, strict=True), *((label, " ") for label in labels[:25])]
    table = tmp_path / "posts.jsonl"
    table.write_text("".join(json.dumps({"label": k, "text": t}) + "\n" for k, t in rows))
    model = tmp_path / "m.satchel"
    answer = train(table, "-o", model, "--no-test")
    assert "dropped from training: 25 documents without a word" in answer.stderr
    assert "trained on 60 documents" in answer.stdout
    facts = json.loads(train(table, "-o", model, "--no-test", "--json").stdout)
    assert (facts["documents"], facts["documents_left_out"]) == (60, 25)
    with_test = train(table, "-o", model)
    assert "25 documents without a word" in with_test.stderr
    assert re.search(r"then retrained on all 60\b", with_test.stdout)
