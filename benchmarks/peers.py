"""The programs that Satchel is measured beside, and Satchel as a program among them.

Peers have their libraries' defaults but for what is said here; Satchel has its defaults. No program
sees a test label. What is not installed is left out, which `present` says on standard error.

Only the standard library is imported here, as in all that ``benchmarks.startup`` imports: the peak
memory of a process begins with that of the process which started it.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from benchmarks import data, measure

if TYPE_CHECKING:
    import numpy as np

Entry = TypeVar("Entry")
Effort = Literal["fast", "balanced", "best"]
Method = Callable[[Sequence[str], Sequence[Any], Sequence[str], int], Sequence[Any]]
"""From training texts, their labels, test texts and a seed to the labels of the test texts."""
Step = Callable[[], Any]
Counting = Callable[[list[str], list[str]], tuple[Step, Step]]
"""From training and test texts to two functions: one learns a vocabulary, the other applies it."""

FAST_TEXT = "fasttext"
DISTRIBUTIONS = {FAST_TEXT: "fasttext-wheel", "sklearn": "scikit-learn"}
_PREFIX = "__label__"


def present(programs: Mapping[str, Entry], modules: Mapping[str, str]) -> dict[str, Entry]:
    """Return the programs whose modules are installed; one line per other says how to get it.

    Args:
        programs: By name.
        modules: For some of the names, a module outside the standard library that they need.
    """
    found = {}
    for name, program in programs.items():
        module = modules.get(name)
        if module is None or importlib.util.find_spec(module):
            found[name] = program
        else:
            package = DISTRIBUTIONS.get(module, module)
            print(f"left out: {name} (pip install {package})", file=sys.stderr, flush=True)
    return found


def left_out(asked: Iterable[str], measured: Iterable[str]) -> str:
    """Return a sentence for the page about the programs that were not installed, or nothing."""
    names = [name for name in asked if name not in set(measured)]
    return f"\nLeft out, not installed: {', '.join(names)}.\n" if names else ""


# Methods of training and prediction


def satchel(effort: Effort) -> Method:
    """Satchel at one effort; it finds out by itself whether documents have several labels."""

    def predict(
        texts: Sequence[str], labels: Sequence[Any], test_texts: Sequence[str], seed: int
    ) -> list[Any]:
        import satchel as library

        classifier = library.TextClassifier(effort=effort, seed=seed).fit(texts, labels)
        return list(classifier.predict(test_texts))

    return predict


def linear_svm(pairs: bool) -> Method:
    """Sublinear tf-idf of words (and word pairs), linear SVM; one-vs-rest for several labels."""

    def predict(
        texts: Sequence[str], labels: Sequence[Any], test_texts: Sequence[str], seed: int
    ) -> list[Any]:
        from sklearn.svm import LinearSVC

        train, test = _tf_idf(texts, test_texts, pairs)
        if not isinstance(labels[0], list):
            fitted = LinearSVC(random_state=seed).fit(train, labels)
            return list(fitted.predict(test).tolist())
        from sklearn.multiclass import OneVsRestClassifier

        binarizer, indicators = _indicators(labels)
        model = OneVsRestClassifier(LinearSVC(random_state=seed)).fit(train, indicators)
        return [list(row) for row in binarizer.inverse_transform(model.predict(test))]

    return predict


def complement_naive_bayes(
    texts: Sequence[str], labels: Sequence[Any], test_texts: Sequence[str], _seed: int
) -> list[Any]:
    """Complement naive Bayes on sublinear tf-idf words, which serve it better than counts."""
    from sklearn.naive_bayes import ComplementNB

    train, test = _tf_idf(texts, test_texts, pairs=False)
    return list(ComplementNB().fit(train, labels).predict(test).tolist())


def logistic_regression(
    texts: Sequence[str], labels: Sequence[Any], test_texts: Sequence[str], seed: int
) -> list[Any]:
    """One-vs-rest logistic regression; each label's threshold is the best by F1 in three folds."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier

    train, test = _tf_idf(texts, test_texts, pairs=False)
    binarizer, indicators = _indicators(labels)
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=seed))
    folds = KFold(3, shuffle=True, random_state=seed)
    held = cross_val_predict(model, train, indicators, cv=folds, method="predict_proba")
    thresholds = [
        _best_threshold(held[:, column], indicators[:, column])
        for column in range(indicators.shape[1])
    ]
    chosen = model.fit(train, indicators).predict_proba(test) >= np.array(thresholds)
    return [list(row) for row in binarizer.inverse_transform(chosen.astype(int))]


