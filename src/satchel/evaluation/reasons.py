"""Explanations of predictions: excerpts with the deciding words, and each class's words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from satchel.escaping import printable
from satchel.evaluation.context import Explain, Question, Span
from satchel.evaluation.predictions import prediction_order
from satchel.evaluation.result import Evaluation

STRENGTHS = 9
"""Marks range from minus this (against the label) to this (for it)."""

_CJK = "\u2e80-\u9fff\uf900-\ufaff"
_SEGMENT = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_BLANK = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")
_MOST_MARKS = 24
_MARKED_FROM = 0.08  # of the strongest


@dataclass(frozen=True)
class Excerpt:
    """A part of a document.

    Attributes:
        text: The part, safe to show, white space condensed.
        marks: ``(start, length, strength)`` of the deciding words, in UTF-16 code units as
            JavaScript counts them, in reading order; strength from -9 (against the label) to 9
            (for it).
        cut_before: Whether the document begins earlier.
        cut_after: Whether the document goes on.
    """

    text: str
    marks: tuple[tuple[int, int, int], ...] = ()
    cut_before: bool = False
    cut_after: bool = False


def excerpt(text: str, spans: Sequence[Span], limit: int) -> Excerpt:
    """Return the stretch of a document with most of the deciding words.

    Args:
        text: The document.
        spans: What supported or opposed its label; stretches may overlap.
        limit: Longest part in code points.
    """
    if limit <= 0:
        return Excerpt("", cut_after=bool(text))
    if not spans:
        return Excerpt(_condensed(text[:limit]).strip(), cut_after=len(text) > limit)
    starts, ends, values = _segments(text, spans)
    first = _best_start(text, starts, ends, values, limit)
    last = min(first + limit, len(text))
    chosen = _strongest(starts, ends, values, first, last)
    pieces, marks, position, written = [], [], first, 0
    for place in chosen:
        before = _condensed(text[position : starts[place]])
        word = printable(text[starts[place] : ends[place]])
        strength = round(STRENGTHS * values[place] / np.abs(values).max())
        marks.append((written + _units(before), _units(word), strength))
        pieces += [before, word]
        written = marks[-1][0] + marks[-1][1]
        position = int(ends[place])
    pieces.append(_condensed(text[position:last]).rstrip())
    return Excerpt("".join(pieces), tuple(marks), first > 0, last < len(text))


def aligned_words(text: str, spans: Sequence[Span]) -> list[tuple[str, float]]:
    """Return the spans that are whole words, or several, in lower case with their values.

    Parts of words, which some models count too, are left out: they have no meaning by themselves.
    """
    found = []
    for start, end, value in spans:
        word = text[start:end]
        if any(map(str.isalnum, word)) and not (_inside(text, start) or _inside(text, end)):
            found.append((" ".join(word.split()).lower(), value))
    return found


def _inside(text: str, place: int) -> bool:
    """Whether a place is within a word of a script that separates words by spaces."""
    if not 0 < place < len(text):
        return False
    pair = text[place - 1 : place + 1]
    return pair.isalnum() and not any("\u2e80" <= character <= "\u9fff" for character in pair)


def _segments(text: str, spans: Sequence[Span]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, ends and values of the words; a span's value is spread over its characters."""
    begin, end, value = (np.array(column) for column in zip(*spans, strict=True))
    begin, end = begin.clip(0, len(text)), end.clip(0, len(text))
    kept = end > begin
    begin, end, value = begin[kept], end[kept], value[kept]
    rate = np.zeros(len(text) + 1)
    np.add.at(rate, begin, value / (end - begin))
    np.add.at(rate, end, -value / (end - begin))
    sums = np.concatenate([[0.0], np.cumsum(np.cumsum(rate[:-1]))])
    places = [match.span() for match in _SEGMENT.finditer(text)] or [(0, len(text))]
    starts, ends = np.array(places).T
    return starts, ends, sums[ends] - sums[starts]


def _best_start(
    text: str, starts: np.ndarray, ends: np.ndarray, values: np.ndarray, limit: int
) -> int:
    """Return where the stretch with the most support for the label begins."""
    if len(text) <= limit:
        return 0
    before = limit // 10  # a little context makes it readable
    sums = np.concatenate([[0.0], np.cumsum(np.maximum(values, 0))])
    stops = np.searchsorted(ends, starts + (limit - before), side="right")
    found = sums[stops] - sums[np.arange(len(starts))]
    if found[0] >= 0.8 * found.max():
        return 0  # the beginning of a document is the easiest to recognise
    # The last of the best stretches starts with the deciding words.
    best = int(np.flatnonzero(found == found.max())[-1])
    first = max(0, min(int(starts[best]) - before, len(text) - limit))
    whole = int(starts[min(int(np.searchsorted(starts, first)), best)])
    return whole if 0 < whole - first < before else first  # not in the middle of a word


def _strongest(
    starts: np.ndarray, ends: np.ndarray, values: np.ndarray, first: int, last: int
) -> list[int]:
    """Return the segments within the stretch that are worth a mark, in reading order."""
    strength = np.where((starts >= first) & (ends <= last), np.abs(values), 0)
    order = np.argsort(-strength, kind="stable")[:_MOST_MARKS]
    least = _MARKED_FROM * np.abs(values).max()
    return sorted(order[(strength[order] >= least) & (strength[order] > 0)].tolist())


