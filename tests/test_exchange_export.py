"""Exported models give the scores of the model they came from."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel import sealed
from satchel.errors import SaveError
from satchel.exchange.keras import bag_inputs, padded, save_keras, to_keras
from satchel.exchange.onnx import to_onnx
from satchel.features.csr import CSRMatrix
from satchel.features.spec import Features
from satchel.inference.activations import ActivationName
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Calibration, Ensemble, Training
from satchel.model import Model
from small_models import (
    LINEAR,
    NETWORK,
    NORMED,
    TEXTS,
    Head,
    make_ensemble,
    one_activation,
)

# Keras's torch and TensorFlow backends call NumPy 2 so.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6), Head(scale=-2.0, view=1)]
TWO_VIEWS = [Features(fields=True), Features(words=0, characters=(2, 4))]


def example(name: str) -> Ensemble:
    """A model for each thing that an export must carry."""
    if name == "mixed":
        return make_ensemble(MIXED, features=TWO_VIEWS)
    if name == "calibrated":
        parts = make_ensemble(MIXED, features=TWO_VIEWS, task="multiple")
        scale, shift = np.float32([0.5, 2.0, 1.0, -1.0]), np.float32([0.25])
        return replace(parts, calibration=Calibration(scale, shift))
    if name == "no prior":
        parts = make_ensemble([NETWORK])
        training = Training(documents=9, class_counts=(0, 0, 0, 0))
        return replace(parts, training=training)
    if name == "float16":
        return make_ensemble([NETWORK, LINEAR], rows="float16")
    if name == "int8":
        return make_ensemble([NETWORK, LINEAR], rows="int8")
    if name == "multiple":
        return make_ensemble([NETWORK], task="multiple")
    return make_ensemble([NORMED if name == "normed" else LINEAR])


EXAMPLES = [
    *("linear", "mixed", "float16", "int8", "multiple", "normed", "calibrated", "no prior"),
]


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=5).map(sorted), max_size=5))
def test_padding_keeps_every_entry(ids: list[list[int]]) -> None:
    flat = [one for row in ids for one in row]
    offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)
    values = np.arange(1, len(flat) + 1, dtype=np.float32)
    padded_ids, padded_values = padded(CSRMatrix(offsets, np.array(flat, np.int32), values, 10))
    assert padded_ids.shape == padded_values.shape == (len(ids), max([1, *map(len, ids)]))
    for number, row in enumerate(ids):
        rest = padded_ids.shape[1] - len(row)
        assert padded_ids[number].tolist() == row + [10] * rest
        start, stop = offsets[number : number + 2]
        assert padded_values[number].tolist() == values[start:stop].tolist() + [0.0] * rest


def onnx_answers(parts: Ensemble, path: Path) -> tuple[np.ndarray, np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    to_onnx(parts, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["probabilities", "scores"], bag_inputs(Model(parts), TEXTS))


@pytest.mark.parametrize("name", EXAMPLES)
def test_onnx_answers_as_the_model(name: str, tmp_path: Path) -> None:
    parts = example(name)
    probabilities, scores = onnx_answers(parts, tmp_path / "model.onnx")
    np.testing.assert_allclose(probabilities, Predictor(parts).probabilities(TEXTS), atol=1e-5)
    np.testing.assert_allclose(scores, Predictor(parts).logits(TEXTS), atol=1e-5)


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_onnx_has_every_activation(name: ActivationName, tmp_path: Path) -> None:
    parts = make_ensemble([one_activation(name)])
    _, scores = onnx_answers(parts, tmp_path / "model.onnx")
    np.testing.assert_allclose(scores, Predictor(parts).logits(TEXTS), atol=1e-5)


def test_an_onnx_file_is_whole_and_says_what_it_is(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    to_onnx(example("int8"), tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    model = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    assert any(tensor.data_type == onnx.TensorProto.INT8 for tensor in model.graph.initializer)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["labels"]) == ["cars", "graphics", "space", "sport"]
    assert (facts["task"], facts["label_type"]) == ("single", "str")


def test_the_same_model_gives_the_same_onnx_bytes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for name in ("a", "b"):
        to_onnx(example("mixed"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_onnx_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(SaveError):
        to_onnx(example("linear"), tmp_path / "no folder" / "model.onnx")


@pytest.mark.parametrize("name", ["mixed", "int8", "multiple", "normed", "calibrated", "no prior"])
def test_keras_answers_as_the_model(name: str) -> None:
    keras = pytest.importorskip("keras")
    parts = example(name)
    model = Predictor(parts)
    answers = to_keras(parts)(bag_inputs(Model(model.model), TEXTS))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(answers), model.probabilities(TEXTS), atol=1e-5
    )


def test_keras_has_every_activation() -> None:
    keras = pytest.importorskip("keras")
    parts = make_ensemble([one_activation(name) for name in get_args(ActivationName)])
    model = Predictor(parts)
    answers = keras.ops.convert_to_numpy(to_keras(parts)(bag_inputs(Model(model.model), TEXTS)))
    np.testing.assert_allclose(answers, model.probabilities(TEXTS), atol=1e-5)


def test_a_saved_keras_model_needs_no_satchel(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    parts = make_ensemble([*MIXED, one_activation("gelu_tanh")], features=TWO_VIEWS, rows="int8")
    scale, shift = np.float32([0.5]), np.float32([0.25, 0.0, 0.0, 1.0])
    parts = replace(parts, calibration=Calibration(scale, shift))
    model = to_keras(parts)
    modules = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert modules == {"keras"}
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    inputs = bag_inputs(Model(parts), TEXTS)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(again(inputs)), keras.ops.convert_to_numpy(model(inputs))
    )


def run_export(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "satchel", "export", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", ["keras", "onnx"])
@pytest.mark.parametrize("name", ["x.foo", "x", "x.h5", "x.{other}"])
def test_an_output_of_another_kind_is_refused_before_the_work(
    target: str, name: str, tmp_path: Path
) -> None:
    other = "onnx" if target == "keras" else "keras"
    output = tmp_path / name.format(other=other)
    # The model is not even opened.
    done = run_export(str(tmp_path / "no.satchel"), "--to", target, "-o", str(output))
    assert done.returncode == 2
    assert done.stderr.startswith(f"satchel: expected --output to end in .{target}")
    assert not output.exists()


@pytest.mark.parametrize("target", ["keras", "onnx"])
def test_the_default_name_and_any_spelling_of_the_suffix_serve(target: str, tmp_path: Path) -> None:
    pytest.importorskip(target)
    sealed.write(tmp_path / "m.satchel", example("linear"))
    for options, name in (([], f"m.{target}"), (["-o", str(tmp_path / "N.X")], "N.X")):
        given = [each.replace("N.X", f"N.{target.upper()}") for each in options]
        done = run_export(str(tmp_path / "m.satchel"), "--to", target, *given)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name.replace("N.X", f"N.{target.upper()}")).stat().st_size > 1000
    assert not list(tmp_path.glob("*.tmp"))


def test_a_keras_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    with pytest.raises(SaveError, match="there is no folder"):
        save_keras(example("linear"), tmp_path / "no folder" / "m.keras")
