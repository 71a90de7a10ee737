"""Train the three models and keep them in a folder; a model that is there is not trained again.

python -m benchmarks.predict.models --data DATA --models FOLDER
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.predict.documents import documents
from benchmarks.shared import machine

SATCHEL, SVM, FAST_TEXT = "news.satchel", "svm.joblib", "fasttext.bin"


def train_satchel(texts: list[str], labels: list[str], path: Path) -> None:
    """Satchel with its defaults."""
    import satchel

    satchel.TextClassifier(seed=0).fit(texts, labels).save(path)


def train_svm(texts: list[str], labels: list[str], path: Path) -> None:
    """Sublinear tf-idf and a linear SVM, all else scikit-learn's defaults."""
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0))
    joblib.dump(pipeline.fit(texts, labels), path)


def train_fast_text(texts: list[str], labels: list[str], path: Path) -> None:
    """Supervised fastText: learning rate 0.5, 25 epochs, word pairs, all else its defaults."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "train.txt"
        with lines.open("w", encoding="utf-8") as file:
            for text, label in zip(texts, labels, strict=True):
                file.write(f"__label__{label} {one_line(text)}\n")
        model = fasttext.train_supervised(
            str(lines),
            lr=0.5,
            epoch=25,
            wordNgrams=2,
            seed=0,
            thread=len(os.sched_getaffinity(0)),
            verbose=0,
        )
    model.save_model(str(path))


def shuffled(texts: list[str], labels: list[str]) -> tuple[list[str], list[str]]:
    """Mix the documents: fastText learns in their order, and fails where class follows class."""
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    return [texts[place] for place in order], [labels[place] for place in order]


def one_line(text: str) -> str:
    """Return a document as fastText wants it: one line; it treats other blanks by itself."""
    return text.replace("\n", " ")


TRAINERS = {SATCHEL: train_satchel, SVM: train_svm, FAST_TEXT: train_fast_text}


def ensure(data: Path, models: Path) -> None:
    """Train what is missing, in a process of its own: this one stays as small as a server's."""
    if all((models / name).exists() for name in TRAINERS):
        return
    command = [sys.executable, "-m", "benchmarks.predict.models"]
    command += ["--data", str(data.resolve()), "--models", str(models.resolve())]
    subprocess.run(command, cwd=machine.REPOSITORY, check=True)


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.models.mkdir(parents=True, exist_ok=True)
    texts, labels = shuffled(*documents(arguments.data, "train"))
    for name, train in TRAINERS.items():
        path = arguments.models / name
        if not path.exists():
            print(f"training {name} …", file=sys.stderr, flush=True)
            unfinished = path.with_name(f"unfinished-{name}")
            train(texts, labels, unfinished)
            unfinished.rename(path)


if __name__ == "__main__":
    main()
