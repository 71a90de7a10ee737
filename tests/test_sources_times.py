"""Times in columns: every form that is read, what is ambiguous, and what is refused."""

from __future__ import annotations

import datetime
import email.utils

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.errors import SourceError
from satchel.sources.times import is_date, is_number, moments

pytestmark = pytest.mark.fast


def read(*values: object) -> np.ndarray:
    return moments(values, [f"t.csv:{row}" for row in range(2, len(values) + 2)], "date")


FIRST_OF_MARCH = 1_709_251_200.0


@pytest.mark.parametrize(
    "form",
    [
        "2024-03-01",
        "2024-03",
        "2024-3-1",
        " 2024-03-01 ",
        "2024-03-01T00:00",
        "2024-03-01 00:00:00.000",
        "2024-03-01T00:00:00Z",
        "2024-03-01T02:00:00+02:00",
        "2024-02-29T19:00:00-05:00",
        "2024/03/01",
        "2024.3.1",
        "1.3.2024",
        "01.03.2024 00:00",
        "1 Mar 2024",
        "1-Mar-2024",
        "01 March 2024, 00:00",
        "March 1, 2024",
        "Mar 1st, 2024 12:00 AM",
        "Friday, March 1, 2024",
        "Fri, 01 Mar 2024 00:00:00 +0000",
        "Fri, 1 Mar 24 00:00 GMT",
        "Fri Mar  1 00:00:00 2024",
        datetime.date(2024, 3, 1),
        datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC),
        datetime.datetime(2024, 3, 1),  # a Parquet column without a zone
    ],
)
def test_the_usual_forms_of_a_date_are_read(form: object) -> None:
    assert read(form, "2024-03-02").tolist() == [FIRST_OF_MARCH, FIRST_OF_MARCH + 86_400]


def test_the_column_tells_the_day_from_the_month() -> None:
    assert read("3/1/2024", "3/14/2024 2:30 PM")[0] == FIRST_OF_MARCH
    assert read("1/3/2024", "14/3/2024")[0] == FIRST_OF_MARCH
    assert read("01-03-2024", "14-03-2024 14:30")[0] == FIRST_OF_MARCH
    with pytest.raises(SourceError, match=r"t.csv:3: .* found '4/5/2024', and no row with a day"):
        read("1/3/2024", "4/5/2024")
    with pytest.raises(SourceError, match=r"'14/3/2024' \(day first\) here and '3/14/2024'"):
        read("3/14/2024", "14/3/2024")


def test_numbers_are_compared_as_they_are() -> None:
    assert read("1709251200", 1709251200.5, "-1", "2e3").tolist() == [
        1709251200, 1709251200.5, -1, 2000,
    ]  # fmt: skip
    assert read("2021", "1999").tolist() == [2021, 1999]
    assert read("20240301", "20231231").argmin() == 1


@pytest.mark.parametrize(
    ("values", "row", "found"),
    [
        (["2024-03-01", "yesterday"], 3, "'yesterday'"),
        (["2024-03-01", "", None], 3, r"nothing \(1 more row likewise\)"),
        (["1", "2", "soon"], 4, "'soon'"),
        (["1", "inf"], 3, "'inf'"),
        (["1", "2", "2024-03-01"], 4, "'2024-03-01'"),
        (["2024-03-01", "2024-03-02", "17"], 4, "'17'"),
        (["2024-02-30"], 2, "'2024-02-30'"),
        (["13:30 2024"], 2, "'13:30 2024'"),
        (["3/1/24"], 2, "'3/1/24'"),
        ([True], 2, "'True'"),
        ([float("nan")], 2, "nothing"),
        ([10**400], 2, "'1000"),
        (["2024-03-01T25:00"], 2, "'2024-03-01T25:00'"),
        (["1 Foo 2024"], 2, "'1 Foo 2024'"),
    ],
)
def test_what_is_no_time_is_refused_with_its_row(
    values: list[object], row: int, found: str
) -> None:
    with pytest.raises(SourceError, match=rf"^t\.csv:{row}: .*column 'date'.*found {found}"):
        read(*values)


@given(st.datetimes(), st.datetimes())
def test_written_dates_keep_their_order(one: datetime.datetime, other: datetime.datetime) -> None:
    def forms(moment: datetime.datetime) -> list[str]:
        moment = moment.replace(microsecond=0)
        day, year = moment.day, f"{moment.year:04}"
        return [
            moment.isoformat(),
            f"{year}/{moment.month}/{day} {moment.hour}:{moment.minute:02}:{moment.second:02}",
            f"{day}.{moment.month}.{year} {moment.hour}:{moment.minute:02}:{moment.second:02}",
            f"{moment:%d %B} {year} {moment:%I:%M:%S %p}",
            email.utils.format_datetime(moment.replace(tzinfo=datetime.UTC)),
        ]

    for pair in zip(forms(one), forms(other), strict=True):
        first, second = read(*pair)
        assert (
            second - first
            == (other.replace(microsecond=0) - one.replace(microsecond=0)).total_seconds()
        )


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert np.isfinite(read(text)).all()
    except SourceError:
        assert not is_number(text)


def test_dates_and_numbers_are_told_apart() -> None:
    assert is_date("2024-03-01")
    assert is_date("3/14/2024")
    assert not is_date("20240301")
    assert is_number("20240301")
    assert not is_number("12 apples")
    assert not is_date("alt.atheism")
