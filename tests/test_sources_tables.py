"""Tables: columns, labels of every spelling, broken rows with their lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import SourceError
from satchel.sources import read, read_documents
from satchel.sources.layout import clean_label
from strategies import AWKWARD_LABELS, labels, texts

pytestmark = pytest.mark.fast

Rows = list[tuple[str, str]]


def csv_bytes(rows: list[list[str]], delimiter: str = ",") -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue().encode()


def jsonl_bytes(records: list[object]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def make(path: Path, rows: Rows) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        data = jsonl_bytes([{"text": text, "label": label} for label, text in rows])
    else:
        table = [["label", "text"], *([label, text] for label, text in rows)]
        data = csv_bytes(table, "\t" if name.endswith(".tsv") else ",")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


SUFFIXES = ("csv", "tsv", "jsonl", "ndjson", "csv.gz", "tsv.gz", "jsonl.gz", "ndjson.gz")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(labels, texts), min_size=1, max_size=8), st.sampled_from(SUFFIXES))
def test_what_is_written_is_read_whatever_the_labels_and_texts(rows: Rows, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents = read_documents(make(Path(folder) / f"t.{suffix}", rows))
    assert documents.texts == [text for _, text in rows]
    assert documents.labels == [clean_label(label) for label, _ in rows]
    assert not documents.remarks.lines()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_that_look_like_missing_values_or_numbers_stay_strings(
    suffix: str, tmp_path: Path
) -> None:
    rows = [(label, "x") for label in AWKWARD_LABELS]
    documents = read_documents(make(tmp_path / f"t.{suffix}", rows))
    assert documents.labels == [clean_label(label) for label in AWKWARD_LABELS]


def test_parquet_is_read_by_column(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "t.parquet"
    polars.DataFrame({"x": [1, 2], "text": ["a", "b"], "label": ["NA", "é"]}).write_parquet(path)
    documents = read_documents(path)
    assert documents.texts == ["a", "b"]
    assert documents.labels == ["NA", "é"]
    assert documents.names == ["t.parquet:1", "t.parquet:2"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SourceError, match="expected whole Parquet"):
        read_documents(path)
    path.write_bytes(b"text,label\n")
    with pytest.raises(SourceError, match="whose first bytes are PAR1, found b'text'"):
        read_documents(path)


def test_parquet_lists_are_several_labels(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "t.parquet"
    polars.DataFrame({"text": ["a", "b"], "labels": [["x", "y"], []]}).write_parquet(path)
    assert read_documents(path).labels == [("x", "y"), ()]
    frame = read(path)
    assert frame.columns == ["filename", "labels", "text"]
    assert frame["labels"].to_list() == [["x", "y"], []]


def test_several_labels_in_jsonl_and_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records = [{"text": "a", "labels": ["x", "y", "x"]}, {"text": "b", "labels": []}]
    path.write_bytes(jsonl_bytes([*records, {"text": "c", "labels": "z"}]))
    documents = read_documents(path)
    assert documents.labels == [("x", "y"), (), ("z",)]
    assert documents.multiple
    assert documents.classes() == ["x", "y", "z"]
    path = tmp_path / "t.csv"
    path.write_text("text,labels\na,x|y\nb,\nc, z \n")
    assert read_documents(path).labels == [("x", "y"), (), ("z",)]


def test_a_column_named_label_is_never_split(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\na,x|y\n")
    assert read_documents(path).labels == ["x|y"]


@pytest.mark.parametrize(
    ("header", "expected"), [("label", "L"), ("category,label", "L"), ("labels,category", "C")]
)
def test_the_label_column_is_label_else_category_else_labels(
    header: str, expected: str, tmp_path: Path
) -> None:
    cells = {"label": "L", "category": "C", "labels": "S"}
    path = tmp_path / "t.csv"
    row = ",".join(cells[name] for name in header.split(","))
    path.write_text(f"text,{header}\nx,{row}\n")
    assert read_documents(path).labels == [expected]


def test_columns_can_be_named_and_a_missing_one_lists_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("body,topic\nx,y\n")
    assert read_documents(path, text="body", label="topic").labels == ["y"]
    with pytest.raises(SourceError, match="for the text, found the columns 'body', 'topic'"):
        read_documents(path)
    with pytest.raises(SourceError, match=r"'label' or 'category' or 'labels' for the label"):
        read_documents(path, text="body")
    assert read_documents(path, text="body", labelled=False).labels is None


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label,text\nx,y,z\n")
    with pytest.raises(SourceError, match="expected one column 'text', found 2"):
        read_documents(path)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_csv_may_have_another_delimiter(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(csv_bytes([["label", "text"], ["a, b", f"x{delimiter}y, z"]], delimiter))
    documents = read_documents(path)
    assert (documents.labels, documents.texts) == (["a, b"], [f"x{delimiter}y, z"])


def test_a_cell_of_a_megabyte_and_the_field_limit_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    text = "word, " * 200_000
    documents = read_documents(make(tmp_path / "t.csv", [("a", text)]))
    assert documents.texts == [text]
    assert csv.field_size_limit() == before


def test_ragged_rows_are_rejected_by_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\na,x\n"two\nlines",y\nshort\nb,x,more\n\nc,\nd,z\n')
    documents = read_documents(path)
    assert documents.names == ["t.csv:2", "t.csv:3", "t.csv:9"]
    assert [(each.line, each.reason) for each in documents.remarks.rejected] == [
        (5, "expected 2 cells, found 1"),
        (6, "expected 2 cells, found 3"),
        (8, "expected a label, found an empty cell"),
    ]
    (line,) = documents.remarks.lines()
    assert line.startswith("Rejected 3 rows: t.csv:5 (expected 2 cells, found 1), t.csv:6 (")


def test_a_quote_in_the_wrong_place_rejects_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\na,x\n"b" b,y\nc,z\n')
    documents = read_documents(path)
    assert documents.texts == ["a", "c"]
    assert documents.remarks.rejected[0].line == 3


def test_a_quote_that_never_closes_is_refused_not_taken_for_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\na,x\n"b,y\nc,z\n')
    with pytest.raises(SourceError, match=r"t\.csv:3: expected a closing quote, found none"):
        read_documents(path)


BROKEN = [
    (b'{"text": "b", "label": "x"', "no valid JSON"),
    (b"nonsense", "no valid JSON"),
    (b'["b", "x"]', "expected a JSON object"),
    (b'{"text": "b"}', "'label' is missing"),
    (b'{"text": null, "label": "x"}', "expected text, found nothing"),
    (b'{"text": 5, "label": "x"}', "expected text, found a value of type int"),
    (b'{"text": "b", "label": null}', "expected a label, found nothing"),
    (b'{"text": "b", "label": " "}', "expected a label, found an empty cell"),
    (b'{"text": "b", "label": 1.5}', "expected a label, found a value of type float"),
    (b'{"text": "b", "label": ["x", null]}', "expected a label, found nothing"),
    (b'{"text": "\\ud800", "label": "x"}', "no valid JSON"),
    (b"[" * 100_000, "no valid JSON"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN)
def test_a_broken_line_is_rejected_with_its_number(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    good = b'{"text": "a", "label": "x"}\n'
    path = tmp_path / "t.jsonl"
    path.write_bytes(good + b"\n" + line + b"\n" + good)
    documents = read_documents(path)
    assert documents.names == ["t.jsonl:1", "t.jsonl:4"]
    (trouble,) = documents.remarks.rejected
    assert trouble.line == 3
    assert reason in trouble.reason
    assert "t.jsonl:3 (" in documents.remarks.lines()[0]


def test_whole_numbers_and_truth_values_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(jsonl_bytes([{"text": "a", "label": label} for label in (1, True, 10**30)]))
    assert read_documents(path).labels == ["1", "true", str(10**30)]


def test_a_table_of_mostly_broken_rows_is_refused_with_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\nwell, you know,x\nso, what,y\nfine,x\n")
    with pytest.raises(SourceError, match=r"2 of 3 rows cannot be used:\n  t\.csv:2 \(expected 2"):
        read_documents(path)


@pytest.mark.parametrize("data", [b"", b"text,label\n", b"\n\n"])
def test_a_table_without_rows_is_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="expected"):
        read_documents(path)


def test_a_gzip_that_is_cut_short_or_none_is_an_error(tmp_path: Path) -> None:
    path = make(tmp_path / "t.jsonl.gz", [("a", "x" * 1000 + str(n)) for n in range(100)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_documents(path)
    path.write_bytes(b"text,label\n")
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_documents(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_other_encodings_of_a_whole_table(encoding: str, suffix: str, tmp_path: Path) -> None:
    rows = [("été", "déjà vu"), ("hiver", "Zoë, naïve"), ("été", "plain")]
    path = make(tmp_path / f"t.{suffix}", rows)
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    documents = read_documents(path)
    assert documents.texts == [text for _, text in rows]
    assert documents.labels == [label for label, _ in rows]
    assert bool(documents.remarks.recoded) == (encoding != "utf-8-sig")
