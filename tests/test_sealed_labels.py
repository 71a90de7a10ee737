"""Labels as text in a file and as people gave them: there and back, for every type."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satchel.errors import LabelError
from satchel.inference.structure import LabelType
from satchel.sealed.labels import array_of, fault_of, text_of, type_of, values_of
from satchel.search.targets import encode

pytestmark = pytest.mark.fast

VALUES = {
    "str": st.text(min_size=1, max_size=200),
    "int": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**64 - 1).map(abs),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
}
SAME_TYPE = st.sampled_from([*VALUES]).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.lists(VALUES[kind], min_size=1, max_size=6, unique=True)
    )
)


@given(SAME_TYPE)
@example(("str", ["a", "a\0"]))  # NumPy's text of fixed width drops a NUL at the end
@example(("int", [-1, 2**63]))
def test_labels_come_back_as_they_were(drawn: tuple[LabelType, list]) -> None:
    kind, labels = drawn
    texts = [text_of(label) for label in labels]
    fault = fault_of(texts, kind)
    if kind == "int" and min(labels) < 0 and max(labels) >= 2**63:
        assert fault == "the integers fit neither int64 nor uint64"
        return
    assert fault == ""
    again = values_of(texts, kind)
    assert again == labels
    assert [type(label) for label in again] == [type(label) for label in labels]
    array = array_of(again, kind)
    assert array.tolist() == labels
    assert type_of(array) == kind


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *((dtype, "int") for dtype in ("int8", "int64", "uint16", "uint64")),
        *((dtype, "float") for dtype in ("float16", "float32", "float64")),
        ("bool", "bool"),
        ("U5", "str"),
    ],
)
def test_numpy_scalars_have_the_text_of_their_value(dtype: str, kind: LabelType) -> None:
    for label in np.array([0, 1], dtype=dtype):
        assert fault_of([text_of(label)], kind) == ""
        assert values_of([text_of(label)], kind) == [label]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        *((([text]), "int") for text in ("", "01", "+1", " 1", "1_0", "1.0", "٣", "0x1", "-0")),
        *((([text]), "float") for text in ("1", "1e0", "nan", "Infinity", "0.10", ".5", "1_0.0")),
        *((([text]), "bool") for text in ("true", "0", "", "None")),
        (["0.0", "-0.0"], "float"),
        (["-1", str(2**63)], "int"),
        ([str(2**64)], "int"),
        (["9" * 1000], "int"),
    ],
)
def test_a_label_that_is_written_otherwise_is_a_fault(texts: list[str], kind: LabelType) -> None:
    assert fault_of(texts, kind)


def test_one_long_label_does_not_make_all_of_them_long() -> None:
    labels = ["a", "b" * 1000]
    assert array_of(labels, "str").dtype == object
    assert array_of(["a", "b" * 100], "str").dtype == "<U100"
    targets = encode(labels * 50_000)
    assert targets.labels.tolist() == labels
    assert targets.labels.nbytes < 100


@pytest.mark.parametrize(
    "labels",
    [
        [2**64, 1],
        [2**63, -1],
        [1 + 2j, 1],
        [np.datetime64("2026-01-01"), np.datetime64("2026-01-02")],
        [b"a", b"b"],
        [np.longdouble(1), np.longdouble(2)],
        [(2**64, 1), (1,)],
    ],
    ids=str,
)
def test_labels_that_no_file_carries_are_told_before_training(labels: list) -> None:
    with pytest.raises(LabelError, match="turn them into text"):
        encode(labels)


@given(st.lists(st.sets(st.integers(-12, 12), max_size=3), min_size=2, max_size=9))
def test_several_labels_keep_their_type_and_its_order(rows: list[set[int]]) -> None:
    every = sorted(set().union(*rows))
    if len(every) < 2:
        return
    targets = encode([tuple(row) for row in rows])
    assert targets.labels.dtype == np.int64
    assert targets.labels.tolist() == every
    assert targets.label_texts == [str(label) for label in every]
    found = [set(targets.labels[row > 0].tolist()) for row in targets.table()]
    assert found == rows


def test_types_of_several_labels_are_not_mixed() -> None:
    with pytest.raises(LabelError, match="mixed"):
        encode([("a", 1), ("b",)])


def test_a_float_label_is_its_shortest_digits() -> None:
    assert text_of(0.1) == "0.1"
    assert text_of(math.inf) == "inf"
    assert values_of([text_of(np.float32(0.1))], "float") == [np.float32(0.1)]