def fast_text(
    texts: Sequence[str], labels: Sequence[str], test_texts: Sequence[str], seed: int
) -> list[str]:
    """FastText as `train_fast_text` trains it; without a known word it predicts the commonest."""
    model = train_fast_text(texts, labels, seed)
    commonest = Counter(labels).most_common(1)[0][0]
    return [fast_text_label(model, text) or commonest for text in test_texts]


EFFORTS: tuple[Effort, ...] = ("fast", "balanced", "best")
SATCHEL = {f"satchel-{effort}": satchel(effort) for effort in EFFORTS}
ONE_LABEL: dict[str, Method] = {
    **SATCHEL,
    "svm-words": linear_svm(pairs=False),
    "svm-pairs": linear_svm(pairs=True),
    "complement-nb": complement_naive_bayes,
    FAST_TEXT: fast_text,
}
SEVERAL_LABELS: dict[str, Method] = {
    **SATCHEL,
    "svm-words": linear_svm(pairs=False),
    "svm-pairs": linear_svm(pairs=True),
    "logistic": logistic_regression,
}


def libraries(method: str) -> tuple[str, ...]:
    """Return what to import before the clock of a method starts.

    Satchel chooses what it loads (its backend) while it trains, so its own time includes that.
    """
    if method in SATCHEL:
        return ("satchel",)
    if method == FAST_TEXT:
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
    import numpy as np

    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(present[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + max(present.sum(), 1))
    return float(probabilities[order][f1.argmax()])


def train_fast_text(texts: Sequence[str], labels: Sequence[str], seed: int) -> Any:
    """Train fastText: learning rate 0.5, 25 epochs, word pairs; all else its defaults.

    It learns in the order of the lines, and fails where class follows class, so they are shuffled.
    """
    import fasttext

    lines = [
        f"{_PREFIX}{label} {_one_line(text)}\n" for text, label in zip(texts, labels, strict=True)
    ]
    random.Random(seed).shuffle(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(lines), encoding="utf-8")
        return fasttext.train_supervised(
            str(path),
            lr=0.5,
            epoch=25,
            wordNgrams=2,
            seed=seed,
            thread=len(os.sched_getaffinity(0)),
            verbose=0,
        )


def fast_text_label(model: Any, text: str) -> str:
    """Return the label of one text, or nothing where fastText knows none of its words.

    ``model.predict`` of one text fails with NumPy 2 (``np.array(copy=False)``); the binding below
    it works, and is the quickest call that there is.
    """
    found = model.f.predict(_one_line(text) + "\n", 1, 0.0, "strict")
    return found[0][1].removeprefix(_PREFIX) if found else ""


def _one_line(text: str) -> str:
    """Return a text as fastText wants it: one line; it splits at other blanks by itself."""
    return text.replace("\n", " ")


# Models kept in a folder, for the questions of prediction and of start-up


@dataclass(frozen=True)
class Program:
    """A trained model that is loaded.

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


def _save_satchel(texts: list[str], labels: list[str], path: Path) -> None:
    import satchel as library

    library.TextClassifier(seed=0).fit(texts, labels).save(path)


def _save_svm(texts: list[str], labels: list[str], path: Path) -> None:
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0))
    joblib.dump(pipeline.fit(texts, labels), path)


def _save_fast_text(texts: list[str], labels: list[str], path: Path) -> None:
    train_fast_text(texts, labels, seed=0).save_model(str(path))


def _save_dense(texts: list[str], labels: list[str], path: Path) -> None:
    """The tutorial's network as it was saved: a ``.keras`` file and, beside it, the tokenizer.

    Three epochs in place of thirty: how long a file takes to load does not depend on them.
    """
    import joblib

    from benchmarks.dense import WORDS, OldTokenizer, train_dense

    tokenizer = OldTokenizer(WORDS)
    tokenizer.fit_on_texts(texts)
    classes = sorted(set(labels))
    model, _ = train_dense(tokenizer.tfidf_matrix(texts), labels, classes, 0, epochs=3)
    joblib.dump((tokenizer, classes), path.with_name(TOKENIZER))
    model.save(path)


SATCHEL_FILE, SVM_FILE, FAST_TEXT_FILE = "news.satchel", "svm.joblib", "fasttext.bin"
NETWORK, TOKENIZER = "dense.keras", "tokenizer.joblib"
_SAVE = {
    SATCHEL_FILE: _save_satchel,
    SVM_FILE: _save_svm,
    FAST_TEXT_FILE: _save_fast_text,
    NETWORK: _save_dense,
}
FILE_MODULES = {SVM_FILE: "sklearn", FAST_TEXT_FILE: "fasttext", NETWORK: "keras"}


def ensure_models(folder: Path, files: Sequence[str], source: Path) -> list[str]:
    """Train the models that a folder lacks, each in a process of its own; return what is there.

    The process that measures stays as small as a server's.

    Args:
        folder: Keeps the models.
        files: Names of models.
        source: See `data.newsgroups`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = list(present(dict.fromkeys(files), FILE_MODULES))
    for name in found:
        if not (folder / name).exists():
            print(f"training {name} …", file=sys.stderr, flush=True)
            measure.call(train_model, name, source, folder, environment={"KERAS_BACKEND": "jax"})
    return found


def train_model(name: str, source: str, folder: str) -> None:
    """Train one of the models on 20 Newsgroups by date, in shuffled order."""
    texts, labels = data.shuffled(data.newsgroups(Path(source), "train"), seed=0)
    unfinished = Path(folder, f"unfinished-{name}")
    _SAVE[name](texts, labels, unfinished)
    unfinished.rename(Path(folder, name))


def load_satchel(path: Path, threads: int, *, warm: bool = False) -> Program:
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
        model.warm_up()
    return Program(
        "Satchel",
        threads,
        lambda texts: list(model.predict(texts, threads=threads).tolist()),
        lambda text: str(model.predict([text])[0]),
    )


def load_svm(path: Path) -> Program:
    """scikit-learn's pipeline, which has one thread."""
    import joblib

    model = joblib.load(path)
    return Program(
        "tf-idf + linear SVM (scikit-learn)",
        1,
        lambda texts: list(model.predict(texts).tolist()),
        lambda text: str(model.predict([text])[0]),
    )


def load_fast_text(path: Path) -> Program:
    """fastText, which has one thread, and keeps the interpreter's lock.

    Many documents go to ``model.predict(list)``, which works with NumPy 2. A document without any
    known word has no answer, which counts as wrong.
    """
    import fasttext

    model = fasttext.load_model(str(path))

    def many(texts: list[str]) -> list[str]:
        predictions, _ = model.predict([_one_line(text) for text in texts])
        return [found[0].removeprefix(_PREFIX) if found else "" for found in predictions]

    return Program("fastText", 1, many, lambda text: fast_text_label(model, text))


# Counting words


def count_by_scikit_learn(orders: int) -> Counting:
    """``CountVectorizer`` of words, or of words and word pairs."""

    def start(train: list[str], test: list[str]) -> tuple[Step, Step]:
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(ngram_range=(1, orders))
        return lambda: vectorizer.fit_transform(train), lambda: vectorizer.transform(test)

    return start


def weigh_characters_by_scikit_learn(train: list[str], test: list[str]) -> tuple[Step, Step]:
    """``TfidfVectorizer`` of three to five characters within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
    return lambda: vectorizer.fit_transform(train), lambda: vectorizer.transform(test)


def count_by_polars(train: list[str], test: list[str]) -> tuple[Step, Step]:
    """A table of document, word and count from the streaming engine."""
    import polars

    def table(texts: list[str]) -> Any:
        frame = polars.LazyFrame({"text": texts}).with_row_index("document")
        words = polars.col("text").str.to_lowercase().str.extract_all(r"\b\w\w+\b")
        return (
            frame.select("document", words.alias("word"))
            .explode("word")
            .group_by("document", "word")
            .len()
            .collect(engine="streaming")
        )

    return lambda: table(train), lambda: table(test)


def number_by_tokenizers(train: list[str], test: list[str]) -> tuple[Step, Step]:
    """Hugging Face's ``tokenizers``: the ids of the words in order."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    trained: list[Any] = []

    def learn() -> Any:
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(
            vocab_size=10_000_000, special_tokens=["[UNK]"], show_progress=False
        )
        tokenizer.train_from_iterator(train, trainer)
        trained[:] = [tokenizer]
        return tokenizer.encode_batch_fast(train)

    return learn, lambda: trained[0].encode_batch_fast(test)
