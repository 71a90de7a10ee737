"""The kernels' tables say what the running Python says, for every code point that matters."""

from __future__ import annotations

import numpy as np
import pytest

from satchel.features.kernels.unicode_tables import CASED, CODE_BITS, IGNORABLE, tables
from satchel.features.spec import Rules
from satchel.features.unicode import CLASSIFY

pytestmark = pytest.mark.fast

# All code points but those of planes without characters, of which each 251st will do.
CODES = [
    *range(0xD800),
    *range(0xE000, 0x32400),
    *range(0x32400, 0xE0000, 251),
    *range(0xE0000, 0xE1000),
    *range(0xE1000, 0x110000, 251),
]


def values_of(rules: Rules) -> np.ndarray:
    table = tables(rules)
    codes = np.array(CODES)
    return table[table[codes >> 8] + (codes & 255)]


@pytest.mark.parametrize("rules", ["satchel", "words", "keras"])
def test_classes(rules: Rules) -> None:
    classify = CLASSIFY[rules]
    expected = [classify(chr(code).lower()[0]) for code in CODES]
    assert np.array_equal(values_of(rules) >> CODE_BITS & 31, expected)


def test_lower_case() -> None:
    lower = (np.array(CODES) + values_of("words")) & (1 << CODE_BITS) - 1
    expected = [ord(chr(code).lower()[0]) for code in CODES]
    assert np.array_equal(lower, expected)


def test_only_one_character_becomes_two() -> None:
    assert [chr(code) for code in CODES if len(chr(code).lower()) != 1] == ["İ"]


def test_case_of_sigma() -> None:
    values = values_of("words")
    expected = []
    for code in CODES:
        character = chr(code).replace("Σ", "S")
        if f"aΣ{character}".lower()[1] == "σ":
            expected.append(CASED)
        else:
            expected.append(IGNORABLE if f"aΣ{character}a".lower()[1] == "σ" else 0)
    assert np.array_equal(values & (CASED | IGNORABLE), expected)


@pytest.mark.parametrize("rules", ["satchel", "words", "keras"])
def test_ascii_table_agrees(rules: Rules) -> None:
    narrow = tables(rules)[-128:]
    values = values_of(rules)[:128]
    assert np.array_equal(narrow >> 8, values >> CODE_BITS & 31)
    assert np.array_equal(narrow & 255, [ord(chr(code).lower()) for code in range(128)])
