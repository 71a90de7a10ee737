"""The reference tokenizer: the rules of ``docs/tokens.md`` in plain Python, one token at a time.

The kernels and the faster plain path compute the same hashes; property tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from satchel.features.hashing import (
    ADDRESS_SALT,
    CHARACTER_KIND,
    CHARACTER_SALT,
    FIELD_SALT,
    WORD_SALT,
    combine,
    hash_text,
)
from satchel.features.preprocess import check_text, kind_of, name_space_at, name_spaces, prepare
from satchel.features.spec import Features
from satchel.features.unicode import classes

# All patterns match strings of class letters (``unicode.LETTERS``), not the text itself.
_UNIT = re.compile(
    r"(?P<number>d++(?:pd++(?![wdhkmjv]))+)"
    r"|(?P<word>[wdhk][wdhkmjv]*+)"
    r"|(?P<run>(?:c[mjv]*+)+)"
    r"|(?P<emoji>[et][mvt]*+(?:j[et][mvt]*+)*|rr?)"
)
_SPACELESS = re.compile(r"c[mjv]*+")
_HANGUL = re.compile(r"h[mjv]*+")
_BEFORE_SIGN = frozenset("wdhcmjv")
_STRETCH = re.compile(r"[^ (]+")
_SIGN = re.compile(r"(?:@|://)(?=[wdhc])")
_INNER = re.compile(r"[wdhc](?:.*[wdhcmjv])?")


class Token(NamedTuple):
    """One feature of a document, with its position.

    Attributes:
        hash: The feature's hash.
        kind: 1, 2, 3 … = word n-gram of that order, 32 = character n-gram, 64 = field token,
            65 = token of another part (quote, signature, first line).
        start: Where it starts in the text, in code points.
        end: Where it ends.
        text: The readable text of the feature.
    """

    hash: int
    kind: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Lowered:
    """A text in lower case, with the original position of each character.

    Attributes:
        text: The lower-cased text.
        positions: The position in the original of each character, and its length at the end; None
            if both texts have the same length, so that positions are equal.
        length: The length of the original.
    """

    text: str
    positions: list[int] | None
    length: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the position in the original of a span of the lower-cased text."""
        if self.positions is None:
            return start, end
        if start == end:  # the blank after the last chunk, as a character n-gram
            start = self.positions[start] if start < len(self.positions) else self.length
            return start, start
        return self.positions[start], self.positions[end - 1] + 1


def lower(text: str) -> Lowered:
    """Lower-case a whole text as ``str.lower`` does, keeping positions.

    Args:
        text: Any text. İ becomes two characters, and Σ becomes ς at the end of a word.

    Returns:
        The lower-cased text and where its characters come from.
    """
    lowered = text.lower()
    if len(lowered) == len(text):
        return Lowered(lowered, None, len(text))
    positions = [number for number, one in enumerate(text) for _ in one.lower()]
    return Lowered(lowered, positions, len(text))


def units(
    lowered: str, features: Features, letters: str | None = None
) -> Iterator[tuple[int, int, str]]:
    """Yield the words, numbers, emoji and spaceless runs of a text, in order.

    Args:
        lowered: A text in lower case.
        features: Its rules say what is a word.
        letters: The classes of the text's characters, if already known.

    Yields:
        Start, end, and one of ``number``, ``word``, ``run`` and ``emoji``. Words and numbers
        shorter than ``min_length`` are left out.
    """
    for match in _UNIT.finditer(letters or classes(lowered, features.rules)):
        form = match.lastgroup or ""
        if form in ("number", "word") and match.end() - match.start() < features.min_length:
            continue
        yield match.start(), match.end(), form


def addresses(
    lowered: str, features: Features, letters: str | None = None
) -> Iterator[tuple[int, int]]:
    """Yield the web and mail addresses of a text, in order; only the satchel rules have them.

    Args:
        lowered: A text in lower case.
        features: Its rules say whether there are addresses.
        letters: The classes of the text's characters, if already known.

    Yields:
        Start and end.
    """
    if features.rules != "satchel" or ("@" not in lowered and "://" not in lowered):
        return
    letters = letters or classes(lowered, features.rules)
    seen = 0
    for sign in _SIGN.finditer(letters):
        place = sign.start()
        if place < seen or place == 0 or letters[place - 1] not in _BEFORE_SIGN:
            continue
        before = max(letters.rfind(" ", seen, place), letters.rfind("(", seen, place))
        start = max(before + 1, seen)
        seen = _STRETCH.match(letters, place).end()  # type: ignore[union-attr]
        yield _INNER.search(letters, start, seen).span()  # type: ignore[union-attr]


