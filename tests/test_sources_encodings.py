"""Bytes to text: marks, UTF-8, and one fallback for the whole source."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SettingError, SourceError
from satchel.sources.documents import ReadReport
from satchel.sources.encodings import BadDocument, Decoder, mark, not_text
from satchel.sources.guessing import SAMPLE_BYTES, Evidence, sample, western
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


def finished(decoder: Decoder, documents: list[bytes], start: int = 0) -> dict[int, str]:
    texts = {i: decoder.decode(i, str(i), data) for i, data in enumerate(documents, start)}
    return texts | decoder.finish()


RUSSIAN = "Выберите правильный вариант из списка и нажмите кнопку «Сохранить» ещё раз. "
FRENCH = "Vérifiez que la réponse n’est pas déjà enregistrée : où l’été, à côté. "
CZECH = "Ujistěte se, že tato hodnota má nejvýše příliš žluťoučký kůň úpěl ďábelské ódy. "
JAPANESE = "この値は正しくありません。もう一度確認してから保存してください。"
CHINESE = "请确认您输入的内容是否正确，然后再次点击保存按钮。"
KOREAN = "입력하신 값이 올바른지 확인한 다음 다시 저장해 주십시오. "
GREEK = "Άλλη μια φορά επιλέξτε τη σωστή απάντηση και πατήστε αποθήκευση. "
POLISH = "Upewnij się, że wartość jest prawidłowa, zażółć gęślą jaźń i zapisz. "
TEXTS = {
    "latin-1": FRENCH.replace("’", "'"),
    "windows-1252": FRENCH,
    "windows-1251": RUSSIAN,
    "koi8-r": RUSSIAN.replace("«", '"').replace("»", '"'),
    "cp932": JAPANESE,
    "euc-jp": JAPANESE,
    "gb18030": CHINESE,
    "cp950": "請確認您輸入的內容是否正確，然後再次點擊儲存按鈕。",
    "cp949": KOREAN,
    "windows-1253": GREEK,
    "iso-8859-7": GREEK,
    "windows-1250": CZECH,
    "iso-8859-2": POLISH,
    "windows-1254": "Lütfen girdiğiniz değerin doğru olduğundan emin olun. İyi şans. ",
    "utf-16-le": JAPANESE,
    "utf-16-be": RUSSIAN,
    "utf-32-le": FRENCH,
    "utf-32-be": KOREAN,
}


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
def test_an_encoding_that_nobody_named_is_recognised(encoding: str, text: str) -> None:
    written = [f"{number}: {text}\n" * number for number in range(1, 6)]
    data = [each.encode(encoding) for each in written]
    assert not any(map(not_text, data))
    texts, remarks = decode(*data)
    assert texts == written
    assert remarks.recoded == {encoding: ["0", "1", "2", "3", "4"]}
    assert not remarks.replaced
    assert not remarks.not_western


@pytest.mark.parametrize(
    ("many", "few"),
    [
        ("windows-1252", "windows-1251"),
        ("windows-1252", "cp932"),
        ("windows-1251", "latin-1"),
        ("windows-1251", "koi8-r"),
        ("windows-1251", "gb18030"),
        ("gb18030", "windows-1252"),
        ("cp932", "euc-jp"),
        ("cp949", "latin-1"),
    ],
)
def test_a_second_encoding_is_decided_on_its_own(many: str, few: str) -> None:
    written = [(many, 2 * TEXTS[many])] * 18 + [(few, 2 * TEXTS[few])] * 2
    texts, remarks = decode(*(text.encode(encoding) for encoding, text in written))
    assert texts == [text for _, text in written]
    assert {name: len(each) for name, each in remarks.recoded.items()} == {many: 18, few: 2}


@given(
    chosen=st.lists(st.sampled_from(sorted(set(TEXTS) - {"utf-16-le", "utf-16-be"})), min_size=1),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_documents_does_not_matter(chosen: list[str], order: Random) -> None:
    documents = [f"{i} {TEXTS[encoding]}".encode(encoding) for i, encoding in enumerate(chosen)]
    texts, _ = decode(*documents)
    places = list(range(len(documents)))
    order.shuffle(places)
    again, _ = decode(*(documents[place] for place in places))
    assert again == [texts[place] for place in places]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "euc-kr", "gb18030", "big5", "utf-16-le"])
@given(data=st.data())
def test_what_an_encoding_wrote_it_reads(encoding: str, data: st.DataObject) -> None:
    # EUC-KR's filler has no way back in Python's own codec.
    odd = "\0\u3164" if encoding == "euc-kr" else "\0"
    letters = st.characters(codec=encoding, exclude_characters=odd)
    text = data.draw(st.text(letters))
    written = text.encode(encoding)
    assume(not mark(written)[0])
    try:
        expected = written.decode()
    except UnicodeDecodeError:
        expected = written.decode(encoding)
    assume(encoding != "utf-16-le" or b"\0" in written)
    if encoding == "utf-16-le":
        expected = text
    assert decode(written, encoding=encoding)[0] == [expected]


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize(
    "text",
    [
        "nie znaleziono zapisanych ustawień strony",
        "Опасно\nчтение шаблонов... 12",
        "Προσοχή: λάθος 12",
        "この値は正しくありません。\n",
    ],
)
def test_short_texts_in_utf_16_are_recognised_in_either_order(order: str, text: str) -> None:
    data = text.encode(f"utf-16-{order}")
    assert not not_text(data)
    texts, remarks = decode(data)
    assert texts == [text]
    assert remarks.recoded == {f"utf-16-{order}": ["0"]}


def test_numbers_and_samples_are_not_utf_16() -> None:
    sound = b"".join(
        int(9000 * math.sin(i / 9)).to_bytes(2, "little", signed=True) for i in range(4000)
    )
    numbers = b"".join(i.to_bytes(4, "little") for i in range(2000))
    assert not_text(sound)
    assert not_text(numbers) == "NUL bytes: a binary file"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"%PDF-1.7\n", "a PDF document: extract its text first"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0", "a JPEG image"),
        (b"PK\x03\x04\0\0word/document.xml", "a Word document (.docx): extract its text first"),
        (
            b"PK\x03\x04\0\0xl/workbook.xml",
            "an Excel workbook (.xlsx): save its sheet as CSV first",
        ),
        (b"\x1f\x8b\x08\0", "a gzip file: unpack it first"),
        (b"\x7fELF\x02\0", "an ELF program"),
        (b"ID3\x04\0\0", "an MP3 file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"some\0bytes\1\2", "NUL bytes: a binary file"),
    ],
)
def test_a_binary_file_is_called_what_it_is(head: bytes, reason: str) -> None:
    assert reason in not_text(head)


@pytest.mark.parametrize("text", ["ID3 is an algorithm", "BM 25", "MZ", "GIF89a", "PAR1", "RIFF"])
def test_a_text_may_begin_like_a_binary_file(text: str) -> None:
    assert not not_text(text.encode())


BROKEN = "Ελληνικά και άλλα".encode()[:-1]


def test_bad_documents_are_left_out_with_the_first_bad_byte() -> None:
    remarks = ReadReport()
    decoder = Decoder(remarks, on_bad="skip")
    marked = "\ufeffab".encode("utf-16-le") + b"\0"
    texts = finished(decoder, [b"good", BROKEN, b"caf\xe9", marked])
    assert texts == {0: "good", 1: "", 2: "café", 3: ""}
    assert decoder.bad == {
        1: BadDocument("1", len(BROKEN) - 1, f"byte {len(BROKEN) - 1} is not utf-8"),
        3: BadDocument("3", 6, "byte 6 is not utf-16-le"),
    }
    assert not remarks.replaced
    assert remarks.recoded == {"latin-1": ["2"]}


def test_bad_documents_are_an_error_that_names_the_first_and_how_many() -> None:
    decoder = Decoder(ReadReport(), on_bad="error")
    with pytest.raises(
        SourceError, match=r"^1: expected text, found that byte 30 is not utf-8 \(2"
    ):
        finished(decoder, [b"good", BROKEN, BROKEN])
    assert len(BROKEN) - 1 == 30
    named = Decoder(ReadReport(), "ascii", "error")
    with pytest.raises(SourceError, match="byte 3 is not ascii"):
        finished(named, ["caf\xe9".encode("latin-1")])
    assert finished(Decoder(ReadReport(), on_bad="error"), [b"caf\xe9"]) == {0: "café"}


def test_on_bad_is_one_of_three() -> None:
    with pytest.raises(SettingError, match="expected 'error', 'replace' or 'skip', found 'ignore'"):
        Decoder(ReadReport(), on_bad="ignore")


def test_later_documents_use_the_decision_and_what_contradicts_it_is_decided_anew() -> None:
    remarks = ReadReport()
    decoder = Decoder(remarks)
    assert finished(decoder, [RUSSIAN.encode("cp1251")] * 5) == dict.fromkeys(range(5), RUSSIAN)
    first = decoder.decision
    # Alone, so few bytes would be Latin.
    assert finished(decoder, ["№".encode("cp1251")], 5) == {5: "№"}
    assert finished(decoder, [b"plain"], 6) == {6: "plain"}
    assert decoder.decision == first
    later = [JAPANESE.encode("cp932"), RUSSIAN.encode("cp1251")]
    assert finished(decoder, later, 7) == {7: JAPANESE, 8: RUSSIAN}
    assert decoder.decision.encodings == {**first.encodings, "double": ("cp932",)}


def test_where_nothing_is_named_the_report_says_what_to_do() -> None:
    texts, remarks = decode(bytes(range(0x80, 0x100)) * 20)
    assert remarks.not_western
    assert "give their encoding" in remarks.lines()[-1]
    assert len(texts[0]) == 128 * 20


def test_a_sample_is_bounded_and_cuts_no_character() -> None:
    documents = [Evidence.of(f"{i} {JAPANESE}".encode("cp932") * 300) for i in range(100)]
    joined = sample(documents, ["cp932"])
    assert SAMPLE_BYTES // 2 < len(joined) <= SAMPLE_BYTES
    joined.decode("cp932")


HOSTILE = """
from satchel.sources.documents import ReadReport
from satchel.sources.encodings import Decoder, not_text
size = int(sys.argv[1])
long_lines = b"a" * 255 + b"\\xa0"
for piece in (b"\\xe9", b"\\xff\\xfe\\x00a", b"\\x81\\x40", b"\\x92s ", long_lines, b"\\xc0 "):
    data = piece * (size // len(piece))
    not_text(b"x" + data)
    decoder = Decoder(ReadReport())
    decoder.decode(0, "one", b"x" + data)
    decoder.finish()
    decoder = Decoder(ReadReport())
    for index in range(size // 4096):
        decoder.decode(index, str(index), data[:250] + b"\\xff" + index.to_bytes(4, "big"))
    decoder.finish()
"""


def test_hostile_bytes_cost_no_more_than_their_number() -> None:
    assert_confined(HOSTILE, str(16 * 2**20), seconds=120, megabytes=2500)


def test_a_utf_8_folder_does_not_load_the_detector(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes("é".encode())
    (tmp_path / "2").write_bytes("don’t".encode("cp1252"))
    code = (
        "from satchel.sources.reading import read_documents\n"
        f"read_documents({str(tmp_path)!r}, labelled=False)\n"
        "assert 'charset_normalizer' not in sys.modules\n"
    )
    assert_confined(code)


@given(
    st.lists(st.binary(max_size=12), max_size=4),
    st.lists(st.binary(max_size=60), max_size=4),
)
@settings(deadline=None)
def test_any_bytes_are_decoded_by_a_decision_made_from_any_others(
    first: list[bytes], later: list[bytes]
) -> None:
    decoder = Decoder(ReadReport())
    finished(decoder, first)
    assert len(finished(decoder, later, 10)) == len(later)
