"""The dense tutorial's network as it was saved: a ``.keras`` file and a pickled tokenizer.

    python -m benchmarks.startup.dense --data DATA --models FOLDER

Three epochs in place of thirty: how long a file takes to load does not depend on them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.predict.documents import documents
from benchmarks.shared import machine

NETWORK, TOKENIZER = "dense.keras", "tokenizer.joblib"
WORDS = 15_000
EPOCHS = 3


def ensure(data: Path, models: Path) -> None:
    """Train and save the network where it is not there, in a process of its own."""
    if (models / NETWORK).exists():
        return
    command = [sys.executable, "-m", "benchmarks.startup.dense"]
    command += ["--data", str(data.resolve()), "--models", str(models.resolve())]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run(command, cwd=machine.REPOSITORY, env=environment, check=True)


def main() -> None:
    """Train and save."""
    import joblib
    import keras
    import numpy as np
    from benchmarks.tutorial.old_tokenizer import OldTokenizer

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    texts, labels = documents(arguments.data, "train")
    keras.utils.set_random_seed(0)
    tokenizer = OldTokenizer(WORDS)
    tokenizer.fit_on_texts(texts)
    classes = sorted(set(labels))
    model = keras.Sequential(
        [
            keras.Input((WORDS,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(len(classes), activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    answers = np.array([classes.index(label) for label in labels])
    model.fit(tokenizer.tfidf_matrix(texts), answers, batch_size=100, epochs=EPOCHS, verbose=0)
    joblib.dump((tokenizer, classes), arguments.models / TOKENIZER)
    unfinished = arguments.models / f"unfinished-{NETWORK}"
    model.save(unfinished)
    unfinished.rename(arguments.models / NETWORK)


if __name__ == "__main__":
    main()
