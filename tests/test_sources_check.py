"""The pre-flight check: one test a finding, and silence where all is well."""

from __future__ import annotations

import json

import pytest

from satchel.sources import Documents
from satchel.sources.check import check
from satchel.sources.findings import CheckResult

pytestmark = pytest.mark.fast


def documents(rows: list[tuple[object, str]], prefix: str = "d") -> Documents:
    names = [f"{prefix}{i}" for i in range(len(rows))]
    labels = [label for label, _ in rows]
    return Documents(names, [text for _, text in rows], labels)  # type: ignore[arg-type]


def plenty(*more: tuple[object, str]) -> Documents:
    return documents([*more, *(("ab"[i % 2], f"text {i}") for i in range(200))])


def codes(result: CheckResult) -> dict[str, str]:
    json.dumps(result.to_dict())
    return {finding.code: finding.severity for finding in result.findings}


def test_nothing_is_said_where_all_is_well() -> None:
    test = documents([("a", "new"), ("b", "newer")], "t")
    result = check(plenty(), test)
    assert result.findings == ()
    assert result.lines() == []
    assert result.ok
    assert (result.documents, result.test_documents) == (200, 2)
    assert result.classes == {"a": 100, "b": 100}


def test_one_class_or_none_is_an_error() -> None:
    one = check(documents([("a", str(i)) for i in range(100)]))
    assert codes(one) == {"one-class": "error"}
    assert not one.ok
    assert one.lines()[0] == "error: there is only one label, 'a': nothing to tell apart."
    assert "no-labels" in codes(check(Documents(["d"], ["x"], None)))
    assert "one-class" in codes(check(documents([((), "x")])))


def test_labels_that_look_like_identifiers_are_an_error() -> None:
    result = check(documents([(f"id{i}", str(i)) for i in range(100)]))
    assert codes(result) == {"labels-like-ids": "error"}


def test_labels_that_differ_in_case_or_space_are_shown_with_counts() -> None:
    more = [("A ", f"x{i}") for i in range(20)]
    result = check(plenty(*more))
    assert codes(result) == {"label-spellings": "warning"}
    assert result.findings[0].examples == ("'A ' (20) / 'a' (100)",)


def test_tiny_classes_are_shown_smallest_first() -> None:
    result = check(plenty(("c", "x"), ("c", "y"), ("d", "z")))
    assert codes(result) == {"tiny-classes": "warning"}
    assert result.findings[0].examples == ("d (1)", "c (2)")


def test_few_documents_are_a_warning() -> None:
    assert "few-documents" in codes(check(documents([("a", "x"), ("b", "y")])))


def test_empty_documents_are_counted_and_are_no_duplicates() -> None:
    result = check(plenty(("a", ""), ("b", " \n")), documents([("a", "\t")]))
    assert codes(result) == {"empty-documents": "warning", "labels-not-in-test": "note"}
    assert result.findings[0].message == "2 documents are empty."
    assert result.findings[0].examples == ("d0", "d1")


def test_duplicates_are_a_note_and_with_other_labels_a_warning() -> None:
    result = check(plenty(("a", "Same  text"), ("a", "same text"), ("b", "SAME TEXT")))
    assert codes(result) == {"duplicates": "note", "conflicting-labels": "warning"}
    warning, note = result.findings
    assert note.message == "2 documents have the text of an earlier one."
    assert note.examples == ("d1 = d0", "d2 = d0")
    assert warning.message.startswith("1 document has the text of an earlier one, but another")
    assert warning.examples == ("d2 (b) = d0 (a)",)


def test_several_labels_conflict_as_sets() -> None:
    rows = [(("a", "b"), "x"), (("b", "a"), "x"), (("a",), "x")]
    result = check(documents([*rows, *(((c,), f"text {i}") for i in range(50) for c in "ab")]))
    (warning,) = [each for each in result.findings if each.code == "conflicting-labels"]
    assert warning.examples[0] == "d2 (a) = d0 (a, b)"


def test_the_test_source_is_compared() -> None:
    test = documents([("a", "TEXT 7"), ("c", "new"), ("c", "newer")], "t")
    result = check(plenty(), test)
    assert codes(result) == {
        "labels-only-in-test": "warning",
        "test-in-training": "warning",
        "labels-not-in-test": "note",
    }
    only, overlap, absent = result.findings
    assert only.message == "1 label of the test (2 documents) is not in the training part."
    assert only.examples == ("c",)
    assert overlap.message == "1 of 3 test documents (33.3%) also is in the training part."
    assert overlap.examples == ("t0 = d7",)
    assert absent.examples == ("b",)


def test_remarks_of_reading_are_passed_on() -> None:
    source, test = plenty(), documents([("a", "x"), ("b", "y")])
    source.remarks.hidden.append(".git")
    test.remarks.replaced["t1"] = 2
    assert check(source, test).lines() == [
        "reading: Skipped 1 hidden file or folder: .git.",
        "reading: test: 2 broken characters in 1 document became U+FFFD: t1.",
    ]
