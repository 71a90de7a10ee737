"""Texts that were or might be costly beyond their length, and all that reads a text.


Run as a program, it does one operation on all of them under limits of the system:

    python tests/costly_texts.py OPERATION
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.features.spec import Features
    from satchel.inference.predictor import Predictor

CODE_POINTS = 160_000
SECONDS = 10
"""Of processor time for one text. What is linear takes a tenth of it, what is quadratic tens."""
MEMORY = 1 << 30
"""Bytes of address space that one text may add."""


def _repeated(piece: str, before: str = "", behind: str = "") -> Callable[[int], str]:
    return lambda length: before + piece * (length // len(piece)) + behind


TEXTS: dict[str, Callable[[int], str]] = {
    "one digit": _repeated("1"),
    "digits and a letter": _repeated("1", behind="a"),
    "numbers": _repeated("1.1,"),
    "a number that fails": _repeated("1.", behind="1a"),
    "one word": _repeated("a"),
    "one capital word": _repeated("Ж"),
    "short words": _repeated("a "),
    "capital sigmas": _repeated("Σ", before="a", behind="a"),
    "sigmas to look past": _repeated("Σ:"),
    "letters that grow": _repeated("İ"),
    "marks of two classes": _repeated("\u0301\u0323", before="e"),
    "marks without a letter": _repeated("\u0301"),
    "marks that decompose": _repeated("\u0f73", before="ཀ"),
    "marks for compatibility": _repeated("\uff9e\u0301", before="カ"),
    "letters with marks": _repeated("e\u0301"),
    "jamo": _repeated("ᄒ\u1161\u11ab"),
    "ligatures": _repeated("ﷺ"),
    "addresses": _repeated("a@"),
    "addresses apart": _repeated('a@b"'),
    "schemes": _repeated("a://"),
    "joiners": _repeated("👩\u200d"),
    "flags": _repeated("🇩"),
    "no spaces": _repeated("漢字"),
    "no spaces and marks": _repeated("กี่"),
    "hangul": _repeated("한"),
    "white space": _repeated(" \t"),
    "line feeds": _repeated("\n"),
    "carriage returns": _repeated("\r"),
    "header fields": lambda length: "".join(f"a{n}: b{n}\n" for n in range(length // 12)),
    "one long name": lambda length: "a" * (length // 2) + ": b\nc: d\n" + "e " * (length // 4),
    "a long first line": lambda length: "a " * (length // 2) + "\n> b\n-- \nc",
    "a folded header": _repeated("\n b", before="a: b\nc: d"),
    "answers to answers": _repeated("re: ", before="a: b\nsubject: "),
    "quoted lines": _repeated("\n> a"),
    "quotation marks": _repeated('"'),
    "introduced quotes": _repeated("a wrote:\n"),
    "hyphens": _repeated("-\n"),
    "signatures": _repeated("\n-- \na"),
    "zero bytes": _repeated("\x00"),
    "escapes": _repeated("\x1b["),
    "markup": _repeated("<b>&"),
}

Operation = Callable[[str], object]


def operations() -> dict[str, Callable[[], Iterator[Operation]]]:
    """Return what reads a text, by name; each gives what to call, ready to run."""
    return {
        "plain features": _plain_features,
        "kernels": _kernels,
        "prediction": _prediction,
        "explanation": _explanation,
        "preparing": _preparing,
        "copies and checks": _checks,
        "folds": _folds,
        "evaluation": _evaluation,
        "training": _training,
    }


def _features() -> list[Features]:
    from satchel.features.spec import Features

    return [
        Features(words=3, characters=(3, 5), fields=True),
        Features(words=2, nfc=True, strip=("headers", "signatures", "quotes"), min_length=2),
        Features(rules="words", words=1),
        Features(rules="keras", words=2, fields=True),
    ]


def _model(view: int) -> Predictor:
    from small_models import make_contents, predictor

    texts = [make(60) for make in TEXTS.values()]
    return predictor(make_contents(features=[_features()[view]], texts=texts))


def _plain_features() -> Iterator[Operation]:
    from satchel.features.plain import feature_counts
    from satchel.features.preprocess import prepare

    def counted(features: Features, text: str) -> object:
        return feature_counts(prepare(text, features), features)

    for features in _features():
        yield partial(counted, features)


def _kernels() -> Iterator[Operation]:
    from satchel.features.counting import count
    from satchel.features.spec import Features
    from small_models import keyed

    # All that compiles does so before the first text, whose limits are not meant for it. Features
    # without a key would never meet a kernel.
    count(["word"] * 700_000, keyed(Features(words=1)))
    models = [_model(view) for view in range(2)]
    for model in models:
        model.warm_up()

    def counted(features: Features, text: str) -> object:
        return count([text], features)

    def answered(model: Predictor, text: str) -> object:
        return model.probabilities([text])

    for features in map(keyed, _features()):
        yield partial(counted, features)
    for model in models:
        yield partial(answered, model)


def _prediction() -> Iterator[Operation]:
    def answered(model: Predictor, text: str) -> object:
        return model.columns([text], top=3)

    for view in range(2):
        yield partial(answered, _model(view))


def _explanation() -> Iterator[Operation]:
    import json

    def explained(text: str, model: Predictor) -> None:
        explanation = model.explain(text)
        json.dumps(explanation.to_dict())
        str(explanation)
        explanation._repr_html_()

    for view in range(2):
        yield partial(explained, model=_model(view))


def _preparing() -> Iterator[Operation]:
    from satchel.features.preprocess import prepare
    from satchel.features.spec import Features
    from satchel.features.tokenizer import lower

    def prepared(features: Features, text: str) -> object:
        return lower(prepare(text, features))

    for features in (
        Features(strip=("headers",)),
        Features(strip=("signatures",)),
        Features(strip=("quotes",)),
        Features(strip=("headers", "signatures", "quotes")),
        Features(nfc=True),
    ):
        yield partial(prepared, features)


def _checks() -> Iterator[Operation]:
    from satchel.sources.check import check_documents
    from satchel.sources.documents import Documents
    from satchel.sources.splitting import text_keys

    yield lambda text: text_keys([text, f" {text.upper()}"])
    yield lambda text: check_documents(Documents(["a", "b"], [text, text + "."], ["x", "y"]))


def _folds() -> Iterator[Operation]:
    from satchel.search.validation import conversation

    yield conversation
    yield lambda text: [conversation(text[start:]) for start in range(100)]


def _evaluation() -> Iterator[Operation]:
    from satchel.model import Model

    model = Model(_model(1).model)
    labels = list(model.classes_[:2])

    def judged(text: str) -> None:
        evaluation = model.evaluate([text, text[1:]], labels)
        str(evaluation.summary())

    yield judged


def _training() -> Iterator[Operation]:
    from satchel.search.fitting import fit
    from satchel.search.settings import Settings
    from satchel.search.targets import encode

    targets = encode(["a"] + ["a"] * 12 + ["b"] * 12)

    def trained(text: str) -> None:
        texts = [text, *(f"{word} {number}" for word in "ab" for number in range(12))]
        fit(texts, targets, Settings(effort="fast", threads=1))

    trained("warm")
    yield trained


def _limit() -> None:
    """Give the process so much more time and memory, counted from now."""
    import resource  # not on Windows

    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    statm = Path("/proc/self/statm")
    if statm.exists():
        held = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(
            resource.RLIMIT_AS, (held + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1])
        )


def main() -> None:
    """Do an operation on all texts, telling before each what comes, and after it what it cost."""
    name, length = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else CODE_POINTS
    for number, operation in enumerate(operations()[name]()):
        for kind, make in TEXTS.items():
            text = make(length)
            print(f"{name} {number}: {kind}", end=" ", flush=True)
            _limit()
            start = time.process_time()
            operation(text)
            print(f"{time.process_time() - start:.2f} s", flush=True)


if __name__ == "__main__":
    main()