def _condensed(text: str) -> str:
    lines = _BLANK_LINES.sub("\n", _BLANK.sub(" ", text.replace("\r", " "))).split("\n")
    return "\n".join(printable(line) for line in lines)


def _units(text: str) -> int:
    """Return the length as JavaScript counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


MOST_DOCUMENTS = 2_000
MOST_CHARACTERS = 1_000_000
LONGEST = 20_000  # characters; a longer document would use up the room of many others
_MOST_LOGITS = 10_000_000  # every document explained takes one logit per label
_LEAST_DOCUMENTS = 50
_RIGHT_OF_A_CLASS = 12  # correct predictions explained of each class, for its words

WORDS = 15
"""Words kept for each class."""


@dataclass(frozen=True)
class ClassWord:
    """A word that supports a class.

    Attributes:
        word: The word, or several, in lower case.
        documents: In how many of the explained documents of the class it occurs.
    """

    word: str
    documents: int


@dataclass(frozen=True)
class Reasons:
    """The model's explanations of its predictions.

    Attributes:
        spans: Document → what supported or opposed its label.
        words: Class → the words that support it, strongest first.
        explained: How many documents were explained, by the class that they were given.
        too_long: How many were left out because of their length.
    """

    spans: dict[int, list[Span]]
    words: dict[int, list[ClassWord]]
    explained: dict[int, int]
    too_long: int = 0


def find_reasons(evaluation: Evaluation, explain: Explain | None) -> Reasons:
    """Explain the most confident mistakes, and correct predictions of every class.

    A mistake is explained against the true label, a correct prediction against the runner-up.
    """
    if explain is None or evaluation.texts is None:
        return Reasons({}, {}, {})
    documents: list[int] = []
    questions: list[Question] = []
    given: dict[int, list[int]] = defaultdict(list)
    left, too_long = MOST_CHARACTERS, 0
    most = min(MOST_DOCUMENTS, max(_LEAST_DOCUMENTS, _MOST_LOGITS // len(evaluation.labels)))
    for document in _worth_explaining(evaluation):
        text = evaluation.texts[document]
        label, against = _question(evaluation, document)
        if label is None:
            continue
        if len(text) > LONGEST:
            too_long += 1
            continue
        left -= len(text)
        if left < 0 or len(documents) == most:
            break
        names = evaluation.labels
        other = None if against is None else names[against]
        questions.append(Question(text, names[label], other))
        documents.append(document)
        given[label].append(document)
    spans = {
        document: [(int(start), int(end), float(value)) for start, end, value in found]
        for document, found in zip(documents, explain(questions), strict=True)
    }
    words = {label: _words(evaluation, spans, each) for label, each in given.items()}
    return Reasons(spans, words, {label: len(each) for label, each in given.items()}, too_long)


def _worth_explaining(evaluation: Evaluation) -> Iterator[int]:
    """Yield mistakes and correct predictions alternately, so that a limit affects both."""
    order = prediction_order(evaluation)
    right = evaluation.outcomes.right[order]
    mistakes = iter(order[~right].tolist())
    examples = iter(_examples(evaluation, order[right]))
    while True:
        pair = [next(each, None) for each in (mistakes, examples)]
        if pair == [None, None]:
            return
        yield from (document for document in pair if document is not None)


def _examples(evaluation: Evaluation, right: np.ndarray) -> list[int]:
    """Return some correct predictions of every class: one of each, then a second one, and so on."""
    taken: dict[int, int] = defaultdict(int)
    rounds: list[list[int]] = [[] for _ in range(_RIGHT_OF_A_CLASS)]
    for document in right.tolist():
        label, _ = _question(evaluation, document)
        if label is not None and taken[label] < _RIGHT_OF_A_CLASS:
            rounds[taken[label]].append(document)
            taken[label] += 1
    return [document for each in rounds for document in each]


def _question(evaluation: Evaluation, document: int) -> tuple[int | None, int | None]:
    """Return which label to explain, and against which.

    With several labels per document: a label wrongly given, else one that was missed, else one of
    the right ones; against nothing, since each is decided by itself.
    """
    outcomes = evaluation.outcomes
    true, predicted = (side.of(document).tolist() for side in (outcomes.true, outcomes.predicted))
    if not outcomes.multiple:
        label, truth = predicted[0], true[0]
        return label, (truth if truth != label and truth < outcomes.model_labels else None)
    wrong = [label for label in predicted if label not in true]
    missed = [label for label in true if label not in predicted and label < outcomes.model_labels]
    return next(iter(wrong + missed + predicted), None), None


def _words(
    evaluation: Evaluation, spans: dict[int, list[Span]], documents: list[int]
) -> list[ClassWord]:
    """Return the words that added most to a class in the documents that were given it."""
    assert evaluation.texts is not None
    total: dict[str, float] = defaultdict(float)
    occurs_in: dict[str, int] = defaultdict(int)
    for document in documents:
        here: dict[str, float] = defaultdict(float)
        for word, value in aligned_words(evaluation.texts[document], spans[document]):
            here[word] += value
        for word, value in here.items():
            total[word] += value
            occurs_in[word] += 1
    # A word of one document says little of the class, unless there are hardly any others.
    least = 2 if len(documents) >= 4 else 1
    best = sorted(
        (word for word, value in total.items() if value > 0 and occurs_in[word] >= least),
        key=lambda word: (-total[word], word),
    )[:WORDS]
    return [ClassWord(word, occurs_in[word]) for word in best]
