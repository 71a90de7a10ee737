"""Text columns through the Arrow C data interface, which needs no Arrow library.

The structures and their rules: https://arrow.apache.org/docs/format/CDataInterface.html and
CStreamInterface.html there; the layouts of the buffers: Columnar.html.

The producer runs in this process and is trusted to give true addresses. What it states about the
buffers is checked nevertheless before they are read: counts, lengths, offsets, and that each view
lies in its buffer. All that is kept is copied, so that the producer's memory is released at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from satchel.errors import TextError
from satchel.features.packed import check_offsets, gathered


class ForeignColumnError(TextError):
    """An Arrow column of a type that is not read here; its items may be text all the same."""


class _Schema(ctypes.Structure):
    """``struct ArrowSchema``."""


class _Array(ctypes.Structure):
    """``struct ArrowArray``."""


class _Stream(ctypes.Structure):
    """``struct ArrowArrayStream``."""


_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    (
        "get_schema",
        ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema)),
    ),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))),
    ("private_data", ctypes.c_void_p),
]

Texts = tuple[np.ndarray, np.ndarray]
"""The bytes of some texts, uint8, and their offsets, int64 [n + 1]: ``PackedTexts`` to be."""

_INLINE = 12  # a view's text of at most this many bytes lies in the view itself
_VIEW = 16
_INDICES = dict(zip("cCsSiIlL", ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), strict=True))
_TEXT = ("u", "U", "vu")
_LONGEST = 1 << 56  # so that no size in bytes exceeds 64 bits

# Functions of their own: the types of those of ctypes.pythonapi belong to all of the process.
_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_memory_at = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)
_READ_ONLY = 0x100  # PyBUF_READ


def read_column(column: Any) -> Iterator[Texts]:
    """Read the texts of an Arrow column, chunk by chunk.

    Args:
        column: See ``PackedTexts.from_arrow``.

    Yields:
        The texts of one chunk, copied, without missing values; whether they are UTF-8 is not
        checked.

    Raises:
        ForeignColumnError: The column has no Arrow interface, or holds another type than text.
        TextError: A value is missing, or the column contradicts itself.
    """
    if hasattr(column, "__arrow_c_stream__"):
        yield from _read_stream(column.__arrow_c_stream__())
    elif hasattr(column, "__arrow_c_array__"):
        schema, array = column.__arrow_c_array__()
        with (
            _taken(schema, b"arrow_schema", _Schema) as own,
            _taken(array, b"arrow_array", _Array) as chunk,
        ):
            yield _texts_of(own, chunk, 0)
    else:
        raise ForeignColumnError(
            f"expected a column with the Arrow interface, found {type(column).__name__}: pass a "
            "column of polars, pyarrow or another Arrow library, or a list of texts"
        )


def _read_stream(capsule: Any) -> Iterator[Texts]:
    with _taken(capsule, b"arrow_array_stream", _Stream) as stream:

        def call(function: Callable[..., int], target: ctypes.Structure) -> None:
            if function(ctypes.byref(stream), ctypes.byref(target)):
                said = stream.get_last_error(ctypes.byref(stream))
                raise TextError(
                    "the producer of the Arrow column failed: "
                    f"{(said or b'it gives no reason').decode('utf-8', 'replace')}"
                )

        schema = _Schema()
        call(stream.get_schema, schema)
        with _released(schema):
            first = 0
            while True:
                chunk = _Array()
                call(stream.get_next, chunk)
                if not chunk.release:  # the end of the stream
                    return
                with _released(chunk):
                    texts = _texts_of(schema, chunk, first)
                first += len(texts[1]) - 1
                yield texts


@contextmanager
def _taken(capsule: Any, name: bytes, kind: type[Any]) -> Iterator[Any]:
    """Take over what a capsule holds, and release it in the end.

    Releasing sets ``release`` to NULL in the capsule's own structure, from which its destructor
    sees that nothing is left to do.
    """
    taken = kind.from_address(_pointer_in(capsule, name))
    if not taken.release:
        raise TextError("expected an Arrow column, found one that has been read before")
    with _released(taken):
        yield taken


@contextmanager
def _released(structure: Any) -> Iterator[None]:
    """Release a structure in the end, once."""
    try:
        yield
    finally:
        if structure.release:
            structure.release(ctypes.byref(structure))


def _texts_of(schema: Any, array: Any, first: int) -> Texts:
    """Copy the texts of one array; ``first`` is the number of its first, for messages."""
    start, length = _range_of(array)
    kind = schema.format.decode("utf-8", "replace")
    if kind == "+s":
        if schema.n_children != 1 or array.n_children != 1:
            raise ForeignColumnError(
                f"expected a column of text, found a table of {schema.n_children} columns: select "
                "the text column"
            )
        _refuse_missing(array, start, length, first)
        schema, array = schema.children[0].contents, array.children[0].contents
        kind = schema.format.decode("utf-8", "replace")
        own, held = _range_of(array)
        if start + length > held:
            raise TextError(
                f"expected {start + length} rows in the column of an Arrow table, found {held}"
            )
        start += own
    if schema.dictionary:
        words = schema.dictionary.contents.format.decode("utf-8", "replace")
        if kind in _INDICES and words in _TEXT:
            return _of_dictionary(schema, array, start, length, first)
        kind = f"{kind}, dictionary of {words}"
    if kind not in _TEXT:
        raise ForeignColumnError(
            f"expected an Arrow column of text (utf8, large_utf8 or utf8_view), found the format "
            f"{kind!r}: convert the column to text"
        )
    _refuse_missing(array, start, length, first)
    return _texts_in(schema, array, start, length)


def _texts_in(schema: Any, array: Any, start: int, length: int) -> Texts:
    """Copy the texts in a range of a column's buffers, of which none is missing."""
    kind = schema.format.decode("utf-8", "replace")
    if not length:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    if kind == "vu":
        return _of_views(array, start, length)
    offsets = _buffer(array, 1, np.int32 if kind == "u" else np.int64, start, length + 1)
    check_offsets(offsets, _LONGEST)
    begin, end = int(offsets[0]), int(offsets[-1])
    data = _buffer(array, 2, np.uint8, begin, end - begin)
    return data.copy(), offsets.astype(np.int64) - begin


