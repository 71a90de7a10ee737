"""The check before training: problems with labels and texts, duplicates, leaked test documents."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from satchel.errors import LabelError
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, brief, counted, label_sets
from satchel.sources.reading import read_documents
from satchel.sources.splitting import text_keys
from satchel.sources.tables import frame_documents, is_frame, text_documents

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        severity: ``error``: training makes no sense; ``warning``: the result will suffer or
            mislead; ``note``: good to know.
        code: A short fixed name, such as ``one-class``.
        message: What was found.
        advice: What to do.
        examples: A few documents or labels concerned.
    """

    severity: Severity
    code: str
    message: str
    advice: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What the check found.

    Attributes:
        documents: Number of training documents.
        test_documents: Number of test documents; None without a test source.
        classes: Label → number of documents, most first.
        findings: Errors first, then warnings, then notes.
        remarks: Messages from reading the sources, in sentences.
    """

    documents: int
    test_documents: int | None
    classes: dict[str, int]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def exit_status(self, *, strict: bool = False) -> int:
        """Return what ``satchel check`` ends with.

        Args:
            strict: Whether warnings count.

        Returns:
            2 where there is an error, 1 where there is a warning and they count, else 0.
        """
        if not self.ok:
            return 2
        return int(strict and any(finding.severity == "warning" for finding in self.findings))

    def headline(self) -> str:
        """Return the numbers of documents checked and of findings, in one line."""
        what = f"{counted(len(self.classes), 'label')} in {counted(self.documents, 'document')}"
        if self.test_documents is not None:
            what += f", {counted(self.test_documents, 'test document')}"
        times = Counter(finding.severity for finding in self.findings)
        found = [counted(times[each], each) for each in ("error", "warning", "note") if times[each]]
        return f"{what}: {', '.join(found) or 'no findings'}"

    def lines(self) -> list[str]:
        """Return the findings and remarks as lines for a terminal."""
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.severity}: {finding.message}")
            if finding.examples:
                lines.append(
                    f"    such as: {', '.join(brief(each, 200) for each in finding.examples)}"
                )
            lines.append(f"    {finding.advice}")
        return lines + [f"reading: {remark}" for remark in self.remarks]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "ok": self.ok,
            "documents": self.documents,
            "test_documents": self.test_documents,
            "classes": self.classes,
            "findings": [
                {
                    "severity": finding.severity,
                    "code": finding.code,
                    "message": finding.message,
                    "advice": finding.advice,
                    "examples": list(finding.examples),
                }
                for finding in self.findings
            ],
            "remarks": list(self.remarks),
        }


FEW_DOCUMENTS = 100
FEW_IN_CLASS = 10
_EXAMPLES = 5


def check(
    source: object,
    labels: Sequence[object] | None = None,
    *,
    test: object = None,
    test_labels: Sequence[object] | None = None,
    text: str | Sequence[str] | None = None,
    label: str | None = None,
) -> CheckResult:
    """Check labelled documents before training.

    Args:
        source: The training data: a path, as :func:`satchel.read` takes it; a data frame, as it
            returns it, or of pandas; :class:`Documents`; or a sequence of texts.
        labels: One label per text, or one list of labels per text, where ``source`` is texts.
        test: The test data, if it is a separate source; of the same kinds.
        test_labels: Its labels, where ``test`` is texts.
        text: The column or columns of the text, where there are columns; None takes the one that
            is recognised by its name.
        label: The column of the label; None takes the one that is recognised.

    Returns:
        The counts and all findings.

    Raises:
        SourceError: A source cannot be read, a column is missing, or most rows cannot be used.
        LabelError: Texts have no labels, or not one label per text.
    """
    texts = () if text is None else (text,) if isinstance(text, str) else tuple(text)
    wanted = Columns(texts, label)
    documents = _documents(source, labels, wanted, "frame")
    held_out = None if test is None else _documents(test, test_labels, wanted, "test frame")
    return check_documents(documents, held_out)


def _documents(
    source: object, labels: Sequence[object] | None, wanted: Columns, name: str
) -> Documents:
    """Return the documents of a source of any supported kind."""
    if isinstance(source, Documents):
        return source
    if isinstance(source, str | os.PathLike):
        return read_documents(source, text=wanted.text or None, label=wanted.label)
    if is_frame(source):
        return frame_documents(source, wanted, name)
    if labels is None or isinstance(labels, str):
        raise LabelError(
            "expected labels beside texts, found none: check(texts, labels), or check(path) or "
            "check(frame)"
        )
    return text_documents(source, labels)


def check_documents(documents: Documents, test: Documents | None = None) -> CheckResult:
    """Check documents that are already read, as :func:`check` does."""
    classes = _count_labels(documents)
    keys = text_keys([*documents.texts, *(test.texts if test else [])])
    findings = [
        *_check_labels(documents, classes),
        *_check_texts(documents, keys[: len(documents)]),
    ]
    remarks = list(documents.report.lines())
    if test is not None:
        findings += _check_test(documents, test, classes, keys)
        remarks += [f"test: {line}" for line in test.report.lines()]
    findings.sort(key=lambda finding: ("error", "warning", "note").index(finding.severity))
    return CheckResult(
        len(documents),
        None if test is None else len(test),
        dict(classes.most_common()),
        tuple(findings),
        tuple(remarks),
    )


def _count_labels(documents: Documents) -> Counter[str]:
    return Counter(label for each in label_sets(documents.labels or []) for label in each)


def _spelling(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def _first(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(item for item, _ in zip(items, range(_EXAMPLES), strict=False))


def _check_labels(documents: Documents, classes: Counter[str]) -> Iterator[Finding]:
    if documents.labels is None:
        yield Finding(
            "error", "no-labels", "the documents have no labels.", "Read them with their labels."
        )
        return
    if len(classes) < 2:
        only = f"only one label, {next(iter(classes))!r}" if classes else "no label at all"
        yield Finding(
            "error",
            "one-class",
            f"there is {only}: nothing to classify.",
            "Add documents of another label, or check the folder or the label column.",
        )
    if len(documents) >= 20 and len(classes) > len(documents) / 2:
        yield Finding(
            "error",
            "labels-like-ids",
            f"there are {len(classes):,} labels for {len(documents):,} documents: they look like "
            f"identifiers or free text.",
            "Name the column that holds the label.",
            _first(classes),
        )
        return
    spellings = defaultdict(list)
    for label in classes:
        spellings[_spelling(label)].append(label)
    alike = [same for same in spellings.values() if len(same) > 1]
    if alike:
        yield Finding(
            "warning",
            "label-spellings",
            f"{counted(sum(map(len, alike)), 'label')} differ from one another only in case or "
            f"space.",
            "Spell each label one way, unless they are meant to differ.",
            _first(" / ".join(f"{each!r} ({classes[each]:,})" for each in same) for same in alike),
        )
    tiny = sorted(
        (label for label in classes if classes[label] < FEW_IN_CLASS), key=classes.__getitem__
    )
    if tiny:
        are = "label has" if len(tiny) == 1 else "labels have"
        yield Finding(
            "warning",
            "tiny-classes",
            f"{len(tiny):,} {are} fewer than {FEW_IN_CLASS} documents.",
            "Add documents, or merge or drop these labels; a label with one document is "
            "trained on but never tested.",
            _first(f"{label} ({classes[label]})" for label in tiny),
        )


def _check_texts(documents: Documents, keys: np.ndarray) -> Iterator[Finding]:
    if len(documents) < FEW_DOCUMENTS:
        there = "there is" if len(documents) == 1 else "there are"
        yield Finding(
            "warning",
            "few-documents",
            f"{there} only {counted(len(documents), 'document')}.",
            "Expect a poor and uncertain result; aim for a few hundred documents per label.",
        )
    empty = [
        name for name, text in zip(documents.names, documents.texts, strict=True) if _is_empty(text)
    ]
    if empty:
        yield Finding(
            "warning",
            "empty-documents",
            f"{counted(len(empty), 'document is', 'documents are')} empty.",
            "Training skips them; remove or fix them.",
            _first(empty),
        )
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    filled = np.fromiter((not _is_empty(text) for text in documents.texts), bool, len(documents))
    copies = np.flatnonzero((first[group] != np.arange(len(keys))) & filled)
    if not len(copies):
        return
    yield Finding(
        "note",
        "duplicates",
        f"{counted(len(copies), 'document repeats', 'documents repeat')} the text of an earlier "
        f"one.",
        "Nothing to do if such repeats are normal in your data: when Satchel splits off a test "
        "set, all copies of a text stay on the same side.",
        _pairs(documents.names, copies, documents.names, first[group]),
    )
    labels = [frozenset(each) for each in label_sets(documents.labels or [])]
    conflicting = [i for i in copies if labels and labels[i] != labels[first[group[i]]]]
    if conflicting:
        yield Finding(
            "warning",
            "conflicting-labels",
            f"{counted(len(conflicting), 'document repeats', 'documents repeat')} the text of an "
            f"earlier one under a different label.",
            "Choose one label per text; if a text has several labels, use a column 'labels'.",
            _pairs(
                documents.names,
                np.array(conflicting),
                documents.names,
                first[group],
                lambda i: ", ".join(sorted(labels[i])),
            ),
        )


def _check_test(
    documents: Documents, test: Documents, classes: Counter[str], keys: np.ndarray
) -> Iterator[Finding]:
    in_test = _count_labels(test)
    unseen = [label for label in in_test if label not in classes]
    if unseen:
        number = sum(in_test[label] for label in unseen)
        yield Finding(
            "warning",
            "labels-only-in-test",
            f"{counted(len(unseen), 'label')} of the test data ({counted(number, 'document')}) "
            f"{'is' if len(unseen) == 1 else 'are'} not in the training data.",
            "These documents will count as wrong: add training documents, or correct the label.",
            _first(unseen),
        )
    absent = [label for label in classes if label not in in_test]
    if test.labels is not None and absent:
        yield Finding(
            "note",
            "labels-not-in-test",
            f"{counted(len(absent), 'label')} of the training data never "
            f"{'occurs' if len(absent) == 1 else 'occur'} in the test data.",
            "The evaluation says nothing about them.",
            _first(absent),
        )
    ours, first = np.unique(keys[: len(documents)], return_index=True)
    test_keys = keys[len(documents) :]
    filled = np.fromiter((not _is_empty(text) for text in test.texts), bool, len(test))
    shared = np.flatnonzero(np.isin(test_keys, ours) & filled)
    if len(shared):
        place = np.minimum(np.searchsorted(ours, test_keys), len(ours) - 1)
        yield Finding(
            "warning",
            "test-in-training",
            f"{_part(len(shared), len(test))} {'is' if len(shared) == 1 else 'are'} also in "
            f"the training data.",
            "The score will be too optimistic: remove them from one of the two.",
            _pairs(test.names, shared, documents.names, first[place]),
        )


def _part(number: int, total: int) -> str:
    """Return how many of the test documents, worded for one or many."""
    if number == total:
        return "the only test document" if total == 1 else f"all {total:,} test documents"
    return f"{number:,} of {total:,} test documents ({number / total:.1%})"


def _is_empty(text: str) -> bool:
    """Return whether a text has nothing but white space."""
    return not text or text.isspace()


def _pairs(
    names: Sequence[str],
    chosen: np.ndarray,
    other_names: Sequence[str],
    others: np.ndarray,
    describe: Callable[[int], str] | None = None,
) -> tuple[str, ...]:
    def side(name: str, index: int) -> str:
        return f"{name} ({describe(index)})" if describe else name

    return tuple(
        f"{side(names[i], i)} = {side(other_names[others[i]], int(others[i]))}"
        for i in map(int, chosen[:_EXAMPLES])
    )
