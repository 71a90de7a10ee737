"""Preprocessing of a document before tokenisation.

It is checked to be text; headers, signatures and quoted lines are removed, as in scikit-learn's
20 Newsgroups; and the parts of a post whose tokens are counted separately (header fields, quotes,
signatures) are found.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from satchel.errors import TextError
from satchel.features.hashing import FIELD_KIND, PART_KIND
from satchel.features.spec import Features, Part
from satchel.features.unicode import normalize


def check_string(text: object, number: int) -> str:
    """Check that a document is a string.

    Args:
        text: A document.
        number: Its index among the documents, from 0, for the message.

    Returns:
        The same document.

    Raises:
        TextError: It is not a string.
    """
    if not isinstance(text, str):
        raise TextError(
            f"expected a string as document {number}, found {type(text).__name__} ({text!r:.60}): "
            "pass text, and replace missing values by an empty string"
        )
    return text


def check_text(text: object, number: int) -> str:
    """Check that a document is text.

    Args:
        text: A document.
        number: Its index among the documents, from 0, for the message.

    Returns:
        The same document.

    Raises:
        TextError: It is not a string, or it holds a lone surrogate, which UTF-8 cannot.
    """
    text = check_string(text, number)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TextError(
            f"expected text as document {number}, found the lone surrogate "
            f"U+{ord(text[error.start]):04X} at character {error.start}: decode the file with "
            "errors='replace', "
            "or call satchel.read, which reads any encoding"
        ) from None
    return text


def prepare(text: str, features: Features) -> str:
    """Strip and compose a text as its features require. Token offsets refer to the result.

    Args:
        text: A document.
        features: The features to prepare it for.

    Returns:
        The text itself if neither ``strip`` nor ``nfc`` changes it.
    """
    if features.strip:
        text = strip(text, features.strip)
    if features.nfc:
        text = normalize("NFC", text)
    return text


_QUOTE = re.compile(r"(writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>)")


def strip(text: str, parts: Sequence[Part]) -> str:
    """Remove parts of a post: headers first, then the signature, then quotes.

    Args:
        text: The post.
        parts: Which of ``headers``, ``signatures`` and ``quotes`` to remove.

    Returns:
        The rest of the text.
    """
    return "\n".join(text[start:end] for start, end in kept(text, parts))


def kept(text: str, parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Find what ``strip`` leaves.

    Args:
        text: The post.
        parts: Which of ``headers``, ``signatures`` and ``quotes`` to remove.

    Yields:
        Start and end of each remaining span, in order; spans are joined by a line feed.
    """
    start, end = 0, len(text)
    if "headers" in parts:
        blank = text.find("\n\n")
        start = blank + 2 if blank >= 0 else end
    if "signatures" in parts:
        start, end = _without_signature(text, start, end)
    if "quotes" not in parts:
        yield start, end
        return
    while start <= end:
        line_end = text.find("\n", start, end)
        line_end = end if line_end < 0 else line_end
        if not _QUOTE.search(text[start:line_end]):
            yield start, line_end
        start = line_end + 1


def _without_signature(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without its signature and surrounding white space, if it has a signature."""
    body = text[start:end]
    first = start + len(body) - len(body.lstrip())
    line_end = start + len(body.rstrip())
    while (line := text.rfind("\n", first, line_end) + 1) > 0:
        if not text[line:line_end].strip().strip("-"):
            return first, line - 1
        line_end = line - 1
    return start, end


# No header field has a blank in its name, so these three cannot be confused with one.
QUOTE = " quote"
SIGNATURE = " signature"
FIRST = " first"
_PARTS = (QUOTE, SIGNATURE, FIRST)

LONGEST_NAME = 76
"""The most characters of a field's name. The readable text of each of its tokens starts with it, so
without a bound their total size would be quadratic in the document."""

# A header line: a name of visible ASCII characters, a colon, then a blank or the line's end.
_HEADER = re.compile(rf"([!-9;-~]{{1,{LONGEST_NAME}}}+):(?=[ \t\r]|\Z)")
_CONTINUED = re.compile(r"[ \t][ \t\r]*+.", re.DOTALL)
_INK = re.compile(r"[^ \t\r]")
_DASHES = re.compile(r"--[ \t\r]*+\Z")


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each line starts and ends."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield start, end
        start = end + 1
    yield start, len(text)


def _header_end(lowered: str) -> int:
    """Return where the first line after the header block starts; 0 if there is no block."""
    fields = 0
    for start, end in _lines(lowered):
        if _HEADER.match(lowered, start, end):
            fields += 1
        elif not fields or not _CONTINUED.match(lowered, start, end):
            return start if fields > 1 else 0
    return len(lowered) + 1 if fields > 1 else 0


def stretches(lowered: str) -> Iterator[tuple[int, str]]:
    r"""Split a text into spans of one name space each.

    Args:
        lowered: A text in lower case. Lines end at ``\n`` alone.

    Yields:
        Where each span starts (ascending, the first at 0), and its name space, "" for none;
        adjacent spans have different names.
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
    """Return all ``stretches`` as lists: where they start, and their names."""
    found = list(stretches(lowered))
    return [start for start, _ in found], [name for _, name in found]


def kind_of(name: str) -> int:
    """Return the kind of the tokens of a named name space."""
    return PART_KIND if name in _PARTS else FIELD_KIND


def name_space_at(starts: list[int], names: list[str], position: int) -> str:
    """Return the name space of a position, "" for none."""
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
        """Return the number of the name of each position, int64 [n]."""
        found: np.ndarray = self.numbers[np.searchsorted(self.starts, positions, "right") - 1]
        return found
