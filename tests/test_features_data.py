"""On the 20 Newsgroups: stripping as scikit-learn does it, and no collision among the hashes."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from bags_strategies import KEY
from satchel.features.counting import count
from satchel.features.preprocess import strip
from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize

DATA = Path(os.environ.get("SATCHEL_DATA", Path(__file__).parents[2] / "shared" / "data"))
ARCHIVE = DATA / "20news-bydate.tar.gz"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE} is not here: set SATCHEL_DATA"),
]


@pytest.fixture(scope="module")
def posts() -> list[str]:
    with tarfile.open(ARCHIVE) as archive:
        members = [member for member in archive if member.isfile()]
        return [archive.extractfile(member).read().decode("latin-1") for member in members[::5]]


def test_stripping_is_scikit_learns(posts: list[str]) -> None:
    theirs = pytest.importorskip("sklearn.datasets._twenty_newsgroups")
    for post in [*posts, "", "\n\n", "no blank line", "a\n\n", "--", "a\n--\n"]:
        assert strip(post, ("headers",)) == theirs.strip_newsgroup_header(post)
        assert strip(post, ("signatures",)) == theirs.strip_newsgroup_footer(post)
        assert strip(post, ("quotes",)) == theirs.strip_newsgroup_quoting(post)
        everything = theirs.strip_newsgroup_quoting(
            theirs.strip_newsgroup_footer(theirs.strip_newsgroup_header(post))
        )
        assert strip(post, ("quotes", "signatures", "headers")) == everything


def test_no_hashes_collide(posts: list[str]) -> None:
    theirs = pytest.importorskip("sklearn.feature_extraction.text").CountVectorizer
    counts, _ = count(posts, Features(rules="words", min_length=2, words=2, hash_key=KEY))
    assert len(counts) == len(theirs(ngram_range=(1, 2)).fit(posts).vocabulary_)
    some = posts[::40]
    features = Features(words=2, characters=(3, 5), fields=True, hash_key=KEY)
    names: dict[int, str] = {}
    for post in some:
        for token in tokenize(post, features):
            assert names.setdefault(token.hash, token.text) == token.text
    assert np.array_equal(count(some, features)[0].hashes, np.array(sorted(names), np.uint64))
