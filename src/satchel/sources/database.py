"""SQLite databases: a table or the rows of a query, read one by one and never written to.

A source names a table (``data.db::posts``), a query (``data.db::SELECT text, label FROM …``), or
the file alone if it has a single table. See https://sqlite.org/security.html on files of others.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from satchel.errors import SourceError
from satchel.escaping import printable
from satchel.sources.collecting import Collector
from satchel.sources.columns import Columns, unique_names
from satchel.sources.documents import (
    BYTES_PER_ROW,
    MAX_DOCUMENT_BYTES,
    Taken,
    brief,
    expansion_limit,
    quoted,
)

_QUERY = re.compile(r"\s*(select|with|values)\b", re.IGNORECASE)
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_FORBIDDEN: Final = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
_WAIT_SECONDS: Final = 5.0  # for another process that writes
# Work is counted in SQLite's own instructions, of which reading a row takes some ten.
_STEP: Final = 1_000_000
_BASE_STEPS: Final = 500
_BYTES_PER_STEP: Final = 1_000


def read_database(
    path: str,
    asked: str,
    wanted: Columns,
    rows: Collector,
    tick: Callable[[int], None],
) -> Generator[None, None, None]:
    """Read the rows of a table or query; they are numbered from 1 in the order of the result.

    Args:
        path: The database.
        asked: The table, or the query; empty for the only table.
        wanted: Which columns to read.
        rows: Takes the rows.
        tick: Called with each row's number.

    Yields:
        None, whenever the batch of ``rows`` is full.

    Raises:
        SourceError: It is no database, or is damaged, encrypted or locked; the table, query or
            column is not as expected; or the result is larger than a file of its size may give.
    """
    name = rows.source
    size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
    left = expansion_limit(size)
    with _database(path, name, size) as database:
        table = _table(database, asked, name)
        query = f"SELECT * FROM {_identifier(table)}" if table else asked
        cursor = database.execute(query if table is None else f"{query} LIMIT 0")
        if cursor.description is None:
            raise _no_rows(name)
        own = [column[0] for column in cursor.description]
        columns, repeated = unique_names(own)
        rows.taken = taken = wanted.choose(columns, name, rows.report.notes, repeated)
        at = {column: place for place, column in enumerate(columns)}
        if table is not None:
            used = list(
                dict.fromkeys([*taken.text, *filter(None, (taken.label, taken.id)), *taken.kept])
            )
            listed = ", ".join(_identifier(own[at[column]]) for column in used)
            cursor = database.execute(f"SELECT {listed} FROM {_identifier(table)}")
            at = {column: place for place, column in enumerate(used)}
        for number, cells in enumerate(cursor, 1):
            tick(number)
            left -= BYTES_PER_ROW + sum(
                len(cell) for cell in cells if isinstance(cell, str | bytes)
            )
            if left < 0:
                raise SourceError(
                    f"{printable(name)}: expected at most {expansion_limit(size):,} bytes from a "
                    f"database of {size:,}, found more: a view or query that multiplies rows, "
                    f"perhaps without end. Write its result to a table or to a CSV file."
                )
            _add(number, [_text(cell) for cell in cells], at, taken, rows)
            if rows.full:
                yield


def _add(
    number: int, cells: Sequence[Any], at: dict[str, int], taken: Taken, rows: Collector
) -> None:
    rows.add(
        number,
        [cells[at[name]] for name in taken.text],
        cells[at[taken.label]] if taken.label is not None else None,
        cells[at[taken.id]] if taken.id is not None else None,
        {name: cells[at[name]] for name in taken.kept} if taken.kept else None,
    )


def _text(cell: Any) -> Any:
    """Return a cell; one of bytes is text in an unknown encoding."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell


@contextmanager
def _database(path: str, name: str, size: int) -> Iterator[sqlite3.Connection]:
    """Open a database to read only; turn its errors within the block into SourceErrors."""
    interrupted = False
    steps = _BASE_STEPS + size // _BYTES_PER_STEP

    def step() -> int:
        nonlocal steps, interrupted
        steps -= 1
        interrupted = steps < 0
        return interrupted

    try:
        with contextlib.closing(_connect(path)) as database:
            database.set_progress_handler(step, _STEP)
            yield database
    except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
        raise SourceError(f"{printable(name)}: {_explained(error, interrupted)}") from error


def _connect(path: str) -> sqlite3.Connection:
    place = os.path.abspath(path).replace(os.sep, "/")
    with open(path, "rb") as file:
        header = file.read(20)
    # A database whose changes go to a write-ahead log has no such file beside it while nobody has
    # it open; SQLite would make one, in a folder that is none of our business.
    logged = header[18:] == b"\2\2"
    closed = "&immutable=1" if logged and not os.path.exists(f"{path}-wal") else ""
    return _confined(f"file:{quote(place, errors='surrogateescape')}?mode=ro{closed}")


