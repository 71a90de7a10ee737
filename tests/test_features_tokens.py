"""The examples of docs/tokens.md, one by one."""

from __future__ import annotations

import pytest

from satchel.errors import SettingError
from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize

pytestmark = pytest.mark.fast


def words(text: str, **settings) -> list[str]:
    features = Features(**{"words": 1, **settings})
    return [token.text for token in tokenize(text, features)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAT_1 sat, twice!", ["the", "cat_1", "sat", "twice"]),
        ("cafe\u0301 naïve", ["cafe\u0301", "naïve"]),
        ("\u0301 lone", ["lone"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("ΟΔΟΣ ΣΑΣ Σ", ["οδος", "σας", "σ"]),
        ("3.14 1,000.50 2.0.1", ["3.14", "1,000.50", "2.0.1"]),
        ("1.2.3rc 5. .7 v1.2 ٣.٤", ["1.2", "3rc", "5", "7", "v1", "2", "٣", "٤"]),
        ("a..b 1..2 1,,2", ["a", "b", "1", "2", "1", "2"]),
        ("漢字です", ["漢", "字", "漢字", "で", "字で", "す", "です"]),
        ("กี่", ["กี่"]),
        ("abc漢def", ["abc", "漢", "def"]),
        ("한국 한국어", ["한국", "한국어", "한국", "국어"]),
        ("👍🏽 ❤️ 👩‍👩‍👧 🇩🇪🇫 x👍y", ["👍🏽", "❤️", "👩‍👩‍👧", "🇩🇪", "🇫", "x", "👍", "y"]),
        ("1️⃣ go", ["1️⃣", "go"]),
        ("", []),
        ("\x00a\x00", ["a"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see <Joe.Doe@x-y.edu>, please", "joe.doe@x-y.edu"),
        ("(http://a.b/c?d=e#f).", "http://a.b/c?d=e#f"),
        ("'ftp://x.org/'", "ftp://x.org"),
        ("...a@b...", "a@b"),
        ("漢@字。", "漢@字"),
    ],
)
def test_addresses_are_one_token_more(text: str, address: str) -> None:
    assert words(text)[-1] == address
    plain = [token for token in words(text) if token != address]
    assert plain == words(text.replace("@", " ").replace("://", " "))


@pytest.mark.parametrize("text", ["a @ b", "@home", "a@", "http:// x", "a:b //c", "a@(b)"])
def test_what_is_no_address(text: str) -> None:
    assert words(text) == words(text.replace("@", " ").replace("://", " "))


def test_an_address_is_not_the_word() -> None:
    tokens = tokenize("a@b", Features(words=3))
    assert [token.text for token in tokens] == ["a", "b", "a b", "a@b"]
    assert len({token.hash for token in tokens}) == 4


def test_ngrams_cross_punctuation_but_not_spaceless_runs() -> None:
    kinds = {token.text: token.kind for token in tokenize("a, b. 漢 c 👍 d", Features(words=3))}
    assert kinds == {"a": 1, "b": 1, "a b": 2, "漢": 1, "c": 1, "👍": 1, "c 👍": 2, "d": 1} | {
        "👍 d": 2,
        "c 👍 d": 3,
    }


def test_short_words_are_dropped_before_ngrams() -> None:
    assert words("to a man", words=2, min_length=2) == ["to", "man", "to man"]


POST = """Subject: Re: Ice
\thockey
From: joe@x.org

Hello
> quoted
 | too
--
Joe
> below
"""


def field_tokens(text: str) -> list[str]:
    tokens = tokenize(text, Features(words=2, fields=True))
    return [token.text for token in tokens if token.kind in (64, 65)]


def test_fields() -> None:
    assert field_tokens(POST) == [
        "subject: re",
        "subject: ice",
        "subject: hockey",
        "from: joe",
        "from: x",
        "from: org",
        "quote: quoted",
        "quote: too",
        "signature: joe",
        "signature: below",
        "from: joe@x.org",
    ]
    plain = [token for token in tokenize(POST, Features(words=2, fields=True)) if token.kind < 64]
    assert plain == tokenize(POST, Features(words=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n \nTitle here\nbody", ["first: title", "first: here"]),
        ("a: only one field\nbody", ["first: a", "first: only", "first: one", "first: field"]),
        ("> all\n> quoted", ["quote: all", "quote: quoted"]),
        ("http://x\nb: c", ["first: http", "first: x", "first: http://x"]),
        ("a: b\nc: d", ["a: b", "c: d"]),
        ("a: b\nc:\n  \ne: f", ["a: b"]),
        ("-- \nx", ["signature: x"]),
        ("x\n---\ny", ["first: x"]),
    ],
)
def test_field_edges(text: str, expected: list[str]) -> None:
    assert field_tokens(text) == expected


def test_places_refer_to_the_original() -> None:
    text = "xİİ Ab"
    assert [
        (token.text, token.start, token.end) for token in tokenize(text, Features(words=2))
    ] == [
        ("xi̇i̇", 0, 3),
        ("ab", 4, 6),
        ("xi̇i̇ ab", 0, 6),
    ]


def test_composed_form_by_choice() -> None:
    assert words("e\u0301", nfc=True) == words("é") != words("e\u0301")


def test_keras_rules() -> None:
    text = "Don't stop-me! [now]\r\nx\u2028y\tz"
    assert words(text, rules="keras") == ["don't", "stop", "me", "now", "\r", "x\u2028y", "z"]


@pytest.mark.parametrize(
    "settings",
    [
        {"rules": "other"},
        {"min_length": 0},
        {"words": -1},
        {"words": 9},
        {"words": 0},
        {"characters": (0, 2)},
        {"characters": (3, 2)},
        {"strip": ("body",)},
    ],
)
def test_settings_out_of_range(settings: dict) -> None:
    with pytest.raises(SettingError):
        Features(**settings)


@pytest.mark.parametrize(("length", "is_field"), [(1, True), (76, True), (77, False)])
def test_the_name_of_a_header_field_has_76_characters_at_most(length: int, is_field: bool) -> None:
    text = f"{'n' * length}: value\nsubject: other"
    found = {token.text for token in tokenize(text, Features(words=1, fields=True))}
    assert (f"{'n' * length}: value" in found) == is_field


def test_composing_parts_long_runs_of_marks() -> None:
    composed = Features(words=1, nfc=True)
    short, long = "e" + "\u0323\u0301" * 15, "e" + "\u0323\u0301" * 16
    assert [token.text for token in tokenize(short, composed)] == [
        "ẹ" + "\u0323" * 14 + "\u0301" * 15
    ]
    (token,) = tokenize(long, composed)
    assert token.text.count("\u034f") == 1
    assert (token.start, token.end) == (0, len(token.text))
