"""Hypothesis strategies of texts that are awkward to cut into tokens, and of features."""

from __future__ import annotations

from hypothesis import strategies as st

from satchel.bags.features import Features

_LETTERS = "a Z é ß İ Σ ΑΣ ς ﬁ ٣ Ǆ \u212a ½ _ שלום 𐐀 漢 字 ひ カ ー ท ี่ ខ မ ြ 한 국 어 ᄒ \ud7a3"
_SIGNS = '1 23 3.14 1,000 . , @ :// : / < > ( " | -- Subject: from: x@y.z 👩 🏽 🇩 🇪 ❤ ©'
PIECES = st.sampled_from(
    [
        *_LETTERS.split(),
        *_SIGNS.split(),
        *("\u0301", "\u200d", "\u200c", "\ufe0f", "\U000e0067"),
        *(" ", "  ", "\n", "\n\n", "\t", "\r\n", "\x00", "\x1c", "\x85", "\u2028", "\u3000"),
        *("-- \n", "\n> ", "\nSubject: "),
    ]
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
