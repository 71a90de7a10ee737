"""The class of a character: what the token rules know of it.

The plain path classifies characters as it meets them; the kernels tabulate all of them at once
(``kernels/tables.py``). Both follow the order of the tests in ``_satchel``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from satchel.bags.features import Rules
from satchel.bags.ranges import (
    EMOJI,
    HANGUL,
    REGIONAL_INDICATORS,
    SKIN_TONES,
    SPACELESS,
    VARIATIONS,
    ZERO_WIDTH_JOINER,
    ZERO_WIDTH_NON_JOINER,
    inside,
)

# The order carries meaning for the kernels: what continues a word comes first, and what starts
# one lies between WORD and WORD_SPACE.
CONTINUATION = 0  # a UTF-8 continuation byte; no character has this class
MARK = 1
JOINER = 2
VARIATION = 3
WORD = 4
DIGIT = 5
HANGUL_LETTER = 6
WORD_SPACE = 7  # white space that the keras rules take for a letter
SPACELESS_LETTER = 8
EMOJI_BASE = 9
SKIN_TONE = 10
REGIONAL = 11
POINT = 12
OTHER = 13
SPACE = 14
BRACKET = 15
AT = 16
COLON = 17
SLASH = 18

# One letter a class, so that a text's classes are a string and the rules are regular expressions.
LETTERS = "_mjvwdhkcetrpx (@:/"

BRACKETS = frozenset("<>()[]{}\"'")
KERAS_FILTERS = frozenset('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n ')
ASCII_CLASSES = {".": POINT, ",": POINT, "@": AT, ":": COLON, "/": SLASH} | dict.fromkeys(
    BRACKETS, BRACKET
)


def _satchel(character: str) -> int:
    code = ord(character)
    if "0" <= character <= "9":
        return DIGIT
    if code == ZERO_WIDTH_JOINER:
        return JOINER
    if code == ZERO_WIDTH_NON_JOINER:
        return MARK
    if inside(code, VARIATIONS):
        return VARIATION
    if unicodedata.category(character)[0] == "M":
        return MARK
    if character.isalnum() or character == "_":
        if inside(code, SPACELESS):
            return SPACELESS_LETTER
        return HANGUL_LETTER if inside(code, HANGUL) else WORD
    if character.isspace():
        return SPACE
    if inside(code, SKIN_TONES):
        return SKIN_TONE
    if inside(code, REGIONAL_INDICATORS):
        return REGIONAL
    if inside(code, EMOJI):
        return EMOJI_BASE
    return ASCII_CLASSES.get(character, OTHER)


def _words(character: str) -> int:
    if character.isalnum() or character == "_":
        return WORD
    return SPACE if character.isspace() else OTHER


def _keras(character: str) -> int:
    if character in KERAS_FILTERS:
        return SPACE if character.isspace() else OTHER
    return WORD_SPACE if character.isspace() else WORD


CLASSIFY: dict[Rules, Callable[[str], int]] = {
    "satchel": _satchel,
    "words": _words,
    "keras": _keras,
}


class _Letters(dict[int, str]):
    """Code point → letter of its class, filled as characters turn up."""

    def __init__(self, classify: Callable[[str], int]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, code: int) -> str:
        letter = self[code] = LETTERS[self._classify(chr(code))]
        return letter


_TRANSLATIONS = {rules: _Letters(classify) for rules, classify in CLASSIFY.items()}


def classes(lowered: str, rules: Rules) -> str:
    """The classes of a text's characters.

    Args:
        lowered: A text in lower case.
        rules: The rule set whose classes are wanted.

    Returns:
        A string of the same length with one letter of ``LETTERS`` a character.
    """
    return lowered.translate(_TRANSLATIONS[rules])
