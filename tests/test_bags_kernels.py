"""The kernels count what the reference counts, for any text, in any chunks and threads."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.bags import Features, count, lookup, tokenize
from satchel.bags.kernels import numba_available
from test_bags_plain import FEATURES, TEXTS

pytestmark = pytest.mark.skipif(not numba_available(), reason="Numba is not installed")


@pytest.fixture(scope="module", autouse=True)
def _kernels_loaded() -> None:
    import satchel.bags.kernels.bag  # noqa: F401  (from now on they serve small texts too)


def reference(texts: list[str], features: Features) -> list[Counter[int]]:
    return [Counter(token.hash for token in tokenize(text, features)) for text in texts]


@settings(deadline=None, max_examples=400)
@given(st.lists(TEXTS, min_size=1, max_size=3), FEATURES)
def test_count_equals_reference(texts: list[str], features: Features) -> None:
    counts, rows = count(texts, features, threads=1)
    found = [
        Counter(
            dict(zip(counts.hashes[row.ids].tolist(), row.values.astype(int).tolist(), strict=True))
        )
        for row in (rows[number] for number in range(len(texts)))
    ]
    assert found == reference(texts, features)
    kinds = {token.hash: token.kind for text in texts for token in tokenize(text, features)}
    assert dict(zip(counts.hashes.tolist(), counts.kinds.tolist(), strict=True)) == kinds
    assert np.all(counts.hashes[1:] > counts.hashes[:-1])
    assert np.array_equal(counts.document_frequency, rows.column_counts())
    assert counts.documents == len(rows) == len(texts)


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, max_size=4), FEATURES)
def test_lookup_equals_reference(known: list[str], texts: list[str], features: Features) -> None:
    hashes = np.array(sorted(set().union(*reference(known, features))), np.uint64)
    rows = lookup(texts, features, hashes, threads=1)
    assert rows.columns == len(hashes)
    for number, expected in enumerate(reference(texts, features)):
        row = rows[number]
        wanted = {
            key: value for key, value in sorted(expected.items()) if key in set(hashes.tolist())
        }
        assert hashes[row.ids].tolist() == list(wanted)
        assert row.values.tolist() == list(wanted.values())
