"""20 Newsgroups by date, as issue 2 asks of it: where the data is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import satchel
from satchel.sources.reading import read_documents

DATA = Path(os.environ.get("SATCHEL_DATA", Path(__file__).parents[2] / "shared" / "data"))
NEWS = DATA / "20news-bydate.tar.gz"


@pytest.mark.data
@pytest.mark.skipif(not NEWS.is_file(), reason=f"no {NEWS}: set SATCHEL_DATA to its folder")
def test_the_default_beats_a_linear_svm_and_loads_to_the_bit(tmp_path: Path) -> None:
    train = read_documents(NEWS / "20news-bydate-train")
    test = read_documents(NEWS / "20news-bydate-test")
    classifier = satchel.TextClassifier().fit(train.texts, train.labels)
    evaluation = classifier.evaluate(test.texts, test.labels)
    assert evaluation.accuracy >= 0.865
    path = tmp_path / "news.satchel"
    classifier.save(path)
    loaded = satchel.load(path)
    some = test.texts[::10]
    np.testing.assert_array_equal(loaded.predict_proba(some), classifier.predict_proba(some))
    assert loaded.predict(some).tolist() == classifier.predict(some).tolist()
