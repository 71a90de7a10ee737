"""Parquet: what is read of it, and that no small file can take much memory or the process down."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError
from satchel.sources import columnar
from satchel.sources import documents as limits
from satchel.sources.frames import read
from satchel.sources.parquet import read_footer
from satchel.sources.reading import read_documents
from strategies import labels, texts

ROWS = {"text": ["a", "b", "c"], "label": ["x", "y", "x"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.parquet"


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(labels, texts), min_size=1, max_size=8),
    st.sampled_from(["uncompressed", "zstd", "snappy"]),
    st.integers(1, 5),
)
def test_what_is_written_is_read(rows: list[tuple[str, str]], packed: Any, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.parquet")
        frame = polars.DataFrame(rows, schema=["label", "text"], orient="row")
        frame.write_parquet(path, compression=packed, row_group_size=size)
        documents = read_documents(path)
        footer = read_footer(str(path), path.name)
    assert documents.texts == [text for _, text in rows]
    assert documents.names == [f"t.parquet:{number}" for number in range(1, len(rows) + 1)]
    assert footer.columns == ["label", "text"]
    assert sum(footer.rows) == len(rows)


def test_names_within_nested_columns_and_patterns_are_no_columns(path: Path) -> None:
    frame = polars.DataFrame(
        {
            **ROWS,
            "^.*$": [1, 2, 3],
            "nested": [{"text": "n", "deep": [{"label": 1}]}] * 3,
            "lists": [[1], [], [2, 3]],
        }
    )
    frame.write_parquet(path)
    assert read_footer(str(path), "t").columns == frame.columns
    assert read_documents(path).texts == ROWS["text"]
    assert read_documents(path, keep=["^.*$"]).columns == {"^.*$": [1, 2, 3]}
    assert read(path).drop("nested").equals(frame.drop("nested"))


LABELS = [
    (polars.Series([1, 2, 1], dtype=polars.UInt8), ["1", "2", "1"]),
    (polars.Series([True, False, True]), ["true", "false", "true"]),
    (polars.Series(["x", "y", "x"], dtype=polars.Categorical), ["x", "y", "x"]),
    (polars.Series(["x", "y", "x"], dtype=polars.Enum(["y", "x"])), ["x", "y", "x"]),
    (polars.Series([b"caf\xe9", b"y", b"y"]), ["café", "y", "y"]),
    (polars.Series([[1, 2], [], [2]]), [("1", "2"), (), ("2",)]),
    (polars.Series([1.0, 2.5, 2.5]), ["1.0", "2.5"]),
    (polars.Series([datetime.date(2024, 1, 1)] * 3), ["2024-01-01"] * 2),
    (polars.Series([["a"], ["b"], ["a"]], dtype=polars.Array(polars.String, 1)), None),
]


@pytest.mark.parametrize(("label", "expected"), LABELS)
def test_labels_of_other_types_are_read(path: Path, label: polars.Series, expected: Any) -> None:
    polars.DataFrame({"text": [b"caf\xe9", b"b", None], "label": label}).write_parquet(path)
    documents = read_documents(path)
    assert documents.texts == ["café", "b"]
    assert documents.labels == (expected or [("a",), ("b",), ("a",)])[:2]
    assert documents.report.rejected[0].reason == "expected text, found nothing"


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        (
            [1, 2],
            ["x", "y"],
            r"expected text in the column 'text' for the text, found the type Int",
        ),
        ([["a"], ["b"]], ["x", "y"], "found the type List"),
        (
            ["a", "b"],
            [{"a": 1}, {"a": 2}],
            "dates, or lists of those in the column 'label' .* found the type Struct",
        ),
        (["a", "b"], [[[1]], [[2]]], "found the type List"),
    ],
)
def test_columns_of_other_types_are_named(
    path: Path, text: list[Any], label: list[Any], message: str
) -> None:
    polars.DataFrame({"text": text, "label": label}).write_parquet(path)
    with pytest.raises(SourceError, match=message):
        read_documents(path)


def test_an_empty_file_and_empty_row_groups_have_no_documents(path: Path) -> None:
    polars.DataFrame(ROWS).clear().write_parquet(path)
    with pytest.raises(SourceError, match="expected documents, found none"):
        read_documents(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", r"which starts with PAR1, found b''"),
        (lambda _: b"PAR1", "truncated"),
        (lambda _: b"some words\n", "which starts with PAR1, found b'some'"),
        (lambda data: data[:-9], "truncated"),
        (lambda data: data[:-1] + b"E", "found an encrypted one"),
        (lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1", "truncated"),
        (lambda data: data[:-8] + b"\0\0\0\0PAR1", "damaged footer"),
        (lambda data: b"PAR1" + bytes(len(data) - 16) + data[-12:], "damaged footer"),
        (lambda data: data[:4] + b"\xff" * 60 + data[64:], "found a damaged one|made polars fail"),
    ],
)
def test_damage_is_refused(path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    polars.DataFrame(ROWS).write_parquet(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourceError, match=message):
        read_documents(path)


def bombs() -> dict[str, polars.DataFrame]:
    million = "x" * 1_000_000
    return {
        "one text": polars.DataFrame({"text": [million] * 200, "label": ["a", "b"] * 100}),
        "one label": polars.DataFrame({"text": ["a"] * 200, "label": [million] * 200}),
        "lists": polars.DataFrame({"text": ["a"] * 20, "label": [[million] * 10] * 20}),
        "rows": polars.DataFrame({"text": [""], "label": ["a"]}).select(
            polars.all().repeat_by(3_000_000).explode()
        ),
    }


def test_a_small_file_cannot_take_much_memory(tmp_path: Path) -> None:
    for name, frame in bombs().items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
        assert (tmp_path / f"{name}.parquet").stat().st_size < 200_000
    code = """
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources import read_documents
for path in sorted(Path(sys.argv[1]).glob("*.parquet")):
    try:
        read_documents(path)
    except SourceError as error:
        assert "bomb" in str(error), error
        continue
    raise SystemExit(f"{path} was read")
