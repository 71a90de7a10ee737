"""The quick plain path gives the features of the reference, for any text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.bags.features import Features
from satchel.bags.plain import feature_hashes
from satchel.bags.preparing import prepare
from satchel.bags.tokens import tokenize

PIECES = st.sampled_from(
    ["a", "Z", "é", "ß", "İ", "Σ", "ΑΣ", "ς", "\u0301", "\u200d", "\u200c", "\ufe0f", "1", "23"]
    + ["3.14", "1,000", ".", ",", "@", "://", ":", "/", " ", "  ", "\n", "\n\n", "\t", "\x00"]
    + [
        "漢",
        "字",
        "ひ",
        "カ",
        "ー",
        "ท",
        "ี่",
        "ខ",
        "မ",
        "ြ",
        "한",
        "국",
        "어",
        "ᄒ",
        "👩",
        "🏽",
        "🇩",
        "🇪",
    ]
    + ["❤", "©", "<", ">", "(", '"', "|", "--", "-- \n", "Subject: ", "from:", "_", "x", "\u2028"]
    + ["\x85", "\x1c", "\r\n", "שלום", "𐐀", "\U000e0067", "\ud7a3", "ﬁ", "٣", "Ǆ", "K", "½"]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=40).map("".join),
    st.text(max_size=60),
    st.text(alphabet=st.characters(max_codepoint=127), max_size=80),
)
FEATURES = st.builds(
    Features,
    rules=st.sampled_from(["satchel", "words", "keras"]),
    min_length=st.integers(1, 3),
    words=st.integers(1, 4),
    characters=st.sampled_from([None, (1, 1), (2, 3), (3, 5)]),
    fields=st.booleans(),
    nfc=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(TEXTS, FEATURES)
def test_plain_path_equals_reference(text: str, features: Features) -> None:
    hashes, kinds = feature_hashes(prepare(text, features), features)
    expected = Counter((token.hash, token.kind) for token in tokenize(text, features))
    assert Counter(zip(hashes.tolist(), kinds.tolist(), strict=True)) == expected


@pytest.mark.parametrize("rules", ["satchel", "words", "keras"])
@given(text=TEXTS)
@settings(deadline=None, max_examples=100)
def test_places_hold_the_token(text: str, rules) -> None:
    for token in tokenize(text, Features(rules=rules, words=1)):
        assert 0 <= token.start < token.end <= len(text)
        stretch = text[token.start : token.end]
        # A token may hold one half of what İ becomes; a stretch alone may end in another sigma.
        assert token.text.replace("ς", "σ") in stretch.lower().replace("ς", "σ")
