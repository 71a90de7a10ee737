"""Where tables come from: patterns, several sources, addresses, standard input."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import fsspec
import polars
import pytest

import satchel
from satchel.errors import (
    MissingDependencyError,
    SettingError,
    SourceError,
    SourceNotFoundError,
)
from satchel.sources import remote
from satchel.sources.opening import expand
from satchel.sources.reading import read_documents
from satchel.sources.recognition import sniff

CSV = "text,label\na,x\nb,y\n"
JSONL = '{"text":"a","label":"x"}\n{"text":"b","label":"y"}\n'


def parquet_bytes() -> bytes:
    stream = io.BytesIO()
    polars.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}).write_parquet(stream)
    return stream.getvalue()


def arrow_bytes(stream_format: bool = False) -> bytes:
    stream = io.BytesIO()
    frame = polars.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    frame.write_ipc_stream(stream) if stream_format else frame.write_ipc(stream)
    return stream.getvalue()


def database_bytes() -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.executescript(
            "CREATE TABLE t (text, label); INSERT INTO t VALUES ('a', 'x'), ('b', 'y');"
        )
        return base.serialize()


def tar_bytes() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in {"x/1": b"a", "y/1": b"b"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return stream.getvalue()


FILES: dict[str, bytes] = {
    "t.csv": CSV.encode(),
    "t.csv.gz": gzip.compress(CSV.encode()),
    "t.tsv": CSV.replace(",", "\t").encode(),
    "t.jsonl": JSONL.encode(),
    "t.parquet": parquet_bytes(),
    "t.arrow": arrow_bytes(),
    "t.db": database_bytes(),
    "t.tar.gz": tar_bytes(),
}


def check(documents: Any) -> None:
    assert (documents.texts, documents.labels) == (["a", "b"], ["x", "y"])


# Patterns and several sources.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.csv", "é.csv", "Z.csv", "a[1].csv", "sub/c.csv", "sub/deep/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text,label\ntext of {name},x\n")
    (tmp_path / ".hidden.csv").write_text(CSV)
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


def test_a_pattern_is_the_files_that_it_matches_sorted_by_bytes(folder: Path) -> None:
    assert expand(["*.csv"]) == ["Z.csv", "a.csv", "a[1].csv", "b.csv", "é.csv"]
    assert expand(["**/[cd].csv"]) == ["sub/c.csv", "sub/deep/d.csv"]
    assert expand(["sub/**"]) == ["sub/c.csv", "sub/deep/d.csv"]
    assert expand([str(folder / "?.csv")]) == [
        str(folder / name) for name in ("Z.csv", "a.csv", "b.csv", "é.csv")
    ]


def test_what_exists_is_no_pattern(folder: Path) -> None:
    assert expand(["a[1].csv"]) == ["a[1].csv"]
    assert read_documents("a[1].csv").texts == ["text of a[1].csv"]
    (folder / "a[1].csv").unlink()
    (folder / "a1.csv").write_text(CSV)
    assert expand(["a[1].csv"]) == ["a1.csv"]
    (folder / "[x].tar.gz").write_bytes(tar_bytes())
    assert expand(["[x].tar.gz/x"]) == ["[x].tar.gz/x"]


def test_each_source_is_read_once_in_the_order_given(folder: Path) -> None:
    assert expand(["b.csv", "?.csv", "a.csv"]) == ["b.csv", "Z.csv", "a.csv", "é.csv"]
    documents = read_documents(["b.csv", "sub/*.csv"])
    assert documents.texts == ["text of b.csv", "text of sub/c.csv"]
    assert documents.names == ["b.csv:2", "sub/c.csv:2"]


def test_folders_archives_and_tables_may_be_mixed(folder: Path) -> None:
    (folder / "t.tar.gz").write_bytes(tar_bytes())
    for name in ("x", "y"):
        (folder / "posts" / name).mkdir(parents=True)
        (folder / "posts" / name / "1.txt").write_text(name)
    (folder / "t.db").write_bytes(database_bytes())
    documents = read_documents(["posts", "t.tar.gz", "t.db::t", "a.csv"])
    assert documents.names == [
        *("posts/x/1.txt", "posts/y/1.txt", "t.tar.gz/x/1", "t.tar.gz/y/1"),
        *("t.db::t:1", "t.db::t:2", "a.csv:2"),
    ]
    assert documents.labels == ["x", "y", "x", "y", "x", "y", "x"]


def test_a_pattern_that_matches_nothing_is_named(folder: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"\*\.json: expected files that match .* none"):
        read_documents("*.json")
    with pytest.raises(SourceNotFoundError, match=r"only 1 folder\. Name a folder itself"):
        read_documents("fold*")


def test_the_same_remark_of_many_tables_is_said_once(folder: Path) -> None:
    for number in range(5):
        (folder / f"n{number}.csv").write_text("Message,Category\na,x\nb,y\n")
    (line,) = read_documents("n?.csv").report.lines()
    assert line == (
        "n0.csv, n1.csv, n2.csv, …: took the column 'Message' for the text and the column "
        "'Category' for the label. (5 sources)"
    )
    (folder / "n5.csv").write_text("text,label\n")
    assert any(
        "n5.csv: Columns, but no rows." in line for line in read_documents("n?.csv").report.lines()
    )


# Addresses.


@pytest.fixture
def memory() -> Iterator[Callable[[str, bytes], str]]:
    system = fsspec.filesystem("memory")

    def put(name: str, data: bytes) -> str:
        system.pipe_file(f"/bucket/{name}", data)
        return f"memory://bucket/{name}"

    yield put
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read_from_an_address(
    name: str, memory: Callable[[str, bytes], str], tmp_path: Path
) -> None:
    check(read_documents(memory(name, FILES[name])))
    (tmp_path / name).write_bytes(FILES[name])
    check(read_documents(f"file://{tmp_path / name}"))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_many_rows_from_an_address_show_how_far_they_are(
    name: str, memory: Callable[[str, bytes], str]
) -> None:
    data = ("text,label\n" + "some text,x\n" * 20_000).encode()
    seen: list[tuple[int, int | None]] = []

    def progress(stage: str, done: int, total: int | None, note: str = "") -> None:
        seen.append((done, total))

    address = memory(name, gzip.compress(data) if name.endswith(".gz") else data)
    assert len(read_documents(address, progress=progress)) == 20_000
    assert len(seen) > 3
    assert all(total is not None and total >= done for done, total in seen)


def test_patterns_and_queries_at_addresses(memory: Callable[[str, bytes], str]) -> None:
    for name in ("b.csv", "a.csv", "sub/c.csv"):
        memory(name, CSV.encode())
    names = read_documents("memory://bucket/*.csv").names
    assert [name.rpartition("/")[2] for name in names] == [
        "a.csv:2",
        "a.csv:3",
        "b.csv:2",
        "b.csv:3",
    ]
    address = memory("t.db", database_bytes())
    assert read_documents(f"{address}::SELECT text, label FROM t WHERE label = 'y'").texts == ["b"]
    with pytest.raises(SourceNotFoundError, match=r"memory://bucket/\*\.json: expected files"):
        read_documents("memory://bucket/*.json")


def test_what_is_not_there_or_not_known_is_named(memory: Callable[[str, bytes], str]) -> None:
    with pytest.raises(
        SourceNotFoundError, match=r"memory://bucket/no\.csv: expected a file, found"
    ):
        read_documents("memory://bucket/no.csv")
    with pytest.raises(SourceError, match="found nosuch://, which fsspec does not know"):
        read_documents("nosuch://bucket/t.csv")
    with pytest.raises(SourceError, match="expected the address of a table"):
        read_documents(memory("t.bin", b"x"))
    check(read_documents(memory("t.bin", CSV.encode()), format="csv"))


@pytest.mark.parametrize(
    ("address", "package", "how"),
    [
        ("s3://bucket/t.csv", "s3fs", "pip install s3fs"),
        ("gs://bucket/t.csv", "gcsfs", "pip install gcsfs"),
        ("hf://datasets/a/b/t.csv", "huggingface_hub", "pip install huggingface_hub"),
        ("https://example.org/t.csv", "aiohttp", r"satchel\[remote\]"),
        ("memory://bucket/t.csv", "fsspec", r"satchel\[remote\]"),
    ],
)
def test_a_missing_package_is_named(
    address: str, package: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in ("fsspec.implementations.http", "s3fs", "gcsfs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"needs {package}, .*{how}"):
        read_documents(address)


def test_a_copy_takes_no_more_than_the_disk_has_and_is_deleted(
    memory: Callable[[str, bytes], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    address = memory("t.parquet", parquet_bytes())
    seen: list[tuple[str, int, int | None]] = []

    def progress(stage: str, done: int, total: int | None, note: str = "") -> None:
        seen.append((stage, done, total))

    check(read_documents(address, progress=progress))
    assert ("copying", len(parquet_bytes()), len(parquet_bytes())) in seen
    assert not os.listdir(tmp_path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, (1 << 30) + 10))
    with pytest.raises(SourceError, match="expected at most 10 bytes, which is what a temporary"):
        read_documents(address)
    assert not os.listdir(tmp_path)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; some addresses break off."""

    def do_GET(self) -> None:
        if self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(CSV.encode())
            self.wfile.flush()
            self.connection.close()
            return
        if self.path.startswith("/secret"):
            self.send_error(403)
            return
        super().do_GET()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_every_format_is_read_from_the_web(web: str) -> None:
    for name in FILES:
        check(read_documents(f"{web}/{name}"))
    documents = read_documents(f"{web}/t.csv?version=2&*")
    check(documents)
    assert documents.names == ["t.csv:2", "t.csv:3"]


