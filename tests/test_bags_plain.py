"""The quick plain path gives the features of the reference, for any text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from bags_strategies import FEATURES, TEXTS
from satchel.bags.features import Features
from satchel.bags.plain import feature_hashes
from satchel.bags.preparing import prepare
from satchel.bags.tokens import tokenize


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
