"""Arrow IPC files and streams: what is read of them, and that damage ends in a clear error."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError
from satchel.sources import columnar
from satchel.sources.arrow import read_batches
from satchel.sources.reading import read_documents
from strategies import labels, texts

ROWS = {"text": ["a", "b", "c"], "label": ["x", "y", "x"]}


def written(table: pyarrow.Table, stream: bool, size: int = 2, **options: Any) -> bytes:
    """The table as a file, or a stream, in batches of some rows."""
    buffer = io.BytesIO()
    make = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with make(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=size)
    return buffer.getvalue()


@pytest.fixture(params=[False, True], ids=["file", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(labels, texts), min_size=1, max_size=8),
    st.sampled_from([None, "lz4", "zstd"]),
    st.integers(1, 5),
    st.sampled_from(["pyarrow file", "pyarrow stream", "polars file", "polars stream"]),
)
def test_what_is_written_is_read(
    rows: list[tuple[str, str]], packed: Any, size: int, writer: str
) -> None:
    frame = polars.DataFrame(rows, schema=["label", "text"], orient="row")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.arrow")
        if writer == "polars file":
            frame.write_ipc(path, compression=packed or "uncompressed")
        elif writer == "polars stream":
            frame.write_ipc_stream(path, compression=packed or "uncompressed")
        else:
            data = written(frame.to_arrow(), "stream" in writer, size, compression=packed)
            path.write_bytes(data)
        documents = read_documents(path)
        found = read_batches(str(path), path.name)
    assert documents.texts == [text for _, text in rows]
    assert documents.names == [f"t.arrow:{number}" for number in range(1, len(rows) + 1)]
    assert not documents.report.lines()
    assert found.columns == ["label", "text"]
    assert found.rows == len(rows)
    assert found.ended


A = pyarrow
TYPES = [
    (A.array(["x", "y", None]), ["x", "y"]),
    (A.array(["x", "y", "x"], A.large_utf8()), ["x", "y", "x"]),
    (A.array(["x", "y" * 20, "x"], A.string_view()), ["x", "y" * 20, "x"]),
    (A.array([b"x", b"caf\xe9", b"x"]), ["x", "café", "x"]),
    (A.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
    (A.array([3, 4, 3], A.int8()), ["3", "4", "3"]),
    (A.array([3, 4, 3]).dictionary_encode(), ["3", "4", "3"]),
    (A.array([True, False, True]), ["true", "false", "true"]),
    (A.array([1.0, 2.5, None]), ["1.0", "2.5"]),
    (A.array([["x"], [], ["x", "y"]]), [("x",), (), ("x", "y")]),
    (A.array([["x"], [], ["x", "y"]], A.large_list(A.large_utf8())), [("x",), (), ("x", "y")]),
    (
        A.ListArray.from_arrays([0, 1, 1, 3], A.array(["x", "y", "x"]).dictionary_encode()),
        [("x",), (), ("y", "x")],
    ),
]


@pytest.mark.parametrize(("label", "expected"), TYPES)
def test_labels_of_all_types_are_read(
    label: pyarrow.Array, expected: Any, stream: bool, tmp_path: Path
) -> None:
    path = tmp_path / "t.arrow"
    path.write_bytes(written(A.table({"text": ["a", "b", "c"], "label": label}), stream))
    documents = read_documents(path)
    assert documents.labels == expected
    assert documents.texts == ["a", "b", "c"][: len(expected)]


def test_a_dictionary_may_change_within_a_stream(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    parts = [
        A.record_batch({"text": ["a", "b"], "label": A.array(each).dictionary_encode()})
        for each in (["x", "y"], ["z", "x"], ["x", "y"])
    ]
    with pyarrow.ipc.new_stream(buffer, parts[0].schema) as writer:
        for part in parts:
            writer.write_batch(part)
    (tmp_path / "t.arrow").write_bytes(buffer.getvalue())
    assert read_documents(tmp_path / "t.arrow").labels == ["x", "y", "z", "x", "x", "y"]


def test_a_dictionary_that_grows_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    options = pyarrow.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    parts = [
        A.record_batch({"text": ["a"] * len(each), "label": A.array(each).dictionary_encode()})
        for each in (["x", "y"], ["x", "y", "z"])
    ]
    with pyarrow.ipc.new_stream(buffer, parts[0].schema, options=options) as writer:
        for part in parts:
            writer.write_batch(part)
    (tmp_path / "t.arrow").write_bytes(buffer.getvalue())
    with pytest.raises(SourceError, match="a dictionary that grows"):
        read_documents(tmp_path / "t.arrow")


@pytest.mark.parametrize("suffix", ["arrow", "feather", "ipc"])
def test_feather_is_arrow_and_its_first_version_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    pyarrow.feather.write_feather(A.table(ROWS), str(path), compression="zstd")
    assert read_documents(path).texts == ROWS["text"]
    path.write_bytes(b"FEA1" + path.read_bytes())
    with pytest.raises(SourceError, match="found Feather version 1"):
        read_documents(path)


def test_a_stream_without_an_end_is_read_with_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    data = written(A.table(ROWS), stream=True)
    path.write_bytes(data[:-8])
    documents = read_documents(path)
    assert documents.texts == ROWS["text"]
    assert "no mark of its end" in documents.report.lines()[0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "which starts with ARROW1, or a stream"),
        (lambda _: b"some words\n", "found b'some wor'"),
        (lambda data: data[:-20], "truncated"),
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: data[:8] + b"\xff\xff\xff\x7f" + data[12:], "damaged"),
    ],
)
def test_damage_is_refused(
    damage: Callable[[bytes], bytes], message: str, stream: bool, tmp_path: Path
) -> None:
    path = tmp_path / "t.arrow"
    path.write_bytes(damage(written(A.table(ROWS), stream)))
    if stream or b"\x7f" not in path.read_bytes()[8:12]:
        with pytest.raises(SourceError, match=message):
            read_documents(path)


@settings(max_examples=25, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from([None, "lz4", "zstd"]))
def test_a_damaged_file_is_read_or_refused(data: st.DataObject, stream: bool, packed: Any) -> None:
    table = A.table({**ROWS, "label": A.array(ROWS["label"]).dictionary_encode()})
    content = bytearray(written(table, stream, compression=packed))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content) // 2]))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.arrow")
        path.write_bytes(content)
        try:
            documents = read_documents(path)
        except SourceError:
            return
    assert len(documents.texts) == len(documents.labels or []) <= 3


def test_metadata_of_any_bytes_ends_in_an_error_at_once() -> None:
    """The walk over the metadata is our own: it is tried without the process, and so more often."""
    code = """