def test_what_goes_wrong_on_the_web_is_one_line_without_secrets(web: str) -> None:
    for path, message in {
        "/no.csv?token=secret": "found nothing there",
        "/secret.csv?token=secret": "Check the address, the network and the credentials",
        "/broken.csv?token=secret": "Check the address, the network and the credentials",
    }.items():
        for address in (web + path, (web + path).replace("//", "//user:secret@")):
            with pytest.raises(SourceError, match=message) as caught:
                read_documents(address)
            assert "\n" not in str(caught.value)
            assert "=secret" not in str(caught.value)
            assert "user:" not in str(caught.value)
    with pytest.raises(SourceError, match="Check the address, the network"):
        read_documents("http://127.0.0.1:1/t.csv")


# Standard input.


SNIFFED: dict[str, tuple[bytes, str]] = {
    "csv": (CSV.encode(), "csv"),
    "csv with a mark": ("\ufeff".encode() + CSV.encode(), "csv"),
    "csv in UTF-16": (CSV.encode("utf-16"), "csv"),
    "csv of one known column": (b"Message;n\na;1\n", "csv"),
    "tsv": (CSV.replace(",", "\t").encode(), "tsv"),
    "jsonl": (JSONL.encode(), "jsonl"),
    "json": (b' [{"text": "a"}]', "jsonl"),
    "parquet": (parquet_bytes(), "parquet"),
    "arrow": (arrow_bytes(), "arrow"),
    "arrow stream": (arrow_bytes(True), "arrow"),
    "sqlite": (database_bytes(), "sqlite"),
    "fasttext": (b"__label__x a\n", "fasttext"),
}


