"""A safe reader of the tutorial's ``tokenizer.pickle``.

A pickle is a program. CPython runs it with a stack and a memo whose sizes the file determines, and
calls whatever the file names. Here :mod:`pickletools` only splits it into its
instructions; those that a Tokenizer's pickle consists of (protocols 0 to 5, written by Python 2 or
3) are carried out on plain values, and any other is refused. The four names that such a pickle
needs are placeholders and are never called: the Tokenizer class, two dictionary classes and
``int``.
"""

from __future__ import annotations

import io
import pickletools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias

import msgspec

from satchel.errors import ModelFileError
from satchel.exchange.hdf5 import open_foreign
from satchel.sources.documents import brief

MAX_BYTES: Final = 1 << 27
DEFAULT_FILTERS: Final = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

# More than a Tokenizer of two million words needs; they limit memory to about 2 GB.
_MAX_TEXTS: Final = 1 << 22
_MAX_LISTS: Final = 1 << 22
_MAX_MEMO: Final = 1 << 22
_MAX_ENTRIES: Final = 1 << 23
_MAX_CONTAINERS: Final = 256  # dictionaries and tuples
# A pickler writes the entries of a dictionary or a list a thousand at a time.
_MAX_STACK: Final = 1 << 14
# Python's dictionaries stay fast only for integers of moderate size.
_MAX_INTEGER: Final = 1 << 31

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
_Name: TypeAlias = Literal["Tokenizer", "dict", "int", "object", "new object"]
_NAMES: Final[dict[str, _Name]] = {
    **{f"{module} Tokenizer": "Tokenizer" for module in _TOKENIZER_MODULES},
    "collections OrderedDict": "dict",
    "collections defaultdict": "dict",
    "builtins int": "int",
    "__builtin__ int": "int",
    "__builtin__ long": "int",  # Python 3's int in an old protocol
    # How protocols 0 and 1 create an object of a class.
    "builtins object": "object",
    "__builtin__ object": "object",
    "copyreg _reconstructor": "new object",
    "copy_reg _reconstructor": "new object",
}


