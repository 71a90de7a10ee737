"""Dividing documents on the command line, as the tutorial did and otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from satchel.cli.division import divide
from satchel.errors import LabelError, SettingError
from satchel.sources.documents import Documents


def made(texts: list[str]) -> Documents:
    return Documents(
        [str(n) for n in range(len(texts))], texts, ["ab"[n % 2] for n in range(len(texts))]
    )


@given(
    st.lists(st.sampled_from("pqrstuvwxyz"), min_size=2, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(0, 3),
    st.integers(0, 99),
)
def test_the_tutorials_division_keeps_copies_of_a_text_on_one_side(
    texts: list[str], share: float, hold_out: int, seed: int
) -> None:
    try:
        parts = divide(made(texts), share, hold_out, seed, as_tutorial=True)
    except (SettingError, LabelError):
        assume(False)
    assert parts.test is not None
    sides = [part.texts for part in (parts.train, parts.test, parts.held_out)]
    assert sum(map(len, sides)) == len(texts)
    assert sum(len(set(side)) for side in sides) == len(set(texts))
    assert len(parts.held_out) == hold_out
    assert len(parts.train)
    assert len(parts.test)
    largest = max(texts.count(text) for text in texts)
    assert abs(len(parts.test) - share * (len(texts) - hold_out)) <= largest


def test_without_copies_the_tutorials_division_is_its_shuffle() -> None:
    documents = made([f"text {n}" for n in range(100)])
    parts = divide(documents, 0.2, 5, 7, as_tutorial=True)
    order = np.random.default_rng(7).permutation(95)
    assert parts.train.names == [str(n) for n in order[:76]]
    assert parts.test is not None
    assert parts.test.names == [str(n) for n in order[76:]]
    assert parts.held_out.names == [str(n) for n in range(95, 100)]
    assert divide(documents, 0.0, 0, 7, as_tutorial=True).test is None


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(LabelError, match="two distinct texts"):
        divide(made(["x"] * 9), 0.2, 0, 0, as_tutorial=True)
    with pytest.raises(SettingError, match="expected --hold-out to be 0 to 1 of 5 documents"):
        divide(made(["x", "x", "y", "z", "X"]), 0.2, 2, 0, as_tutorial=True)
