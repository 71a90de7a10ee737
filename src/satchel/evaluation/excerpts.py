"""The part of a document that a reader needs to see why it got its label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.escaping import printable
from satchel.evaluation.context import Span

STRENGTHS = 9
"""Marks go from minus this, against the label, to this, for it."""

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
        marks: ``(start, length, strength)`` of what decided, in UTF-16 code units as JavaScript
            counts them, in reading order; strength from -9 (against the label) to 9 (for it).
        cut_before: Whether the document begins earlier.
        cut_after: Whether the document goes on.
    """

    text: str
    marks: tuple[tuple[int, int, int], ...] = ()
    cut_before: bool = False
    cut_after: bool = False


def excerpt(text: str, spans: Sequence[Span], limit: int) -> Excerpt:
    """Return the stretch of a document that holds most of what decided.

    Args:
        text: The document.
        spans: What spoke for and against its label; stretches may overlap.
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

    Parts of words, which some models count too, are left out: they mean nothing by themselves.
    """
    found = []
    for start, end, value in spans:
        word = text[start:end]
        if any(map(str.isalnum, word)) and not (_inside(text, start) or _inside(text, end)):
            found.append((" ".join(word.split()).lower(), value))
    return found


def _inside(text: str, place: int) -> bool:
    """Whether a place is within a word of a script that writes spaces."""
    if not 0 < place < len(text):
        return False
    pair = text[place - 1 : place + 1]
    return pair.isalnum() and not any("\u2e80" <= character <= "\u9fff" for character in pair)


def _segments(text: str, spans: Sequence[Span]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, ends and values of the text's words, each span shared out by characters."""
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
    """Return where the stretch with the most that speaks for the label begins."""
    if len(text) <= limit:
        return 0
    before = limit // 10  # a little of what stands before makes it readable
    sums = np.concatenate([[0.0], np.cumsum(np.maximum(values, 0))])
    stops = np.searchsorted(ends, starts + (limit - before), side="right")
    found = sums[stops] - sums[np.arange(len(starts))]
    if found[0] >= 0.8 * found.max():
        return 0  # the beginning of a document is the easiest to place
    best = int(np.flatnonzero(found == found.max())[-1])  # the last: it begins with what counts
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
