"""Sizes, lengths, scripts and languages of documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from satchel.sources.documents import Documents, brief, counted
from satchel.sources.findings import Finding
from satchel.sources.languages import UNCLEAR, Writing, writing

_MIXED: Final = 0.02
"""Share of the documents with a clear language, from which a second one is reported."""
_FEWEST_MIXED: Final = 10
"""Documents of the sample in it."""
_LEAST_CLEAR: Final = 0.1
"""Share of the sample whose language must be clear for any to be named."""


@dataclass(frozen=True)
class Overview:
    """What documents are like.

    Attributes:
        bytes: Size of all texts in UTF-8.
        median: Characters of the median document.
        low: Characters that 5 % of the documents do not exceed.
        high: Characters that 95 % of the documents do not exceed.
        longest: Characters of the longest document.
        longest_name: Its name; empty where there is no document.
        writing: Scripts and languages of a sample.
    """

    bytes: int
    median: int
    low: int
    high: int
    longest: int
    longest_name: str
    writing: Writing

    def sizes(self) -> str:
        """Return size and lengths in one line."""
        return (
            f"text: {_size(self.bytes)}; {counted(self.median, 'character')} in the median "
            f"document, {self.low:,} to {self.high:,} in nine of ten, {self.longest:,} in the "
            f"longest, {brief(self.longest_name, 200)}"
        )

    def languages(self) -> list[str]:
        """Return scripts and languages as lines for a terminal."""
        found = self.writing
        if not found.scripts:
            return ["script: none, as no text of the sample has a letter"]
        lines = [f"script: {_shares(found.scripts)}"]
        if not _is_clear(found):
            return [*lines, "language: unclear"]
        first = next(iter(found.clear.items()))
        mostly = "mostly " if first[1] >= 0.9 else ""
        shares = _shares(_unclear_last(found.languages))
        sample = counted(found.sample, "document")
        return [*lines, f"language: {mostly}{shares} (of a sample of {sample})"]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "bytes": self.bytes,
            "characters": {
                "median": self.median,
                "low": self.low,
                "high": self.high,
                "longest": self.longest,
                "longest_name": self.longest_name,
            },
            "sample": self.writing.sample,
            "scripts": {name: round(share, 4) for name, share in self.writing.scripts.items()},
            "languages": {name: round(share, 4) for name, share in self.writing.languages.items()},
        }


def overview_of(documents: Documents) -> Overview:
    """Measure documents: all of them by their lengths, a sample of them by what it is written in.

    Args:
        documents: The documents.
    """
    texts = documents.texts
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if not len(texts):
        return Overview(0, 0, 0, 0, 0, "", writing(texts))
    low, median, high = np.percentile(lengths, (5, 50, 95), method="lower").tolist()
    longest = int(lengths.argmax())
    return Overview(
        sum(size_of(text) for text in texts),
        median,
        low,
        high,
        int(lengths[longest]),
        documents.names[longest],
        writing(texts),
    )


def size_of(text: str) -> int:
    """Return the size of a text in UTF-8, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def check_languages(overview: Overview) -> Iterator[Finding]:
    """Report texts in several languages.

    Args:
        overview: What :func:`overview_of` found.
    """
    found = overview.writing
    number = found.sample * (1 - found.languages.get(UNCLEAR, 0.0))
    several = {
        name: share
        for name, share in found.clear.items()
        if share >= _MIXED and share * number >= _FEWEST_MIXED
    }
    if len(several) > 1 and _is_clear(found):
        yield Finding(
            "note",
            "mixed-languages",
            f"the documents are in several languages: {_shares(several)} of those whose language "
            f"is clear in a sample of {found.sample:,}.",
            "See that each label occurs in each language, or the language itself becomes the "
            "reason for a label; a model for each language may do better.",
        )


def _is_clear(found: Writing) -> bool:
    return 1 - found.languages.get(UNCLEAR, 0.0) >= _LEAST_CLEAR and bool(found.clear)


def _unclear_last(languages: dict[str, float]) -> dict[str, float]:
    return dict(sorted(languages.items(), key=lambda item: item[0] == UNCLEAR))


def _shares(shares: dict[str, float]) -> str:
    """Return names with percentages, those below half a percent left out but for the first."""
    items = list(shares.items())
    shown = items[:1] + [item for item in items[1:] if item[1] >= 0.005]
    return ", ".join(f"{name} {share:.0%}" for name, share in shown)


def _size(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return counted(size, "byte")
