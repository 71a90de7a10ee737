"""What people reach for today: scikit-learn's tf-idf and a linear SVM."""

from __future__ import annotations

import time

import numpy as np
from benchmarks.tutorial.protocol import Documents, main
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC


def linear_svm(train: Documents, test: Documents, seed: int) -> dict:
    """Vectorise (words, sublinear tf-idf), train, score."""
    started = time.perf_counter()
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    x_train = vectorizer.fit_transform(train[0])
    vectorised = time.perf_counter()
    model = LinearSVC(random_state=seed).fit(x_train, train[1])
    fitted = time.perf_counter()
    answers = model.predict(vectorizer.transform(test[0]))
    return {
        "accuracy": float(np.mean(answers == np.array(test[1]))),
        "counts": {"vocabulary": len(vectorizer.vocabulary_), "answers": len(answers)},
        "stages": {
            "vectorising": vectorised - started,
            "fitting": fitted - vectorised,
            "scoring": time.perf_counter() - fitted,
        },
    }


if __name__ == "__main__":
    main(linear_svm)
