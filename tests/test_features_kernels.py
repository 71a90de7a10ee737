"""The kernels count what the reference counts, for any text, in any chunks and threads."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bags_strategies import KEY, KEYED, TEXTS
from satchel.errors import TextError
from satchel.features.batches import long_documents
from satchel.features.counting import count
from satchel.features.embedding_bag import TextEncoder, shared_features
from satchel.features.kernels import numba_available
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import HashIndex, transform
from satchel.features.weighting import weigh
from small_models import make_view

pytestmark = pytest.mark.skipif(not numba_available(), reason="Numba is not installed")


@pytest.fixture(scope="module", autouse=True)
def _kernels_loaded() -> None:
    import satchel.features.kernels.bag  # noqa: F401  (from now on they serve small texts too)


@pytest.fixture
def plain_path(monkeypatch: pytest.MonkeyPatch):
    """Turns the kernels off from when it is called."""

    def turn() -> None:
        for room in ("counting", "vocabulary", "embedding_bag"):
            module = sys.modules[f"satchel.features.{room}"]
            monkeypatch.setattr(module, "use_kernels", lambda *_: False)

    return turn


def reference(texts: list[str], features: Features) -> list[Counter[int]]:
    return [Counter(token.hash for token in tokenize(text, features)) for text in texts]


@settings(deadline=None, max_examples=400)
@given(st.lists(TEXTS, min_size=1, max_size=3), KEYED)
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
@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, max_size=4), KEYED)
def test_lookup_equals_reference(known: list[str], texts: list[str], features: Features) -> None:
    hashes = np.array(sorted(set().union(*reference(known, features))), np.uint64)
    rows = transform(texts, features, hashes, threads=1)
    assert rows.columns == len(hashes)
    for number, expected in enumerate(reference(texts, features)):
        row = rows[number]
        wanted = {key: expected[key] for key in hashes.tolist() if key in expected}
        assert hashes[row.ids].tolist() == list(wanted)
        assert row.values.tolist() == list(wanted.values())


HOSTILE = {
    "one word": "a" * 1_000_000,
    "one capital word": "Ж" * 100_000,
    "one-letter words": "a " * 100_000,
    "addresses": "a@" * 100_000,
    "schemes": "a://" * 100_000,
    "apart": "a@b " * 100_000,
    "brackets": "a@b(" * 100_000,
    "numbers": "1.1," * 100_000,
    "numbers that fail": "1." * 100_000 + "1a",
    "sigmas": "aΣ" + ":" * 100_000 + "Σ" * 100_000,
    "ignorable": "Σ:" * 100_000,
    "marks": "\u0301" * 100_000,
    "joiners": "👩\u200d" * 100_000,
    "flags": "🇩" * 100_001,
    "han": "漢字" * 50_000,
    "hangul": "한" * 100_000,
    "headers": "a: b\n" * 100_000,
    "quotes": "\n>" * 100_000,
    "digits": "1" * 200_000,
    "long names": f"{'a' * 50_000}: b\n" * 2 + "a " * 50_000,
    "many names": "".join(f"a{number}: b{number}\n" for number in range(20_000)),
    "nul": "\x00" * 500_000,
    "right to left": "שלום " * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_linear_time(name: str, plain_path) -> None:
    features = Features(words=2, fields=True, hash_key=KEY)
    by_kernel = count([HOSTILE[name]], features, threads=1)
    plain_path()
    by_hand = count([HOSTILE[name]], features)
    assert np.array_equal(by_kernel[0].hashes, by_hand[0].hashes)
    assert np.array_equal(by_kernel[0].kinds, by_hand[0].kinds)
    assert np.array_equal(by_kernel[1].values, by_hand[1].values)


def test_ten_megabytes_of_one_word() -> None:
    counts, rows = count(
        ["wOrd" * 2_500_000, "a " * 1_000_000], Features(words=2, hash_key=KEY), threads=2
    )
    assert counts.document_frequency.tolist() == [1, 1, 1]
    assert sorted(rows.values.tolist()) == [1.0, 999_999.0, 1_000_000.0]


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    random = np.random.default_rng(5)
    alphabet = np.array([*"abcdeé漢한İΣ .,@\n>", " ", " ", " ", "👩"])
    lengths = random.geometric(1 / 150, size=1000)
    return ["".join(random.choice(alphabet, size=length)) for length in lengths]


@pytest.mark.parametrize(
    "features",
    [
        Features(words=2, fields=True, hash_key=KEY),
        Features(rules="words", words=1, characters=(2, 4), hash_key=KEY),
    ],
    ids=["fields", "characters"],
)
def test_threads_chunks_and_path_change_nothing(features, corpus, plain_path, monkeypatch) -> None:
    counts, rows = count(corpus, features, threads=1)
    known = HashIndex(counts.hashes[::2].copy())
    looked_up = transform(corpus, features, known, threads=1)

    def same() -> None:
        again, rows_again = count(corpus, features, threads=3)
        looked_up_again = transform(corpus, features, known, threads=3)
        for one, other in (
            (counts.hashes, again.hashes),
            (counts.kinds, again.kinds),
            (counts.document_frequency, again.document_frequency),
            (rows.offsets, rows_again.offsets),
            (rows.ids, rows_again.ids),
            (rows.values, rows_again.values),
            (looked_up.offsets, looked_up_again.offsets),
            (looked_up.ids, looked_up_again.ids),
            (looked_up.values, looked_up_again.values),
        ):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)

    same()
    monkeypatch.setattr("satchel.features.batches.CHUNK_DOCUMENTS", 70)
    same()
    plain_path()
    same()


@pytest.mark.parametrize("term_frequency", ["binary", "count", "freq", "log"])
@pytest.mark.parametrize("norm", ["none", "l2"])
def test_fused_sums_equal_rows(term_frequency, norm, corpus) -> None:
    features = Features(words=2, hash_key=KEY)
    weighting = Weighting(term_frequency=term_frequency, norm=norm)
    known = HashIndex(count(corpus[:300], features)[0].hashes[::3].copy())
    random = np.random.default_rng(0)
    weights = random.uniform(0.5, 8, len(known)).astype(np.float32)
    matrix = random.normal(size=(len(known), 13)).astype(np.float32)
    texts = [*corpus[200:400], "", "nothing known"]
    rows = weigh(transform(texts, features, known), weights, weighting)
    expected = rows.to_scipy() @ matrix.astype(np.float64)
    tolerance = 1e-6 * np.maximum(1, np.abs(rows.to_scipy()) @ np.abs(matrix))
    table = make_view(features, weighting, known.hashes, weights, matrix)
    reader = TextEncoder([table])
    (one,), known_one = reader.read_fused(texts, threads=1)
    (two,), known_two = reader.read_fused(texts, threads=2)
    assert np.array_equal(one, two)
    assert np.array_equal(known_one, known_two)
    assert known_one.dtype == np.int32
    assert np.array_equal(known_one[:, 0], rows.lengths)
    assert np.all(np.abs(one - expected) <= tolerance)
    assert np.all(np.abs(table.sums(rows) - expected) <= tolerance)
    (plain,), known_plain = reader.read_plain(texts)
    assert np.array_equal(known_plain, known_one)
    assert np.all(np.abs(plain - one) <= tolerance)


def test_long_documents_are_read_in_windows(corpus, monkeypatch) -> None:
    features = Features(words=2, characters=(2, 4), fields=True, hash_key=KEY)
    known = HashIndex(count(corpus[:300], features)[0].hashes[::3].copy())
    ones = np.ones(len(known), np.float32)
    rows = np.random.default_rng(0).normal(size=(len(known), 5)).astype(np.float32)
    reader = TextEncoder([make_view(features, Weighting(), known.hashes, ones, rows)])
    texts = [*corpus[:40], "\n\n".join(corpus[40:60]), *corpus[60:80], "\n\n".join(corpus[80:90])]
    (expected,), expected_known = reader.read_fused(texts)
    looked_up = transform(texts, features, known)
    monkeypatch.setattr("satchel.features.batches.LONG", max(map(len, corpus[:80])))
    monkeypatch.setattr("satchel.features.windows.WINDOW", 1_000)
    monkeypatch.setattr("satchel.features.plain._HELD", 3_000)
    assert len(long_documents(texts)) == 2
    (sums,), found = reader.read(texts)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found, expected_known)
    (again,) = reader.counts(texts)
    for one in (transform(texts, features, known), again):
        assert np.array_equal(one.offsets, looked_up.offsets)
        assert np.array_equal(one.ids, looked_up.ids)
        assert np.array_equal(one.values, looked_up.values)
    texts[-1] += "\ud800"
    with pytest.raises(TextError, match="document 61, found the lone surrogate"):
        reader.read(texts)


@pytest.mark.parametrize("weight", [1.0, 65_535.0, 65_536.0, 1e9, 1e30])
def test_large_values_of_half_precision_rows_are_right_on_both_paths(weight: float) -> None:
    features = Features(words=1, hash_key=KEY)
    known = HashIndex(count(["some words"], features)[0].hashes)
    weights = np.array([weight, 1.0], np.float32)
    rows = np.array([[1e-4, -2.0], [6e-8, 3.0]], np.float16)
    table = make_view(features, Weighting(norm="none"), known.hashes, weights, rows)
    exact = weights.astype(np.float64) @ rows.astype(np.float64)
    for read in (TextEncoder([table]).read_fused, TextEncoder([table]).read_plain):
        (sums,), _ = read(["words some"])
        np.testing.assert_allclose(sums[0], exact, rtol=1e-6)


def test_field_tokens_are_normed_apart() -> None:
    texts = ["Subject: ice hockey\nFrom: a@b.c\n\nthe puck " + "the goal " * 50, "no header here"]
    features = Features(fields=True, hash_key=KEY)
    counts, rows = count(texts, features)
    weighting = Weighting(norm="l2_fields")
    fields = counts.kinds >= 64
    weights = np.linspace(0.5, 2.0, len(fields)).astype(np.float32)
    weighed = weigh(rows, weights, weighting, fields)
    first = slice(int(weighed.offsets[0]), int(weighed.offsets[1]))
    own = fields[weighed.ids[first]]
    assert np.linalg.norm(weighed.values[first][own]) == pytest.approx(0.5, abs=1e-6)
    assert np.linalg.norm(weighed.values[first][~own]) == pytest.approx(1.0, abs=1e-6)
    matrix = np.random.default_rng(0).normal(size=(len(fields), 5)).astype(np.float32)
    table = make_view(features, weighting, counts.hashes, weights, matrix, kinds=counts.kinds)
    for read in (TextEncoder([table]).read_fused, TextEncoder([table]).read_plain):
        (sums,), _ = read(texts)
        np.testing.assert_allclose(sums, table.sums(weighed), rtol=1e-5, atol=1e-6)


WORDS = [
    Features(words=1, hash_key=KEY),
    Features(words=2, fields=True, hash_key=KEY),
    Features(characters=(2, 4), hash_key=KEY),
]
OTHER = [
    Features(rules="words", words=1, hash_key=KEY),
    Features(words=0, characters=(3, 3), hash_key=KEY),
]


@pytest.mark.parametrize("several", [WORDS, [*WORDS, *OTHER], OTHER], ids=["one", "three", "two"])
@pytest.mark.parametrize("rows", ["float32", "int8", "mixed"])
def test_tables_read_together_equal_tables_read_alone(several, rows, corpus) -> None:
    random = np.random.default_rng(1)
    tables = []
    for number, features in enumerate(several):
        counts, _ = count(corpus[:200], features)
        some = random.random(len(counts)) < 0.5
        shape = (int(some.sum()), number + 2)
        int8 = rows == "int8" or (rows == "mixed" and number % 2)
        cells = random.integers(-127, 128, shape).astype(np.int8)
        tables.append(
            make_view(
                features,
                Weighting(term_frequency=("log", "freq", "count")[number % 3], norm="l2_fields"),
                counts.hashes[some],
                random.uniform(0.5, 8, shape[0]).astype(np.float32),
                cells if int8 else cells.astype(np.float32),
                random.uniform(0.1, 1, shape[1]).astype(np.float32) if number else None,
                counts.kinds[some],
            )
        )
    texts = [*corpus[150:300], "", "nothing known"]
    together = TextEncoder(tables)
    for table, found in zip(tables, together.counts(texts), strict=True):
        alone = transform(texts, table.vocabulary.features, table.vocabulary.index)
        for part in ("offsets", "ids", "values"):
            np.testing.assert_array_equal(getattr(found, part), getattr(alone, part))
    for read in (together.read_fused, together.read_plain):
        sums, known = read(texts)
        for place, table in enumerate(tables):
            alone = transform(texts, table.vocabulary.features, table.vocabulary.index)
            assert np.array_equal(known[:, place], alone.lengths)
            expected = table.sums(table.vocabulary.weigh(alone))
            np.testing.assert_allclose(sums[place], expected, rtol=1e-4, atol=1e-3)


def test_features_that_differ_in_more_than_how_much_they_count_are_not_shared() -> None:
    plain = Features(words=1, hash_key=KEY)
    assert shared_features([plain, Features(words=3, fields=True, hash_key=KEY)]) == Features(
        words=3, fields=True, hash_key=KEY
    )
    assert shared_features([plain, Features(words=0, characters=(2, 3), hash_key=KEY)]) == Features(
        words=1, characters=(2, 3), hash_key=KEY
    )
    for other in (
        Features(rules="keras", words=1, hash_key=KEY),
        Features(words=1, min_length=2, hash_key=KEY),
        Features(words=1, nfc=True, hash_key=KEY),
        Features(words=1, strip=("quotes",), hash_key=KEY),
        Features(words=1, hash_key=KEY + 1),
    ):
        assert shared_features([plain, other]) is None
    grams = [
        Features(words=0, characters=(2, 3), hash_key=KEY),
        Features(words=0, characters=(2, 4), hash_key=KEY),
    ]
    assert shared_features(grams) is None