def _confined(address: str) -> sqlite3.Connection:
    """Connect, such that neither a query nor the file can do anything but give rows."""
    database = sqlite3.connect(address, _WAIT_SECONDS, uri=True, isolation_level=None)
    try:
        for pragma in (
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "query_only = ON",
            "mmap_size = 0",
        ):
            database.execute(f"PRAGMA {pragma}")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MAX_DOCUMENT_BYTES)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        database.set_authorizer(_authorize)
    except BaseException:
        database.close()
        raise
    return database


def _authorize(action: int, _: str | None, second: str | None, *__: str | None) -> int:
    """Allow what reads, and no function that reaches outside the database."""
    allowed = action in _ALLOWED and not (
        action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FORBIDDEN
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _table(database: sqlite3.Connection, asked: str, name: str) -> str | None:
    """Return the name of the table to read; None where a query was asked for.

    Raises:
        SourceError: There is no such table, or none was named and there are several.
    """
    listed = list(
        database.execute(
            "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
    )
    names = [each for each, _ in listed]
    if asked:
        found = [each for each in names if each == asked.strip() or each == asked]
        found = found or [each for each in names if each.casefold() == asked.strip().casefold()]
        if found:
            return str(found[0])
        if _QUERY.match(asked):
            return None
    elif len(names) == 1:
        return str(names[0])
    elif len(tables := [each for each, kind in listed if kind == "table"]) == 1:
        return str(tables[0])
    there = ", ".join(quoted(each) for each in names[:20]) + (", …" if len(names) > 20 else "")
    if asked:
        raise SourceError(
            f"{printable(name)}: expected a table or a query that starts with SELECT, found "
            f"{quoted(asked)}; the tables are {there or 'none'}."
        )
    if not names:
        raise SourceError(
            f"{printable(name)}: expected a database with a table, found none in it. Check that "
            f"it is the right file."
        )
    raise SourceError(
        f"{printable(name)}: expected the name of a table, as the database has several: {there}. "
        f"Append :: and one of them, or a query in quotes."
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _no_rows(name: str) -> SourceError:
    return SourceError(
        f"{printable(name)}: expected a query that gives rows, found one that gives none. "
        f"Write it as SELECT … FROM …"
    )


def _explained(error: Exception, interrupted: bool) -> str:
    """Return what is wrong with a database or query, and what to do."""
    said = brief(str(error).rstrip("."), 300)
    if interrupted:
        return (
            "expected a table or query that a database of this size answers soon, found one that "
            "takes far longer: it may never end. Write its result to a table or to a CSV file."
        )
    for part, advice in _ADVICE.items():
        if part in said:
            return advice
    queries = (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.Warning, UnicodeError)
    if isinstance(error, queries):
        return (
            f"expected a query that SQLite can answer, found that it cannot ({said}). "
            f"Check the names of tables and columns, and the file."
        )
    return f"expected an intact SQLite database, found that it cannot be read ({said})."


_ADVICE: Final = {
    "not a database": "expected a SQLite database, found a file that is none, or an encrypted one. "
    "Check the file, or decrypt it first.",
    "malformed": "expected an intact SQLite database, found a damaged one. Get a fresh copy, or "
    "save what is left with sqlite3's command .recover.",
    "locked": "expected a database that can be read, found that another program has locked it. "
    "Wait until that is done, or read a copy.",
    "readonly": "expected a database that was closed properly, found one whose last change must be "
    "undone first. Open it once with sqlite3, or read a copy.",
    "unable to open": "expected a database that can be opened, found that it cannot: check the "
    "file's permissions, and those of its folder if a file -wal or -journal lies there.",
    "too big": f"expected values of at most {4 * MAX_DOCUMENT_BYTES:,} bytes, found a longer one. "
    f"Leave it out by a query.",
    "not authorized": "expected a query that only reads, found one that does something else. "
    "Write a plain SELECT.",
    "prohibited": "expected a query that only reads, found one that does something else. "
    "Write a plain SELECT.",
    "unsafe use": "expected tables and views of plain data, found one that uses a function or "
    "virtual table which a file must not call. Read another table.",
    "vtable": "expected a table or a view of tables, found a virtual table, such as a full-text "
    "index, whose code would change the database. Read the table behind it (often …_content).",
    "one statement": "expected a single query, found several statements. Write one SELECT.",
}
