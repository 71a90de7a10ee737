"""Normal forms as Unicode has them, and runs of marks that nobody writes kept short."""

from __future__ import annotations

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.features.unicode import _GRAPHEME_JOINER as JOINER
from satchel.features.unicode import _SUSPICIOUS, MOST_MARKS, normalize

pytestmark = pytest.mark.fast

PIECES = st.sampled_from(
    [
        "e",
        "한",
        "ᄒ",
        "\u1161",
        "é",
        "ǖ",
        "ΐ",
        "\u0301",
        "\u0323",
        "\u0344",
        "\u0f73",
        "\uff9e",
        "ﷺ",
        " ",
    ]
)
Form = Literal["NFC", "NFKC"]
FORMS: st.SearchStrategy[Form] = st.sampled_from(("NFC", "NFKC"))


def longest_run(text: str) -> int:
    run = longest = 0
    for character in unicodedata.normalize("NFKD", text):
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest


@given(FORMS, st.lists(PIECES, max_size=120).map("".join))
def test_short_runs_are_left_alone_and_long_ones_are_parted(form: Form, text: str) -> None:
    normal = normalize(form, text)
    plain = unicodedata.normalize(form, text)
    if longest_run(text) <= MOST_MARKS:
        assert normal == plain
    assert longest_run(normal) <= MOST_MARKS
    # Nothing but joiners is added, and nothing lost.
    without = normal.replace(JOINER, "")
    assert sorted(unicodedata.normalize("NFKD", without)) == sorted(
        unicodedata.normalize("NFKD", plain)
    )
    assert normalize(form, normal) == normal


@given(FORMS, st.text())
def test_any_text_is_normalized_as_unicode_does(form: Form, text: str) -> None:
    assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("letter", ["e", "ǖ", ""])
@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0301", "\u0f73", "\u0344", "\uff9e\u0301"])
def test_the_31st_mark_is_parted_from_the_30th(letter: str, marks: str) -> None:
    for number in range(60):
        text = letter + (marks * 30)[:number]
        assert (JOINER in normalize("NFKC", text)) == (longest_run(text) > MOST_MARKS)


def test_wherever_a_run_may_be_too_long_it_is_looked_for() -> None:
    """Of this Python's Unicode: whatever starts with a mark, and what ends with how many."""
    for code in range(sys.maxunicode + 1):
        marks = [
            bool(unicodedata.combining(one)) for one in unicodedata.normalize("NFKD", chr(code))
        ]
        if marks[0]:
            assert all(marks), hex(code)
            assert len(marks) <= 3, hex(code)
            assert _SUSPICIOUS.fullmatch("a" + chr(code) * 10), hex(code)
        elif marks[-1]:
            assert marks[::-1].index(False) <= 3, hex(code)
