"""Everything is text: a class keeps its name through every format and every data frame."""

from __future__ import annotations

import csv
import datetime
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from satchel.sources.columns import Columns
from satchel.sources.documents import Documents
from satchel.sources.frames import frame_documents, text_documents
from satchel.sources.reading import read_documents

LABELS = [
    *("None", "none", "NONE", "NA", "N/A", "n/a", "<NA>", "#N/A", "null", "NULL", "Null", "nil"),
    *("nan", "NaN", "-nan", "NaT", "inf", "-inf", "Infinity", "1", "01", "007", "1.0", "1.", "-0"),
    *("1e3", "1_000", "1,000", "0x10", "TRUE", "True", "true", "FALSE", "no", "yes", "off", "y"),
    *("2024-01-01", "2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "01/02/2024", "12:00", "Jan"),
    *(
        "-",
        "--",
        "?",
        ".",
        "…",
        "''",
        "{}",
        "[]",
        "=1+1",
        "+1",
        "@a",
        "#1",
        "\\N",
        "\\",
        "undefined",
    ),
]
TEXTS = [f"text {number}" for number in range(len(LABELS))]


def rows() -> dict[str, list[str]]:
    return {"text": TEXTS, "label": LABELS}


def delimited(path: Path, delimiter: str) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(
            [["text", "label"], *zip(TEXTS, LABELS, strict=True)]
        )


def write_jsonl(path: Path) -> None:
    lines = [json.dumps({"text": t, "label": each}) for t, each in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join(lines), "utf-8")


def write_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("CREATE TABLE t (text TEXT, label TEXT)")
        base.executemany("INSERT INTO t VALUES (?, ?)", list(zip(TEXTS, LABELS, strict=True)))


def write_arrow(path: Path) -> None:
    table = pyarrow.table(rows())
    with pyarrow.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def categories() -> polars.DataFrame:
    return polars.DataFrame(rows(), schema_overrides={"label": polars.Categorical})


WRITERS: dict[str, Callable[[Path], object]] = {
    "t.csv": lambda path: delimited(path, ","),
    "t.tsv": lambda path: delimited(path, "\t"),
    "t.jsonl": write_jsonl,
    "t.db": write_database,
    "stream.arrow": write_arrow,
    "file.arrow": lambda path: polars.DataFrame(rows()).write_ipc(path),
    "categories.arrow": lambda path: categories().write_ipc(path),
    "t.parquet": lambda path: polars.DataFrame(rows()).write_parquet(path),
    "categories.parquet": lambda path: categories().write_parquet(path),
    "pandas.parquet": lambda path: pandas.DataFrame(rows()).astype("category").to_parquet(path),
    "pandas.csv": lambda path: pandas.DataFrame(rows()).to_csv(path, index=False),
    "pandas.jsonl": lambda path: pandas.DataFrame(rows()).to_json(
        path, orient="records", lines=True
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_class_keeps_its_name_in_every_format(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    documents = read_documents(tmp_path / name)
    assert documents.labels == LABELS
    assert documents.texts == TEXTS
    assert not documents.report.rejected


@pytest.mark.parametrize(
    "dtype", ["object", "str", "string[python]", "string[pyarrow]", "category"]
)
def test_a_class_keeps_its_name_in_pandas(dtype: str) -> None:
    frame = pandas.DataFrame({"text": TEXTS, "label": pandas.Series(LABELS, dtype=dtype)})
    assert frame_documents(frame, Columns()).labels == LABELS
    assert text_documents(frame["text"], frame["label"]).labels == LABELS


@pytest.mark.parametrize("dtype", [polars.String, polars.Categorical, polars.Enum(LABELS)])
def test_a_class_keeps_its_name_in_polars(dtype: Any) -> None:
    frame = polars.DataFrame(rows(), schema_overrides={"label": dtype})
    assert frame_documents(frame, Columns()).labels == LABELS
    assert text_documents(frame["text"], frame["label"]).labels == LABELS


# Values that are not text.

DAY = datetime.date(2024, 1, 1)
NOON = datetime.datetime(2024, 1, 1, 12)
VALUES: list[tuple[list[Any], list[str]]] = [
    ([1, 2], ["1", "2"]),
    ([2**63 - 1, -1], ["9223372036854775807", "-1"]),
    ([True, False], ["true", "false"]),
    ([1.0, 2.5], ["1.0", "2.5"]),
    ([1e16, 0.1], ["1e+16", "0.1"]),
    ([DAY, DAY], ["2024-01-01"] * 2),
    ([NOON, NOON], ["2024-01-01 12:00:00"] * 2),
    ([datetime.time(12), datetime.time(13)], ["12:00:00", "13:00:00"]),
    ([Decimal("1.10"), Decimal("2.00")], ["1.10", "2.00"]),
]


def through(source: str, values: list[Any], folder: Path) -> Documents:
    """The documents of two rows whose labels are values, through a format or data frame."""
    texts = ["a", "b", "c"]
    values = [*values, None]
    frame = polars.DataFrame({"text": texts, "label": values})
    path = folder / f"t.{source}"
    if source == "parquet":
        frame.write_parquet(path)
    elif source == "arrow":
        frame.write_ipc(path)
    elif source == "polars":
        return frame_documents(frame, Columns())
    elif source == "pandas":
        return frame_documents(pandas.DataFrame({"text": texts, "label": values}), Columns())
    elif source == "list":
        return text_documents(texts, values)
    elif source == "pandas object":
        column = pandas.Series(values, dtype=object)
        return frame_documents(pandas.DataFrame({"text": texts, "label": column}), Columns())
    return read_documents(path)


@pytest.mark.parametrize("source", ["parquet", "arrow", "polars", "pandas object", "list"])
@pytest.mark.parametrize(("values", "expected"), VALUES)
def test_other_values_are_called_as_they_are_written(
    source: str, values: list[Any], expected: list[str], tmp_path: Path
) -> None:
    documents = through(source, values, tmp_path)
    assert documents.labels == expected
    assert [each.reason for each in documents.report.rejected] == [
        "expected a label, found nothing"
    ]
    floats = isinstance(values[0], float)
    assert any("floating-point" in line for line in documents.report.lines()) == floats


def test_whole_numbers_with_gaps_in_pandas_are_what_pandas_shows() -> None:
    frame = pandas.DataFrame({"text": ["a", "b", "c"], "label": [1, None, 3]})
    documents = frame_documents(frame, Columns())
    assert documents.labels == ["1.0", "3.0"]
    assert documents.report.lines()[0] == (
        "frame: the labels are floating-point numbers, so that classes have names such as 1.0. If "
        "they should be whole numbers, convert the column."
    )
    documents = frame_documents(frame.astype({"label": "Int64"}), Columns())
    assert documents.labels == ["1", "3"]
    assert not any("floating" in line for line in documents.report.lines())


def test_json_keeps_numbers_and_booleans(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    values = ["1", "1.0", "true", "false", "-5", "12345678901234567890123", "null", "{}", "[1, 2]"]
    path.write_text("".join(f'{{"text": "a", "labels": {value}}}\n' for value in values[:6]))
    assert read_documents(path).labels == ["1", "1.0", "true", "false", "-5", values[5]]
    path.write_text("".join(f'{{"text": "a", "label": {value}}}\n' for value in values))
    documents = read_documents(path)
    assert len(documents) == 7
    assert [each.reason for each in documents.report.rejected] == [
        "expected a label, found nothing",
        "expected a label, found a value of type dict",
    ]


def test_an_empty_class_is_missing(tmp_path: Path) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows([["text", "label"], ["a", ""], ["b", " "], ["c", "x"], ["d", "x"]])
    (tmp_path / "t.csv").write_text(stream.getvalue())
    documents = read_documents(tmp_path / "t.csv")
    assert documents.labels == ["x", "x"]
    assert [each.line for each in documents.report.rejected] == [2, 3]
