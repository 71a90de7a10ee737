"""The programs whose start is timed: what a user would write to answer one document."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.predict import models
from benchmarks.shared import machine
from benchmarks.startup.dense import NETWORK, TOKENIZER

_READ = "text = open(sys.argv[2], encoding='utf-8').read()\n"

EMPTY = "pass"
SATCHEL = "import sys, satchel\n" + _READ + "print(satchel.load(sys.argv[1]).predict([text])[0])\n"
SVM = "import sys, joblib\n" + _READ + "print(joblib.load(sys.argv[1]).predict([text])[0])\n"
FAST_TEXT = (
    "import sys, fasttext\n"
    + _READ
    + "model = fasttext.load_model(sys.argv[1])\n"
    + "line = text.replace('\\n', ' ') + '\\n'\n"
    + "print(model.f.predict(line, 1, 0.0, 'strict')[0][1][len('__label__'):])\n"
)
KERAS = (
    "import sys, joblib, keras\n"
    + _READ
    + "tokenizer, labels = joblib.load(sys.argv[3])\n"
    + "model = keras.saving.load_model(sys.argv[1])\n"
    + "scores = model.predict(tokenizer.tfidf_matrix([text]), verbose=0)\n"
    + "print(labels[scores.argmax()])\n"
)


@dataclass(frozen=True)
class Program:
    """One row of the table.

    Attributes:
        name: For tables.
        command: Its words; files are absolute paths.
        files: What a deployment has to carry.
        environment: What is added to the environment.
    """

    name: str
    command: list[str]
    files: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def empty(python: str = sys.executable) -> Program:
    """Python that does nothing: what every other row has too."""
    return Program("`python -c pass`", [python, "-c", EMPTY])


def satchel(model: Path, document: Path, python: str = sys.executable) -> Program:
    """Satchel from Python."""
    return Program("Satchel", [python, "-c", SATCHEL, str(model), str(document)], (model,))


def programs(folder: Path, document: Path) -> list[Program]:
    """Return all programs, the empty one first.

    Args:
        folder: The trained models, an absolute path.
        document: The text to answer, an absolute path.
    """
    python = sys.executable
    sealed, svm, fast_text = (
        folder / name for name in (models.SATCHEL, models.SVM, models.FAST_TEXT)
    )
    network, tokenizer = folder / NETWORK, folder / TOKENIZER
    script = Path(python).with_name("satchel")
    command_line = [str(script)] if script.exists() else [python, "-m", "satchel"]
    return [
        empty(),
        satchel(sealed, document),
        Program(
            "`satchel predict MODEL FILE`",
            [*command_line, "predict", str(sealed), str(document)],
            (sealed,),
        ),
        Program(
            "tf-idf + linear SVM (scikit-learn, joblib)",
            [python, "-c", SVM, str(svm), str(document)],
            (svm,),
        ),
        Program("fastText", [python, "-c", FAST_TEXT, str(fast_text), str(document)], (fast_text,)),
        Program(
            "dense Keras on JAX, `.keras` and tokenizer",
            [python, "-c", KERAS, str(network), str(document), str(tokenizer)],
            (network, tokenizer),
            # The tokenizer's class is looked up in this repository.
            {"KERAS_BACKEND": "jax", "PYTHONPATH": str(machine.REPOSITORY)},
        ),
    ]
