"""SQLite: tables and queries, values of every type, and that nothing else than reading is done."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError, SourceNotFoundError
from satchel.sources import database, documents
from satchel.sources.files import clean_label
from satchel.sources.frames import read
from satchel.sources.opening import split_database
from satchel.sources.reading import read_documents
from strategies import labels, texts

pytestmark = pytest.mark.fast


def make(path: Path, rows: list[tuple[Any, ...]], table: str = "t") -> Path:
    name = '"' + table.replace('"', '""') + '"'
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(f"CREATE TABLE {name} (id, text, label)")
        base.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows)
    return path


def script(path: Path, code: str) -> Path:
    with closing(sqlite3.connect(path)) as base:
        base.executescript(code)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A database, whose bytes and folder must stay as they are."""
    path = make(tmp_path / "data.db", [(1, "a", "x"), (2, "b", "y"), (3, "c", "x")])
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before
    assert {
        name.name for name in tmp_path.iterdir() if name.suffix in (".db-wal", ".db-shm")
    } == set()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(labels, texts), min_size=1, max_size=8),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
        lambda name: not name.casefold().startswith("sqlite_")
    ),
    st.sampled_from(["data.db", "a b.sqlite", "a::b.sqlite3", "100%?#.db", "é.DB"]),
)
def test_what_is_written_is_read(rows: list[tuple[str, str]], table: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = make(
            Path(folder, name), [(n, text, label) for n, (label, text) in enumerate(rows)], table
        )
        found = [read_documents(path), read_documents(f"{path}::{table}")]
        found.append(
            read_documents(f"{path}::SELECT label, text, id FROM main.[{table}]")
            if not set("[]") & set(table)
            else found[0]
        )
    for each in found:
        assert each.texts == [text for _, text in rows]
        assert each.labels == [clean_label(label) for label, _ in rows]
        assert each.names == [f"{name}:{number}" for number in range(1, len(rows) + 1)]
        assert each.ids == [str(number) for number in range(len(rows))]


def test_values_of_every_type_are_read(tmp_path: Path) -> None:
    rows = [
        (1, "a", "NA"), (2, "b", 7), (3, b"caf\xe9", "x"), (4, "d", 1.0), (5, "e", None),
        (6, None, "x"), (7, 8, "x"),
    ]  # fmt: skip
    documents = read_documents(make(tmp_path / "t.db", rows))
    assert documents.labels == ["NA", "7", "x", "1.0"]
    assert documents.texts == ["a", "b", "café", "d"]
    assert [(each.line, each.reason) for each in documents.report.rejected] == [
        (5, "expected a label, found nothing"),
        (6, "expected text, found nothing"),
        (7, "expected text, found a value of type int"),
    ]


def test_a_query_gives_rows_in_its_order(path: Path) -> None:
    documents = read_documents(f"{path}::SELECT text, label FROM t WHERE id > 1 ORDER BY id DESC")
    assert documents.texts == ["c", "b"]
    assert documents.names == ["data.db:1", "data.db:2"]
    assert read(f"{path}::T").columns == ["id", "text", "label"]
    assert read_documents(
        f"{path}::with a as (select 'x' as text) select *, 1 as y from a"
    ).labels == ["1"]


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    path = script(
        tmp_path / "t.db",
        f"CREATE TABLE t (text, label, picture); INSERT INTO t VALUES ('a', 'x', "
        f"zeroblob({4 * documents.MAX_DOCUMENT_BYTES + 1}));",
    )
    assert read_documents(path).texts == ["a"]
    with pytest.raises(SourceError, match=r"expected values of at most .* found a longer one"):
        read_documents(path, keep="all")


def test_a_table_must_be_named_where_there_are_several(path: Path) -> None:
    script(path.with_name("two.db"), "CREATE TABLE a (text, label); CREATE TABLE b (text, label);")
    with pytest.raises(SourceError, match=r"has several: 'a', 'b'\. Append :: and one"):
        read_documents(path.with_name("two.db"))
    with pytest.raises(SourceError, match=r"SELECT, found 'c'; the tables are 'a', 'b'"):
        read_documents(f"{path.with_name('two.db')}::c")
    view = script(
        path.with_name("view.db"),
        "CREATE TABLE a (text, label); INSERT INTO a VALUES ('a', 'x');"
        "CREATE VIEW v AS SELECT upper(text) AS text, label FROM a;",
    )
    assert read_documents(view).texts == ["a"]
    assert read_documents(f"{view}::v").texts == ["A"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT text, label FROM t; DELETE FROM t", "several statements"),
        ("DELETE FROM t", "expected a table or a query that starts with SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM t", "only reads"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT 1, 2, 3", "only reads"),
        ("SELECT load_extension('x') AS text, 1 AS label", "only reads"),
        ("SELECT * FROM pragma_database_list", "only reads"),
        ("SELECT text, lable FROM t", "no such column: lable"),
        ("SELECT text, label FROM s", "no such table: s"),
        ("SELECT", "incomplete input"),
        ("SELECT text, label, text FROM t", "expected one column 'text', found several"),
        ("SELECT '\udcff' AS text, 1 AS label", "expected a query that SQLite can answer"),
        ("SELECT 'a\0b' AS text, 1 AS label", "expected a query that SQLite can answer"),
        ("SELECT id AS a, text AS b FROM t", "such as 'text' and 'label', found the columns 'a'"),
    ],
)
def test_a_query_can_only_read(path: Path, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_documents(f"{path}::{query}")
    assert "\n" not in str(caught.value)


def test_a_file_can_call_nothing(tmp_path: Path) -> None:
    path = script(
        tmp_path / "t.db",
        "CREATE VIEW v AS SELECT load_extension('x') AS text, 1 AS label;"
        "CREATE VIRTUAL TABLE f USING fts5(text, label);",
    )
    with pytest.raises(SourceError, match="which a file must not call"):
        read_documents(f"{path}::v")
    with pytest.raises(SourceError, match="found a virtual table"):
        read_documents(f"{path}::f")


def test_what_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)"
    path = script(
        tmp_path / "t.db",
        f"CREATE VIEW rows AS {numbers} SELECT 'a' AS text, x AS label FROM r;"
        f"CREATE VIEW one AS {numbers} SELECT 'a' AS text, count(x) AS label FROM r;",
    )
    monkeypatch.setattr(documents, "FREE_EXPANSION_BYTES", 1 << 20)
    monkeypatch.setattr(database, "_BASE_STEPS", 20)
    with pytest.raises(SourceError, match="multiplies rows"):
        read_documents(f"{path}::rows")
    with pytest.raises(SourceError, match="it may never end"):
        read_documents(f"{path}::one")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a database, but long enough to be one" * 50, "or an encrypted one"),
        (b"", "found none in it"),
    ],
)
def test_what_is_no_database_is_named(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(data)
    with pytest.raises(SourceError, match=message):
        read_documents(tmp_path / "t.db")


def test_a_locked_database_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_WAIT_SECONDS", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match="another program has locked it"):
            read_documents(path)
        other.execute("ROLLBACK")


def test_a_write_ahead_log_is_read_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE t (text, label)")
        base.execute("INSERT INTO t VALUES ('a', 'x')")
        base.commit()
        assert os.path.getsize(f"{path}-wal")
        assert read_documents(path).texts == ["a"]
    assert os.listdir(tmp_path) == ["t.db"]
    assert read_documents(path).texts == ["a"]
    assert os.listdir(tmp_path) == ["t.db"]


def test_damage_of_any_kind_ends_in_an_error(tmp_path: Path) -> None:
    """In a process of its own: SQLite is compiled code."""
    make(tmp_path / "whole", [(n, f"text {n} " * 20, n % 3) for n in range(400)])
    code = """
import os, random
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources import read_documents
rng = random.Random(0)
folder = Path(sys.argv[1])
whole = (folder / "whole").read_bytes()
path = folder / "t.db"
read = 0
for _ in range(300):
    data = bytearray(whole[: rng.choice((len(whole), rng.randrange(len(whole))))])
    for _ in range(rng.randrange(1, 30) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)
    try:
        read_documents(path)
        read += 1
    except SourceError as error:
        assert "Traceback" not in str(error)
print(read)
"""
    assert 0 < int(assert_confined(code, str(tmp_path), seconds=120, megabytes=1000)) < 300


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.db::t", ("data.db", "t")),
        ("data.db", ("data.db", "")),
        ("a.DB::SELECT a::b", ("a.DB", "SELECT a::b")),
        ("s3://bucket/a.sqlite::t", ("s3://bucket/a.sqlite", "t")),
        ("posts.csv::t", ("posts.csv::t", "")),
        ("a::b.db::t", ("a::b.db", "t")),
    ],
)
def test_a_source_is_split_at_its_database(source: str, expected: tuple[str, str]) -> None:
    assert split_database(source) == expected


def test_what_exists_under_the_whole_name_is_no_query(tmp_path: Path) -> None:
    table = tmp_path / "data.db::t.csv"
    table.write_text("text,label\na,x\n")
    assert read_documents(table).texts == ["a"]
    make(tmp_path / "data", [(1, "b", "y")])
    assert read_documents(f"{tmp_path / 'data'}::t").texts == ["b"]
    with pytest.raises(SourceNotFoundError):
        read_documents(tmp_path / "other.db::t")
