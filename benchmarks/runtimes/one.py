"""The probabilities of one runtime: python -m benchmarks.runtimes.one RUNTIME MODEL TEXTS OUT."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from satchel.bags.sums import BagReader
from satchel.inference.forward import probabilities
from satchel.inference.model import Model
from satchel.sealed import read

_BATCH = 20
"""Documents at a time: an exported model pads them all to the longest."""


def _numpy(model: Model, texts: list[str]) -> np.ndarray:
    sums, _ = BagReader(model.views).read_plain(texts)
    return probabilities(model.scores_of_bags(sums), model.task)


def _numba(model: Model, texts: list[str]) -> np.ndarray:
    model.warm_up()
    return model.predict_proba(texts)


def _in_batches(
    model: Model, texts: list[str], answer: Callable[[dict[str, np.ndarray]], np.ndarray]
) -> np.ndarray:
    from satchel.exchange.bag_inputs import bag_inputs

    starts = range(0, len(texts), _BATCH)
    return np.concatenate(
        [answer(bag_inputs(model, texts[start : start + _BATCH])) for start in starts]
    )


def _onnx(model: Model, texts: list[str]) -> np.ndarray:
    import onnxruntime

    from satchel.exchange.onnx_export import to_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        to_onnx(model.parts, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return _in_batches(model, texts, lambda given: session.run(["probabilities"], given)[0])


def _keras(model: Model, texts: list[str]) -> np.ndarray:
    import keras

    from satchel.exchange.keras_export import to_keras

    assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
    network = to_keras(model.parts)
    return _in_batches(model, texts, lambda given: network.predict_on_batch(given))


RUNTIMES = {
    "NumPy": _numpy,
    "Numba": _numba,
    "ONNX": _onnx,
    "Keras on jax": _keras,
    "Keras on torch": _keras,
    "Keras on tensorflow": _keras,
}


def main() -> None:
    """Answer and save."""
    runtime, model, texts, out = sys.argv[1:]
    documents = json.loads(Path(texts).read_text("utf-8"))
    np.save(out, np.asarray(RUNTIMES[runtime](Model(read(model)), documents)))


if __name__ == "__main__":
    main()
