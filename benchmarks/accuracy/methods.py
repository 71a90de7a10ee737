"""Every method by name: from training texts, labels and test texts to answers.

Peers have their libraries' defaults but for what is said here; Satchel has its defaults but for
the effort. No method sees a test label.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Method = Callable[[Sequence[str], Sequence[Any], Sequence[str], int], Sequence[Any]]


def satchel(effort: str) -> Method:
    """Satchel at one effort; it finds out by itself whether documents have several labels."""

    def answer(texts, labels, test_texts, seed):
        import satchel as library

        classifier = library.TextClassifier(effort=effort, seed=seed).fit(texts, labels)
        return list(classifier.predict(test_texts))

    return answer


def linear_svm(pairs: bool) -> Method:
    """Sublinear tf-idf of words (and word pairs), linear SVM; one-vs-rest for several labels."""

    def answer(texts, labels, test_texts, seed):
        from sklearn.svm import LinearSVC

        train, test = _tf_idf(texts, test_texts, pairs)
        if not isinstance(labels[0], list):
            return LinearSVC(random_state=seed).fit(train, labels).predict(test).tolist()
        from sklearn.multiclass import OneVsRestClassifier

        binarizer, present = _indicators(labels)
        model = OneVsRestClassifier(LinearSVC(random_state=seed)).fit(train, present)
        return [list(row) for row in binarizer.inverse_transform(model.predict(test))]

    return answer


def complement_naive_bayes(texts, labels, test_texts, _seed):
    """Complement naive Bayes on sublinear tf-idf words, which serve it better than counts."""
    from sklearn.naive_bayes import ComplementNB

    train, test = _tf_idf(texts, test_texts, pairs=False)
    return ComplementNB().fit(train, labels).predict(test).tolist()


def fast_text(texts, labels, test_texts, seed):
    """FastText: learning rate 0.5, 25 epochs, word pairs; all else its defaults.

    It learns in the order of the lines, and fails where class follows class, so they are shuffled.
    """
    import fasttext

    names = sorted(set(labels))
    place = {label: index for index, label in enumerate(names)}
    lines = [
        f"__label__{place[label]} {_one_line(text)}\n"
        for text, label in zip(texts, labels, strict=True)
    ]
    random.Random(seed).shuffle(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(lines), encoding="utf-8")
        model = fasttext.train_supervised(
            str(path),
            lr=0.5,
            epoch=25,
            wordNgrams=2,
            seed=seed,
            thread=len(os.sched_getaffinity(0)),
            verbose=0,
        )
    # Its Python predict() does not work with NumPy 2; the call below it does.
    answers = [model.f.predict(_one_line(text) + "\n", 1, 0.0, "strict") for text in test_texts]
    commonest = max(names, key=list(labels).count)
    return [
        names[int(found[0][1].removeprefix("__label__"))] if found else commonest
        for found in answers
    ]


def logistic_regression(texts, labels, test_texts, seed):
    """One-vs-rest logistic regression; each label's threshold is the best by F1 in three folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier

    train, test = _tf_idf(texts, test_texts, pairs=False)
    binarizer, present = _indicators(labels)
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=seed))
    folds = KFold(3, shuffle=True, random_state=seed)
    held = cross_val_predict(model, train, present, cv=folds, method="predict_proba")
    thresholds = [
        _best_threshold(held[:, column], present[:, column]) for column in range(present.shape[1])
    ]
    chosen = model.fit(train, present).predict_proba(test) >= np.array(thresholds)
    return [list(row) for row in binarizer.inverse_transform(chosen.astype(int))]


SATCHEL = {f"satchel-{effort}": satchel(effort) for effort in ("fast", "balanced", "best")}
ONE_LABEL: dict[str, Method] = {
    **SATCHEL,
    "svm-words": linear_svm(pairs=False),
    "svm-pairs": linear_svm(pairs=True),
    "complement-nb": complement_naive_bayes,
    "fasttext": fast_text,
}
SEVERAL_LABELS: dict[str, Method] = {
    **SATCHEL,
    "svm-words": linear_svm(pairs=False),
    "svm-pairs": linear_svm(pairs=True),
    "logistic": logistic_regression,
}


def libraries(method: str) -> tuple[str, ...]:
    """Return what to import before the clock of a peer starts.

    Satchel chooses what it loads (its backend) while it trains, so its own time includes that.
    """
    if method in SATCHEL:
        return ("satchel",)
    if method == "fasttext":
        return ("fasttext",)
    return (
        "sklearn.feature_extraction.text",
        "sklearn.linear_model",
        "sklearn.model_selection",
        "sklearn.multiclass",
        "sklearn.naive_bayes",
        "sklearn.svm",
    )


def _tf_idf(texts: Sequence[str], test_texts: Sequence[str], pairs: bool) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2 if pairs else 1))
    return vectorizer.fit_transform(texts), vectorizer.transform(test_texts)


def _indicators(labels: Sequence[list[str]]) -> tuple[Any, np.ndarray]:
    from sklearn.preprocessing import MultiLabelBinarizer

    binarizer = MultiLabelBinarizer()
    return binarizer, binarizer.fit_transform(labels)


def _best_threshold(probabilities: np.ndarray, present: np.ndarray) -> float:
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(present[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + max(present.sum(), 1))
    return float(probabilities[order][f1.argmax()])


def _one_line(text: str) -> str:
    return " ".join(text.split())
