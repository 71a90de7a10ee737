"""Labels as numbers and back, for one and for several labels per document."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.errors import LabelError
from satchel.search.targets import Targets, encode
from strategies import labels as label_texts

pytestmark = pytest.mark.fast

single = st.one_of(
    st.lists(label_texts, min_size=2, max_size=20),
    st.lists(st.integers(-5, 5), min_size=2, max_size=20),
).filter(lambda labels: len(set(labels)) > 1)
several = st.lists(
    st.lists(st.sampled_from("abcdé中"), max_size=4, unique=True), min_size=2, max_size=20
).filter(lambda rows: len({label for row in rows for label in row}) > 1)


@given(single)
def test_the_numbers_lead_back_to_the_labels(labels: list) -> None:
    targets = encode(labels)
    assert targets.task == "single"
    assert targets.labels[targets.classes].tolist() == labels
    assert targets.labels.tolist() == sorted(set(labels))


@given(several, st.sampled_from([tuple, list, set, frozenset]))
def test_the_table_leads_back_to_the_sets_of_labels(rows: list, container: type) -> None:
    targets = encode([container(row) for row in rows])
    assert targets.task == "multiple"
    found = [set(targets.labels[row > 0].tolist()) for row in targets.table()]
    assert found == [set(row) for row in rows]


@given(st.one_of(single, several))
def test_pairs_counts_and_table_tell_the_same(labels: list) -> None:
    targets = encode(labels)
    table = np.zeros((len(labels), len(targets.labels)))
    np.add.at(table, targets.one_by_one(), 1)
    np.testing.assert_array_equal(table, targets.table())
    np.testing.assert_array_equal(table.sum(axis=0), targets.counts())


@given(st.one_of(single, several), st.data())
def test_some_documents_keep_all_labels(labels: list, data: st.DataObject) -> None:
    targets = encode(labels)
    places = data.draw(st.lists(st.integers(0, len(labels) - 1)).map(lambda p: np.array(p, int)))
    some = targets[places]
    assert isinstance(some, Targets)
    assert len(some) == len(places)
    np.testing.assert_array_equal(some.table(), targets.table()[places])
    np.testing.assert_array_equal(some.labels, targets.labels)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, "U1", bool])
def test_the_type_of_the_labels_stays(dtype: Any) -> None:
    given_labels = np.array([1, 0, 1], dtype=dtype)
    assert encode(list(given_labels)).labels.dtype == given_labels.dtype


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a", None, "b"], "found None at 1"),
        (["a", "b", float("nan")], "found nan at 2"),
        (["a", " ", "b"], "found ' ' at 1"),
        (["a", ("b",)], "'a' is a single label"),
        (["a", 1], "text and numbers mixed"),
        (["a", "a"], "one class, 'a'"),
        ([("a",), ("a",)], "one class, 'a'"),
        ([(), ()], "found none"),
        ([], "found none"),
    ],
)
def test_labels_that_make_no_task_are_told(labels: list, told: str) -> None:
    with pytest.raises(LabelError, match="expected") as raised:
        encode(labels)
    assert told in str(raised.value)


@pytest.mark.parametrize("missing", [None, "", " ", float("nan")])
def test_a_missing_label_among_several_is_told(missing: object) -> None:
    with pytest.raises(LabelError, match="expected a label"):
        encode([("a", "b"), ("a", missing)])


def test_a_label_too_long_for_a_satchel_is_told_before_training() -> None:
    with pytest.raises(LabelError, match="1,000"):
        encode(["a", "b" * 1_001])
