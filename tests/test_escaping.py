"""What is shown does nothing: no control, no forged line, no formula."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.escaping import inert, json_text, printable, printable_lines, table_row

pytestmark = pytest.mark.fast

ANY = st.text(st.characters())  # all code points, lone surrogates included
SHOWN = set(map(unicodedata.category, map(chr, range(0x110000)))) - {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}
ODD = "\x00\x07\b\t\n\v\f\r\x1b\x7f\x85\x9b\xad\u061c\u200b\u200e\u202e\u2028\u2029\u2066\ufeff"


@given(text=ANY)
def test_nothing_printable_acts(text: str) -> None:
    shown = printable(text)
    kinds = {unicodedata.category(each) for each in shown} - {"Cf"}
    assert not kinds & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(shown.splitlines()) <= 1
    assert {each for each in shown if unicodedata.category(each) == "Cf"} <= {"\u200c", "\u200d"}
    assert printable(shown) == shown


@pytest.mark.parametrize("character", ODD)
def test_what_would_act_is_an_escape(character: str) -> None:
    escape = character.encode("unicode_escape").decode()
    assert printable(f"a{character}b") == f"a{escape}b"


@pytest.mark.parametrize(
    "text", ["宇宙 station", "a\u3000b", "a\xa0b", "می\u200cخواهم", "👩\u200d💻", "a\\b"]
)
def test_ordinary_text_of_any_script_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["pay\u200dpal", "\u200d", "\u200cab", "ö\u200c"])
def test_joiners_that_join_nothing_are_seen(text: str) -> None:
    assert printable(text) != text


def test_lines_keep_their_line_feeds_alone() -> None:
    assert printable_lines("a\r\nb\rc\nd\u2028e") == ["a", "b\\rc", "d\\u2028e"]


RUN = ["=1", "+a", "-a", "@a", "\t1", "\r1", " =1", "\n=1", "\n \t@a", "＝1", "＋a", "－a", "＠a"]


@pytest.mark.parametrize("cell", [*RUN, "-2+3", "-1e", "--", "-:a", "\xa0=1", "\u3000＝1", "-١"])
def test_what_a_spreadsheet_would_run_it_does_not(cell: str) -> None:
    assert inert(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "a", "a=1", "1", "-1", "+1.5", "-1.5e-7", ".5", "-.5", "-", "-:12", "'=1", "a\n=1"]
)
def test_what_it_would_not_run_stays(cell: str) -> None:
    assert inert(cell) == cell


@given(cells=st.lists(st.one_of(ANY, st.sampled_from(RUN)), min_size=2))
def test_a_csv_row_reads_back_exactly_but_for_formulas(cells: list[str]) -> None:
    row = table_row(cells)
    (found,) = csv.reader(io.StringIO(row, newline=""), strict=True)
    assert found == [inert(cell).encode("utf-8", "backslashreplace").decode() for cell in cells]
    row.encode("utf-8")


@given(cells=st.lists(ANY, min_size=2))
def test_a_tsv_row_is_one_line(cells: list[str]) -> None:
    row = table_row(cells, "\t")
    assert len(row.splitlines()) == 1
    (found,) = csv.reader([row], delimiter="\t", strict=True)
    assert found == [printable(inert(cell)) for cell in cells]


def test_numbers_stay_numbers() -> None:
    assert table_row([-1, -0.25, 1e-06, True, None, "-1"]) == "-1,-0.25,1e-06,true,,-1\n"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY,
    lambda inner: st.lists(inner) | st.dictionaries(ANY, inner),
)


@given(document=JSON, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_reads_back_and_does_nothing(document, indent, ascii_only) -> None:
    text = json_text(document, indent=indent, ascii_only=ascii_only)
    assert json.loads(text) == document
    text.encode("ascii" if ascii_only else "utf-8")
    assert {unicodedata.category(each) for each in text.replace("\n", "")} <= SHOWN
    assert indent or "\n" not in text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), [-float("inf")]])
def test_json_has_no_numbers_that_are_not_finite(number) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(number)
