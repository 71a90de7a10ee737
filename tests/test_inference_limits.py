"""What a model may cost and say at most, whatever its file holds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from satchel import sealed
from satchel.errors import PredictionError, TextError
from satchel.features.spec import Features
from satchel.inference import predictor as model_module
from satchel.inference.columns import most_probable
from satchel.inference.explain import explain
from satchel.inference.structure import Task, Training
from satchel.model import Model
from satchel.sealed.assembly import Contents, ensemble_of
from satchel.sealed.schema import CalibrationEntry, LayerEntry
from satchel.sealed.store import pack, read_contents, unpack
from small_models import (
    LINEAR,
    NETWORK,
    TEXTS,
    Head,
    assigned,
    known_by_counts,
    make_contents,
    predictor,
    vocabulary,
    with_rows,
)

MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6), Head(scale=-2.0, view=1)]
TWO_VIEWS = [Features(fields=True), Features(words=0, characters=(2, 4))]
FROZEN = Path(__file__).parent / "formats" / "v1" / "linear.satchel"


def changed(parts: Contents, **fields: object) -> Contents:
    return replace(parts, manifest=msgspec.structs.replace(parts.manifest, **fields))


# Numbers that overflow.


def overflowing() -> Contents:
    """Five layers of the largest numbers that a file may hold."""
    layers = tuple(LayerEntry(kind="dense", units=4) for _ in range(5))
    parts = make_contents([Head(layers)])
    kernels = {f"member0.layer{n}.kernel": np.full((4, 4), 1e9, np.float32) for n in range(5)}
    # The last one turns infinity into NaN, for it multiplies it by zero.
    kernels["member0.layer4.kernel"][::2] = 0.0
    return replace(parts, arrays=parts.arrays | kernels)


def of_format_1() -> Contents:
    """A frozen model of format 1, whose numbers have no limit but float32's."""
    parts = read_contents(FROZEN)
    arrays = {
        name: np.full_like(array, 3e38) if array.dtype == np.float32 else array
        for name, array in parts.arrays.items()
    }
    arrays["view0.rows"][::2] *= -1
    return replace(parts, arrays=arrays)


@pytest.mark.parametrize("make", [overflowing, of_format_1])
@pytest.mark.parametrize("threads", [1, 2])
def test_numbers_that_overflow_are_told_and_never_answered(make, threads: int) -> None:
    model = predictor(unpack(pack(make())))
    texts = ["", *TEXTS[:3], "The bike's engine"] if make is overflowing else ["The bike's engine"]
    first = 1 if make is overflowing else 0
    for ask in (model.logits, model.columns, model.probabilities):
        with pytest.raises(PredictionError, match=f"document {first} are not"):
            ask(texts, threads=threads)
    whole = Model(model.model)
    for predict in (whole.predict, whole.predict_top):
        with pytest.raises(PredictionError, match="train the model again"):
            predict(texts)
    with pytest.raises(PredictionError):
        model.explain(texts[-1])


def test_the_largest_numbers_of_a_file_make_finite_bags() -> None:
    parts = make_contents([LINEAR])
    parts.arrays["view0.rows"][:] = 1e9
    parts.arrays["view0.weights"][:] = 1e9
    weighting = msgspec.structs.replace(
        parts.manifest.views[0].weighting, term_frequency="count", norm="none"
    )
    view = msgspec.structs.replace(parts.manifest.views[0], weighting=weighting)
    scores = predictor(changed(parts, views=(view,))).logits(["card " * 100_000])
    assert np.isfinite(scores).all()
    assert scores.min() > 1e22


def test_large_values_meet_float16_rows_as_they_do_others() -> None:
    parts = make_contents([LINEAR], rows="float16")
    parts.arrays["view0.weights"][:] = 1e6
    weighting = msgspec.structs.replace(parts.manifest.views[0].weighting, norm="none")
    halves = changed(
        parts, views=(msgspec.structs.replace(parts.manifest.views[0], weighting=weighting),)
    )
    view = msgspec.structs.replace(halves.manifest.views[0], rows="float32")
    wide = {"view0.rows": parts.arrays["view0.rows"].astype(np.float32)}
    singles = replace(changed(halves, views=(view,)), arrays=halves.arrays | wide)
    np.testing.assert_allclose(
        predictor(halves).logits(TEXTS), predictor(singles).logits(TEXTS), rtol=1e-4, atol=10
    )


# The prior, on every path.