def spaceless_grams(letters: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the characters of a run of a script without spaces, and each adjacent pair.

    Args:
        letters: The classes of the text's characters.
        start: Where the run starts.
        end: Where it ends.

    Yields:
        Start and end of each 1-gram and 2-gram. A character includes its marks.
    """
    last = None
    for match in _SPACELESS.finditer(letters, start, end):
        yield match.span()
        if last is not None:
            yield last, match.end()
        last = match.start()


def hangul_pairs(letters: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield each adjacent pair of Hangul characters of a word.

    Args:
        letters: The classes of the text's characters.
        start: Where the word starts.
        end: Where it ends.

    Yields:
        Start and end of each pair; none if the word itself is that pair.
    """
    if letters.find("h", start, end) < 0:
        return
    last, last_end = start, -1
    for match in _HANGUL.finditer(letters, start, end):
        if match.start() == last_end and (last, match.end()) != (start, end):
            yield last, match.end()
        last, last_end = match.span()


def _word_tokens(lowered: str, features: Features) -> Iterator[tuple[int, int, int, int, str]]:
    """Yield hash, kind, start, end and text of all word features except field tokens."""
    letters = classes(lowered, features.rules)
    key = features.hash_key
    chain: list[tuple[int, int, str]] = []  # the n-grams that end at the last word, by order
    for start, end, form in units(lowered, features):
        if form == "run":
            chain = []
            grams = spaceless_grams(letters, start, end)
        else:
            word = lowered[start:end]
            number = hash_text(word, WORD_SALT, key)
            yield number, 1, start, end, word
            longer = [(number, start, word)]
            for order, (left, first, text) in enumerate(chain[: features.words - 1], start=2):
                longer.append((combine(left, number, order), first, f"{text} {word}"))
                yield longer[-1][0], order, first, end, longer[-1][2]
            chain = longer
            grams = hangul_pairs(letters, start, end)
        for left, right in grams:
            yield (
                hash_text(lowered[left:right], WORD_SALT, key),
                1,
                left,
                right,
                lowered[left:right],
            )
    for start, end in addresses(lowered, features):
        address = lowered[start:end]
        yield hash_text(address, ADDRESS_SALT, key), 1, start, end, address


def _character_tokens(
    lowered: str, shortest: int, longest: int, key: int
) -> Iterator[tuple[int, int, int, int, str]]:
    """Yield the character n-grams of each chunk between white space, padded with blanks."""
    for chunk in re.finditer(r"\S+", lowered):
        padded = f" {chunk[0]} "
        for size in range(shortest, longest + 1):
            for first in range(max(1, len(padded) - size + 1)):
                gram = padded[first : first + size]
                start = chunk.start() + max(first - 1, 0)
                end = min(chunk.start() + first - 1 + len(gram), chunk.end())
                end = max(end, start)
                yield hash_text(gram, CHARACTER_SALT, key), CHARACTER_KIND, start, end, gram
            if len(padded) <= size:
                break


def tokenize(text: str, features: Features) -> list[Token]:
    """Return all features of one document, with their positions: the reference.

    Args:
        text: A document.
        features: Which features to find.

    Returns:
        The tokens: words and n-grams, then addresses, then field tokens, then character n-grams.
        Positions refer to ``prepare(text, features)``, which is the text itself unless ``strip`` or
        ``nfc`` changed it.

    Raises:
        TextError: The document is not text.
    """
    low = lower(prepare(check_text(text, 0), features))
    found: list[tuple[int, int, int, int, str]] = []
    if features.words:
        found.extend(_word_tokens(low.text, features))
        if features.fields:
            starts, names = name_spaces(low.text)
            for number, kind, start, end, token in tuple(found):
                name = name_space_at(starts, names, start)
                if kind == 1 and name:
                    space = hash_text(name, FIELD_SALT, features.hash_key)
                    joined = combine(number, space, FIELD_SALT)
                    named = f"{name.strip()}: {token}"
                    found.append((joined, kind_of(name), start, end, named))
    if features.characters:
        found.extend(_character_tokens(low.text, *features.characters, features.hash_key))
    return [
        Token(number, kind, *low.span(start, end), token)
        for number, kind, start, end, token in found
    ]
