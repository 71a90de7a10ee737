"""Batches together are the whole source, and every document is used or rejected."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import SourceError
from satchel.sources.collecting import BatchSize, Reading
from satchel.sources.columns import Columns
from satchel.sources.documents import Documents, ReadReport, Skipped, join
from satchel.sources.reading import read_documents, stream_documents

WORDS = ("plain words", "caf\xe9", 'a, "b"', "two\nlines", "", "привет", "x" * 50)


def batches(path: Path, size: BatchSize, **wanted: object) -> list[Documents]:
    reading = Reading(Columns(**wanted), batch=size)
    return list(stream_documents(path, reading))


def write(folder: Path, kind: str, rows: list[dict[str, str]]) -> Path:
    """Write a table in one of the formats."""
    path = folder / f"t.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif kind == "parquet":
        import polars

        polars.DataFrame(rows).write_parquet(path)
    elif kind == "folder":
        for row in rows:
            (path / row["label"]).mkdir(parents=True, exist_ok=True)
            (path / row["label"] / row["id"]).write_text(row["text"])
    else:
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, ["id", "text", "label"])
            table.writeheader()
            table.writerows(rows)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "folder"])
@pytest.mark.parametrize("size", [BatchSize(1), BatchSize(7), BatchSize(1000, 60)])
def test_batches_together_are_the_whole(kind: str, size: BatchSize, tmp_path: Path) -> None:
    rows = [
        {"id": f"{n:03}", "text": f"{WORDS[n % len(WORDS)]} {n}", "label": "ab"[n % 2]}
        for n in range(40)
    ]
    path = write(tmp_path, kind, rows)
    parts = batches(path, size)
    whole = read_documents(path)
    assert len(parts) > 2
    assert all(len(part) <= size.documents for part in parts)
    together = join(parts)
    assert list(together.names) == list(whole.names)
    assert list(together.texts) == list(whole.texts)
    assert together.labels == whole.labels
    assert together.ids == whole.ids
    assert len(whole) == 40


DAMAGE = {
    "csv": ("x,y", "1,words,", "1,words,a,b"),
    "jsonl": ("{", "[1]", '{"id": "1", "text": "words"}', '{"text": 5, "label": "a"}'),
}


@pytest.mark.parametrize("kind", DAMAGE)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_row_is_used_or_rejected_with_its_place_and_raw_text(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    good = [{"id": str(n), "text": f"text é {n}", "label": "ab"[n % 2]} for n in range(12)]
    lines = write(folder, kind, good).read_bytes().splitlines(keepends=True)
    head = 1 if kind == "csv" else 0
    bad: list[bytes] = []
    for _ in range(data.draw(st.integers(0, 5))):
        line = (data.draw(st.sampled_from(DAMAGE[kind])) + "\r\n").encode()
        # The first row decides which columns there are.
        lines.insert(data.draw(st.integers(head + 1, len(lines))), line)
        bad.append(line)
    path = folder / f"t.{kind}"
    path.write_bytes(b"".join(lines))
    found: list[Skipped] = []
    documents = read_documents(path, rejects=found.append)
    assert documents.ids == [row["id"] for row in good]
    assert sorted(each.raw.encode() for each in found) == sorted(bad)
    content = path.read_bytes()
    for each in found:
        assert each.byte is not None
        assert content[each.byte :].startswith(each.raw.encode())
        assert content.splitlines(keepends=True)[each.line - 1] == each.raw.encode()
    parts = batches(path, BatchSize(3))
    places = [
        number + place
        for part, number in zip(parts, _starts(parts), strict=True)
        for place, _ in part.rejected
    ]
    assert len(places) == len(bad)
    assert [each for part in parts for _, each in part.rejected] == found


def _starts(parts: list[Documents]) -> list[int]:
    return [sum(map(len, parts[:number])) for number in range(len(parts))]


def test_the_share_of_rejected_documents_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n' * 98 + "{\n" * 2)
    assert len(read_documents(path, max_bad=0.02)) == 98
    with pytest.raises(SourceError, match=r"2 of 100 rows cannot be used; at most 0\.01 of them"):
        read_documents(path, max_bad=0.01)
    folder = tmp_path / "files"
    for name, data in (("a", b"text"), ("b", b"\0\0"), ("c", b"\0\0")):
        (folder / "x").mkdir(parents=True, exist_ok=True)
        (folder / "x" / name).write_bytes(data)
    assert len(read_documents(folder)) == 1
    with pytest.raises(SourceError, match="expected files of text, found that 2 of 3 files"):
        read_documents(folder, max_bad=0.5)


def test_a_report_of_many_rejected_rows_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n' + "{\n" * 30_000)
    report = ReadReport()
    reading = Reading(Columns(), batch=BatchSize(1000), max_bad=1.0)
    read = list(stream_documents(path, reading, report))
    assert sum(len(each.rejected) for each in read) == 30_000
    assert report.rejected.total == report.documents_rejected == 30_000
    assert len(report.rejected) == 10_000
    assert "Rejected 30,000 rows" in report.lines()[0]


def test_a_source_that_is_hopeless_stops_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": "b"}\n' + "{\n" * 50_000)
    reading = Reading(Columns(), batch=BatchSize(1000))
    read = stream_documents(path, reading)
    with pytest.raises(SourceError, match=r"of 10,\d{3} rows read so far cannot be used"):
        list(read)


@pytest.mark.parametrize("kind", ["files", "csv"])
@pytest.mark.parametrize("size", [BatchSize(1), BatchSize(3), BatchSize(100)])
def test_documents_that_cannot_be_decoded_are_left_out_in_their_places(
    kind: str, size: BatchSize, tmp_path: Path
) -> None:
    texts = [f"text {n}".encode() for n in range(8)]
    for broken in (0, 3, 4):
        texts[broken] += b" \xff\x81"
    if kind == "csv":
        path = tmp_path / "t.csv"
        path.write_bytes(b"text,id\n" + b"".join(b"%s,%d\n" % (t, n) for n, t in enumerate(texts)))
        names = [f"t.csv:{n + 2}" for n in range(8)]
    else:
        path = tmp_path / "files"
        path.mkdir()
        names = [str(n) for n in range(8)]
        for name, text in zip(names, texts, strict=True):
            (path / name).write_bytes(text)
    reading = Reading(Columns(labelled=False), encoding="cp932", batch=size, on_bad_encoding="skip")
    report = ReadReport()
    found: list[Skipped] = []
    report.rejects = found.append
    parts = list(stream_documents(path, reading, report))
    used = [name for n, name in enumerate(names) if n not in (0, 3, 4)]
    assert [name for part in parts for name in part.names] == used
    order: list[str] = []
    for part in parts:
        left = list(part.rejected)
        for number, name in enumerate([*part.names, ""]):
            while left and left[0][0] == number:
                skipped = left.pop(0)[1]
                order.append(f"{skipped.name}:{skipped.line}" if skipped.line else skipped.name)
            order.append(name)
    assert list(filter(None, order)) == names
    assert report.undecodable.total == report.documents_rejected == len(found) == 3
    if kind == "csv":
        assert [each.byte for each in found] == [8, 38, 50]
        assert found[0].raw.encode("utf-8", "surrogateescape") == b"text 0 \xff\x81,0\n"
    with pytest.raises(SourceError, match="is not cp932"):
        list(stream_documents(path, replace(reading, on_bad_encoding="error")))
