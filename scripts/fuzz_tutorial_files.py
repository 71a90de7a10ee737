"""Attack `import-tutorial` with damaged and crafted pickles and HDF5 files.

    python scripts/fuzz_tutorial_files.py --minutes 10 --seed 7

What Keras wrote must be read as it is; anything else must be read into a Tokenizer or a network
that holds together, or be refused with a ``ModelFileError``. The first case that breaks this,
crashes, hangs or floods the memory is kept, and the exit status is 1.
"""

from __future__ import annotations

import pickle
import pickletools
import random
import re
import struct
import sys
import types
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
from fuzzing import Attack, fit_to_show, main, mutated

from satchel.errors import LabelError, ModelFileError, SettingError
from satchel.exchange.tutorial_files import import_tutorial, read_network
from satchel.exchange.tutorial_pickle import TutorialTokenizer, read_tokenizer

GENUINE = Path(__file__).resolve().parents[1] / "tests" / "tutorial"
PICKLES = [path.read_bytes() for path in sorted(GENUINE.glob("*.pickle"))]
NETWORK = (GENUINE / "my_model.h5").read_bytes()
WORDS = 42  # of the genuine Tokenizers

PICKLE_TOKENS = [
    *(each.code.encode("latin-1") for each in pickletools.opcodes),
    *(
        b"r\xff\xff\xff\x7f",
        b"j\xff\xff\xff\xff",
        b"p99999999999\n",
        b"g-1\n",
        b"J\xff\xff\xff\xff",
    ),
    *(b"B\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"\x8a\xff" + b"\x7f" * 255, b"V\\ud800\n"),
    *(b"L" + b"9" * 5000 + b"L\n", b"cos\nsystem\n", b"ccollections\nOrderedDict\n)R"),
    *(b"\x8c\x01a", b"K\x01", b"(u", b"h\x00", b"\x85R", b"c__builtin__\nint\n"),
]
STARTS = (b"TREE", b"SNOD", b"HEAP", b"GCOL", b"\x01\0\x01\0", b"\x01\0\x02\0")
ADDRESSES = [n for n in range(0, len(NETWORK), 8) if NETWORK[n : n + 4] in STARTS]
HDF5_TOKENS = [
    *(struct.pack("<Q", value) for value in (*ADDRESSES, 0, 1, 2**63, 2**64 - 1, len(NETWORK))),
    *(struct.pack("<I", value) for value in (0, 1, 2**31, 2**32 - 1)),
    *(struct.pack("<H", value) for value in (0, 1, 3, 8, 12, 16, 17, 2**16 - 1)),
    *(b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"\x89HDF\r\n\x1a\n", b"Dense", b"\0" * 64),
]
ODD = (None, None, None, 2**40, -1, 1.5, b"x", "x" * 300, [1], (1, 2), {}, {"a": {}})


class Tokenizer:
    """Keras's class as far as its pickle shows it."""


def new_pickle(chance: random.Random) -> bytes:
    """Pickle a Tokenizer of a few words, or of other things, by any protocol."""
    words = [f"w{number}" for number in range(chance.choice((0, 1, 5, 60)))]
    odd = chance.choice(ODD)
    made = Tokenizer()
    vars(made).update(
        word_counts=OrderedDict((word, 1) for word in words),
        word_docs=defaultdict(int, dict.fromkeys(words, 1)),
        index_docs=defaultdict(int, dict.fromkeys(range(1, len(words) + 1), 1)),
        word_index={word: number for number, word in enumerate(words, 1)},
        document_count=3,
        num_words=chance.choice((None, 3, len(words) + 1)),
        oov_token=None,
        odd=odd,
    )
    if chance.random() < 0.2:
        setattr(made, chance.choice(("document_count", "word_index", "index_docs", "split")), odd)
    return pickle.dumps(made, chance.randint(0, 5))


def make_pickle(chance: random.Random, folder: Path) -> tuple[Path, object]:
    """Write a pickle: genuine, made, or damaged by bytes or by instructions."""
    genuine = chance.random() < 0.05
    data = chance.choice(PICKLES) if genuine or chance.random() < 0.5 else new_pickle(chance)
    if not genuine and chance.random() < 0.5:
        data = mutated(chance, data, PICKLE_TOKENS)
    elif not genuine:
        starts = [place or 0 for _, _, place in pickletools.genops(data)]
        pieces = [data[one:two] for one, two in zip(starts, [*starts[1:], len(data)], strict=True)]
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            at = chance.randrange(len(pieces))
            kind = chance.randrange(4)
            if kind == 0 and len(pieces) > 9:
                del pieces[at : at + chance.choice((1, 1, 5))]
            elif kind == 1:
                pieces.insert(at, chance.choice(PICKLE_TOKENS))
            elif kind == 2:
                pieces[at] = chance.choice(PICKLE_TOKENS)
            else:
                pieces[at:at] = pieces[chance.randrange(len(pieces)) :][: chance.choice((1, 8, 99))]
        data = b"".join(pieces)
    path = folder / "tokenizer.pickle"
    path.write_bytes(data)
    return path, genuine


def check_pickle(chance: random.Random, path: Path, known: object) -> str:
    """Read a pickle."""
    del chance
    try:
        found = read_tokenizer(path)
    except ModelFileError as error:
        if known or not fit_to_show(error):
            raise
        return f"refused: {reason_of(error)}"
    assert isinstance(found, TutorialTokenizer)
    "".join(found.word_index).encode()
    assert not known or len(found.word_index) == WORDS
    return imported(path, GENUINE / "my_model.h5", known)


def reason_of(error: ModelFileError) -> str:
    """Return what an error is about, without what differs from case to case."""
    text = error.reason.removeprefix("expected a pickled Keras Tokenizer: ")
    return re.sub(r"names .*?,|'[^']*'|b'.*|[0-9][0-9,]*|[A-Z0-9_]{4,}", "…", text)[:60]


def make_network(chance: random.Random, folder: Path) -> tuple[Path, object]:
    """Write an HDF5 file: genuine or damaged."""
    genuine = chance.random() < 0.05
    data = NETWORK
    if not genuine and chance.random() < 0.5:
        data = mutated(chance, data, HDF5_TOKENS)
    elif not genuine:
        # Most of the file is padding: aim at what is not.
        content = bytearray(data)
        used = [place for place, byte in enumerate(data) if byte]
        for _ in range(chance.choice((1, 1, 2, 5))):
            place = chance.choice(used) & ~chance.choice((0, 1, 3, 7))
            token = chance.choice((chance.choice(HDF5_TOKENS), bytes([chance.randrange(256)])))
            content[place : place + len(token)] = token
        data = bytes(content)
    path = folder / "my_model.h5"
    path.write_bytes(data)
    return path, genuine


def check_network(chance: random.Random, path: Path, known: object) -> str:
    """Read an HDF5 file."""
    del chance
    try:
        found = read_network(path)
    except ModelFileError as error:
        if known or not fit_to_show(error):
            raise
        return f"refused: {reason_of(error)}"
    for layer in found:
        assert layer.kernel.dtype == layer.bias.dtype == np.float32
        assert layer.kernel.shape[1:] == layer.bias.shape
        assert np.isfinite(layer.kernel).all()
    return imported(GENUINE / "tokenizer.pickle", path, known)


def imported(tokenizer: Path, network: Path, known: object) -> str:
    """Make a model of both; what Keras wrote must become one."""
    try:
        import_tutorial(tokenizer, network, ["a", "b", "c"])
    except (ModelFileError, SettingError, LabelError) as error:
        if known:
            raise
        return f"read, and refused: {type(error).__name__}"
    return "genuine: imported" if known else "imported"


if __name__ == "__main__":
    warnings.simplefilter("error")
    home = types.ModuleType("keras_preprocessing")
    sys.modules[home.__name__] = home
    module = types.ModuleType("keras_preprocessing.text")
    module.Tokenizer = Tokenizer  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    Tokenizer.__module__ = module.__name__
    attacks = {
        "pickle": Attack(make_pickle, check_pickle),
        "network": Attack(make_network, check_network),
    }
    sys.exit(main(__doc__.splitlines()[0], attacks, megabytes=800))
