"""The keyed hash: what docs/tokens.md says of it, and what attacks on tables and look-ups cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bags_strategies import KEY, KEYED, KEYS, TEXTS
from satchel.errors import SettingError
from satchel.features.counting import count
from satchel.features.embedding_bag import TextEncoder
from satchel.features.hashing import (
    ADDRESS_SALT,
    CHARACTER_SALT,
    FIELD_SALT,
    NO_KEY,
    PRIME,
    WORD_SALT,
    derived_key,
    digest_texts,
    hash_text,
    mix,
)
from satchel.features.kernels import numba_available
from satchel.features.spec import Features, Weighting
from satchel.features.vocabulary import HashIndex, transform
from small_models import make_view

KINDS = {WORD_SALT: 1, ADDRESS_SALT: 2, CHARACTER_SALT: 3, FIELD_SALT: 4}
SALTS = st.sampled_from([*KINDS])
TOKENS = st.one_of(TEXTS, st.text("a\x00", max_size=40))


def coefficients(token: str, salt: int) -> list[int]:
    """The polynomial of a token as the page describes it, the coefficient of the power 1 last."""
    data = token.encode()
    blocks = [data[place : place + 7] for place in range(0, len(data), 7)] or [b""]
    numbers = [int.from_bytes(block, "big") for block in blocks]
    numbers[-1] += 256 ** len(blocks[-1])
    numbers[0] += KINDS[salt] * 2**58
    return numbers


@given(TOKENS, SALTS, KEYS)
def test_the_hash_is_the_polynomial_of_the_page(token: str, salt: int, key: int) -> None:
    powers = range(len(coefficients(token, salt)), 0, -1)
    value = sum(
        coefficient * pow(key, power, PRIME)
        for coefficient, power in zip(coefficients(token, salt), powers, strict=True)
    )
    assert hash_text(token, salt, key) == mix(value % PRIME)


@given(TOKENS, SALTS, TOKENS, SALTS)
@example("\x00" * 7 + "a", WORD_SALT, "a", WORD_SALT)
@example("a", WORD_SALT, "a\x00", WORD_SALT)
@example("", WORD_SALT, "", ADDRESS_SALT)
def test_different_tokens_have_different_polynomials(
    one: str, one_salt: int, other: str, other_salt: int
) -> None:
    # Their difference, over its factor k, then has fewer roots than the longer has blocks: so many
    # keys at most let the two collide.
    first, second = coefficients(one, one_salt), coefficients(other, other_salt)
    for polynomial in (first, second):
        assert all(0 <= coefficient < PRIME for coefficient in polynomial)
        assert polynomial[0] != 0
    assert (first == second) == ((one, one_salt) == (other, other_salt))


def test_a_collision_that_was_made_is_none_under_a_key() -> None:
    one, other = "8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"  # well known, of 64-bit FNV-1a
    assert hash_text(one) == hash_text(other)
    assert hash_text(one, WORD_SALT, KEY) != hash_text(other, WORD_SALT, KEY)


def test_the_page_states_its_examples() -> None:
    page = (Path(__file__).parents[1] / "docs" / "tokens.md").read_text("utf-8")
    assert "Under the key 1,000,000,007" in page
    (block,) = coefficients("free", WORD_SALT)
    assert f"`{block:016x}`" in page
    for word in ("free", "antidisestablishment"):
        assert f"`{hash_text(word, WORD_SALT, 1_000_000_007):016x}`" in page


@pytest.mark.parametrize("key", [-1, PRIME, 2**64])
def test_a_key_lies_below_the_prime(key: int) -> None:
    with pytest.raises(SettingError, match="hash_key"):
        Features(hash_key=key)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_keys_tell_texts_apart(one: list[str], other: list[str]) -> None:
    first, second = (derived_key(digest_texts(texts).digest()) for texts in (one, other))
    assert (first == second) == (one == other)
    assert 2 <= first <= PRIME - 2


@pytest.mark.skipif(not numba_available(), reason="Numba is not installed")
class TestTables:
    """What tables of the kernels do with hashes that somebody chose."""

    @given(
        texts=st.lists(TEXTS, min_size=1, max_size=3),
        features=KEYED,
        placements=st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=2),
    )
    def test_no_answer_depends_on_the_placement(
        self, texts: list[str], features: Features, placements: list[int]
    ) -> None:
        import satchel.features.kernels.bag  # noqa: F401  (from now on the kernels serve)
        from satchel.features.kernels import text as settings

        pass

        answers = []
        with pytest.MonkeyPatch.context() as patch:
            for placement in placements:
                patch.setattr(settings, "PLACEMENT", placement | 1)
                counts, rows = count(texts, features, threads=1)
                known = HashIndex(counts.hashes[::2].copy())
                again = transform(texts, features, known)
                table = np.arange(2 * len(known), dtype=np.float32).reshape(-1, 2)
                ones = np.ones(len(known), np.float32)
                reader = TextEncoder([make_view(features, Weighting(), known.hashes, ones, table)])
                (sums,), found = reader.read_fused(texts, threads=1)
                counted = (counts.hashes, counts.kinds, counts.document_frequency)
                kept = (rows.offsets, rows.ids, rows.values, again.ids, again.values)
                answers.append((*counted, *kept, sums, found))
        for one, other in zip(*answers, strict=True):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("spacing", [1, 2**16, 2**32, 2**48])
    def test_hashes_made_alike_spread_over_a_table(self, spacing: int) -> None:
        from satchel.features.kernels.text import first_slot, slot_shift

        shift = slot_shift.py_func(8192)
        hashes = [np.uint64(number * spacing + 99) for number in range(4096)]
        random = np.random.default_rng(0)
        used = []
        for _ in range(20):
            placement = np.uint64(2 * int(random.integers(2**63)) + 1)
            with np.errstate(over="ignore"):
                slots = {int(first_slot.py_func(each, placement, shift)) for each in hashes}
            assert max(slots) < 8192
            used.append(len(slots))
        # By chance alone 4,096 hashes would use 3,200 slots.
        assert np.mean(used) > 2000


FLOODED = f"""
import itertools, resource, string, sys
import satchel.features.kernels.text as settings
from satchel.features import Features, count
from satchel.features.hashing import hash_text
import satchel.features.kernels.bag
if sys.argv[1:]:
    settings.PLACEMENT = int(sys.argv[1])
