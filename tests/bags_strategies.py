"""Hypothesis strategies of texts that are awkward to cut into tokens, and of features."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec.structs import replace

from satchel.features.hashing import NO_KEY, PRIME
from satchel.features.spec import Features

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
KEYS = st.sampled_from([1, 2, PRIME - 1]) | st.integers(1, PRIME - 1)
KEY = 0x1234_5678_9ABC_DEF1
"""A key for features that a test writes down: the kernels count none without."""

KEYED = st.builds(
    Features,
    rules=st.sampled_from(["satchel", "words", "keras"]),
    min_length=st.integers(1, 3),
    words=st.integers(1, 4),
    characters=st.sampled_from([None, (1, 1), (2, 3), (3, 5), (6, 9)]),
    fields=st.booleans(),
    nfc=st.booleans(),
    hash_key=KEYS,
)
FEATURES = st.one_of(KEYED, KEYED.map(lambda features: replace(features, hash_key=NO_KEY)))
"""Those of format 1 too, which have no key."""
