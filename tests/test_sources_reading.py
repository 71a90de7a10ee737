"""Folders and archives: what is read, in what order, and which part of a path is the label."""

from __future__ import annotations

import io
import random
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import SourceError, SourceNotFoundError
from satchel.sources.documents import MAX_DOCUMENT_BYTES, Skipped
from satchel.sources.encodings import not_text
from satchel.sources.files import clean_label
from satchel.sources.frames import read
from satchel.sources.reading import read_documents
from strategies import folder_labels, texts

pytestmark = pytest.mark.fast

FILES = {
    "ham/1": "hello",
    "ham/2.txt": "",
    "ham/deep/er/3": "nested",
    "spam, or so/x.tar.notatar": "buy",
    "спам/4.md": "купи",
}
TarMode = Literal["w", "w:gz", "w:bz2"]
LABELS = ["ham", "ham", "ham", "spam, or so", "спам"]


def write_folder(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def write_tar(path: Path, files: Mapping[str, str | bytes], mode: TarMode = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


MODES: dict[str, TarMode] = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2"}


def make(kind: str, folder: Path, files: Mapping[str, str | bytes]) -> Path:
    if kind == "folder":
        return write_folder(folder / "source", files)
    if kind == "zip":
        return write_zip(folder / "source.zip", files)
    return write_tar(folder / f"source.{kind}", files, MODES[kind])


ALL_KINDS = ("folder", "zip", *MODES)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_kind_of_source_gives_the_same_documents(kind: str, tmp_path: Path) -> None:
    documents = read_documents(make(kind, tmp_path, FILES))
    assert documents.names == list(FILES)
    assert documents.texts == list(FILES.values())
    assert documents.labels == LABELS
    assert documents.report.lines() == []


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_single_wrapping_folder_is_descended_into_and_said(kind: str, tmp_path: Path) -> None:
    wrapped = {f"outer/inner/{name}": text for name, text in FILES.items()}
    documents = read_documents(make(kind, tmp_path, wrapped))
    assert documents.names == list(FILES)
    assert documents.labels == LABELS
    assert documents.report.notes == [
        "The labelled folders were found in outer/inner/, the only folder there is."
    ]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_train_and_test_parts_are_named_not_taken_for_labels(kind: str, tmp_path: Path) -> None:
    parts = ("news-train", "news-test")
    files = {f"{part}/{name}": text for part in parts for name, text in FILES.items()}
    source = make(kind, tmp_path, files)
    with pytest.raises(SourceError) as caught:
        read_documents(source)
    assert f"{source}/news-test\n  {source}/news-train" in str(caught.value)
    assert read_documents(f"{source}/news-train").labels == LABELS
    assert len(read_documents(source, labelled=False)) == 2 * len(FILES)


def test_folders_by_year_within_each_label_are_no_parts(tmp_path: Path) -> None:
    files = {f"{label}/{year}/1": "x" for label in ("ham", "spam") for year in (2001, 2002)}
    documents = read_documents(write_folder(tmp_path, files))
    assert documents.labels == ["ham", "ham", "spam", "spam"]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_hidden_files_are_skipped_and_counted(kind: str, tmp_path: Path) -> None:
    hidden = {
        ".git/config": "x",
        "ham/.DS_Store": "x",
        "ham/Thumbs.db": "x",
        "__MACOSX/ham/1": "x",
        "спам/desktop.ini": "x",
    }
    documents = read_documents(make(kind, tmp_path, {**hidden, **FILES}))
    assert documents.names == list(FILES)
    assert len(documents.report.hidden) == len(hidden)
    assert documents.report.lines()[0].startswith("Skipped 5 hidden files and folders: ")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_files_outside_labelled_folders_are_reported(kind: str, tmp_path: Path) -> None:
    documents = read_documents(make(kind, tmp_path, {"README": "read me", **FILES}))
    assert documents.names == list(FILES)
    assert documents.report.unlabelled == ["README"]


def test_unlabelled_reading_takes_any_tree_and_single_files(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": "1", "b/c": "2"})
    documents = read_documents(tmp_path, labelled=False)
    assert (documents.names, documents.texts, documents.labels) == (["a", "b/c"], ["1", "2"], None)
    documents = read_documents(tmp_path / "a", labelled=False)
    assert documents.names == [str(tmp_path / "a")]
    assert (documents.texts, documents.labels) == (["1"], None)


def test_several_sources_name_their_documents_and_what_they_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a/0": "1", "a/deep/1": "2", "b/0": "3"}
    write_folder(tmp_path, {**files, "t.jsonl": '{"text": "4"}\n{\n'})
    for folder in ("a", "b"):
        (tmp_path / folder / "binary").write_bytes(b"\0\0")
    monkeypatch.chdir(tmp_path)
    found: list[Skipped] = []
    sources = ["a", "b/0", "b", "t.jsonl"]
    documents = read_documents(sources, labelled=False, rejects=found.append)
    assert documents.names == ["a/0", "a/deep/1", "b/0", "b/0", "t.jsonl:1"]
    assert [each.name for each in found] == ["a/binary", "b/binary", "t.jsonl"]


def test_standard_input_is_one_document_where_no_labels_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pipe(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    pipe(b"text,label\na,b\n")
    assert read_documents("-", labelled=False).texts == ["text,label\na,b\n"]
    pipe(b"text,label\na,b\n")
    assert read_documents("-", labelled=False, format="csv").texts == ["a"]
    pipe(b" " * (MAX_DOCUMENT_BYTES + 1))
    with pytest.raises(SourceError, match="67,108,865 bytes; the limit"):
        read_documents("-", labelled=False)


def test_a_path_goes_on_inside_an_archive_but_not_inside_a_file(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {f"x/y/{name}": text for name, text in FILES.items()})
    assert read_documents(archive / "x" / "y").labels == LABELS
    with pytest.raises(SourceError, match=r"expected z in the archive.*Its top level holds: x"):
        read_documents(archive / "z")
    plain = tmp_path / "plain.txt"
    plain.write_text("x")
    with pytest.raises(SourceNotFoundError, match="is a file, not an archive"):
        read_documents(plain / "z")


def test_zip_names_in_utf_8_without_the_flag_are_read_right(tmp_path: Path) -> None:
    path = tmp_path / "mac.zip"
    # zipfile would set the flag for a name beyond ASCII; old programs do not.
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xxxxxxxx/1", "x")
        archive.writestr("ham/1", "x")
    path.write_bytes(path.read_bytes().replace(b"xxxxxxxx", "спам".encode()))
    assert read_documents(path).labels == ["ham", "спам"]


def test_a_name_that_comes_twice_counts_once_and_the_last_holds(tmp_path: Path) -> None:
    path = tmp_path / "twice.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in (("a/1", b"old"), ("b/1", b"b"), ("./a/1", b"new")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert read_documents(path).texts == ["new", "b"]


def test_the_data_frame_has_filename_category_and_text(tmp_path: Path) -> None:
    frame = read(write_folder(tmp_path, FILES))
    assert frame.columns == ["filename", "category", "text"]
    assert frame["category"].to_list() == LABELS
    assert frame["text"].to_list() == list(FILES.values())
    assert read(tmp_path, labelled=False).columns == ["filename", "text"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_the_data_frame_of_a_table_has_the_tables_own_columns(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    columns = {
        "Date": ["2024-01-01", None, "2024-01-03"],
        "Message": ["a", "b", "c"],
        "count": [1, 2, 3],
        "Category": [" x", "y", "x "],
    }
    frame = polars.DataFrame(columns)
    if suffix == "csv":
        frame.write_csv(path)
        frame = frame.with_columns(polars.col("Date").fill_null(""), polars.col("count").cast(str))
    elif suffix == "parquet":
        frame.write_parquet(path)
    else:
        (frame.write_ndjson if suffix == "jsonl" else frame.write_json)(path)
    found = read(path)
    assert found.columns == list(columns)
    assert found.equals(frame.with_columns(polars.Series("Category", ["x", "y", "x"])))
    assert read(path, labelled=False).columns == list(columns)
    assert read(path, text="Date", label="count").height == (3 if suffix == "csv" else 2)


def test_labels_that_are_numbers_stay_numbers_and_several_are_lists(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n')
    assert read(path)["label"].to_list() == [1, 0]
    path.write_text('{"text": "a", "label": 1, "m": 1}\n{"text": "b", "label": "x", "m": [2]}\n')
    frame = read(path)
    assert frame["label"].to_list() == ["1", "x"]
    assert frame["m"].to_list() == ["1", "[2]"]
    path = tmp_path / "t.csv"
    path.write_text("text,labels\na,x|y\nb,x\nc,\n")
    assert read(path)["labels"].to_list() == [["x", "y"], ["x"], []]


def test_what_the_data_frame_leaves_out_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"Message,label\ncaf\xe9,x\nb,\nc,y\n")
    assert read(path)["Message"].to_list() == ["café", "c"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert said[0].endswith("t.csv: t.csv: took the column 'Message' for the text.")
    assert "Rejected 1 row: t.csv:3" in said[2]


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []

    def tell(stage: str, done: int, total: int | None, note: str = "") -> None:
        told.append((stage, done, total))

    write_folder(tmp_path, FILES)
    read_documents(tmp_path, progress=tell)
    assert told[-1] == ("reading", len(FILES), len(FILES))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(folder_labels, texts), min_size=1, max_size=8),
    st.sampled_from(ALL_KINDS),
    st.randoms(use_true_random=False),
)
def test_what_is_written_is_read_whatever_the_labels_texts_and_order(
    rows: list[tuple[str, str]], kind: str, shuffler: random.Random
) -> None:
    rows = [(label, text) for label, text in rows if not not_text(text.encode())]
    if not rows:
        return
    files = {f"{label}/{number}": text for number, (label, text) in enumerate(rows)}
    names = list(files)
    shuffler.shuffle(names)
    with tempfile.TemporaryDirectory() as folder:
        documents = read_documents(make(kind, Path(folder), {name: files[name] for name in names}))
    expected = sorted(files, key=str.encode)
    assert documents.names == expected
    assert documents.texts == [files[name].removeprefix("\ufeff") for name in expected]
    assert documents.labels == [clean_label(name.split("/")[0]) for name in expected]
    assert not documents.report.lines()
