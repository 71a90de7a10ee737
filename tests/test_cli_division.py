"""``satchel train`` with --group and --time, and what it says of the check: as a user sees it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import satchel
from cli_runs import refused, run
from satchel.cli.division import SplitColumns, divide
from satchel.errors import SettingError
from satchel.sources.reading import read_documents

WORDS = {"cars": "engine wheel road drive fuel", "birds": "feather wing nest sing egg"}


def row(place: int, label: str) -> dict[str, object]:
    word = WORDS[label].split()[place % 5]
    day = datetime.date(2024, 1, 1) + datetime.timedelta(days=place)
    return {
        "text": f"{word} number{place} {WORDS[label]}",
        "label": label,
        "thread": f"thread {place // 4}",
        "day": day.isoformat(),
        "stamp": 1_700_000_000 + 60 * place,
        "when": f"{day.day}.{day.month}.{day.year}",
    }


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a table of 200 rows, changed by the caller."""

    def write(change: Callable[[list[dict[str, object]]], object] = len) -> Path:
        rows = [row(place, ("cars", "birds")[place % 2]) for place in range(200)]
        change(rows)
        path = tmp_path / "posts.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in rows))
        return path

    return write


def trained(path: Path, *options: str) -> dict[str, object]:
    model = path.with_suffix(".satchel")
    done = run("train", path, "-o", model, "--effort", "fast", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"stderr": done.stderr}


def test_no_thread_is_on_both_sides_and_the_output_says_so(table: Callable[..., Path]) -> None:
    path = table()
    facts = trained(path, "--group", "Thread")
    assert facts["split"] == {
        "group": "Thread", "time": None, "test": "held out (20 %, divided by Thread)",
    }  # fmt: skip
    assert facts["documents_of_evaluated_model"] == 160
    documents = read_documents(path, keep=("thread",))
    parts = divide(documents, 0.2, 0, 0, as_tutorial=False, by=SplitColumns("thread"))
    assert parts.test is not None
    threads = [{*SplitColumns.values(part, "thread")} for part in (parts.train, parts.test)]
    assert not threads[0] & threads[1]
    assert len(parts.refit) == 200
    assert parts.groups is not None
    assert len(parts.groups) == len(parts.train)
    said = run("train", path, "-o", path.with_suffix(".m"), "--effort", "fast", "--group", "thread")
    assert "evaluated on 40 documents held out (20 %, divided by thread), with" in said.stdout


@pytest.mark.parametrize(
    ("column", "first"), [("day", "2024-06-09"), ("stamp", "1700009600"), ("when", "9.6.2024")]
)
def test_the_newest_fifth_is_held_out(table: Callable[..., Path], column: str, first: str) -> None:
    path = table()
    facts = trained(path, "--time", column)
    assert facts["split"] == {
        "group": None, "time": column, "test": f"held out: the 20 % newest, from {first} on",
    }  # fmt: skip
    assert facts["documents"] == 200
    documents = read_documents(path, keep=(column,))
    parts = divide(documents, 0.2, 3, 0, as_tutorial=False, by=SplitColumns(time=column))
    assert parts.held_out.names == [f"posts.jsonl:{line}" for line in (198, 199, 200)]
    assert parts.test is not None
    assert parts.test.names[-1] == "posts.jsonl:197"


def test_what_stays_in_training_or_out_of_the_test_is_said(table: Callable[..., Path]) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[199]["text"] = rows[0]["text"]
        for each in rows[:90]:
            each["thread"] = "the big one"
        rows[150]["thread"] = ""

    path = table(change)
    stay = "1 document of the newest stays in training, because an older one has the same text."
    assert stay in trained(path, "--time", "day")["stderr"]
    said = str(trained(path, "--group", "thread")["stderr"])
    assert (
        "warning: 90 of 200 documents have the thread 'the big one', more than are held out: they "
        "stay in training, and the test has none like them." in said
    )
    assert "1 document has no thread: each is divided on its own, together with its copies." in said

    def same(rows: list[dict[str, object]]) -> None:
        for each in rows[:90]:
            each["thread"], each["text"] = "", "thank you all"

    path = table(same)
    facts = trained(path, "--group", "thread")
    assert "90 documents have no thread" in str(facts["stderr"])
    assert "more than are held out" not in str(facts["stderr"])

    def common(rows: list[dict[str, object]]) -> None:
        for place in range(0, 200, 4):
            rows[place]["text"] = "thank you all, cars"

    path = table(common)
    said = str(trained(path, "--group", "thread")["stderr"])
    assert (
        "10 documents are left out of the evaluation, because training has the same text under "
        "another thread." in said
    )


