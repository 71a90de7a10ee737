"""The check before training: problems with labels and texts, duplicates, leaked test documents."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np

from satchel.errors import LabelError
from satchel.sources.check_labels import check_labels, spelling
from satchel.sources.check_texts import check_texts, is_empty, pairs
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, brief, counted, label_sets
from satchel.sources.findings import Finding, Severity, first_few
from satchel.sources.frames import frame_documents, is_frame, text_documents
from satchel.sources.overview import Overview, check_languages, overview_of
from satchel.sources.reading import read_documents
from satchel.sources.splitting import text_keys

MOST_LISTED: Final = 10
"""Labels that are listed on a terminal."""


@dataclass(frozen=True)
class CheckResult:
    """What the check found.

    Attributes:
        documents: Number of training documents.
        test_documents: Number of test documents; None without a test source.
        classes: Label → number of documents, most first.
        findings: Errors first, then warnings, then notes.
        remarks: Messages from reading the sources, in sentences.
        overview: Sizes, lengths, scripts and languages of the training documents.
    """

    documents: int
    test_documents: int | None
    classes: dict[str, int]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    overview: Overview

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

    def facts(self) -> list[str]:
        """Return the size, the classes and the languages as lines for a terminal."""
        return [self.overview.sizes(), *_class_lines(self.classes), *self.overview.languages()]

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
            "overview": self.overview.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            "remarks": list(self.remarks),
        }


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
    overview = overview_of(documents)
    findings = [
        *_findings(documents, classes, keys[: len(documents)]),
        *check_languages(overview),
    ]
    remarks = list(documents.report.lines())
    if test is not None:
        findings += _check_test(documents, test, classes, keys)
        remarks += [f"test: {line}" for line in test.report.lines()]
    return CheckResult(
        len(documents),
        None if test is None else len(test),
        dict(classes.most_common()),
        _sorted(findings),
        tuple(remarks),
        overview,
    )


def check_before_training(documents: Documents) -> tuple[Finding, ...]:
    """Check labels and texts alone, without the overview and a test: what costs little."""
    classes = _count_labels(documents)
    return _sorted(_findings(documents, classes, text_keys(documents.texts)))


def _findings(documents: Documents, classes: Counter[str], keys: np.ndarray) -> list[Finding]:
    if documents.labels is None:
        labels = [
            Finding(
                "error",
                "no-labels",
                "the documents have no labels.",
                "Read them with their labels.",
            )
        ]
    else:
        labels = [*check_labels(classes, len(documents))]
    texts = check_texts(documents, keys)
    if any(finding.severity == "error" for finding in labels):
        # What is no label conflicts with none.
        texts = (finding for finding in texts if finding.code != "conflicting-labels")
    return [*labels, *texts]


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = get_args(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _count_labels(documents: Documents) -> Counter[str]:
    labels = documents.labels or []
    if documents.multiple:
        return Counter(itertools.chain.from_iterable(label_sets(labels)))
    return Counter(labels)  # type: ignore[arg-type]


def _class_lines(classes: Mapping[str, int]) -> list[str]:
    """Return the classes with their sizes, the most and the least frequent of many."""

    def joined(some: Iterable[tuple[str, int]]) -> str:
        return ", ".join(f"{brief(label, 40)} {number:,}" for label, number in some)

    ordered = list(classes.items())
    if len(ordered) <= MOST_LISTED:
        return [f"labels: {joined(ordered)}"] if ordered else []
    few = MOST_LISTED // 2
    return [
        f"most frequent labels: {joined(ordered[:few])}",
        f"least frequent labels: {joined(ordered[-few:])}",
    ]


def _check_test(
    documents: Documents, test: Documents, classes: Counter[str], keys: np.ndarray
) -> Iterator[Finding]:
    in_test = _count_labels(test)
    unseen = [label for label in in_test if label not in classes]
    if unseen:
        number = sum(in_test[label] for label in unseen)
        known = {spelling(label): label for label in classes}
        yield Finding(
            "warning",
            "labels-only-in-test",
            f"{counted(len(unseen), 'label')} of the test data ({counted(number, 'document')}) "
            f"{'is' if len(unseen) == 1 else 'are'} not in the training data.",
            "These documents will count as wrong: add training documents, or correct the label.",
            first_few(
                f"{label!r} ({in_test[label]:,}), which training spells {known[spelling(label)]!r}"
                if spelling(label) in known
                else f"{label} ({in_test[label]:,})"
                for label in unseen
            ),
        )
    absent = [label for label in classes if label not in in_test]
    if test.labels is not None and absent:
        yield Finding(
            "note",
            "labels-not-in-test",
            f"{counted(len(absent), 'label')} of the training data never "
            f"{'occurs' if len(absent) == 1 else 'occur'} in the test data.",
            "The evaluation says nothing about them.",
            first_few(absent),
        )
    ours, first = np.unique(keys[: len(documents)], return_index=True)
    test_keys = keys[len(documents) :]
    filled = np.fromiter((not is_empty(text) for text in test.texts), bool, len(test))
    shared = np.flatnonzero(np.isin(test_keys, ours) & filled)
    if len(shared):
        place = np.minimum(np.searchsorted(ours, test_keys), len(ours) - 1)
        exact = _exact_copies(documents, test, shared, keys)
        yield Finding(
            "warning",
            "test-in-training",
            f"{_part(len(shared), len(test))} {'is' if len(shared) == 1 else 'are'} also in "
            f"the training data{_how_equal(exact, len(shared))}.",
            "The score will be too optimistic: remove them from one of the two.",
            pairs(test.names, shared, documents.names, first[place]),
        )


def _part(number: int, total: int) -> str:
    """Return how many of the test documents, worded for one or many."""
    if number == total:
        return "the only test document" if total == 1 else f"all {total:,} test documents"
    return f"{number:,} of {total:,} test documents ({number / total:.1%})"


def _exact_copies(
    documents: Documents, test: Documents, shared: np.ndarray, keys: np.ndarray
) -> int:
    """Return how many of the shared test documents equal a training document to the letter."""
    wanted = keys[len(documents) :][shared]
    candidates = np.flatnonzero(np.isin(keys[: len(documents)], wanted))
    texts = {documents.texts[place] for place in candidates.tolist()}
    return sum(test.texts[place] in texts for place in shared.tolist())


def _how_equal(exact: int, shared: int) -> str:
    if exact == shared:
        return ""
    return f" ({exact:,} exactly, {shared - exact:,} except for case, white space or Unicode form)"
