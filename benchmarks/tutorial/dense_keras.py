"""The 2018 tutorial's program, rewritten from its description on Keras 3: everything dense."""

from __future__ import annotations

import os
import time

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from benchmarks.tutorial.old_tokenizer import OldTokenizer
from benchmarks.tutorial.protocol import Documents, main

WORDS = 15_000
EPOCHS = 30
BATCH = 100


def dense_keras(train: Documents, test: Documents, seed: int) -> dict:
    """Vectorise to a dense matrix, train 512-512, score."""
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    tokenizer = OldTokenizer(WORDS)
    tokenizer.fit_on_texts(train[0])
    x_train, x_test = tokenizer.tfidf_matrix(train[0]), tokenizer.tfidf_matrix(test[0])
    classes = sorted(set(train[1]))
    place = {label: index for index, label in enumerate(classes)}
    y_train = np.eye(len(classes))[[place[label] for label in train[1]]]
    vectorised = time.perf_counter()

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
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1, verbose=0
    )
    fitted = time.perf_counter()

    answers = model.predict(x_test, batch_size=BATCH, verbose=0).argmax(axis=1)
    right = [classes[answer] == label for answer, label in zip(answers, test[1], strict=True)]
    return {
        "accuracy": float(np.mean(right)),
        "counts": {
            "vocabulary": WORDS - 1,
            "epochs": len(history.epoch),
            "parameters": model.count_params(),
            "answers": len(answers),
        },
        "stages": {
            "vectorising": vectorised - started,
            "fitting": fitted - vectorised,
            "scoring": time.perf_counter() - fitted,
        },
        "backend": keras.backend.backend(),
    }


if __name__ == "__main__":
    main(dense_keras)