def test_the_group_and_the_time_may_be_the_id_or_the_label_of_the_table(
    table: Callable[..., Path],
) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        for place, each in enumerate(rows):
            each["ID"] = str(place)

    facts = trained(table(change), "--time", "id")
    assert "from 160 on" in str(facts["split"])


def test_calls_that_make_no_sense_are_refused(table: Callable[..., Path], tmp_path: Path) -> None:
    path = table()
    out = ("-o", tmp_path / "m.satchel")
    for options, said in (
        (("--time", "day", "--test", path), "choose the documents to evaluate on, found --test"),
        (("--time", "day", "--no-test"), "choose the documents to evaluate on, found --no-test"),
        (("--group", "thread", "--preset", "tutorial"), "expected --preset tutorial without"),
        (
            ("--group", "none"),
            "expected a column 'none' to keep, found the columns 'text', 'label'",
        ),
        (("--group", "none"), "Name another."),
        (("--time", "thread"), "posts.jsonl:1: expected a time in the column 'thread', such as"),
        (("--group", "label"), "expected groups of which some can be held out for the test"),
    ):
        assert said in refused("train", path, *out, *options)
    folder = tmp_path / "folder"
    for label in WORDS:
        (folder / label).mkdir(parents=True)
        (folder / label / "1").write_text(label)
    said = refused("train", folder, *out, "--time", "day")
    assert "expected a table for --time, whose rows have columns, found a folder" in said
    lines = tmp_path / "lines"
    lines.write_text("__label__a x\n__label__b y\n")
    assert "found a format without any" in refused("train", lines, *out, "--group", "thread")

    def old(rows: list[dict[str, object]]) -> None:
        for each in rows[:160]:
            each["label"] = "cars"

    said = refused("train", table(old), *out, "--time", "day")
    assert "expected the older documents, on which --time trains, to have at least two" in said


def test_training_says_the_errors_and_warnings_of_the_check_once(
    table: Callable[..., Path],
) -> None:
    facts = trained(table())
    assert facts["check"] == []
    assert "satchel check" not in str(facts["stderr"])

    def change(rows: list[dict[str, object]]) -> None:
        for each in rows[:20]:
            each["label"] = "Cars" if each["label"] == "cars" else each["label"]
        rows[1]["text"] = rows[0]["text"]
        rows[7]["text"] = " "

    path = table(change)
    facts = trained(path, "--text", "text")
    codes = [each["code"] for each in facts["check"]]  # type: ignore[attr-defined]
    assert codes == ["label-spellings", "empty-documents", "conflicting-labels", "duplicates"]
    said = str(facts["stderr"])
    assert said.count("warning: ") == 2
    assert "warning: 2 labels differ from one another only in case" in said
    assert "warning: 1 document repeats the text of an earlier one under a different label" in said
    assert f"what to do about it:  satchel check {path} --text text\n" in said
    assert said.count("empty") == 0
    assert "dropped from training: 1 document without a word" in said


def test_a_single_class_is_said_once(table: Callable[..., Path], tmp_path: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        for each in rows:
            each["label"] = "cars"

    said = refused("train", table(change), "-o", tmp_path / "m.satchel")
    assert said.count("cars") == 1
    assert "satchel check" not in said


def test_the_search_keeps_groups_together() -> None:
    # A word of its own tells each group's label: only where validation divides groups does it help.
    texts = [f"group{place // 4} number{place} of the rest" for place in range(160)]
    labels = ["ab"[place // 4 % 2] for place in range(160)]
    authors = [f"author {place // 4}" for place in range(160)]
    weights = [0.0, *[1.0] * 159]
    classifier = satchel.TextClassifier(budget=0.01)
    for groups, accuracy in ((None, 1.0), (authors, 0.5)):
        classifier.fit(texts, labels, groups=groups, sample_weight=weights)
        first = classifier.model_.ensemble.training.trials[0]
        assert first.value == pytest.approx(accuracy, abs=0.05)
    with pytest.raises(SettingError, match="expected one group per document, found 2 groups for"):
        classifier.fit(texts, labels, groups=["a", "b"])
