"""Search for texts that cost more than their length, for as long as it is given.

    python scripts/fuzz_texts.py --minutes 10 --seed 7

Each text is a short string of one to three characters, drawn from every class that the rules know,
repeated, with another character before and behind. Each operation reads it at three lengths, 4
times as long each: its time must grow as the length does. The first text that breaks this is
printed, and the exit status is 1. At the end the numbers of texts tried are printed.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from satchel.features.counting import count
from satchel.features.kernels import numba_available
from satchel.features.plain import feature_counts
from satchel.features.preprocess import name_spaces, prepare, strip
from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize
from satchel.inference.explain import Explanation
from satchel.search.validation import conversation
from satchel.sources.check import check_documents
from satchel.sources.documents import Documents
from satchel.sources.splitting import text_keys

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from small_models import Head, keyed, make_contents, predictor

CHARACTERS = [
    *"aZ_éßİΣςﬁ½",  # letters, and those that lower case or folding changes
    *"1٣",
    *"漢ひカท한ᄒ\u1161\u11a8",  # scripts without spaces, syllables and their parts
    *"\u0301\u0323\u093f\u20e3\ufe0f\ufe0e\u200d\u200c\U000e0067\u034f",  # what goes with letters
    *"👩🏽🇩❤©",
    *".,@:/<(\"'|>-=*%;&#\\",
    *" \t\n\r\x00\x1c\x85\u2028\u3000\u00a0",
]
"""At least one character of every class."""

EVERYTHING = keyed(Features(words=2, characters=(3, 3), fields=True))
FEATURES = {
    "everything": EVERYTHING,
    "composed": keyed(Features(words=2, nfc=True, strip=("headers", "signatures", "quotes"))),
    "keras": keyed(Features(rules="keras", words=1)),
}
"""With a key, without which no kernel would be met."""
LENGTHS = (1_000, 4_000, 16_000)
WORTH_A_LOOK = 0.03
"""Seconds of processor time below which the longest text is not looked at again."""
GROWTH = 2.5
"""How many times its share a text 4 times as long may cost, timing being inexact."""

Operation = Callable[[str], object]


def operations(sample: str) -> Iterator[tuple[str, Operation]]:
    """Everything that reads a text.

    Args:
        sample: A short text of the same kind, whose features a model is made of.
    """
    for name, features in FEATURES.items():
        yield (
            f"plain features: {name}",
            lambda text, f=features: feature_counts(prepare(text, f), f),
        )
        yield f"tokens: {name}", lambda text, f=features: tokenize(text, f)
        yield f"counting: {name}", lambda text, f=features: count([text], f)
    views = [EVERYTHING, FEATURES["composed"]]
    model = predictor(make_contents([Head(), Head(view=1)], features=views, texts=[sample]))
    yield "prediction", lambda text: model.predict([text])
    yield "explanation", lambda text: shown(model.explain(text))
    yield "copies", lambda text: text_keys([text, f"{text} "])
    yield (
        "check",
        lambda text: check_documents(Documents(["a", "b"], [text, text.upper()], ["x", "y"])),
    )
    yield "conversation", conversation
    yield "name spaces", lambda text: name_spaces(text.lower())
    for part in ("headers", "signatures", "quotes"):
        yield part, lambda text, p=part: strip(text, (p,))


def shown(explanation: Explanation) -> str:
    """All that shows an explanation."""
    return f"{explanation}{explanation._repr_html_()}{explanation.to_dict()}"


def cost(operation: Operation, text: str) -> float:
    """Seconds of processor time that an operation takes."""
    start = time.process_time()
    operation(text)
    return time.process_time() - start


def made(before: str, piece: str, behind: str, length: int) -> str:
    """A text of about this length."""
    return before + piece * (length // len(piece)) + behind


def grows_too_fast(operation: Operation, before: str, piece: str, behind: str) -> list[float]:
    """The costs at the three lengths, if they grow faster than the text; else nothing."""
    texts = [made(before, piece, behind, length) for length in LENGTHS]
    if cost(operation, texts[-1]) < WORTH_A_LOOK:
        return []
    for times in (1, 5):  # a first look, and where it finds something, the least of several
        costs = [min(cost(operation, text) for _ in range(times)) for text in texts]
        steep = costs[2] > 4 * GROWTH * costs[1] or costs[2] > 16 * GROWTH * costs[0] + WORTH_A_LOOK
        if costs[2] < WORTH_A_LOOK or not steep:
            return []
    return costs


def pieces(chance: random.Random) -> Iterator[str]:
    """All single characters, then all pairs, then strings of three by chance, for ever."""
    for size in (1, 2):
        every = ["".join(each) for each in itertools.product(CHARACTERS, repeat=size)]
        chance.shuffle(every)
        yield from every
    while True:
        yield "".join(chance.choices(CHARACTERS, k=3))


def described(text: str) -> str:
    """A text's characters by name."""
    return " + ".join(f"U+{ord(one):04X} {unicodedata.name(one, '')}".strip() for one in text)


def main() -> int:
    """Run the search and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="where to start (default: 0)")
    parser.add_argument("--all", action="store_true", help="go on after a text that breaks it")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    if numba_available():
        count(["warm"] * 2_000_000, keyed(Features(words=1)))
    tried: Counter[str] = Counter()
    broken = 0
    end = time.monotonic() + 60 * options.minutes
    for piece in pieces(chance):
        before, behind = (chance.choice(["", *CHARACTERS]) for _ in range(2))
        for name, operation in operations(before + piece * 9 + behind):
            if time.monotonic() > end:
                total = sum(tried.values())
                print(f"{max(tried.values())} texts, {total} operations: {dict(tried)}")
                return 1 if broken else 0
            costs = grows_too_fast(operation, before, piece, behind)
            tried[name] += 1
            if costs:
                broken += 1
                shown = ", ".join(f"{each:.3f} s" for each in costs)
                print(
                    f"{name}: {shown} for {LENGTHS} characters: ({described(before)}) and "
                    f"repeated ({described(piece)}) and ({described(behind)})",
                    flush=True,
                )
                if not options.all:
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
