"""Bytes to text: marks, UTF-8, and one fallback for the whole source."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.errors import SettingError
from satchel.sources.documents import ReadReport
from satchel.sources.encodings import Decoder, not_text
from satchel.sources.guessing import western
from satchel.sources.reading import read_documents

pytestmark = pytest.mark.fast


def decode(*documents: bytes, encoding: str | None = None) -> tuple[list[str], ReadReport]:
    remarks = ReadReport()
    decoder = Decoder(remarks, encoding)
    texts = [decoder.decode(i, str(i), data) for i, data in enumerate(documents)]
    for index, text in decoder.finish().items():
        texts[index] = text
    return texts, remarks


# Letters and NULs in turn are UTF-16, and have a test of their own.
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_utf_8_is_read_as_it_is_and_without_a_remark(text: str) -> None:
    texts, remarks = decode(text.encode())
    assert texts == [text.removeprefix("\ufeff")]
    assert remarks == ReadReport()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd")))
def test_a_byte_order_mark_decides(encoding: str, text: str) -> None:
    data = ("\ufeff" + text).encode(encoding)
    assert not not_text(data)
    texts, remarks = decode(data)
    assert texts == [text]
    assert remarks.recoded == {encoding: ["0"]}


@given(st.lists(st.binary(), max_size=5))
def test_any_bytes_become_text_that_utf_8_can_hold(documents: list[bytes]) -> None:
    texts, _ = decode(*documents)
    assert len(texts) == len(documents)
    for text in texts:
        text.encode()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Der Fluß, die Straße, J\x94rg", "latin-1"),
        ("café naïve \x80\x08", "latin-1"),
        ("It’s “quoted” – and it’s 5 € more…", "windows-1252"),
        ("don’t", "windows-1252"),
        ("£15.8m", "latin-1"),
        ("déjà vu à l’hôtel, l’été", "windows-1252"),
    ],
)
def test_windows_1252_only_where_its_quotes_and_dashes_stand_right(
    text: str, encoding: str
) -> None:
    data = text.encode("latin-1" if encoding == "latin-1" else "cp1252")
    assert western(data) == encoding
    texts, remarks = decode(data)
    assert texts == [text]
    assert remarks.recoded == {encoding: ["0"]}


def test_the_decision_is_one_for_all_documents() -> None:
    texts, remarks = decode("don’t".encode("cp1252"), b"caf\xe9 \x93x\x94", "£".encode("cp1252"))
    assert texts == ["don’t", "café “x”", "£"]
    assert remarks.recoded == {"windows-1252": ["0", "1", "2"]}


def test_unassigned_bytes_of_windows_1252_are_kept() -> None:
    texts, _ = decode("it’s it’s it’s".encode("cp1252") + b" \x81")
    assert texts == ["it’s it’s it’s \x81"]


def test_damaged_utf_8_stays_utf_8_with_its_losses_counted() -> None:
    texts, remarks = decode("Ελληνικά και άλλα".encode()[:-1], b"caf\xe9")
    assert texts == ["Ελληνικά και άλλ\ufffd", "café"]
    assert remarks.replaced == {"0": 1}
    assert remarks.recoded == {"latin-1": ["1"]}
    assert remarks.lines()[-1] == "1 broken character in 1 document became U+FFFD: 0."


PHRASES = {
    "windows-1251": "Привет, большой мир",
    "koi8-r": "Привет, большой мир",
    "windows-1253": "Καλημέρα κόσμε",
    "gb18030": "你好世界，欢迎",
    "cp932": "こんにちは世界",
}


@pytest.mark.parametrize(("encoding", "text"), PHRASES.items())
def test_other_encodings_are_named_and_what_was_assumed_is_said(encoding: str, text: str) -> None:
    texts, remarks = decode(text.encode(encoding))
    assert texts == [text]
    assert remarks.lines() == [f"1 document was read as {encoding}, not UTF-8: 0."]
    assert decode(text.encode(encoding), encoding=encoding)[0] == [text]


@pytest.mark.parametrize("name", ["nope", "hex", "rot13", "", "a\0b"])
def test_an_unknown_encoding_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="expected the name of a text encoding"):
        read_documents(tmp_path, encoding=name)


def test_folders_decide_once_for_the_whole_source(tmp_path: Path) -> None:
    for label, data in (("a", "don’t".encode("cp1252")), ("b", b"caf\xe9"), ("c", "é".encode())):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1").write_bytes(data)
    documents = read_documents(tmp_path)
    assert documents.texts == ["don’t", "café", "é"]
    assert documents.report.lines() == [
        "2 documents were read as windows-1252, not UTF-8: a/1, b/1."
    ]