class TutorialTokenizer(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the Keras Tokenizer that its output depends on.

    Attributes:
        word_index: The index of every word, from 1, by descending frequency.
        index_docs: Document frequency by word index.
        document_count: Documents that it was fitted on.
        num_words: Words with this index or a higher one are dropped; None keeps all.
        filters: Characters that are replaced by a space.
        split: Separator of words.
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


class _Global:
    """Placeholder for a class or function that the pickle names."""

    def __init__(self, name: _Name) -> None:
        self.name = name


class _Record:
    """Placeholder for the Tokenizer: it only stores fields."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] | None = None


class _RefusedError(Exception):
    """The pickle contains what no pickled Tokenizer contains."""


class _Machine:
    """Executes the instructions of a pickle on plain values.

    Attributes:
        stack: The values since the last mark.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._texts = self._lists = self._containers = self._entries = 0

    def run(self, pickle: IO[bytes]) -> _Record:
        """Execute the instructions of one pickle and return the Tokenizer that it builds.

        Args:
            pickle: The bytes, in memory: from a file, as much would be read as the pickle claims.

        Raises:
            _RefusedError: It builds anything else, or in another way.
            ValueError: It is not a pickle, or damaged.
        """
        argument: Any
        for operation, argument, _ in pickletools.genops(pickle):
            name = operation.name
            if name in _TEXTS:
                self._text(argument)
            elif name in _BYTES:
                if not argument.isascii():
                    raise _RefusedError("it has Python 2 byte strings that are not ASCII")
                self._text(argument)
            elif name in _INTEGERS:
                self._integer(argument)
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in _SILENT:
                raise _RefusedError(
                    f"it has the instruction {name}, which no pickled Tokenizer has"
                )
            if len(self.stack) + len(self._below) > _MAX_STACK:
                raise _RefusedError("its stack is deeper than any pickler makes it")
        if len(self.stack) != 1 or self._below or not isinstance(self.stack[0], _Record):
            found = type(self.stack[-1]).__name__ if self.stack else "nothing"
            raise _RefusedError(f"found a {found}")
        return self.stack[0]

    def _pop(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise _RefusedError(f"expected a {kind.__name__.strip('_')} on its stack")
        return self.stack.pop()

    def _top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise _RefusedError(f"expected a {kind.__name__.strip('_')} on its stack")
        return self.stack[-1]

    def _text(self, text: str) -> None:
        self._texts += 1
        if self._texts > _MAX_TEXTS:
            raise _RefusedError(f"it has more than {_MAX_TEXTS:,} texts")
        self.stack.append(text)

    def _integer(self, number: int) -> None:
        if not -_MAX_INTEGER <= number < _MAX_INTEGER:
            raise _RefusedError(f"it has the number {number}, larger than any of a Tokenizer")
        self.stack.append(number)

    def _constant(self, value: object) -> None:
        self.stack.append(value)

    def _mark(self) -> None:
        self._below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        if not self._below:
            raise _RefusedError("a mark is missing")
        values, self.stack = self.stack, self._below.pop()
        return values

    def _container(self, value: object) -> None:
        self._containers += 1
        if self._containers > _MAX_CONTAINERS:
            raise _RefusedError(f"it has more than {_MAX_CONTAINERS} dictionaries and tuples")
        self.stack.append(value)

    def _list(self, values: list[Any]) -> None:
        self._lists += 1
        if self._lists > _MAX_LISTS:
            raise _RefusedError(f"it has more than {_MAX_LISTS:,} lists")
        self.stack.append(values)

    def _tuple(self, length: int) -> None:
        if len(self.stack) < length:
            raise _RefusedError("a tuple is truncated")
        values = tuple(self.stack[-length:])
        del self.stack[-length:]
        self._container(values)

    def _extend(self, values: list[Any]) -> None:
        self._count(len(values))
        self._top(list).extend(values)

    def _append(self) -> None:
        value = self._pop(object)
        self._extend([value])

    def _set(self, target: dict[Any, Any], flat: list[Any]) -> None:
        """Set the entries of a dictionary, given as keys and values in turn."""
        if len(flat) % 2:
            raise _RefusedError("a key of a dictionary has no value")
        self._count(len(flat))
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            # Hashing other keys may take unbounded time.
            if not isinstance(key, str) and type(key) is not int:
                raise _RefusedError(f"a key of a dictionary is a {type(key).__name__}")
            target[key] = value

    def _count(self, entries: int) -> None:
        self._entries += entries
        if self._entries > 2 * _MAX_ENTRIES:
            raise _RefusedError(f"it has more than {_MAX_ENTRIES:,} entries")

    def _dictionary(self) -> None:
        flat, target = self._since_mark(), dict[Any, Any]()
        self._set(target, flat)
        self._container(target)

    def _set_items(self) -> None:
        flat = self._since_mark()
        self._set(self._top(dict), flat)

    def _set_item(self) -> None:
        value, key = self._pop(object), self._pop(object)
        self._set(self._top(dict), [key, value])

    def _global(self, name: str) -> None:
        if name not in _NAMES:
            raise _RefusedError(
                f"it names {name.replace(' ', '.')}, which is not part of a Tokenizer"
            )
        self.stack.append(_Global(_NAMES[name]))

    def _global_from_stack(self) -> None:
        name, module = self._pop(str), self._pop(str)
        self._global(f"{module} {name}")

    def _call(self) -> None:
        arguments, name = self._pop(tuple), self._pop(_Global).name
        kinds = [each.name if isinstance(each, _Global) else None for each in arguments]
        if name == "dict" and kinds in ([], ["int"]):
            self._container({})
        elif name == "dict" and len(arguments) == 1 and isinstance(arguments[0], list):
            # How Python 2 filled an OrderedDict: a list of lists of two.
            pairs = arguments[0]
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
                raise _RefusedError("a dictionary is built from something other than pairs")
            target: dict[Any, Any] = {}
            self._set(target, [each for pair in pairs for each in pair])
            self._container(target)
        elif name == "new object" and kinds == ["Tokenizer", "object", None]:
            self.stack.append(_Record())
        else:
            raise _RefusedError(f"it calls {name}, which no pickled Tokenizer does")

    def _new(self) -> None:
        arguments, name = self._pop(tuple), self._pop(_Global).name
        if name != "Tokenizer" or arguments:
            raise _RefusedError(f"it creates an object of {name}")
        self.stack.append(_Record())

    def _build(self) -> None:
        state, record = self._pop(dict), self._top(_Record)
        if record.fields is not None or not all(isinstance(key, str) for key in state):
            raise _RefusedError("the state of the Tokenizer is set twice, or is invalid")
        record.fields = state

    def _remember(self, index: int | None) -> None:
        if len(self._memo) >= _MAX_MEMO:
            raise _RefusedError(f"it has more than {_MAX_MEMO:,} memo entries")
        self._memo[len(self._memo) if index is None else index] = self._top(object)

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise _RefusedError("it reads a memo entry that it has not written")
        self.stack.append(self._memo[index])


_TEXTS: Final = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "UNICODE"})
_BYTES: Final = frozenset({"SHORT_BINSTRING", "BINSTRING", "STRING"})
_INTEGERS: Final = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "INT", "LONG"})
_SILENT: Final = frozenset({"PROTO", "FRAME", "STOP"})
_STEPS: Final[dict[str, Callable[[_Machine, Any], None]]] = {
    "NONE": lambda machine, _: machine._constant(None),
    "NEWTRUE": lambda machine, _: machine._constant(True),
    "NEWFALSE": lambda machine, _: machine._constant(False),
    "MARK": lambda machine, _: machine._mark(),
    "EMPTY_DICT": lambda machine, _: machine._container({}),
    "EMPTY_TUPLE": lambda machine, _: machine._container(()),
    "EMPTY_LIST": lambda machine, _: machine._list([]),
    "DICT": lambda machine, _: machine._dictionary(),
    "LIST": lambda machine, _: machine._list(machine._since_mark()),
    "TUPLE": lambda machine, _: machine._container(tuple(machine._since_mark())),
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "APPEND": lambda machine, _: machine._append(),
    "APPENDS": lambda machine, _: machine._extend(machine._since_mark()),
    "SETITEM": lambda machine, _: machine._set_item(),
    "SETITEMS": lambda machine, _: machine._set_items(),
    "GLOBAL": lambda machine, name: machine._global(name),
    "STACK_GLOBAL": lambda machine, _: machine._global_from_stack(),
    "REDUCE": lambda machine, _: machine._call(),
    "NEWOBJ": lambda machine, _: machine._new(),
    "BUILD": lambda machine, _: machine._build(),
    "PUT": lambda machine, index: machine._remember(index),
    "BINPUT": lambda machine, index: machine._remember(index),
    "LONG_BINPUT": lambda machine, index: machine._remember(index),
    "MEMOIZE": lambda machine, _: machine._remember(None),
    "GET": lambda machine, index: machine._recall(index),
    "BINGET": lambda machine, index: machine._recall(index),
    "LONG_BINGET": lambda machine, index: machine._recall(index),
}


