"""Times in a column of a table: numbers, ISO 8601, and the usual written forms of dates.

Only their order matters to a split, so that numbers need no unit: Unix times of any resolution and
plain years are compared as they are.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.documents import counted, quoted

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_CLOCK: Final = (
    r"(?:(?:,|T|[ ])[ ]*(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,9}))?)?(?:[ ]?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?:[ ]?(?:Z|UTC|GMT|(?P<sign>[+-])(?P<off_hour>[0-9]{2}):?(?P<off_minute>[0-9]{2})))?)?"
)
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_MONTH_NAMES: Final = {
    name: number
    for number, month in enumerate(_MONTHS, 1)
    for name in (month, month[:3], *(["sept"] if month == "september" else []))
}
_MONTH: Final = r"(?P<name>[A-Za-z]{3,9})\.?"
_WEEKDAY: Final = r"(?:[A-Za-z]{3,9},?[ ]+)?"
_DAY, _YEAR = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?", r"(?P<year>[0-9]{4})"
_FORMS: Final = tuple(
    re.compile(form + _CLOCK)
    for form in (
        r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{1,2})(?:-(?P<day>[0-9]{1,2}))?)?",
        r"(?P<year>[0-9]{4})([/.])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})",
        r"(?P<day>[0-9]{1,2})\.[ ]?(?P<month>[0-9]{1,2})\.[ ]?(?P<year>[0-9]{4})",
        rf"{_WEEKDAY}{_DAY}[ -]{_MONTH}[ -],?{_YEAR}",
        rf"{_WEEKDAY}{_MONTH}[ ]{_DAY},?[ ]{_YEAR}",
    )
)
_EITHER: Final = re.compile(r"(?P<one>[0-9]{1,2})([/-])(?P<two>[0-9]{1,2})\2" + _YEAR + _CLOCK)
"""Day and month in an order that only the column as a whole can tell."""

DayOrder = Literal["day first", "month first"]


def moments(values: Sequence[object], names: Sequence[str], column: str) -> np.ndarray:
    """Read a column of times.

    All are numbers, or all are dates: ISO 8601 (``2024-03-01``, ``2024-03-01T12:30:00+01:00``,
    ``20240301``), ``2024/03/01``, ``1.3.2024``, ``1 Mar 2024``, ``March 1, 2024``, dates of e-mail
    (``Fri, 1 Mar 2024 12:30:00 +0100``), and ``3/14/2024`` or ``14/3/2024``, where one value of the
    column with a number above 12 tells which of the two is the month. Dates without a zone are UTC.

    Args:
        values: The cells.
        names: One per cell: the row, for messages.
        column: The column's name, for messages.

    Returns:
        float64 array, one per cell, finite: the larger, the later. Seconds since 1970 for dates.

    Raises:
        SourceError: A cell is empty or cannot be read as a time, or numbers and dates are mixed, or
            nothing tells the month from the day.
    """
    numbers = [_number(value) for value in values]
    if all(number is not None for number in numbers):
        return np.array(numbers, np.float64)
    order = _day_order(values, names, column)
    found = [_date(value, order) for value in values]
    wrong = [place for place, moment in enumerate(found) if moment is None]
    if wrong:
        dates = len(found) - len(wrong)
        if sum(number is not None for number in numbers) > dates:
            wrong = [place for place, number in enumerate(numbers) if number is None]
        raise _unread(values, names, column, wrong)
    return np.array(found, np.float64)


def is_date(value: str) -> bool:
    """Return whether a text is a date in one of the forms of :func:`moments`, and no number."""
    return _number(value) is None and (
        _date(value, "day first") is not None or _date(value, "month first") is not None
    )


def is_number(value: str) -> bool:
    """Return whether a text is a decimal number."""
    return _number(value) is not None


def _unread(
    values: Sequence[object], names: Sequence[str], column: str, wrong: Sequence[int]
) -> SourceError:
    first = wrong[0]
    value = values[first]
    found = "nothing" if _empty(value) else quoted(str(value))
    more = f" ({counted(len(wrong) - 1, 'more row')} likewise)" if len(wrong) > 1 else ""
    return SourceError(
        f"{printable(names[first])}: expected a time in the column {quoted(column)}, such as "
        f"2024-03-01, 2024-03-01T12:30:00Z or a Unix time, and one kind in all rows, found {found}"
        f"{more}. Correct these rows or leave them out, or name another column."
    )


def _empty(value: object) -> bool:
    return value is None or value != value or not str(value).strip()


def _number(value: object) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool):
        return None
    if not isinstance(value, int | float):
        text = value.strip() if isinstance(value, str) else ""
        if len(text) > 400 or _NUMBER.fullmatch(text) is None:
            return None
        value = text
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _day_order(values: Sequence[object], names: Sequence[str], column: str) -> DayOrder | None:
    """Return the order of day and month in dates such as 3/14/2024; None where there are none.

    Raises:
        SourceError: No value tells, or two contradict each other.
    """
    day_first = month_first = undecided = None
    for place, value in enumerate(values):
        match = _EITHER.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            continue
        undecided = place
        if int(match["one"]) > 12 and day_first is None:
            day_first = place
        if int(match["two"]) > 12 and month_first is None:
            month_first = place
    if undecided is None:
        return None
    if day_first is not None and month_first is not None:
        raise SourceError(
            f"{printable(names[day_first])}: expected dates of one form in the column "
            f"{quoted(column)}, found {quoted(str(values[day_first]))} (day first) here and "
            f"{quoted(str(values[month_first]))} (month first) at {printable(names[month_first])}. "
            f"Write them as 2024-03-01."
        )
    if day_first is None and month_first is None:
        raise SourceError(
            f"{printable(names[undecided])}: expected dates that tell the month from the day in "
            f"the column {quoted(column)}, found {quoted(str(values[undecided]))}, and no row with "
            f"a day above 12. Write them as 2024-03-01."
        )
    return "day first" if month_first is None else "month first"


def _date(value: object, order: DayOrder | None) -> float | None:
    """Return the seconds since 1970 of a date, or None."""
    if isinstance(value, datetime.datetime):
        return _seconds(value)
    if isinstance(value, datetime.date):
        return _seconds(datetime.datetime(value.year, value.month, value.day))
    if not isinstance(value, str) or not 4 <= len(value) <= 100:
        return None
    text = value.strip()
    if order is not None and (match := _EITHER.fullmatch(text)):
        day, month = ("one", "two") if order == "day first" else ("two", "one")
        return _from_parts(match.groupdict() | {"day": match[day], "month": match[month]})
    try:
        return _seconds(datetime.datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _from_parts(match.groupdict())
    if ":" not in text:
        return None
    import email.utils  # imports socket and more, which few tables need

    try:
        # Dates of e-mail, among them those with a zone by name or a year of two digits.
        return _seconds(email.utils.parsedate_to_datetime(text))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _from_parts(parts: dict[str, str | None]) -> float | None:
    name = parts.get("name")
    month = _MONTH_NAMES.get(name.lower()) if name else int(parts["month"] or 1)
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"] in "Pp")
    try:
        moment = datetime.datetime(
            int(parts["year"] or 0),
            month or 0,
            int(parts["day"] or 1),
            hour,
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int((parts["fraction"] or "0").ljust(6, "0")[:6]),
            datetime.UTC,
        )
    except ValueError:
        return None
    offset = 0
    if parts["sign"]:
        offset = 60 * int(parts["off_hour"] or 0) + int(parts["off_minute"] or 0)
        offset = -offset if parts["sign"] == "-" else offset
    return _seconds(moment) - 60 * offset


def _seconds(moment: datetime.datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - _EPOCH).total_seconds()
