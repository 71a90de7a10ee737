"""Tables: columns, labels of every spelling, broken rows with their lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import SourceError
from satchel.sources.columns import LABEL_COLUMNS, TEXT_COLUMNS
from satchel.sources.files import clean_label
from satchel.sources.frames import read
from satchel.sources.reading import read_documents
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
    assert not documents.report.lines()


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
    with pytest.raises(SourceError, match=r"expected (an intact|a complete) Parquet file"):
        read_documents(path)
    path.write_bytes(b"some words\n")
    with pytest.raises(SourceError, match="which starts with PAR1, found b'some'"):
        read_documents(path)


def test_parquet_lists_are_several_labels(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "t.parquet"
    polars.DataFrame({"text": ["a", "b"], "labels": [["x", "y"], []]}).write_parquet(path)
    assert read_documents(path).labels == [("x", "y"), ()]
    frame = read(path)
    assert frame.columns == ["text", "labels"]
    assert frame["labels"].to_list() == [["x", "y"], []]


def test_several_labels_in_jsonl_and_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records = [{"text": "a", "labels": ["x", "y", "x"]}, {"text": "b", "labels": []}]
    path.write_bytes(jsonl_bytes([*records, {"text": "c", "labels": "z|z"}]))
    documents = read_documents(path)
    assert documents.labels == [("x", "y"), (), ("z|z",)]
    assert documents.multiple
    assert documents.classes() == ["x", "y", "z|z"]
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
    path.write_text("words,about\nx,y\n")
    assert read_documents(path, text="words", label="about").labels == ["y"]
    assert read_documents(path, text="Words", label="ABOUT").labels == ["y"]
    with pytest.raises(SourceError, match=r"such as 'text' and 'label', found the columns 'words'"):
        read_documents(path)
    with pytest.raises(SourceError, match=r"such as 'label' for the label, found the columns"):
        read_documents(path, text="words")
    with pytest.raises(SourceError, match=r"a column 'word' for the text, found the columns"):
        read_documents(path, text="word", label="about")
    assert read_documents(path, text="words", labelled=False).labels is None


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label,text\nx,y,z\n")
    with pytest.raises(SourceError, match="expected one column 'text', found several"):
        read_documents(path)
    path.write_text("text,label,a,a,,\nx,y,1,2,3,4\n")
    documents = read_documents(path, keep="all")
    assert documents.columns == {
        "a": ["1"], "a_2": ["2"], "column_5": ["3"], "column_6": ["4"]
    }  # fmt: skip


RECOGNISED = [
    ("Text,Label", ("Text",), "Label"),
    ("Category,Message", ("Message",), "Category"),
    ("review,sentiment", ("review",), "sentiment"),
    ("target,TWEET TEXT", ("TWEET TEXT",), "target"),
    ("class,comment_text", ("comment_text",), "class"),
    ("stars,date,reviewText", ("reviewText",), "stars"),
    ("id,subject,body,topic", ("subject", "body"), "topic"),
    ("Title,Description,Class Name", ("Title", "Description"), "Class Name"),
    ("headline,category", ("headline",), "category"),
    ("text,title,label", ("text",), "label"),
    ("text,Text,label", ("text",), "label"),
    ("content,sentiment,labels,category", ("content",), "category"),
    ('"Text","Label"', ("Text",), "Label"),
    (" text , label ", ("text",), "label"),
]


@pytest.mark.parametrize(("header", "text", "label"), RECOGNISED)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_usual_names_of_columns_are_recognised_and_said(
    header: str, text: tuple[str, ...], label: str, delimiter: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    names = [name.strip().strip('"') for name in header.split(",")]
    cells = [f"<{name}>" for name in names]
    path.write_text(f"{header}\n{','.join(cells)}\n".replace(",", delimiter))
    documents = read_documents(path)
    assert documents.texts == ["\n".join(f"<{name}>" for name in text)]
    assert documents.labels == [f"<{label}>"]
    assert documents.taken is not None
    assert (documents.taken.text, documents.taken.label) == (text, label)
    plain = text == ("text",) and label in ("label", "category", "labels") and len(names) == 2
    if plain:
        assert not documents.report.notes
    else:
        (note,) = documents.report.notes
        assert note.startswith("t.csv: took the column")
        taken = (*text, label, "id", "date")
        others = [name for name in names if name not in taken]
        for name in others:
            assert f"{name!r} (--" in note


def test_the_page_on_tables_lists_the_names_that_are_recognised() -> None:
    page = (Path(__file__).parents[1] / "docs" / "tables.md").read_text("utf-8")
    for role, groups in (("text", TEXT_COLUMNS), ("label", LABEL_COLUMNS)):
        (line,) = re.findall(rf"^- \*\*{role}\*\*: 1\. (.*)", page, re.MULTILINE)
        listed = re.split(r" [2-9]\. ", line.split(". One column")[0])
        assert [tuple(re.findall("`(.*?)`", group)) for group in listed] == list(groups)


def test_names_are_recognised_in_json_and_parquet_as_well(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    record = {"Id": 7, "Message": "m", "Category": "c"}
    (tmp_path / "t.jsonl").write_text(json.dumps(record))
    (tmp_path / "t.json").write_text(json.dumps([record]))
    polars.DataFrame([record]).write_parquet(tmp_path / "t.parquet")
    for suffix in ("jsonl", "json", "parquet"):
        documents = read_documents(tmp_path / f"t.{suffix}")
        assert (documents.texts, documents.labels, documents.ids) == (["m"], ["c"], ["7"])
        assert len(documents.report.notes) == 1


@pytest.mark.parametrize(
    ("header", "role", "names"),
    [
        ("review,comment,label", "text", "'review' and 'comment'"),
        ("text,sentiment,topic", "label", "'sentiment' and 'topic'"),
        ("TEXT,Text,label", "text", "'TEXT' and 'Text'"),
    ],
)
def test_columns_that_may_all_be_meant_are_an_error_that_names_them(
    header: str, role: str, names: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\nx,y,z\n")
    with pytest.raises(
        SourceError, match=f"one column for the {role}, found {names}, any of which may"
    ):
        read_documents(path)


def test_several_columns_are_joined_in_the_order_given(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("subject,body,label\nS,B,x\n,C,y\nT,,y\n")
    assert read_documents(path, text=["body", "subject"]).texts == ["B\nS", "C", "T"]
    assert read_documents(path, text=("body",)).texts == ["B", "C", ""]
    path = tmp_path / "t.jsonl"
    records = [{"a": "A", "b": None, "label": "x"}, {"b": "B", "label": "x"}]
    path.write_bytes(jsonl_bytes([*records, {"label": "x"}, {"a": 5, "b": "B", "label": "x"}]))
    documents = read_documents(path, text=["a", "b"])
    assert documents.texts == ["A", "B"]
    assert [each.reason for each in documents.report.rejected] == [
        "expected text, found nothing",
        "expected text, found a value of type int",
    ]


def test_the_text_is_the_same_with_and_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("title,body\nx,B\ny,C\n")
    assert read_documents(path, label="title").texts == ["B", "C"]
    assert read_documents(path, label="title", labelled=False).texts == ["B", "C"]


def test_ids_and_other_columns_are_kept_on_request(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    rows = [(7, "a", "x", "p"), (8, "b", "y", "q"), (9, "c", "x", "r")]
    records = [dict(zip(("ID", "text", "label", "more"), row, strict=True)) for row in rows]
    (tmp_path / "t.csv").write_bytes(csv_bytes([["ID", "text", "label", "more"], *map(list, rows)]))
    (tmp_path / "t.jsonl").write_bytes(jsonl_bytes(records))
    (tmp_path / "t.json").write_text(json.dumps(records))
    polars.DataFrame(records).write_parquet(tmp_path / "t.parquet")
    for suffix in ("csv", "jsonl", "json", "parquet"):
        path = tmp_path / f"t.{suffix}"
        documents = read_documents(path)
        assert documents.ids == ["7", "8", "9"]
        assert documents.columns is None
        assert read_documents(path, keep="all").columns == {"more": ["p", "q", "r"]}
        bare = read_documents(path, labelled=False, keep="all")
        assert bare.columns == {"label": ["x", "y", "x"], "more": ["p", "q", "r"]}
        named = read_documents(path, id="more", keep=["label", "ID"])
        assert named.ids == ["p", "q", "r"]
        assert named.columns is not None
        assert list(named.columns) == ["label", "ID"]
        some = named.take([2, 0])
        assert (some.ids, some.columns) == (
            ["r", "p"], {"label": ["x", "x"], "ID": [named.columns["ID"][i] for i in (2, 0)]}
        )  # fmt: skip
        with pytest.raises(SourceError, match="a column 'nope' to keep, found"):
            read_documents(path, keep=["nope"])
        with pytest.raises(SourceError, match="a column 'nope' for the id, found"):
            read_documents(path, id="nope")


def test_columns_that_come_and_go_are_kept_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records = [
        {"text": "a", "label": "x", "p": 1}, {"text": "b", "label": "x", "q": [2]},
        {"text": None, "label": "x", "r": 3}, {"text": "c", "label": "x", "p": "1", "q": None},
    ]  # fmt: skip
    path.write_bytes(jsonl_bytes(records))
    documents = read_documents(path, keep="all")
    assert documents.columns == {"p": [1, None, "1"], "q": [None, [2], None]}
    path.write_bytes(jsonl_bytes([{"text": "a", "label": "x", f"k{n}": n} for n in range(2000)]))
    with pytest.raises(SourceError, match="too many to keep"):
        read_documents(path, keep="all")
    assert len(read_documents(path)) == 2000


def test_kept_cells_and_names_of_columns_are_decoded_like_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table = "Catégorie;Message;Où\r\nété;l’été – déjà;là\r\nhiver;froid;là-bas\r\n"
    path.write_bytes(table.encode("cp1252"))
    documents = read_documents(path, label="Catégorie", keep="all")
    assert documents.labels == ["été", "hiver"]
    assert documents.texts == ["l’été – déjà", "froid"]
    assert documents.columns == {"Où": ["là", "là-bas"]}
    assert documents.report.recoded["windows-1252"][:2] == ["t.csv:2", "t.csv:3"]


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
    assert [(each.line, each.reason) for each in documents.report.rejected] == [
        (5, "expected 2 cells, found 1"),
        (6, "expected 2 cells, found 3"),
        (8, "expected a label, found an empty cell"),
    ]
    (line,) = documents.report.lines()
    assert line.startswith("Rejected 3 rows: t.csv:5 (expected 2 cells, found 1), t.csv:6 (")


def test_a_quote_in_the_wrong_place_rejects_its_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\na,x\n"b" b,y\nc,z\n"d",z\n')
    documents = read_documents(path)
    assert documents.texts == ["a", "c", "d"]
    (trouble,) = documents.report.rejected
    assert (trouble.line, trouble.reason) == (3, "a quote inside a cell is not doubled")


def test_a_quote_that_never_closes_is_refused_not_taken_for_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\na,x\n"b,y\nc,z\n')
    with pytest.raises(SourceError, match=r"t\.csv:3: expected a closing quote, found none"):
        read_documents(path)


INSIDE = [
    ('"He said "hello\nthis,spam\nis inside",ham', 2, 4),
    ('"one\ntwo "x\nthis,spam\nthree",ham', 2, 2),
    ('one\nthis,spam\ntwo",ham', 2, 4),
    ('one\nthis,spam\n""two"" and three",ham', 2, 4),
    ('"one" two\nthis,spam\n",ham\n"a",b', 2, 4),
    ('one,two,\nthis,spam\nthree",ham', 2, 4),
    ('"a, b",ham\none,\nthis,spam\nthree"', 5, 5),
]


@pytest.mark.parametrize(("record", "first", "last"), INSIDE)
def test_lines_inside_a_broken_cell_never_become_documents(
    record: str, first: int, last: int, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    rest = "".join(f"fine {n},ham\n" for n in range(9))
    path.write_text(f"text,label\n{record}\n{rest}")
    with pytest.raises(
        SourceError,
        match=rf"t\.csv:{first}: expected each quote .*(line {last} |the line may be the end)",
    ):
        read_documents(path)


cells = st.text('ab",\n', max_size=6)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(['x"y', "x,y", "z"]), cells), min_size=1, max_size=6),
    st.data(),
)
def test_one_quote_too_many_or_too_few_invents_no_document(rows: Rows, data: st.DataObject) -> None:
    rows = [("q", 'a "quoted" text'), *rows]
    whole = csv_bytes([["label", "text"], *map(list, rows)]).decode()
    at = data.draw(st.integers(whole.index("\n", 20), len(whole) - 1))
    broken = whole[:at] + (whole[at + 1 :] if whole[at] == '"' else f'"{whole[at:]}')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_bytes(broken.encode())
        try:
            documents = read_documents(path)
        except SourceError:
            return
    found = Counter(zip(documents.labels or [], documents.texts, strict=True))
    strange = found - Counter(rows)
    assert strange.total() <= 1, (broken, strange)


def test_quotes_in_a_table_that_quotes_nothing_are_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\nTV 40",x\n6" nails,y\nsay "hi",x\nhi "you,x\n')
    documents = read_documents(path)
    assert documents.texts == ['TV 40"', '6" nails', 'say "hi"', 'hi "you']
    assert not documents.report.rejected


def test_a_header_with_a_broken_quote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('"text"x,label\na,x\nb,y\n')
    with pytest.raises(SourceError, match=r"t\.csv:1: expected column names"):
        read_documents(path)


@pytest.mark.parametrize("suffix", ["tsv", "csv", "tsv.gz"])
@pytest.mark.parametrize("head", ["", "label\ttext\n", "Sep=\t\n"])
def test_quotes_that_are_text_in_a_file_of_tabs_stay(
    suffix: str, head: str, tmp_path: Path
) -> None:
    texts = ['"Gimme a few" was 5 min ago', 'a "b" c', '"unclosed', 'ends"', '"', "plain", '"q"']
    rows = [("ham" if n % 2 else "spam", text) for n, text in enumerate(texts)]
    data = (head + "".join(f"{label}\t{text}\n" for label, text in rows)).encode()
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    documents = read_documents(path)
    assert documents.texts == [*texts[:-1], "q"]
    assert documents.labels == [label for label, _ in rows]
    assert not documents.report.rejected


def test_a_file_of_tabs_may_have_cells_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('label\ttext\nx\t"one\ntwo ""q"""\ny\tthree\n')
    assert read_documents(path).texts == ['one\ntwo "q"', "three"]