def _of_dictionary(schema: Any, array: Any, start: int, length: int, first: int) -> Texts:
    """Copy texts that are given by their numbers in a dictionary."""
    if not array.dictionary:
        raise TextError("expected the dictionary of an Arrow column, found none")
    _refuse_missing(array, start, length, first)
    kind = np.dtype(_INDICES[schema.format.decode()])
    numbers = _buffer(array, 1, kind, start, length).astype(np.int64)
    dictionary = array.dictionary.contents
    within, entries = _range_of(dictionary)
    if length and not (numbers.min() >= 0 and numbers.max() < entries):
        raise TextError(
            f"expected numbers below {entries}, the size of the Arrow column's dictionary, found "
            f"{numbers.min()} to {numbers.max()}"
        )
    used = np.unique(numbers)
    present = _present(dictionary, within, entries)
    if present is not None and not present[used].all():
        _say_missing(first + int((~present[numbers]).argmax()))
    data, offsets = _texts_in(schema.dictionary.contents, dictionary, within, entries)
    return gathered([(data, slice(None))], offsets[:-1][numbers], np.diff(offsets)[numbers])


def _of_views(array: Any, start: int, length: int) -> Texts:
    """Copy texts of the view layout: a short one lies in its view, a long one in a buffer."""
    count = array.n_buffers - 3  # validity, views, the buffers, their sizes
    if count < 0:
        raise TextError(f"expected 3 buffers or more in an Arrow column, found {array.n_buffers}")
    views = _buffer(array, 1, np.uint8, start * _VIEW, length * _VIEW)
    fields = views.view(np.int32).reshape(length, 4)  # size, prefix, buffer, offset
    sizes = fields[:, 0].astype(np.int64)
    bounds = _buffer(array, array.n_buffers - 1, np.int64, 0, count)
    if sizes.min() < 0 or (bounds < 0).any():
        raise TextError("expected sizes of 0 or more in an Arrow column, found negative ones")
    long = sizes > _INLINE
    owners = np.where(long, fields[:, 2], -1)
    starts = np.where(long, fields[:, 3], np.arange(length, dtype=np.int64) * _VIEW + 4)
    outside = long & ((owners < 0) | (owners >= count))
    reaches = starts + sizes
    inside = long & ~outside
    outside[inside] = (starts[inside] < 0) | (reaches[inside] > bounds[owners[inside]])
    if outside.any():
        raise TextError(
            "expected texts of an Arrow column inside its buffers, found document "
            f"{int(outside.argmax())} of a chunk outside"
        )
    # Stably sorted by owner, in one pass however many buffers there are.
    order = np.argsort(owners, kind="stable")
    used, firsts = np.unique(owners[order], return_index=True)
    sources = [
        (views if number < 0 else _buffer(array, 2 + number, np.uint8, 0, int(bounds[number])), own)
        for number, own in zip(used.tolist(), np.split(order, firsts[1:]), strict=True)
    ]
    return gathered(sources, starts, sizes)


def _range_of(array: Any) -> tuple[int, int]:
    """Return where an array starts in its buffers, and its length."""
    start, length = int(array.offset), int(array.length)
    if not (0 <= start < _LONGEST and 0 <= length < _LONGEST):
        raise TextError(
            f"expected an Arrow array with an offset and a length of 0 or more, found {start} and "
            f"{length}"
        )
    return start, length


def _present(array: Any, start: int, length: int) -> np.ndarray | None:
    """Return which values in a range of an array's buffers are present; None for all of them."""
    if array.null_count == 0 or not length or array.n_buffers < 1 or not array.buffers[0]:
        return None
    before = start % 8
    bits = _buffer(array, 0, np.uint8, start // 8, -(-(before + length) // 8))
    return np.unpackbits(bits, bitorder="little")[before : before + length].astype(np.bool_)


def _refuse_missing(array: Any, start: int, length: int, first: int) -> None:
    """Refuse an array with a missing value in the given range of its buffers."""
    present = _present(array, start, length)
    if present is not None and not present.all():
        _say_missing(first + int(present.argmin()))


def _say_missing(number: int) -> NoReturn:
    raise TextError(
        f"expected text as document {number}, found a missing value: replace missing values by an "
        "empty string, or drop those rows"
    )


def _buffer(array: Any, number: int, dtype: Any, start: int, length: int) -> np.ndarray:
    """Return a part of a buffer, in numbers of its type, as a view of the producer's memory."""
    size = np.dtype(dtype).itemsize
    if not 0 <= number < array.n_buffers:
        raise TextError(
            f"expected at least {number + 1} buffers in an Arrow column, found {array.n_buffers}"
        )
    if not length:
        return np.zeros(0, dtype)
    if not array.buffers[number]:
        raise TextError(f"expected buffer {number} of an Arrow column, found none")
    memory = _memory_at(array.buffers[number] + start * size, length * size, _READ_ONLY)
    return np.frombuffer(memory, dtype)
