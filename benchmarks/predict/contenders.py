"""The trained models behind one interface: many documents to labels, one document to a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.predict.models import FAST_TEXT, SATCHEL, SVM, one_line

_PREFIX = len("__label__")


@dataclass(frozen=True)
class Contender:
    """A loaded model.

    Attributes:
        name: For tables.
        threads: How many threads it uses.
        many: From documents to labels; all preparation that the program needs is inside.
        one: From a document to its label, by the quickest call that the program has.
    """

    name: str
    threads: int
    many: Callable[[list[str]], list[str]]
    one: Callable[[str], str]


def satchel(path: Path, threads: int, *, warm: bool = False) -> Contender:
    """Satchel through its public interface.

    Args:
        path: The model file.
        threads: For many documents.
        warm: Load the kernels at once, as a server does; else one document is answered with NumPy
            alone.
    """
    import satchel as library

    model = library.load(path)
    if warm:
        model.model.warm_up()
    return Contender(
        "Satchel",
        threads,
        lambda texts: model.predict(texts, threads=threads).tolist(),
        lambda text: model.predict([text])[0],
    )


def svm(path: Path) -> Contender:
    """scikit-learn's pipeline, which has one thread."""
    import joblib

    model = joblib.load(path)
    return Contender(
        "tf-idf + linear SVM (scikit-learn)",
        1,
        lambda texts: model.predict(texts).tolist(),
        lambda text: model.predict([text])[0],
    )


def fast_text(path: Path) -> Contender:
    """fastText, which has one thread, and keeps the interpreter's lock.

    ``model.predict`` of one text fails with NumPy 2 (``np.array(copy=False)``); that of a list does
    not, and neither does the binding below it, ``model.f.predict``. A document without any known
    word has no answer, which counts as wrong.
    """
    import fasttext

    model = fasttext.load_model(str(path))

    def many(texts: list[str]) -> list[str]:
        answers, _ = model.predict([one_line(text) for text in texts])
        return [answer[0][_PREFIX:] if answer else "" for answer in answers]

    def one(text: str) -> str:
        found = model.f.predict(one_line(text) + "\n", 1, 0.0, "strict")
        return found[0][1][_PREFIX:] if found else ""

    return Contender("fastText", 1, many, one)


def of_one_document(kind: str, models: Path) -> Contender:
    """Load what answers one document at a time.

    Args:
        kind: A key of ``ONE_AT_A_TIME``.
        models: The folder of the models.
    """
    if kind == "svm":
        return svm(models / SVM)
    if kind == "fasttext":
        return fast_text(models / FAST_TEXT)
    return satchel(models / SATCHEL, threads=1, warm=kind == "satchel-kernels")


ONE_AT_A_TIME = {
    "satchel-plain": "Satchel, plain path (Numba not loaded)",
    "satchel-kernels": "Satchel, kernels (after `warm_up()`)",
    "svm": "tf-idf + linear SVM (scikit-learn)",
    "fasttext": "fastText",
}