def test_a_text_without_a_known_word_gets_the_shares_of_the_labels_on_every_path() -> None:
    parts = make_contents(MIXED, features=TWO_VIEWS)
    texts = ["", "0", *TEXTS]
    model, warm = predictor(parts), predictor(parts)
    unknown = model.columns(texts).known == 0
    assert unknown.sum() >= 3
    for each in (model, warm):
        rows = each.probabilities(texts)[unknown]
        np.testing.assert_allclose(rows, [[0.1, 0.4, 0.2, 0.3]] * len(rows), rtol=1e-6)
        assert each.columns([""]).label.tolist() == [1]
        assert Model(each.model).predict_top([""], k=2) == [
            [("graphics", pytest.approx(0.4)), ("sport", pytest.approx(0.3))]
        ]
        np.testing.assert_array_equal(each.columns(texts).known, known_by_counts(each, texts))
        explanation = each.explain("")
        assert (explanation.label, explanation.against) == ("graphics", "sport")
        assert explanation.margin == explanation.base == pytest.approx(np.log(4 / 3), abs=1e-6)
        assert (explanation.tokens, explanation.known, explanation.remainder) == ((), 0, 0.0)
        warm.warm_up()  # from here on the kernels read even a short text


def test_a_text_without_a_known_word_may_have_no_label_or_several() -> None:
    # Of 10 documents, thresholds 0.5 to 0.3.
    model = predictor(make_contents([NETWORK], task="multiple"))
    np.testing.assert_allclose(model.probabilities([""]), [[0.1, 0.4, 0.2, 0.3]], rtol=1e-6)
    assert assigned(model, [""]) == [(1,)]
    counts = Training(documents=10, class_counts=(10, 0, 5, 10))
    parts = changed(make_contents([NETWORK], task="multiple"), training=counts)
    np.testing.assert_allclose(predictor(parts).probabilities([""]), [[1, 0, 0.5, 1]], atol=1e-7)
    assert assigned(predictor(parts), [""]) == [(0, 2, 3)]


@pytest.mark.parametrize(
    "parts",
    [
        changed(make_contents([NETWORK]), training=Training(documents=9, class_counts=(0,) * 4)),
        read_contents(FROZEN),
    ],
    ids=["counts unknown", "format 1"],
)
def test_without_shares_the_biases_answer(parts: Contents) -> None:
    model = predictor(parts)
    nothing = [np.zeros((1, view.width), np.float32) for view in model.model.views]
    np.testing.assert_allclose(model.logits([""]), model.logits_of_sums(nothing), atol=1e-6)
    assert "biases" in model.prediction_without_features
    assert "prior" in predictor(make_contents()).prediction_without_features


# Calibration.

NUMBERS = st.floats(-4, 4, width=32)


@given(
    st.lists(NUMBERS, min_size=1, max_size=1) | st.lists(NUMBERS, min_size=4, max_size=4),
    st.lists(NUMBERS, min_size=1, max_size=1) | st.lists(NUMBERS, min_size=4, max_size=4),
    st.sampled_from(["single", "multiple"]),
)
def test_a_calibration_is_applied_to_the_sum(scale: list, shift: list, task: Task) -> None:
    parts = make_contents(MIXED, features=TWO_VIEWS, task=task)
    calibration = CalibrationEntry(scale=tuple(scale), shift=tuple(shift))
    calibrated = unpack(pack(changed(parts, calibration=calibration)))
    model = predictor(calibrated)
    known = model.columns(TEXTS).known > 0
    plain = predictor(parts).logits(TEXTS)
    expected = np.where(known[:, None], plain * np.array(scale) + np.array(shift), plain)
    np.testing.assert_allclose(model.logits(TEXTS), expected, atol=1e-4)
    for text, score in zip(TEXTS, model.logits(TEXTS).astype(float), strict=True):
        explanation = explain(model, text, label="space")
        margin = score[2]
        if explanation.against is not None:
            margin -= score[model.model.labels.index(explanation.against)]
        tokens = sum(token.value for token in explanation.tokens)
        assert explanation.margin == pytest.approx(margin, abs=1e-4)
        assert explanation.base + tokens == pytest.approx(explanation.margin, abs=1e-4)


