"""Arrow columns made by hand through the C data interface, right and wrong ones.

They count how often each structure is released, which a real producer does not tell.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from satchel.features import arrow

_new_capsule = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))


@dataclass
class Chunk:
    """One Arrow array.

    Attributes:
        buffers: Its buffers; None for NULL.
        length: Its length.
        offset: Where it starts in its buffers.
        null_count: How many values are missing, as it states; -1 for unknown.
        child: The only column, if this is a table.
        dictionary: The values that it numbers, if it has a dictionary.
    """

    buffers: Sequence[np.ndarray | None]
    length: int
    offset: int = 0
    null_count: int = 0
    child: Chunk | None = None
    dictionary: Chunk | None = None


@dataclass
class Kind:
    """One Arrow schema: the format, and those of the child or the dictionary."""

    format: bytes
    child: Kind | None = None
    dictionary: Kind | None = None


@dataclass
class Column:
    """A producer: an object with ``__arrow_c_stream__``.

    Attributes:
        kind: The type of its chunks.
        chunks: Its chunks.
        fails: The error that it ends in; None for the end of the stream.
        released: How often each structure was released, by name; chunks by ``chunk 0`` and so on.
    """

    kind: Kind
    chunks: Sequence[Chunk]
    fails: bytes | None = None
    released: Counter[str] = field(default_factory=Counter)
    _kept: list[Any] = field(default_factory=list)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        stream = arrow._Stream()
        fields: dict[str, Any] = dict(arrow._Stream._fields_)
        pending = list(enumerate(self.chunks))

        def get_schema(_: Any, target: Any) -> int:
            self._fill_schema(target.contents, self.kind, "schema")
            return 0

        def get_next(_: Any, target: Any) -> int:
            if pending:
                number, chunk = pending.pop(0)
                self._fill_array(target.contents, chunk, f"chunk {number}")
                return 0
            return 5 if self.fails else 0

        stream.get_schema = fields["get_schema"](get_schema)
        stream.get_next = fields["get_next"](get_next)
        stream.get_last_error = fields["get_last_error"]()
        if self.fails is not None:
            message = ctypes.create_string_buffer(self.fails)
            kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
            said = kind(lambda _: ctypes.addressof(message))
            self._kept += [message, said]
            stream.get_last_error = ctypes.cast(said, fields["get_last_error"])
        stream.release = self._releaser(fields["release"], "stream")
        self._kept.append(stream)
        return _new_capsule(ctypes.addressof(stream), b"arrow_array_stream", None)

    def _releaser(self, kind: Any, name: str) -> Any:
        def release(pointer: Any) -> None:
            self.released[name] += 1
            pointer.contents.release = kind()

        function = kind(release)
        self._kept.append(function)
        return function

    def _fill_schema(self, schema: Any, kind: Kind, name: str) -> None:
        schema.format = kind.format
        schema.release = self._releaser(dict(arrow._Schema._fields_)["release"], name)
        if kind.child is not None:
            child = arrow._Schema()
            self._fill_schema(child, kind.child, f"{name} child")
            children = (ctypes.POINTER(arrow._Schema) * 1)(ctypes.pointer(child))
            schema.n_children, schema.children = 1, children
            self._kept += [child, children]
        if kind.dictionary is not None:
            dictionary = arrow._Schema()
            self._fill_schema(dictionary, kind.dictionary, f"{name} dictionary")
            schema.dictionary = ctypes.pointer(dictionary)
            self._kept.append(dictionary)

    def _fill_array(self, array: Any, chunk: Chunk, name: str) -> None:
        array.length, array.null_count, array.offset = chunk.length, chunk.null_count, chunk.offset
        array.n_buffers = len(chunk.buffers)
        addresses = [None if buffer is None else buffer.ctypes.data for buffer in chunk.buffers]
        buffers = (ctypes.c_void_p * len(addresses))(*addresses)
        array.buffers = buffers
        array.release = self._releaser(dict(arrow._Array._fields_)["release"], name)
        self._kept += [buffers, *chunk.buffers]
        if chunk.child is not None:
            child = arrow._Array()
            self._fill_array(child, chunk.child, f"{name} child")
            children = (ctypes.POINTER(arrow._Array) * 1)(ctypes.pointer(child))
            array.n_children, array.children = 1, children
            self._kept += [child, children]
        if chunk.dictionary is not None:
            dictionary = arrow._Array()
            self._fill_array(dictionary, chunk.dictionary, f"{name} dictionary")
            array.dictionary = ctypes.pointer(dictionary)
            self._kept.append(dictionary)


@dataclass
class ArrayColumn:
    """The first chunk of a column, as an object with ``__arrow_c_array__`` alone."""

    column: Column

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        schema, array = arrow._Schema(), arrow._Array()
        self.column._fill_schema(schema, self.column.kind, "schema")
        self.column._fill_array(array, self.column.chunks[0], "chunk 0")
        self.column._kept += [schema, array]
        return (
            _new_capsule(ctypes.addressof(schema), b"arrow_schema", None),
            _new_capsule(ctypes.addressof(array), b"arrow_array", None),
        )


def bitmap(texts: Sequence[str | None]) -> np.ndarray:
    """Return the validity of texts, a bit each."""
    present = np.array([text is not None for text in texts], np.bool_)
    return np.packbits(present, bitorder="little")


def utf8_chunk(texts: Sequence[str | None], *, large: bool = False) -> Chunk:
    """Return texts in the layout utf8, or large_utf8."""
    encoded = [(text or "").encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64 if large else np.int32)
    data = np.frombuffer(b"".join(encoded) + b"?", np.uint8)
    missing = sum(text is None for text in texts)
    return Chunk([bitmap(texts) if missing else None, offsets, data], len(texts), 0, missing)


def view_chunk(texts: Sequence[str | None], buffers: int = 2) -> Chunk:
    """Return texts in the layout utf8_view; long ones lie in these buffers in turn."""
    views = np.zeros((len(texts), 16), np.uint8)
    parts: list[list[bytes]] = [[] for _ in range(buffers)]
    for number, text in enumerate(texts):
        encoded = (text or "").encode()
        fields = views[number].view(np.int32)
        fields[0] = len(encoded)
        if len(encoded) <= 12:
            views[number, 4 : 4 + len(encoded)] = np.frombuffer(encoded, np.uint8)
            continue
        own = parts[number % buffers]
        views[number, 4:8] = np.frombuffer(encoded[:4], np.uint8)
        fields[2], fields[3] = number % buffers, sum(map(len, own))
        own.append(encoded)
    data = [np.frombuffer(b"".join(part) + b"?", np.uint8) for part in parts]
    sizes = np.array([len(part) - 1 for part in data], np.int64)
    missing = sum(text is None for text in texts)
    validity = bitmap(texts) if missing else None
    return Chunk([validity, views, *data, sizes], len(texts), 0, missing)
