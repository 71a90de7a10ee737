"""The old tutorial's ``tokenizer.pickle``, read without trusting it.

A pickle is a program that may call anything it can name. This reader lets it name four things: the
Tokenizer class, for which a plain record stands in, and the two dictionary classes and ``int`` that
its fields are made of. Whatever else it names is refused before it is called.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from satchel.errors import ModelFileError, SourceNotFoundError

MAX_BYTES: Final = 1 << 30
DEFAULT_FILTERS: Final = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

_TOKENIZER_MODULES: Final = frozenset(
    {
        "keras.preprocessing.text",
        "keras.src.preprocessing.text",
        "keras.src.legacy.preprocessing.text",
        "keras.legacy.preprocessing.text",
        "keras_preprocessing.text",
        "tensorflow.keras.preprocessing.text",
        "tensorflow.python.keras.preprocessing.text",
        "tf_keras.preprocessing.text",
        "tf_keras.src.preprocessing.text",
    }
)


class TutorialTokenizer(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of Keras's old Tokenizer that its answers depend on.

    Attributes:
        word_index: The number of every word, from 1, by falling frequency.
        index_docs: The number of documents that hold the word of a number.
        document_count: Documents that it was fitted on.
        num_words: Words with this number or a higher one are dropped; None keeps all.
        filters: Characters that are replaced by a space.
        split: What separates words.
        lower: Whether text is lower-cased.
        char_level: Whether characters are the tokens.
        oov_token: The word that stands for unknown ones, if any.
    """

    word_index: dict[str, int]
    index_docs: dict[int, int]
    document_count: int
    num_words: int | None = None
    filters: str = DEFAULT_FILTERS
    split: str = " "
    lower: bool = True
    char_level: bool = False
    oov_token: str | None = None


class _Record:
    """Stands in for the Tokenizer while its pickle is read: it takes fields and does nothing."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("the Tokenizer's state is not a dictionary")
        self.fields = state


def _counts(*_: object) -> dict[Any, Any]:
    """Stand in for ``collections.defaultdict(int)``: nothing here asks it for missing keys."""
    return {}


def _integer(*_: object) -> int:
    """Stand in for ``int``, which the Tokenizer's pickle names but never calls."""
    raise pickle.UnpicklingError("it calls int, which no Tokenizer does")


_ALLOWED: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): _counts,
    ("builtins", "int"): _integer,
    ("__builtin__", "int"): _integer,
    ("__builtin__", "long"): _integer,  # what Python 3 calls int in an old protocol
}


class _TokenizerUnpickler(pickle.Unpickler):
    """An unpickler that can build one Tokenizer's plain fields and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name, or refuse it."""
        if module in _TOKENIZER_MODULES and name == "Tokenizer":
            return _Record
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which is no part of a Tokenizer"
            ) from None


def read_tokenizer(path: str | Path) -> TutorialTokenizer:
    """Read a pickled Keras Tokenizer.

    Args:
        path: The file, such as ``tokenizer.pickle``.

    Returns:
        Its fields.

    Raises:
        SourceNotFoundError: There is no such file.
        ModelFileError: The file holds anything but one Tokenizer's plain fields.
    """
    path = Path(path)
    name = path.name
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceNotFoundError(
            f"the tokenizer {path} could not be read: {error.strerror}"
        ) from error
    if size > MAX_BYTES:
        raise ModelFileError(f"{size:,} bytes are over the limit of {MAX_BYTES:,}", name)
    try:
        with path.open("rb") as file:
            built = _TokenizerUnpickler(file).load()
            rest = file.read(1)
    # A damaged pickle makes the unpickler raise nearly anything: each means the same refusal.
    except Exception as error:
        raise ModelFileError(
            f"expected a pickled Keras Tokenizer: {error or type(error).__name__}", name
        ) from error
    if not isinstance(built, _Record):
        raise ModelFileError(
            f"expected a pickled Keras Tokenizer, found a {type(built).__name__}", name
        )
    if rest:
        raise ModelFileError("bytes follow the pickled Tokenizer", name)
    try:
        return msgspec.convert(built.fields, TutorialTokenizer)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ModelFileError(f"a field of the Tokenizer is wrong: {error}", name) from error
