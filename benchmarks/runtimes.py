"""Does one model file give the same probabilities on every runtime?

    python -m benchmarks.runtimes MODEL SOURCE [--documents N]

Needs the ``dev``, ``torch`` and ``tensorflow`` extras. A model predicts 1,000 documents of a
labelled source on NumPy alone, on Numba's kernels, exported to ONNX on onnxruntime, and exported to
Keras on JAX, PyTorch and TensorFlow, each in a process of its own. Prints the largest difference
from NumPy's probabilities, and how many labels are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import measure, peers, report

if TYPE_CHECKING:
    from satchel.model import Model

BATCH = 20
"""Documents at a time: an exported model pads them all to the longest."""


def _numpy(model: Model, texts: list[str]) -> np.ndarray:
    from satchel.features.embedding_bag import TextEncoder

    sums, _ = TextEncoder(model.ensemble.views).read_plain(texts)
    return model.ensemble.probabilities(model.predictor.logits_of_sums(sums))


def _numba(model: Model, texts: list[str]) -> np.ndarray:
    model.warm_up()
    return model.predict_proba(texts)


def _in_batches(
    model: Model, texts: list[str], predict: Callable[[dict[str, np.ndarray]], Any]
) -> np.ndarray:
    from satchel.exchange.keras import bag_inputs

    starts = range(0, len(texts), BATCH)
    return np.concatenate(
        [np.asarray(predict(bag_inputs(model, texts[start : start + BATCH]))) for start in starts]
    )


def _onnx(model: Model, texts: list[str]) -> np.ndarray:
    import onnxruntime

    from satchel.exchange.onnx import to_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        to_onnx(model.ensemble, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return _in_batches(model, texts, lambda given: session.run(["probabilities"], given)[0])


def _keras(model: Model, texts: list[str]) -> np.ndarray:
    import keras

    from satchel.exchange.keras import to_keras

    assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
    network = to_keras(model.ensemble)
    return _in_batches(model, texts, network.predict_on_batch)


RUNTIMES = {
    "NumPy": _numpy,
    "Numba": _numba,
    "ONNX": _onnx,
    "Keras on jax": _keras,
    "Keras on torch": _keras,
    "Keras on tensorflow": _keras,
}
MODULES = {
    "Numba": "numba",
    "ONNX": "onnxruntime",
    "Keras on jax": "jax",
    "Keras on torch": "torch",
    "Keras on tensorflow": "tensorflow",
}


def one(runtime: str, model: str, texts: str) -> list[list[float]]:
    """Return the probabilities of one runtime: one row per document of a JSON list of texts."""
    from satchel import load

    documents = json.loads(Path(texts).read_text("utf-8"))
    rows: list[list[float]] = RUNTIMES[runtime](load(model), documents).tolist()
    return rows


def main() -> None:
    """Measure, write, print."""
    from satchel import load
    from satchel.errors import SatchelError
    from satchel.sources.reading import read_documents

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a model file")
    parser.add_argument("source", type=Path, help="a labelled source, as `satchel train` reads it")
    parser.add_argument("--documents", type=int, default=1_000)
    report.add_results_argument(parser)
    arguments = parser.parse_args()
    about = measure.machine()
    try:
        views = load(arguments.model).ensemble.views
        documents = read_documents(str(arguments.source))
    except SatchelError as error:
        raise SystemExit(str(error)) from None
    step = max(1, len(documents) // arguments.documents)
    texts = documents.texts[::step][: arguments.documents]
    runtimes = peers.present(RUNTIMES, MODULES)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "texts.json")
        given.write_text(json.dumps(texts), "utf-8")
        for runtime in runtimes:
            backend = {"KERAS_BACKEND": runtime.removeprefix("Keras on ")}
            done = measure.call(one, runtime, arguments.model, given, environment=backend)
            rows[runtime] = np.array(done.answer)
    expected = rows["NumPy"]
    found = {
        runtime: {
            "largest_difference": float(np.abs(row - expected).max()),
            "same_labels": int((row.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        }
        for runtime, row in rows.items()
    }
    lines = [
        [runtime, f"{facts['largest_difference']:.1e}", f"{facts['same_labels']:,}"]
        for runtime, facts in found.items()
    ]
    page = (
        f"{len(texts):,} documents of `{arguments.source.name}`; the model has {len(views)} views "
        f"of {', '.join(f'{view.size:,}' for view in views)} features.\n\n"
        + report.markdown(["runtime", "probabilities: largest difference", "same labels"], lines)
        + peers.left_out(RUNTIMES, runtimes)
    )
    title = "The same probabilities everywhere"
    print(report.write("runtimes", title, page, found, about, arguments.results))


if __name__ == "__main__":
    main()