HEADLESS = [
    ("ham\thi there\nspam\twin\nham\tok\n", "t.tsv", ("2", "1")),
    ('ham,"hi, there"\nspam,win\nham,ok\n', "t.csv", ("2", "1")),
    ("hi there;ham\nwin, now;spam\nok;ham\n", "t.csv", ("1", "2")),
    ("sep=|\nhi there|ham\nwin, now|spam\nok|ham\n", "t.csv", ("1", "2")),
    # A text that comes twice, as its first row does.
    ("ham,ok\nspam,win\nham,ok\nham,hi\nspam,hey\nham,you\n", "t.csv", ("2", "1")),
    # A label that is also the name of a column.
    ("question,how?\nanswer,so.\nquestion,why?\n", "t.csv", ("2", "1")),
]


@pytest.mark.parametrize(("data", "name", "columns"), HEADLESS)
def test_a_first_row_that_is_evidently_data_is_a_document(
    data: str, name: str, columns: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(data)
    documents = read_documents(path)
    text, label = columns
    assert len(documents) == len(data.splitlines()) - data.startswith("sep")
    assert len(documents.classes()) == 2
    (note,) = documents.report.notes
    assert note.startswith(f"{name}: the first row is data, not column names;")
    assert note.endswith(f"took column {text} for the text and column {label} for the label.")
    same = read_documents(path, text=text, label=label)
    assert (same.texts, same.labels) == (documents.texts, documents.labels)


def test_a_first_row_that_may_be_data_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("ham\thi there\nspam\twin\n")
    with pytest.raises(SourceError, match="If the first row is data, name the columns by"):
        read_documents(path)
    assert read_documents(path, text="2", label="1").labels == ["ham", "spam"]
    assert read_documents(path, label="1").texts == ["hi there", "win"]
    assert read_documents(path, text="2", labelled=False).texts == ["hi there", "win"]
    path.write_text("ham\t1\thi\nspam\t2\twin\nham\t3\tyou\n")
    with pytest.raises(SourceError, match=r"which column is which: 1 \(ham\), 2 \(1\), 3 \(hi\)"):
        read_documents(path)
    assert read_documents(path, text="3", label="1").texts == ["hi", "win", "you"]
    assert read_documents(path, text=("2", "3"), label="1").texts[0] == "1\nhi"
    # Names are names, numbers as well: they become no document.
    path.write_text("text\tlabel\nhi\tham\n")
    with pytest.raises(SourceError, match="a column '2' for the text, found the columns 'text'"):
        read_documents(path, text="2", label="1")
    path.write_text("0,1\nhi,1\nyou,0\nshe,1\n")
    with pytest.raises(SourceError, match="found the columns '0', '1'"):
        read_documents(path)
    assert read_documents(path, text="0", label="1").texts == ["hi", "you", "she"]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_the_first_line_of_excel_names_the_delimiter(first: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{first}\r\nlabel;text\r\na, b;x, y\r\n;;\r\n", "utf-8")
    documents = read_documents(path)
    assert (documents.labels, documents.texts, documents.names) == (["a, b"], ["x, y"], ["t.csv:3"])


@pytest.mark.parametrize("first", ['sep="', "sep=", "sep=x", "sep=,;"])
def test_what_names_no_delimiter_is_a_row_like_any(first: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{first}\ntext,label\na,x\nb,y\n")
    with pytest.raises(SourceError, match="expected columns such as"):
        read_documents(path)


def test_empty_cells_at_the_end_of_a_row_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\na,x,,\nb,y\n,,\n , \n")
    documents = read_documents(path)
    assert documents.texts == ["a", "b"]
    assert [each.line for each in documents.report.rejected] == [5]


@pytest.mark.parametrize("name", ["posts.train", "posts.txt", "posts"])
def test_lines_of_fasttext_are_read_whatever_the_files_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("__label__spam win  now\n\n__label__ham\thi\n__label__ham\nno label\n")
    documents = read_documents(path)
    assert documents.texts == ["win  now", "hi", ""]
    assert documents.labels == ["spam", "ham", "ham"]
    assert documents.names == [f"{name}:1", f"{name}:3", f"{name}:4"]
    assert documents.report.rejected[0].line == 5
    assert "read as fastText" in documents.report.notes[0]
    path.write_text("\ufeff__label__a __label__b x y\n__label__a z __label__c w\n", "utf-8")
    documents = read_documents(path)
    assert (documents.labels, documents.texts) == ([("a", "b"), ("a", "c")], ["x y", "z w"])
    assert read_documents(path, labelled=False).texts == ["x y", "z w"]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "json.gz"])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_objects_is_read(suffix: str, indent: int | None, tmp_path: Path) -> None:
    records: list[object] = [{"text": "été ]", "label": "x"}, 5, {"text": "b", "label": ["y", "z"]}]
    data = ("\n " + json.dumps(records, indent=indent) + " \n").encode()
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    documents = read_documents(path)
    assert (documents.texts, documents.labels) == (["été ]", "b"], [("x",), ("y", "z")])
    assert documents.names[-1].endswith(":3")
    (rejected,) = documents.report.rejected
    assert rejected.reason == "expected a JSON object, found a value of type int"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('[{"text": "a", "label": "x"}', r"t\.json:1: .* no comma and no \]"),
        ('[{"text": "a", "label": "x"},\n]', r"t\.json:2: .* in record 2"),
        ('[{"text": "a", "label": "x"}\n{"text"', r"t\.json:2: .* no comma"),
        ('[{"text": "a", "label": "x"}] x', r"more text after the end of the array"),
        ("[" * 100_000, r"in record 1"),
        ("[]", "found none"),
        ('{\n "text": {"0": "a"}\n}', r"one object of columns"),
    ],
)
def test_a_damaged_array_is_refused(data: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(data)
    with pytest.raises(SourceError, match=reason):
        read_documents(tmp_path / "t.json")


BROKEN = [
    (b'{"text": "b", "label": "x"', "invalid JSON"),
    (b"nonsense", "invalid JSON"),
    (b'["b", "x"]', "expected a JSON object"),
    (b'{"text": "b"}', "'label' is missing"),
    (b'{"text": null, "label": "x"}', "expected text, found nothing"),
    (b'{"text": 5, "label": "x"}', "expected text, found a value of type int"),
    (b'{"text": "b", "label": null}', "expected a label, found nothing"),
    (b'{"text": "b", "label": " "}', "expected a label, found an empty cell"),
    (b'{"text": "b", "label": {}}', "expected a label, found a value of type dict"),
    (b'{"text": "b", "label": ["x", null]}', "expected a label, found nothing"),
    (b'{"text": "\\ud800", "label": "x"}', "invalid JSON"),
    (b'{"text": "\xff \\ud800", "label": "x"}', "invalid JSON"),
    (b'{"text": "\xff \\udc80", "label": "x"}', "invalid JSON"),
    (b'{"text": "\xff", "label": NaN}', "expected a label, found nothing"),
    (b'{"text": -Infinity, "label": "NaN"}', "expected text, found nothing"),
    (b'{"text": "b", "label": NaN1}', "invalid JSON"),
    (b'{"text": "b", "label": "x", "label": "y"}', "duplicate key 'label'"),
    (b'{"text": "b", "label": "x", "\\u0074ext": "c"}', "duplicate key 'text'"),
    (b'{"text": "b\xff", "label" : "x", "label"\t: "x"}', "duplicate key 'label'"),
    (b'{"text": "b", "label": "spam\\u0000"}', "without control characters, found spam\\x00"),
    (b'{"text": "b", "label": "a\\nb"}', "without control characters, found a\\nb"),
    (b'{"text": "b", "label": "' + b"x" * 1001 + b'"}', "at most 1,000 characters, found one of"),
    (b"[" * 100_000, "invalid JSON"),
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
    (trouble,) = documents.report.rejected
    assert trouble.line == 3
    assert reason in trouble.reason
    assert any("t.jsonl:3 (" in line for line in documents.report.lines())


def test_whole_numbers_and_truth_values_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(jsonl_bytes([{"text": "a", "label": label} for label in (1, True, 10**30)]))
    assert read_documents(path).labels == ["1", "true", str(10**30)]


def test_bytes_that_are_not_utf_8_do_not_spoil_a_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"text": "caf\xe9 \\u0041", "label": "x"}\n')
    assert read_documents(path).texts == ["café A"]


def test_a_text_may_look_like_a_key(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(jsonl_bytes([{"text": '"text": "label":', "label": "x", "more": {"text": 1}}]))
    assert read_documents(path).texts == ['"text": "label":']


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
    with pytest.raises(SourceError, match="damaged or truncated"):
        read_documents(path)
    path.write_bytes(b"some words\n")
    with pytest.raises(SourceError, match="damaged or truncated"):
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
    assert bool(documents.report.recoded) == (encoding != "utf-8-sig")