# Blocks of documents.


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = make_contents(MIXED, features=TWO_VIEWS, task="multiple")
    whole, texts = predictor(parts), TEXTS * 3
    monkeypatch.setattr(model_module, "_BLOCK", 100)
    blocks = predictor(parts)
    assert blocks._block < len(texts) / 3
    np.testing.assert_allclose(blocks.logits(texts), whole.logits(texts), atol=1e-5)
    np.testing.assert_array_equal(blocks.columns(texts).known, whole.columns(texts).known)
    assert assigned(blocks, texts) == assigned(whole, texts)
    assert assigned(blocks, []) == []
    with pytest.raises(TextError, match="a string as document 20"):
        blocks.columns([*texts[:20], None])
    with pytest.raises(TextError, match="document 21, found the lone surrogate"):
        blocks.columns([*texts[:21], "\ud800"])


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 5), st.integers(1, 30)),
        elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
    st.data(),
)
def test_the_best_are_found_without_ranking_all(rows: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, rows.shape[1]))
    expected = np.argsort(-rows, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(most_probable(rows, k), expected)


def many_labels(labels: int, task: Task = "multiple", views: int = 1) -> Contents:
    """A model of many labels and of hardly a feature."""
    hashes, _, _ = vocabulary(["word"], Features(words=1))
    rows = np.linspace(-1, 1, labels).astype(np.float16)[None]
    return with_rows(rows, hashes, task=task, views=views)


def test_no_more_labels_hold_than_anybody_reads() -> None:
    model = predictor(many_labels(3_000))
    (answer,) = assigned(model, ["word"])
    assert answer == tuple(range(2_000, 3_000))  # the likeliest, in the order of the labels
    found = model.columns(["word"], top=2)
    assert found.assigned is not None
    assert found.assigned.labels.tolist() == list(reversed(answer))
    assert found.top_labels.tolist() == [found.assigned.labels[:2].tolist()]
    (nothing,) = assigned(model, [""])
    assert nothing == tuple(range(1_000))  # all are as likely: the first


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) << 20, int(sys.argv[1]) << 20))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"
"""


def run_limited(program: str, mebibytes: int, *arguments: object) -> str:
    command = [sys.executable, "-c", LIMITED + program, str(mebibytes), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_many_labels_that_all_hold_do_not_fill_the_memory(tmp_path: Path) -> None:
    # Ranking every label of every line took 4.1 GB.
    path = tmp_path / "model.satchel"
    sealed.write(path, ensemble_of(many_labels(65_536)))
    (tmp_path / "lines.txt").write_text("word\n" * 200, "utf-8")
    program = """
from satchel.cli import program
program.main(["predict", sys.argv[2], sys.argv[3], "--lines", "--json"], standalone_mode=False)
"""
    answers = json.loads(run_limited(program, 900, path, tmp_path / "lines.txt"))
    assert len(answers) == 200
    assert {len(answer["labels"]) for answer in answers} == {1_000}


def test_wide_views_do_not_fill_the_memory(tmp_path: Path) -> None:
    # A thousand documents took 1 GB for their sums alone, and as much again for the scores.
    path = tmp_path / "model.satchel"
    sealed.write(path, ensemble_of(many_labels(65_536, "single", views=4)))
    program = """
import satchel
model = satchel.load(sys.argv[2])
print(len(model.predict(["word"] * 1000)), len(model.predict_top(["word"] * 500, 3)))
"""
    assert run_limited(program, 700, path).split() == ["1000", "500"]


def test_one_long_label_does_not_fill_the_memory(tmp_path: Path) -> None:
    # An array of text gives every label the room of the longest: 260 MB here.
    parts = many_labels(65_536, "single")
    labels = list(parts.manifest.labels)
    labels[int(parts.arrays["view0.rows"].argmax())] = "x" * 1_000
    path = tmp_path / "model.satchel"
    sealed.write(path, ensemble_of(changed(parts, labels=tuple(labels))))
    program = """
import satchel
model = satchel.load(sys.argv[2])
print(model.classes_.nbytes, model.predict(["word"] * 100).nbytes, len(model.predict(["word"])[0]))
"""
    classes, answers, length = map(int, run_limited(program, 450, path).split())
    assert classes <= 8 * 65_536
    assert answers <= 8 * 100
    assert length == 1_000


@pytest.mark.parametrize("norm", ["l2", "l2_fields"])
@pytest.mark.parametrize("weight", [1e-45, 1e-38, 0.0])
def test_weights_next_to_nothing_are_numbers_on_every_path(norm: str, weight: float) -> None:
    parts = make_contents([LINEAR], features=[Features(fields=True)], rows="int8")
    parts.arrays["view0.weights"][:] = weight
    weighting = msgspec.structs.replace(parts.manifest.views[0].weighting, norm=norm)
    view = msgspec.structs.replace(parts.manifest.views[0], weighting=weighting)
    pytest.importorskip("numba")
    model = predictor(changed(parts, views=(view,)))
    for read in (model._encoder.read_plain, model._encoder.read_fused):
        (sums,), _ = read(TEXTS)
        np.testing.assert_allclose(sums, np.zeros_like(sums), atol=1e-30)
