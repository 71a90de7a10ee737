"""The pre-flight check: one test a finding, and silence where all is well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import satchel
from satchel.errors import LabelError, SourceError
from satchel.sources.check import CheckResult, check
from satchel.sources.documents import Documents

pytestmark = pytest.mark.fast


def documents(rows: list[tuple[object, str]], prefix: str = "d") -> Documents:
    names = [f"{prefix}{i}" for i in range(len(rows))]
    labels = [label for label, _ in rows]
    return Documents(names, [text for _, text in rows], labels)


def plenty(*more: tuple[object, str]) -> Documents:
    return documents([*more, *(("ab"[i % 2], f"text {i}") for i in range(200))])


def codes(result: CheckResult) -> dict[str, str]:
    json.dumps(result.to_dict())
    return {finding.code: finding.severity for finding in result.findings}


def test_nothing_is_said_where_all_is_well() -> None:
    test = documents([("a", "new"), ("b", "newer")], "t")
    result = check(plenty(), test=test)
    assert result.findings == ()
    assert result.lines() == []
    assert result.ok
    assert (result.documents, result.test_documents) == (200, 2)
    assert result.classes == {"a": 100, "b": 100}


def test_one_class_or_none_is_an_error() -> None:
    one = check(documents([("a", f"text {i}") for i in range(100)]))
    assert codes(one) == {"one-class": "error"}
    assert not one.ok
    assert one.lines()[0] == "error: there is only one label, 'a': nothing to classify."
    assert "no-labels" in codes(check(Documents(["d"], ["x"], None)))
    assert "one-class" in codes(check(documents([((), "x")])))


def test_labels_that_look_like_identifiers_are_an_error() -> None:
    result = check(documents([(f"id{i}", f"text {i}") for i in range(100)]))
    assert codes(result) == {"labels-like-ids": "error"}


def test_labels_that_differ_in_case_or_space_are_shown_with_counts() -> None:
    more = [("A ", f"x{i}") for i in range(20)]
    result = check(plenty(*more))
    assert codes(result) == {"label-spellings": "warning"}
    assert result.findings[0].examples == ("'a' (100) / 'A ' (20)",)


def test_tiny_classes_are_shown_smallest_first() -> None:
    result = check(plenty(("c", "x"), ("c", "y"), ("d", "z")))
    assert codes(result) == {"tiny-classes": "warning"}
    assert result.findings[0].examples == ("d (1)", "c (2)")


def test_few_documents_are_a_warning() -> None:
    assert "few-documents" in codes(check(documents([("a", "x"), ("b", "y")])))


def test_empty_documents_are_counted_and_are_no_duplicates() -> None:
    result = check(plenty(("a", ""), ("b", " \n")), test=documents([("a", "\t")]))
    assert codes(result) == {"empty-documents": "warning", "labels-not-in-test": "note"}
    assert result.findings[0].message == "2 documents are empty."
    assert result.findings[0].examples == ("d0", "d1")


def test_duplicates_are_a_note_and_with_other_labels_a_warning() -> None:
    result = check(plenty(("a", "Same  text"), ("a", "same text"), ("b", "SAME TEXT")))
    assert codes(result) == {"duplicates": "note", "conflicting-labels": "warning"}
    warning, note = result.findings
    assert note.message == "2 documents repeat the text of an earlier one."
    assert note.examples == ("d1 = d0", "d2 = d0")
    assert warning.message.startswith(
        "1 document repeats the text of an earlier one under a different label"
    )
    assert warning.examples == ("d2 (b) = d0 (a)",)


def test_several_labels_conflict_as_sets() -> None:
    rows = [(("a", "b"), "x"), (("b", "a"), "x"), (("a",), "x")]
    result = check(documents([*rows, *(((c,), f"text {i}") for i in range(50) for c in "ab")]))
    (warning,) = [each for each in result.findings if each.code == "conflicting-labels"]
    assert warning.examples[0] == "d2 (a) = d0 (a, b)"


def test_the_test_source_is_compared() -> None:
    test = documents([("a", "TEXT 7"), ("c", "new"), ("c", "newer")], "t")
    result = check(plenty(), test=test)
    assert codes(result) == {
        "labels-only-in-test": "warning",
        "test-in-training": "warning",
        "labels-not-in-test": "note",
    }
    only, overlap, absent = result.findings
    assert only.message == "1 label of the test data (2 documents) is not in the training data."
    assert only.examples == ("c (2)",)
    assert overlap.message == (
        "1 of 3 test documents (33.3%) is also in the training data (0 exactly, 1 except for case, "
        "white space or Unicode form)."
    )
    assert overlap.examples == ("t0 = d7",)
    assert absent.examples == ("b",)


def test_remarks_of_reading_are_passed_on() -> None:
    source, test = plenty(), documents([("a", "x"), ("b", "y")])
    source.report.hidden.append(".git")
    test.report.replaced["t1"] = 2
    assert check(source, test=test).lines() == [
        "reading: Skipped 1 hidden file or folder: .git.",
        "reading: test: 2 broken characters in 1 document became U+FFFD: t1.",
    ]


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """A table without a fault, in which rows 0 and 1 have the same text."""
    rows = [("ab"[i % 2], f"text {max(i - i % 2, 0) if i < 2 else i}") for i in range(200)]
    path = tmp_path / "posts.csv"
    path.write_text("Message,Category\n" + "".join(f"{text},{label}\n" for label, text in rows))
    return path


class Pandas:
    """A data frame as pandas makes them: columns that iterate, and its own marks for nothing."""

    class NAType:
        """What pandas calls its mark."""

    def __init__(self, data: dict[str, list[Any]]) -> None:
        self.columns = np.array(list(data), dtype=object)
        self._data = data

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self._data[name], dtype=object)

    def __len__(self) -> int:
        return len(next(iter(self._data.values())))


def test_whatever_holds_documents_is_checked(posts: Path) -> None:
    frame = satchel.read(posts)
    data = frame.to_dict(as_series=False)
    texts, labels = data["Message"], data["Category"]
    expected = codes(check(posts))
    assert expected == {"duplicates": "note", "conflicting-labels": "warning"}
    for result in (
        check(str(posts)),
        check(posts, text="Message", label="category"),
        check(frame),
        check(Pandas(data)),
        check(texts, labels),
        check(frame["Message"], frame["Category"]),
        check(np.array(texts), np.array([ord(label) for label in labels])),
    ):
        assert codes(result) == expected
        assert result.documents == 200
    leak = {"test-in-training": "warning", "labels-not-in-test": "note", **expected}
    for result in (
        check(frame, test=frame[4:5]),
        check(posts, test=["TEXT 4"], test_labels=["a"]),
        check(texts, labels, test=Documents(["t"], ["text 4"], ["a"])),
    ):
        assert codes(result) == leak
    assert satchel.check is check


def test_data_frames_may_lack_cells_and_have_lists(tmp_path: Path) -> None:
    data = {
        "Text": ["a", None, "b", float("nan"), "c", "d", "e", "f"],
        "labels": [["x"], ["x"], ["x", "y"], ["y"], None, Pandas.NAType(), np.array(["y"]), "x|y"],
        7: list(range(8)),
    }
    result = check(Pandas(data))
    assert result.classes == {"x": 3, "y": 3}
    (line,) = [line for line in result.remarks if line.startswith("Rejected")]
    assert line.startswith("Rejected 4 rows: frame:2 (expected text, found nothing), frame:4 (")
    with pytest.raises(SourceError, match="frame: expected columns such as 'text' and 'label'"):
        check(polars.DataFrame({"x": ["a"]}))


def test_texts_need_a_label_each() -> None:
    with pytest.raises(LabelError, match="expected labels beside texts"):
        check(["a", "b"])
    with pytest.raises(LabelError, match="one label per text, found 1 label for 2 texts"):
        check(["a", "b"], ["x"])
    with pytest.raises(LabelError, match="array of 2 dimensions"):
        check(["a", "b"], np.eye(2))


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (["one"], ["one"], "the only test document is also in the training data."),
        (["one", "two"], ["one", "two"], "all 2 test documents are also in the training data."),
        (["one", "x"], ["one", "y"], "1 of 2 test documents (50.0%) is also in the training data."),
        (
            ["one", "x"],
            ["one"] * 2 + ["y"],
            "2 of 3 test documents (66.7%) are also in the training",
        ),
    ],
)
def test_sentences_suit_one_as_well_as_many(ours: list[str], theirs: list[str], said: str) -> None:
    result = check(ours, ["a"] * len(ours), test=theirs, test_labels=["a"] * len(theirs))
    (message,) = [each.message for each in result.findings if each.code == "test-in-training"]
    assert message.startswith(said)
    few = next(each.message for each in result.findings if each.code == "few-documents")
    assert few.startswith("there is only 1" if len(ours) == 1 else "there are only 2 documents")


def run_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "satchel", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_exit_status_says_what_was_found(posts: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean.csv"
    clean.write_text(posts.read_text().replace("text 0,b", "text 1,b"))
    noted = tmp_path / "noted.csv"
    noted.write_text(clean.read_text() + "text 0,a\n")
    one = tmp_path / "one.csv"
    one.write_text("text,label\n" + "".join(f"text {n},x\n" for n in range(100)))
    for path, status, strict, headline in (
        (clean, 0, 0, "2 labels in 200 documents: no findings"),
        (noted, 0, 0, "2 labels in 201 documents: 1 note"),
        (posts, 0, 1, "2 labels in 200 documents: 1 warning, 1 note"),
        (one, 2, 2, "1 label in 100 documents: 1 error"),
        (tmp_path / "nothing.csv", 2, 2, ""),
    ):
        assert run_check(str(path)).returncode == status
        done = run_check(str(path), "--strict")
        assert done.returncode == strict
        assert done.stdout.partition("\n")[0] == headline
        done = run_check(str(path), "--strict", "--json")
        assert done.returncode == strict
        if headline:
            assert json.loads(done.stdout)["exit_status"] == strict


def test_remarks_are_printed_once(posts: Path) -> None:
    done = run_check(str(posts))
    assert (done.stdout + done.stderr).count("took the column 'Message'") == 1


def test_columns_are_named_on_the_command_line_once_or_several_times(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('subject,"a,b",label\nS,A,x\nS,B,y\nS,A,y\n')
    for options in (
        ["--text", "subject", "--text", '"a,b"'],
        ["--text", 'subject,"a,b"'],
        ["--text", 'subject, "a,b"', "--label", "LABEL"],
    ):
        done = run_check(str(path), *options, "--json")
        assert "conflicting-labels" in done.stdout, done.stderr
    done = run_check(str(path), "--text", "subject,b")
    assert done.returncode == 2
    assert "expected a column 'b' for the text, found the columns 'subject', 'a,b'" in done.stderr
