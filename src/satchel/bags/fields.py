"""Which part of a post a position lies in: header field, quoted line, signature or first line."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from satchel.bags.hashing import FIELD_KIND, PART_KIND

# No header field has a blank in its name, so these three cannot be taken for one.
QUOTE = " quote"
SIGNATURE = " signature"
FIRST = " first"
_PARTS = (QUOTE, SIGNATURE, FIRST)

LONGEST_NAME = 76
"""The most characters of a field's name. A name stands before each of its tokens where people read
them, so without a bound half a document of name and half of tokens would be the square of it."""

# A header line: a name of visible ASCII characters, a colon, then a blank or the line's end.
_HEADER = re.compile(rf"([!-9;-~]{{1,{LONGEST_NAME}}}+):(?=[ \t\r]|\Z)")
_CONTINUED = re.compile(r"[ \t][ \t\r]*+.", re.DOTALL)
_INK = re.compile(r"[^ \t\r]")
_DASHES = re.compile(r"--[ \t\r]*+\Z")


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where each line starts and ends."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield start, end
        start = end + 1
    yield start, len(text)


def _header_end(lowered: str) -> int:
    """Where the first line after the header block starts, 0 where there is no block."""
    fields = 0
    for start, end in _lines(lowered):
        if _HEADER.match(lowered, start, end):
            fields += 1
        elif not fields or not _CONTINUED.match(lowered, start, end):
            return start if fields > 1 else 0
    return len(lowered) + 1 if fields > 1 else 0


def stretches(lowered: str) -> Iterator[tuple[int, str]]:
    r"""Cut a text into stretches that lie in one name space each.

    Args:
        lowered: A text in lower case. Lines end at ``\n`` alone.

    Yields:
        Where each stretch starts (ascending, the first at 0), and its name space, "" for none; two
        that follow each other differ in their names.
    """
    header = _header_end(lowered)
    yield 0, ""
    last = name = ""
    in_signature = False
    first_seen = header > 0
    for start, end in _lines(lowered):
        value = start
        if start < header:
            if match := _HEADER.match(lowered, start, end):
                if last:
                    yield start, ""
                    last = ""
                name, value = match[1], match.end()
        elif in_signature:
            name = SIGNATURE
        else:
            in_signature = _DASHES.match(lowered, start, end) is not None
            ink = _INK.search(lowered, start, end)
            name = QUOTE if ink and ink[0] in ">|" else ""
            if ink and not first_seen:
                first_seen = True
                name = name or FIRST
        if name != last:
            yield value, name
            last = name
        if name == SIGNATURE:
            return


def name_spaces(lowered: str) -> tuple[list[int], list[str]]:
    """Do ``stretches`` at once: where they start, and their names."""
    found = list(stretches(lowered))
    return [start for start, _ in found], [name for _, name in found]


def kind_of(name: str) -> int:
    """The kind of the tokens of a name space that has a name."""
    return PART_KIND if name in _PARTS else FIELD_KIND


def name_space_at(starts: list[int], names: list[str], position: int) -> str:
    """The name space of a position, "" for none."""
    return names[bisect_right(starts, position) - 1]


@dataclass(frozen=True)
class NameSpaces:
    """The name spaces of a text as arrays.

    Attributes:
        starts: int64 [stretches], where each starts, ascending.
        numbers: int64 [stretches], the number of its name.
        names: The names; the first is "", for none.
    """

    starts: np.ndarray
    numbers: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, lowered: str) -> NameSpaces:
        """Find the name spaces of a text in lower case."""
        starts, numbers = array("q"), array("q")
        known: dict[str, int] = {}
        for start, name in stretches(lowered):
            starts.append(start)
            numbers.append(known.setdefault(name, len(known)))
        return cls(np.asarray(starts), np.asarray(numbers), tuple(known))

    @property
    def kinds(self) -> np.ndarray:
        """The kind of the tokens of each name, int64 [names]; 0 for none."""
        return np.array([kind_of(name) if name else 0 for name in self.names])

    def at(self, positions: np.ndarray) -> np.ndarray:
        """The number of the name of each position, int64 [n]."""
        found: np.ndarray = self.numbers[np.searchsorted(self.starts, positions, "right") - 1]
        return found