"""
    assert_confined(code, str(tmp_path), seconds=120, megabytes=2500)


def test_kept_columns_count_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FREE_EXPANSION_BYTES", 2**20)
    polars.DataFrame({**ROWS, "more": ["x" * 2**20] * 3}).write_parquet(path)
    assert len(read_documents(path)) == 3
    with pytest.raises(SourceError, match="looks like a decompression bomb"):
        read_documents(path, keep="all")


@pytest.mark.parametrize(("limit", "value"), [("_BASE_MEMORY", 2**24), ("_BASE_SECONDS", 0)])
def test_a_process_that_ends_before_its_time_is_a_clear_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    polars.DataFrame(ROWS).write_parquet(path)
    monkeypatch.setattr(columnar, limit, value)
    with pytest.raises(SourceError, match=r"made polars fail, or take more than .* MiB or|damage"):
        read_documents(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
def test_the_process_takes_modules_only_from_where_this_one_does(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polars.DataFrame(ROWS).write_parquet(path)
    (tmp_path / "polars.py").write_text("raise SystemExit('the wrong polars')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert len(read_documents("t.parquet")) == 3


def test_a_signal_that_this_process_ignores_does_not_end_the_other(path: Path) -> None:
    # More than a pipe and two pieces hold, so that it is not yet read to its end.
    polars.DataFrame({"text": ["x" * 1_000] * 40_000}).write_parquet(path, compression="lz4")
    code = """
import os, signal
from satchel.sources.documents import Taken
from satchel.sources.columnar import contents, read_frames
os.setsid()
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in "satchel ... &" of a shell script
rows = 0
for frame in read_frames(
    sys.argv[1], "t", contents(sys.argv[1], "t", "parquet", []), Taken(("text",))
):
    if not rows:
        os.killpg(0, signal.SIGINT)
    rows += len(frame)
print(rows)
"""
    assert assert_confined(code, str(path), seconds=120, megabytes=2500) == "40000\n"


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.parquet")
        polars.DataFrame(ROWS).write_parquet(path)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(4, len(content) - 9))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            documents = read_documents(path)
        except SourceError:
            return
    assert len(documents.texts) == len(documents.labels or []) <= 3
