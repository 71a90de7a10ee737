"""Compression: the size asked for, the most worth within it, and answers close to the original."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from satchel.errors import SettingError
from satchel.features.embedding_bag import TextEncoder, quantized
from satchel.features.spec import Features
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Ensemble, History
from satchel.sealed.compress import compress, keep_members
from satchel.sealed.store import dumps, loads
from small_models import LINEAR, NETWORK, TEXTS, Head, make_ensemble

pytestmark = pytest.mark.fast

MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6), Head(scale=-2.0, view=1)]
TWO_VIEWS = [Features(), Features(words=0, characters=(2, 4))]
MANY = [Features(words=2, characters=(2, 6))]
ROOM_ENOUGH = 1 << 30


def share_of(model: Ensemble, share: float) -> int:
    """A part of the bytes that the model takes with all its entries as int8."""
    return int(len(dumps(compress(model, max_bytes=ROOM_ENOUGH))) * share)


def sizes(model: Ensemble) -> list[int]:
    return [view.size for view in model.views]


@settings(max_examples=25, deadline=None)
@given(st.integers(7_000, 30_000), st.sampled_from(["int8", "float16", "float32"]))
def test_a_compressed_model_has_the_size_asked_for_and_opens(size: int, rows: str) -> None:
    smaller = compress(make_ensemble(MIXED, features=TWO_VIEWS, rows=rows), max_bytes=size)
    data = dumps(smaller)
    assert len(data) <= size
    again = loads(data)
    assert all(view.rows.dtype == np.int8 for view in again.views)
    assert again.terms is None
    np.testing.assert_array_equal(Predictor(again).logits(TEXTS), Predictor(smaller).logits(TEXTS))


def test_one_entry_more_would_not_fit() -> None:
    model = make_ensemble([LINEAR], features=MANY)
    size = share_of(model, 0.5)
    (kept,) = sizes(compress(model, max_bytes=size))
    entry = 8 + 1 + 4 + 4
    assert 0 < kept < sizes(model)[0]
    assert len(dumps(compress(model, max_bytes=size))) > size - 2 * entry - 64


@pytest.mark.parametrize("rows", ["int8", "float16", "float32"])
def test_with_room_enough_every_entry_stays(rows: str) -> None:
    model = make_ensemble(MIXED, features=TWO_VIEWS, rows=rows)
    smaller = compress(model, max_bytes=ROOM_ENOUGH)
    assert sizes(smaller) == sizes(model)
    difference = np.abs(Predictor(smaller).logits(TEXTS) - Predictor(model).logits(TEXTS)).max()
    assert difference < 0.5


def test_entries_that_do_nothing_go_first() -> None:
    model = make_ensemble([LINEAR], features=MANY)
    rows = model.views[0].rows
    rows[::2] = 1.0  # the same for all classes: softmax does not see it
    smaller = compress(model, max_bytes=share_of(model, 0.4))
    kept = set(smaller.views[0].vocabulary.hashes.tolist())
    assert len(kept) <= len(rows[1::2])
    assert kept <= set(model.views[0].vocabulary.hashes[1::2].tolist())


def test_a_size_below_the_layers_is_refused() -> None:
    with pytest.raises(SettingError, match="cannot be compressed to 100 bytes"):
        compress(make_ensemble(), max_bytes=100)


def test_members_go_where_little_else_fits() -> None:
    model = make_ensemble([LINEAR, NETWORK], features=MANY)
    least = share_of(make_ensemble([LINEAR]), 1.0)
    roomy, tight = compress(model, max_bytes=share_of(model, 0.6)), compress(model, max_bytes=least)
    assert len(roomy.members) == 2
    (left,) = tight.members
    assert not left.layers
    assert tight.views[0].width == 4
    assert len(dumps(tight)) <= least


@pytest.mark.parametrize("kept", [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]])
@pytest.mark.parametrize("rows", ["float32", "int8"])
def test_members_that_stay_answer_as_before(kept: list[int], rows: str) -> None:
    model = make_ensemble(MIXED, features=TWO_VIEWS, rows=rows)
    sums, _ = TextEncoder(model.views).read_plain(TEXTS)
    each = [model.members[m](sums[model.members[m].view]) for m in kept]
    expected = np.sum(each, axis=0)
    fewer = keep_members(model, kept)
    assert len(dumps(fewer)) <= len(dumps(model))
    # What is unknown gets the prior, whoever is left.
    spoken = Predictor(fewer).columns(TEXTS).known > 0
    scores = Predictor(fewer).logits(TEXTS)
    np.testing.assert_allclose(scores[spoken], expected[spoken], atol=1e-5)


def test_the_history_of_a_member_goes_with_it() -> None:
    model = make_ensemble(MIXED, features=TWO_VIEWS)
    history = tuple(History(member=m, logs={"loss": (float(m),)}) for m in (2, 1, 1))
    training = msgspec.structs.replace(model.training, history=history)
    model = replace(model, training=training)
    kept = loads(dumps(keep_members(model, [0, 2]))).training.history
    assert kept == (History(member=1, logs={"loss": (2.0,)}),)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 8), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_int8_is_within_half_a_step(rows: np.ndarray) -> None:
    codes, scales = quantized(rows)
    assert codes.dtype == np.int8
    assert scales.dtype == np.float32
    assert np.isfinite(scales).all()
    error = np.abs(codes.astype(np.float64) * scales - rows)
    assert (error <= scales * 0.501 + 1e-30).all()
