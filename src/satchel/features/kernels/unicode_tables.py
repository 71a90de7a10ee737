"""Tables of every code point for the kernels, computed from the running Python.

A table is one array, since each array argument costs the compiler much. For any code
point, ``table[table[code >> 8] + (code & 255)]`` holds, from the lowest bit: 21 bits of the offset
to its lower case (modulo 2²¹, so that most blocks are equal), 5 bits of the class of that
(``unicode``), then CASED and IGNORABLE of the code point, which decide whether Σ ends a word.
The last 128 entries serve ASCII: lower case in the low byte, class in the next.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from satchel.features.spec import Rules
from satchel.features.unicode import (
    ASCII_CLASSES,
    DIGIT,
    EMOJI,
    EMOJI_BASE,
    HANGUL,
    HANGUL_LETTER,
    JOINER,
    KERAS_FILTERS,
    MARK,
    OTHER,
    REGIONAL,
    REGIONAL_INDICATORS,
    SKIN_TONE,
    SKIN_TONES,
    SPACE,
    SPACELESS,
    SPACELESS_LETTER,
    VARIATION,
    VARIATIONS,
    WORD,
    WORD_SPACE,
    ZERO_WIDTH_JOINER,
    ZERO_WIDTH_NON_JOINER,
    Ranges,
)

CODE_BITS = 21
CASED = 1 << 26
IGNORABLE = 1 << 27
FIRST_STAGE = 0x1100

# Unicode assigns nothing to planes 4 to 13, and nothing that matters to 15 and 16; and ideographs
# and Hangul syllables have neither case nor marks. Leaving them out makes the start fast, and a
# test compares the tables with Python.
_PLANE_14 = 0xE0000
_LOW = 0x40000
_SIZE = _LOW + 0x1000
_PLAIN = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xD800, 0xF8FF), (0x20000, _LOW - 1))


class _Properties(NamedTuple):
    """By index (``_place``): lower case as a code point, kinds of characters, case bits."""

    lower: np.ndarray
    is_word: np.ndarray
    is_space: np.ndarray
    is_mark: np.ndarray
    case: np.ndarray


def _place(code: int) -> int:
    """Return the index of a code point in the arrays here: plane 14 follows plane 3."""
    return code if code < _LOW else code - _PLANE_14 + _LOW


def _text(codes: np.ndarray) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), "<i4")


def _all_codes() -> np.ndarray:
    codes = np.arange(_SIZE, dtype=np.int32)
    codes[_LOW:] += _PLANE_14 - _LOW
    return codes


@lru_cache(maxsize=1)
def _properties() -> _Properties:
    codes = _all_codes()
    flags = np.zeros((3, _SIZE), np.bool_)
    found = _Properties(codes.copy(), flags[0], flags[1], flags[2], np.zeros(_SIZE, np.int32))
    varied = np.ones(_SIZE, np.bool_)
    varied[0xD800:0xE000] = False
    real = np.flatnonzero(varied)
    everything = _text(codes[real])
    for pattern, flags in ((r"\w+", found.is_word), (r"\s+", found.is_space)):
        for match in re.finditer(pattern, everything):
            flags[real[match.start() : match.end()]] = True
    for first, last in _PLAIN:
        varied[first : last + 1] = False
    real = np.flatnonzero(varied)
    everything = _text(codes[real])
    # Only İ becomes two characters; the kernel treats it specially.
    found.lower[real] = _codes(everything.replace("İ", "i").lower())
    found.case[real] = _case_bits(everything)
    rest = real[~found.is_word[real]]
    categories = "".join(map(unicodedata.category, _text(codes[rest])))
    found.is_mark[rest[np.frombuffer(categories[::2].encode(), np.uint8) == ord("M")]] = True
    return found


def _case_bits(characters: str) -> np.ndarray:
    """Return CASED and IGNORABLE of each character, from how Python lower-cases Σ next to it."""
    probes = np.empty((len(characters), 5), np.int32)
    probes[:] = [ord("a"), ord("Σ"), 0, ord(" "), ord(" ")]
    probes[:, 2] = _codes(characters.replace("İ", "I").replace("Σ", "S"))
    final_alone = _codes(_text(probes).lower()).reshape(-1, 5)[:, 1] == ord("ς")
    probes[:, 3] = ord("a")
    final_before_a = _codes(_text(probes).lower()).reshape(-1, 5)[:, 1] == ord("ς")
    return np.where(final_alone, np.where(final_before_a, 0, IGNORABLE), CASED)


def _mark(table: np.ndarray, where: Ranges, value: int, only: np.ndarray | None) -> None:
    for first, last in where:
        part = slice(_place(first), _place(last) + 1)
        table[part] = value if only is None else np.where(only[part], value, table[part])


def _satchel_classes(known: _Properties) -> np.ndarray:
    """Apply the tests of ``unicode._satchel``, the last one first, so that earlier ones win."""
    table = np.full(_SIZE, OTHER, np.int32)
    for character, value in ASCII_CLASSES.items():
        table[ord(character)] = value
    _mark(table, EMOJI, EMOJI_BASE, None)
    _mark(table, REGIONAL_INDICATORS, REGIONAL, None)
    _mark(table, SKIN_TONES, SKIN_TONE, None)
    table[known.is_space] = SPACE
    table[known.is_word] = WORD
    _mark(table, HANGUL, HANGUL_LETTER, known.is_word)
    _mark(table, SPACELESS, SPACELESS_LETTER, known.is_word)
    table[known.is_mark] = MARK
    _mark(table, VARIATIONS, VARIATION, None)
    table[ZERO_WIDTH_NON_JOINER] = MARK
    table[ZERO_WIDTH_JOINER] = JOINER
    table[ord("0") : ord("9") + 1] = DIGIT
    return table


def _keras_classes(known: _Properties) -> np.ndarray:
    table = np.where(known.is_space, WORD_SPACE, WORD)
    for character in KERAS_FILTERS:
        table[ord(character)] = SPACE if character.isspace() else OTHER
    return table


@lru_cache(maxsize=3)
def tables(rules: Rules) -> np.ndarray:
    """Return the table of a rule set, made once per process.

    Args:
        rules: The rule set.

    Returns:
        int32; see the module's docstring.
    """
    known = _properties()
    if rules == "satchel":
        classes = _satchel_classes(known)
    elif rules == "words":
        classes = np.where(known.is_word, WORD, np.where(known.is_space, SPACE, OTHER))
    else:
        classes = _keras_classes(known)
    codes = _all_codes()
    changed = np.flatnonzero(known.lower != codes)  # none of these lie beyond plane 3
    classes[changed] = classes[known.lower[changed]]
    way = known.lower - codes & (1 << CODE_BITS) - 1
    values = (way | classes << CODE_BITS | known.case).astype(np.int32)
    beyond = WORD if rules == "keras" else OTHER
    ascii_pairs = known.lower[:128] | classes[:128] << 8
    return np.concatenate([_two_stages(values, beyond << CODE_BITS), ascii_pairs], dtype=np.int32)


def _two_stages(values: np.ndarray, beyond: int) -> np.ndarray:
    """Store equal blocks once; all planes missing from ``values`` share the value ``beyond``."""
    numbers = {np.full(256, beyond, np.int32).tobytes(): 0}
    used = np.array(
        [numbers.setdefault(block.tobytes(), len(numbers)) for block in values.reshape(-1, 256)]
    )
    first = np.zeros(FIRST_STAGE, np.int32)
    first[: _LOW >> 8] = used[: _LOW >> 8]
    first[_PLANE_14 >> 8 :][: len(used) - (_LOW >> 8)] = used[_LOW >> 8 :]
    second = np.frombuffer(b"".join(numbers), np.int32)
    return np.concatenate([first * 256 + FIRST_STAGE, second])