def read_tokenizer(path: str | Path) -> TutorialTokenizer:
    """Read a pickled Keras Tokenizer.

    Args:
        path: The file, such as ``tokenizer.pickle``.

    Returns:
        Its fields.

    Raises:
        SourceNotFoundError: There is no such file.
        ModelFileError: The file holds anything but the plain fields of one Tokenizer.
    """
    path = Path(path)
    name = path.name
    with open_foreign(path, "tokenizer", MAX_BYTES) as (file, _):
        pickle = io.BytesIO(file.read())
    try:
        with warnings.catch_warnings():
            # Raised for an unknown escape sequence, which no pickler writes.
            warnings.simplefilter("error", DeprecationWarning)
            fields = _Machine().run(pickle).fields
    except (_RefusedError, ValueError, DeprecationWarning) as error:
        # The names in the pickle are untrusted text.
        reason = brief(str(error), 200)
        raise ModelFileError(f"expected a pickled Keras Tokenizer: {reason}", name) from error
    if pickle.read(1):
        raise ModelFileError(
            "expected the end of the file after the Tokenizer, found more bytes", name
        )
    try:
        tokenizer = msgspec.convert(fields or {}, TutorialTokenizer)
        for text in (*tokenizer.word_index, tokenizer.filters, tokenizer.split):
            text.encode()
    except (msgspec.ValidationError, RecursionError, UnicodeEncodeError) as error:
        reason = brief(str(error), 200)
        raise ModelFileError(f"expected valid fields of the Tokenizer: {reason}", name) from error
    if tokenizer.document_count < 0 or min(tokenizer.index_docs.values(), default=0) < 0:
        raise ModelFileError(
            "expected document counts of at least 0 in the Tokenizer, found a negative one", name
        )
    return tokenizer