@pytest.mark.parametrize("kind", SNIFFED)
def test_a_format_is_recognised_by_its_first_bytes(kind: str) -> None:
    data, expected = SNIFFED[kind]
    assert sniff(data, "t") == expected


@pytest.mark.parametrize("data", [b"just a text, with a comma", b"\x00\x01\x02"])
def test_what_is_not_recognised_is_named(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"expected a table, found .* by --format"):
        sniff(data, "t")


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_nothing_is_not_taken_for_an_unknown_format(data: bytes) -> None:
    with pytest.raises(SourceError, match="expected a table, found nothing in it"):
        sniff(data, "t")


def piped(data: bytes, code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", f"from satchel.sources import read_documents\n{code}"],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(satchel.__file__).parents[1])},
    )


@pytest.mark.parametrize(
    "data",
    [
        CSV.encode(),
        gzip.compress(JSONL.encode()),
        parquet_bytes(),
        arrow_bytes(True),
        database_bytes(),
    ],
    ids=["csv", "jsonl.gz", "parquet", "arrow stream", "sqlite"],
)
def test_a_table_on_standard_input_is_read_as_often_as_wanted(data: bytes, tmp_path: Path) -> None:
    code = (
        f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
        "for _ in range(2):\n"
        "    documents = read_documents('-')\n"
        "    print(documents.texts, documents.labels, documents.names[0])"
    )
    done = piped(data, code)
    first, second = done.stdout.decode().splitlines()
    assert first == second
    assert first.startswith("['a', 'b'] ['x', 'y'] standard input:")
    assert not done.stderr
    assert not os.listdir(tmp_path)


def test_a_format_can_be_said(tmp_path: Path) -> None:
    done = piped(b"x\ta\ny\tb\nx\tc\n", "print(read_documents('-', format='tsv').labels)")
    assert done.stdout.split() == [b"['x',", b"'y',", b"'x']"]
    done = piped(b"what is this", "read_documents('-')")
    assert b"standard input: expected a table, found 'what is this'" in done.stderr
    (tmp_path / "t.txt").write_text(JSONL)
    check(read_documents(tmp_path / "t.txt", format="jsonl"))
    with pytest.raises(SettingError, match=r"expected one of csv, tsv, .* found 'xls'"):
        read_documents(tmp_path / "t.txt", format="xls")


def test_nothing_of_addresses_is_loaded_for_files() -> None:
    code = (
        "import sys, tempfile, pathlib\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 't.csv'\n"
        f"path.write_text({CSV!r})\n"
        "read_documents(path)\n"
        "print({'fsspec', 'aiohttp', 'sqlite3', 'polars'} & set(sys.modules))"
    )
    assert piped(b"", code).stdout.split() == [b"set()"]


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    shown = remote.plain_address
    assert shown("https://a:b@c.org/d.csv?key=e#f") == "https://c.org/d.csv"
    assert shown("s3://key:word@bucket/a?b.csv") == "s3://bucket/a?b.csv"
    assert remote.base_name("https://c.org/a%20b.csv?x=/y") == "a b.csv"
