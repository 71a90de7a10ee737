"""Unicode: the class of each character, and normal forms.

The token rules treat some scripts and symbols specially; their code points are listed here.
Letters, digits, marks and white space are as in the running Python. Normalisation is in the
stream-safe format of UAX #15, so that its time grows with the length of the text alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from satchel.features.spec import Rules

Ranges = tuple[tuple[int, int], ...]

# Han, kana, Thai, Lao, Khmer and Myanmar: written without spaces between words.
SPACELESS: Ranges = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x19E0, 0x19FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FE),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x16FE2, 0x16FE3),
    (0x1AFF0, 0x1AFFF),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFD),
)

HANGUL: Ranges = (
    (0x1100, 0x11FF),
    (0x3131, 0x318E),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xFFA0, 0xFFDC),
)

# Unicode's Extended_Pictographic without letters; it reserves code points for later emoji.
EMOJI: Ranges = (
    (0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122),
    (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328), (0x2388, 0x2388),
    (0x23CF, 0x23CF), (0x23E9, 0x23F3), (0x23F8, 0x23FA), (0x24C2, 0x24C2), (0x25AA, 0x25AB),
    (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x2605), (0x2607, 0x2612),
    (0x2614, 0x2685), (0x2690, 0x2705), (0x2708, 0x2712), (0x2714, 0x2714), (0x2716, 0x2716),
    (0x271D, 0x271D), (0x2721, 0x2721), (0x2728, 0x2728), (0x2733, 0x2734), (0x2744, 0x2744),
    (0x2747, 0x2747), (0x274C, 0x274C), (0x274E, 0x274E), (0x2753, 0x2755), (0x2757, 0x2757),
    (0x2763, 0x2767), (0x2795, 0x2797), (0x27A1, 0x27A1), (0x27B0, 0x27B0), (0x27BF, 0x27BF),
    (0x2934, 0x2935), (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55),
    (0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299),
    (0x1F000, 0x1F0FF), (0x1F10D, 0x1F10F), (0x1F12F, 0x1F12F), (0x1F16C, 0x1F171),
    (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F1AD, 0x1F1E5),
    (0x1F201, 0x1F20F), (0x1F21A, 0x1F21A), (0x1F22F, 0x1F22F), (0x1F232, 0x1F23A),
    (0x1F23C, 0x1F23F), (0x1F249, 0x1F3FA), (0x1F400, 0x1F53D), (0x1F546, 0x1F64F),
    (0x1F680, 0x1F6FF), (0x1F774, 0x1F77F), (0x1F7D5, 0x1F7FF), (0x1F80C, 0x1F80F),
    (0x1F848, 0x1F84F), (0x1F85A, 0x1F85F), (0x1F888, 0x1F88F), (0x1F8AE, 0x1F8FF),
    (0x1F90C, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1FAFF), (0x1FC00, 0x1FFFD),
)  # fmt: skip

SKIN_TONES: Ranges = ((0x1F3FB, 0x1F3FF),)
REGIONAL_INDICATORS: Ranges = ((0x1F1E6, 0x1F1FF),)

# Variation selectors 15 and 16, the enclosing keycap, and the tags of regional flags.
VARIATIONS: Ranges = ((0x20E3, 0x20E3), (0xFE0E, 0xFE0F), (0xE0020, 0xE007F))

ZERO_WIDTH_NON_JOINER = 0x200C
ZERO_WIDTH_JOINER = 0x200D


def inside(code: int, ranges: Ranges) -> bool:
    """Whether a code point lies in one of the ranges."""
    return any(first <= code <= last for first, last in ranges)


# The kernels depend on the order: what continues a word comes first, and what starts one lies
# between WORD and WORD_SPACE.
CONTINUATION = 0  # a UTF-8 continuation byte; no character has this class
MARK = 1
JOINER = 2
VARIATION = 3
WORD = 4
DIGIT = 5
HANGUL_LETTER = 6
WORD_SPACE = 7  # white space that the keras rules treat as a letter
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

# One letter per class, so that a text's classes are a string and the rules are regular expressions.
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
    """Code point → letter of its class, filled as characters occur."""

    def __init__(self, classify: Callable[[str], int]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, code: int) -> str:
        letter = self[code] = LETTERS[self._classify(chr(code))]
        return letter


_TRANSLATIONS = {rules: _Letters(classify) for rules, classify in CLASSIFY.items()}


def classes(lowered: str, rules: Rules) -> str:
    """Return the classes of a text's characters.

    Args:
        lowered: A text in lower case.
        rules: The rule set whose classes are wanted.

    Returns:
        A string of the same length with one letter of ``LETTERS`` per character.
    """
    return lowered.translate(_TRANSLATIONS[rules])


MOST_MARKS = 30
_GRAPHEME_JOINER = "\u034f"

# A run of 31 non-starters needs ten or more characters that are not letters of any script, or are
# the two that only a compatibility form treats as marks, since a character has at most three
# non-starters. Few texts have such a span, and only there is each character examined.
_SUSPICIOUS = re.compile(r".?(?:[^\x00-\u02ff\w]|[\uff9e\uff9f]){10,}", re.DOTALL)


def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Bring a text to a normal form in the stream-safe format.

    Args:
        form: ``NFC`` composes; ``NFKC`` also replaces characters by those they are compatible with.
        text: Any text.

    Returns:
        ``unicodedata.normalize(form, text)``, except where more than 30 non-starters follow each
        other.
    """
    if text.isascii():
        return text
    return unicodedata.normalize(form, _SUSPICIOUS.sub(_parted, text))


def _parted(stretch: re.Match[str]) -> str:
    """Return the span with a joiner wherever a run of non-starters becomes too long."""
    kept: list[str] = []
    run = 0
    for character in stretch[0]:
        leading, trailing, length = _non_starters(character)
        if run + leading > MOST_MARKS:
            kept.append(_GRAPHEME_JOINER)
            run = 0
        kept.append(character)
        run = run + length if leading == length else trailing
    return "".join(kept)


@lru_cache(maxsize=1 << 12)
def _non_starters(character: str) -> tuple[int, int, int]:
    """Return how many non-starters a decomposed character starts and ends with, and its length."""
    marks = [unicodedata.combining(one) > 0 for one in unicodedata.normalize("NFKD", character)]
    leading = marks.index(False) if False in marks else len(marks)
    trailing = marks[::-1].index(False) if False in marks else len(marks)
    return leading, trailing, len(marks)