features = Features(words=1, hash_key={KEY})
count(["warm"], features)
# Whoever knows the key makes words for one stretch of a table that goes by the first bits.
words = map("".join, itertools.product(string.ascii_lowercase, repeat=7))
words = (word for word in words if hash_text(word, 0, {KEY}) < 1 << 59)
words = list(itertools.islice(words, 20_000))
used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 10, int(used) + 10))
counts, _ = count([" ".join(words)] * 100, features, threads=1)
assert len(counts) == 20_000
"""


@pytest.mark.skipif(not numba_available(), reason="Numba is not installed")
def test_words_made_for_one_stretch_of_a_table_cost_no_more_than_others() -> None:
    # Placed by their own first bits they take a minute; by a drawn number, half a second.
    subprocess.run([sys.executable, "-c", FLOODED], check=True)


def test_a_bucket_that_somebody_filled_is_halved() -> None:
    word = hash_text("word", WORD_SALT, KEY)
    spread = np.random.default_rng(0).integers(0, 2**64 - 1, 50_000, dtype=np.uint64)
    below = word - 1 - np.arange(1000, dtype=np.uint64)
    assert not HashIndex(np.unique(spread)).crowded
    assert not HashIndex(np.zeros(0, np.uint64)).crowded
    assert HashIndex(np.unique(np.concatenate([spread, below]))).crowded


CROWDED = f"""
import resource
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
import numpy as np
from satchel.features import Features, HashIndex, TextEncoder, View, Vocabulary
from satchel.features import Weighting, transform
from satchel.features.hashing import hash_text
features = Features(words=1, hash_key={KEY})
word = hash_text("word", 0, {KEY})
known = HashIndex(word - np.arange(4_000_000, dtype=np.uint64)[::-1])
ones = np.ones(len(known), np.float32)
texts = ["word " * 300] * 2000
kinds = ones.astype(np.uint8)
vocabulary = Vocabulary(features, Weighting(norm="none"), known.hashes, kinds, ones)
reader = TextEncoder([View(vocabulary, ones[:, None])])
(sums,), found = reader.read(texts)
assert found.tolist() == [[1]] * 2000
assert transform(texts, features, known).lengths.tolist() == [1] * 2000
"""


def test_millions_of_hashes_just_below_one_word_cost_nothing() -> None:
    # Walking through the bucket took 12 ms a document.
    subprocess.run([sys.executable, "-c", CROWDED], check=True)


def test_features_without_a_key_never_meet_a_kernel() -> None:
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import satchel.features.kernels as kernels
kernels.WORTH_STARTING = 10
from satchel.features import Features, count, transform
from satchel.errors import SatchelWarning
counts, _ = count(["some words here"] * 9, Features())
transform(["some words"] * 9, Features(), counts.hashes)
assert "numba" not in sys.modules
warnings.simplefilter("error")
try:
    kernels._warn_slow.cache_clear()
    count(["some words here"] * 9, Features())
except SatchelWarning as warning:
    print(warning)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert "format 1" in done.stdout
    assert NO_KEY == 0
