"""Findings about labels: a wrong column, spellings, stand-ins for nothing, sizes of classes."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from satchel.sources.documents import counted, quoted
from satchel.sources.findings import Code, Finding, Severity, first_few
from satchel.sources.times import is_date, is_number

FEW_IN_CLASS: Final = 10
MOST: Final = 0.95
"""Share of the documents from which one label counts as dominant."""
_LONG_LABEL: Final = 60
"""Characters: longer labels look like text."""
_MANY_VALUES: Final = 20
"""Different numbers, or from half of them on dates, that look like measurements."""
_SHORTEST_SIMILAR, _LONGEST_SIMILAR = 6, 60
_MOST_COMPARED: Final = 10_000
"""Labels, beyond which they are not compared for one letter."""
_RARE: Final = 0.05
"""How often the rarer of two similar labels may occur, beside the other one."""

PLACEHOLDERS: Final = frozenset(
    {
        *("", "-", "--", "?", ".", "none", "na", "n/a", "n.a.", "nan", "null", "nil", "nul"),
        *("unknown", "undefined", "missing", "empty", "blank", "tbd", "todo", "(none)", "<na>"),
        *("#n/a", "not available", "not applicable", "unlabeled", "unlabelled", "no label"),
    }
)
"""Labels, in lower case, that may stand for no label."""


def check_labels(classes: Counter[str], documents: int) -> Iterator[Finding]:
    """Look for problems with the labels.

    Args:
        classes: Label → number of documents.
        documents: How many documents there are.
    """
    if len(classes) < 2:
        only = f"only one label, {next(iter(classes))!r}" if classes else "no label at all"
        yield Finding(
            "error",
            "one-class",
            f"there is {only}: nothing to classify.",
            "Add documents of another label, or check the folder or the label column.",
        )
    nearly_all = documents >= 20 and len(classes) > documents / 2
    column = _wrong_column(classes, documents, nearly_all)
    if column is not None:
        yield column
    if nearly_all:
        return
    yield from _spellings(classes)
    yield from _similar(classes)
    yield from _placeholders(classes)
    tiny = sorted(
        (label for label in classes if classes[label] < FEW_IN_CLASS), key=classes.__getitem__
    )
    if tiny:
        yield Finding(
            "warning",
            "tiny-classes",
            f"{counted(len(tiny), 'label has', 'labels have')} fewer than {FEW_IN_CLASS} "
            f"documents.",
            "Add documents, or merge or drop these labels; a label with one document is "
            "trained on but never tested.",
            first_few(f"{label} ({classes[label]})" for label in tiny),
        )
    label, most = max(classes.items(), key=lambda item: item[1], default=("", 0))
    if len(classes) > 1 and documents >= 20 and most > MOST * documents:
        yield Finding(
            "warning",
            "dominant-class",
            f"{most / documents:.1%} of the documents have the label {quoted(label)}: always "
            f"predicting it would be right as often.",
            "Judge a model by the figures of each class, not by accuracy; add documents of the "
            "other labels, or train with --class-weight balanced.",
        )


class _Kind(NamedTuple):
    """What labels look like that are none."""

    code: Code
    what: str
    advice: str


_IDS = _Kind("labels-like-ids", "identifiers or free text", "Name the column that holds the label.")
_NUMBERS = _Kind(
    "labels-like-numbers",
    "numbers, such as a measurement",
    "Each number would be a class that has nothing to do with the next one. Name the column that "
    "holds the label, or put the numbers into ranges, such as low, middle, high.",
)
_DATES = _Kind("labels-like-dates", "dates", "Name the column that holds the label.")
_TEXTS = _Kind(
    "labels-like-text",
    "free text",
    "Name the column that holds the label; text and label may be the wrong way round.",
)


def _wrong_column(classes: Counter[str], documents: int, nearly_all: bool) -> Finding | None:
    """Return that labels look like numbers, dates, text or identifiers, if they do."""
    found = _kind(classes)
    if found is None and not nearly_all:
        return None
    kind = found or _IDS
    severity: Severity = "error" if nearly_all else "warning"
    return Finding(
        severity,
        kind.code,
        f"there are {counted(len(classes), 'label')} for {counted(documents, 'document')}: they "
        f"look like {kind.what}.",
        kind.advice,
        first_few(classes),
    )


def _kind(classes: Mapping[str, int]) -> _Kind | None:
    if len(classes) >= _MANY_VALUES / 2 and all(map(is_number, classes)):
        numbers = {float(label) for label in classes}
        whole = all(number.is_integer() for number in numbers)
        # Numbers of classes follow each other; ratings are few.
        gaps = max(numbers) - min(numbers) + 1 > 2 * len(numbers)
        if not whole or (gaps and len(classes) >= _MANY_VALUES):
            return _NUMBERS
    elif len(classes) >= _MANY_VALUES / 2 and all(map(is_date, classes)):
        return _DATES
    elif len(classes) > 1:
        long = sum(times for label, times in classes.items() if len(label) > _LONG_LABEL)
        if long > sum(classes.values()) / 2:
            return _TEXTS
    return None


def spelling(label: str) -> str:
    """Return a label without what a reader does not see.

    Without case, width and form of characters, the amount of white space, and invisible ones.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    visible = (each for each in folded if unicodedata.category(each) != "Cf")
    return " ".join("".join(visible).split())


