"""Training on a stream of batches is training on all of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import satchel
from satchel.errors import LabelError, SettingError, TextError

TEXTS = [f"{'car engine wheel' if n % 2 else 'card deck game'} number {n}" for n in range(60)]
LABELS = ["cars" if n % 2 else "cards" for n in range(60)]


def saved(classifier: satchel.TextClassifier, folder: Path) -> bytes:
    classifier.save(folder / "m.satchel")
    return (folder / "m.satchel").read_bytes()


def tuples(step: int) -> Iterator[tuple[list[str], np.ndarray]]:
    for start in range(0, 60, step):
        yield TEXTS[start : start + step], np.array(LABELS[start : start + step])


@pytest.mark.parametrize("kind", ["tuples", "polars", "pandas", "pyarrow", "dict", "stream"])
def test_batches_give_the_file_that_all_at_once_give(kind: str, tmp_path: Path) -> None:
    wanted = saved(satchel.TextClassifier(effort="fast").fit(TEXTS, LABELS), tmp_path)
    batches: Iterator[Any] = tuples(7)
    makers: dict[str, Any] = {"polars": polars.DataFrame, "pandas": pandas.DataFrame}
    makers |= {"pyarrow": pyarrow.table, "dict": dict}
    if kind in makers:
        make = makers[kind]
        batches = (
            make({"id": range(len(texts)), "Message": texts, "Category": labels})
            for texts, labels in tuples(25)
        )
    elif kind == "stream":
        lines = [json.dumps({"text": t, "label": c}) for t, c in zip(TEXTS, LABELS, strict=True)]
        (tmp_path / "t.jsonl").write_text("\n".join(lines))
        batches = satchel.stream(tmp_path / "t.jsonl", documents=9)
    classifier = satchel.TextClassifier(effort="fast").fit_stream(batches)
    assert saved(classifier, tmp_path) == wanted


def test_weights_come_with_their_batches(tmp_path: Path) -> None:
    weights = np.linspace(0.5, 2, 60)
    whole = satchel.TextClassifier(effort="fast").fit(TEXTS, LABELS, sample_weight=weights)
    batches = (
        (texts, labels, weights[start : start + len(texts)])
        for start, (texts, labels) in zip(range(0, 60, 20), tuples(20), strict=True)
    )
    streamed = satchel.TextClassifier(effort="fast").fit_stream(batches)
    assert saved(streamed, tmp_path) == saved(whole, tmp_path)


def test_batches_that_make_no_sense_are_refused() -> None:
    classifier = satchel.TextClassifier(effort="fast")
    with pytest.raises(TextError, match="expected batches of documents, found none"):
        classifier.fit_stream([])
    with pytest.raises(TextError, match="columns by name as batch 2, found str"):
        classifier.fit_stream([(["a"], ["b"]), "text"])
    with pytest.raises(LabelError, match="in batch 1, found 1 labels for 2 texts"):
        classifier.fit_stream([(["a", "b"], ["x"])])
    with pytest.raises(SettingError, match="in every batch or in none"):
        classifier.fit_stream([(["a"], ["x"], [1.0]), (["b"], ["y"])])


def test_a_stream_has_the_rows_of_the_whole(tmp_path: Path) -> None:
    polars.DataFrame({"text": TEXTS, "label": LABELS, "n": range(60)}).write_parquet(
        tmp_path / "t.parquet"
    )
    whole = satchel.read(tmp_path / "t.parquet", labelled=False)
    parts = list(satchel.stream(tmp_path / "t.parquet", labelled=False, documents=7))
    assert [len(part) for part in parts] == [7] * 8 + [4]
    assert polars.concat(parts).equals(whole)
    with pytest.raises(SettingError, match="1 or more, found 0"):
        satchel.stream(tmp_path / "t.parquet", documents=0)


def test_a_table_of_pyarrow_is_checked_like_any_frame() -> None:
    table = pyarrow.table({"text": [*TEXTS, None], "label": [*LABELS, "cars"]})
    result = satchel.check(table)
    assert (result.documents, result.classes) == (60, {"cards": 30, "cars": 30})
    assert any("Rejected 1 row" in remark for remark in result.remarks)