import random
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources.arrow import read_batches
rng = random.Random(0)
for path in map(Path, sys.argv[1:3]):
    whole = path.read_bytes()
    for _ in range(20_000):
        data = bytearray(whole[: rng.choice((len(whole), rng.randrange(len(whole))))])
        for _ in range(rng.randrange(4) if data else 0):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        path.write_bytes(data)
        try:
            read_batches(str(path), "t")
        except SourceError:
            pass
"""
    table = A.table({**ROWS, "label": A.array(ROWS["label"]).dictionary_encode()})
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("file", "stream")]
        for path in paths:
            path.write_bytes(written(table, path.name == "stream", compression="zstd"))
        assert_confined(code, *map(str, paths), seconds=120, megabytes=500)


def test_a_small_file_cannot_take_much_memory(stream: bool, tmp_path: Path) -> None:
    million = "x" * 1_000_000
    labels = A.array([million, "b"]).take(A.array([0] * 300))
    for name, table in {
        "text": A.table({"text": [million] * 200}),
        "dictionary": A.table({"text": ["a"] * 300, "label": labels.dictionary_encode()}),
        "lists": A.table(
            {
                "text": ["a"] * 20,
                "label": A.ListArray.from_arrays(
                    list(range(0, 301, 15)), labels.dictionary_encode()
                ),
            }
        ),
    }.items():
        data = written(table, stream, 1000, compression="zstd")
        (tmp_path / f"{name}.arrow").write_bytes(data)
        assert len(data) < 100_000
    code = """
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources import read_documents
for path in sorted(Path(sys.argv[1]).glob("*.arrow")):
    try:
        read_documents(path, labelled=path.stem != "text")
    except SourceError as error:
        assert "bomb" in str(error), error
        continue
    raise SystemExit(f"{path} was read")
"""
    assert_confined(code, str(tmp_path), seconds=120, megabytes=2500)


def test_small_batches_are_read_together(stream: bool, tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    path.write_bytes(written(A.table({"text": ["a"] * 5_000, "label": ["x"] * 5_000}), stream, 1))
    assert len(columnar.contents(str(path), "t", "arrow", []).pieces) == 1
    assert len(read_documents(path)) == 5_000


def test_columns_of_one_name_are_refused(stream: bool, tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    table = A.Table.from_arrays([A.array(["a"]), A.array(["b"])], ["text", "text"])
    path.write_bytes(written(table, stream))
    with pytest.raises(SourceError, match="found several called 'text'"):
        read_documents(path)