def _spellings(classes: Counter[str]) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in classes:
        spellings[spelling(label)].append(label)
    alike = [
        sorted(same, key=lambda label: (-classes[label], label))
        for same in spellings.values()
        if len(same) > 1
    ]
    if alike:
        yield Finding(
            "warning",
            "label-spellings",
            f"{counted(sum(map(len, alike)), 'label')} differ from one another only in case, white "
            f"space or the Unicode form of characters.",
            "They are trained as different classes. Merge them in the folders' names or the label "
            "column, such as each into the first named here, unless they are meant to differ.",
            first_few(
                " / ".join(f"{each!r} ({classes[each]:,})" for each in same) for same in alike
            ),
        )


def _similar(classes: Counter[str]) -> Iterator[Finding]:
    """Look for rare labels that one letter sets apart from a frequent one, at linear cost."""
    long = [label for label in classes if _SHORTEST_SIMILAR <= len(label) <= _LONGEST_SIMILAR]
    if len(long) > _MOST_COMPARED:
        return
    # What a label is without one character, and the most frequent label that has one there.
    # Digits are left out: "part 1" and "part 2" are meant to differ.
    frequent: dict[tuple[str, str], str] = {}
    for label in sorted(long, key=lambda each: (-classes[each], each)):
        for place, character in enumerate(label):
            if not character.isdecimal():
                frequent.setdefault((label[:place], label[place + 1 :]), label)
    pairs: dict[str, str] = {}
    for label in long:
        near: list[str | None] = []
        for place, character in enumerate(label):
            start, rest = label[:place], label[place + 1 :]
            near.append(frequent.get((start, character + rest)))  # one character more
            if not character.isdecimal():
                near.append(frequent.get((start, rest)))  # another one
                near.append(start + rest)  # one less
                near.append(start + rest[:1] + character + rest[1:])  # two exchanged
        near.append(frequent.get((label, "")))
        for other in near:
            if (
                other is not None
                and other in classes
                and classes[label] <= _RARE * classes[other]
                and spelling(label) != spelling(other)
            ):
                pairs.setdefault(label, other)
    if pairs:
        yield Finding(
            "note",
            "similar-labels",
            f"{counted(len(pairs), 'rare label differs', 'rare labels differ')} by one character "
            f"from a frequent one.",
            "If it is a slip of the pen, correct it in the folder's name or the label column.",
            first_few(
                f"{rare!r} ({classes[rare]:,}) / {frequent!r} ({classes[frequent]:,})"
                for rare, frequent in pairs.items()
            ),
        )


def _placeholders(classes: Counter[str]) -> Iterator[Finding]:
    found = [label for label in classes if label.casefold().strip() in PLACEHOLDERS]
    if found:
        total = sum(classes[label] for label in found)
        names = " or ".join(repr(label) for label in found[:3])
        own = "a class of its own" if len(found) == 1 else "classes of their own"
        yield Finding(
            "note",
            "placeholder-labels",
            f"{counted(total, 'document is', 'documents are')} labelled {names}: "
            f"{'that is' if len(found) == 1 else 'those are'} taken as {own}.",
            "Where that means that there is no label, remove those rows.",
            first_few(f"{label} ({classes[label]:,})" for label in found),
        )
