"""The same scores everywhere: python -m benchmarks.runtimes.run MODEL SOURCE."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.runtimes.one import RUNTIMES
from benchmarks.shared.results import write
from benchmarks.shared.tables import markdown

from satchel import load
from satchel.sources import read_documents

DOCUMENTS = 1_000


def main() -> None:
    """Measure and write."""
    model, source = sys.argv[1:]
    documents = read_documents(source)
    step = max(1, len(documents) // DOCUMENTS)
    texts = documents.texts[::step][:DOCUMENTS]
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "texts.json")
        given.write_text(json.dumps(texts), "utf-8")
        for runtime in RUNTIMES:
            out = Path(folder, "out.npy")
            command = [sys.executable, "-m", "benchmarks.runtimes.one", runtime, model, given, out]
            backend = {"KERAS_BACKEND": runtime.removeprefix("Keras on ")}
            subprocess.run(command, check=True, env=os.environ | backend)
            answers[runtime] = np.load(out)
    expected = answers["NumPy"]
    found = {
        runtime: {
            "largest_difference": float(np.abs(answer - expected).max()),
            "same_labels": int((answer.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        }
        for runtime, answer in answers.items()
    }
    lines = [
        [runtime, f"{facts['largest_difference']:.1e}", f"{facts['same_labels']:,}"]
        for runtime, facts in found.items()
    ]
    views = load(model).manifest.views
    page = (
        f"{len(texts):,} documents of `{Path(source).name}`; the model has {len(views)} views of "
        f"{', '.join(f'{view.size:,}' for view in views)} features.\n\n"
        + markdown(["runtime", "probabilities: largest difference", "same labels"], lines)
    )
    write("runtimes", "The same scores everywhere", page, found, Path(__file__).parent / "results")


if __name__ == "__main__":
    main()
