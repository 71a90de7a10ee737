"""A strict reader of the one HDF5 layout in which Keras saved models.

Keras wrote through h5py, whose files have a superblock of version 0, groups as symbol tables,
contiguous arrays, and text in attributes of fixed or variable length. Only that is read here,
according to the HDF5 File Format Specification, version 3.0. Whatever could refer outside the file
(soft and external links, external and virtual data) or expand a small file (chunks, compression)
belongs to other layouts and is refused. The library libhdf5 is not used: a single corrupt byte can
make it crash, hang or exhaust memory.

Every address and size is checked against the file before it is followed, nothing is followed twice
within a structure, and the arrays of a file cannot together be larger than the file.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from satchel.errors import ModelFileError, SourceNotFoundError

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
MAX_TEXT: Final = 1 << 20
"""The longest text of an attribute, in bytes; a Sequential's configuration takes some kilobytes."""

_MAX_ITEMS: Final = 1_024  # messages of an object, entries of a group, elements of an attribute
_MAX_DIMENSIONS: Final = 4
_UNDEFINED: Final = (1 << 64) - 1

# Message types of an object header that are read, or that can safely be ignored.
_DATASPACE, _DATATYPE, _LAYOUT, _ATTRIBUTE, _CONTINUATION, _GROUP = 1, 3, 8, 12, 16, 17
_UNREAD: Final = frozenset({0, 4, 5, 13, 14, 18, 21, 22})  # padding, fill values, comments, times
_REFUSED: Final = {
    2: "links of a newer layout, which could lead to other files",
    6: "links of a newer layout, which could lead to other files",
    7: "data in other files",
    11: "compressed data",
}
# Bit offset, precision, exponent's place and size, mantissa's place and size, exponent's bias.
_FLOATS: Final = {
    (0, 16, 10, 5, 0, 10, 15): "f2",
    (0, 32, 23, 8, 0, 23, 127): "f4",
    (0, 64, 52, 11, 0, 52, 1023): "f8",
}


@dataclass(frozen=True)
class Part:
    """A group or a data set: the messages of its header, each a type and its bytes."""

    messages: tuple[tuple[int, bytes], ...]

    def find(self, kind: int) -> bytes | None:
        """Return the one message of a type, or None.

        Raises:
            ModelFileError: There is more than one.
        """
        found = [data for type_, data in self.messages if type_ == kind]
        if len(found) > 1:
            raise ModelFileError(f"an object's header has {len(found)} messages of type {kind}")
        return found[0] if found else None


class Hdf5:
    """An open file.

    Args:
        file: The file, open for reading bytes.
        size: Its size in bytes.

    Raises:
        ModelFileError: It is not an HDF5 file, or not of this layout.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self._left = size  # bytes that arrays may still take
        self._texts_left = size  # and collections of texts
        self._collections: dict[int, dict[int, bytes]] = {}
        head = self._file.read(96)
        if head[:8] != SIGNATURE:
            raise ModelFileError("expected an HDF5 file, found another format")
        if len(head) < 96:
            raise ModelFileError("the HDF5 file is truncated")
        if head[8] != 0:
            raise ModelFileError(
                f"expected an HDF5 superblock of version 0, as Keras writes it, found version "
                f"{head[8]}: load the model in Keras and save it again as .h5"
            )
        base, _, end = struct.unpack_from("<QQQ", head, 24)
        if head[9:16] != b"\0\0\0\0\x08\x08\0" or base:
            raise ModelFileError("its HDF5 superblock has sizes that h5py does not write")
        if end > size:
            raise ModelFileError(
                f"the HDF5 file is truncated: expected {end:,} bytes, found {size:,}"
            )
        self.root = self._part(struct.unpack_from("<Q", head, 64)[0])

    def child(self, part: Part, name: str) -> Part:
        """Follow one hard link of a group.

        Raises:
            ModelFileError: There is no such name, it is another kind of link, or ``part`` is not a
                group.
        """
        found = [each for each in self._links(part) if each[0] == name.encode()]
        if len(found) != 1:
            raise ModelFileError(
                f"expected one object named {name!r}, found {'two' if found else 'none'}"
            )
        _, address, cache = found[0]
        if cache == 2:
            raise ModelFileError(f"{name!r} is a soft link: links are refused")
        return self._part(address)

    def attribute(self, part: Part, name: str) -> list[str] | str:
        """Return an attribute: a text, or a list of texts.

        Raises:
            ModelFileError: It is missing, not text, or longer than ``MAX_TEXT``.
        """
        for type_, data in part.messages:
            if type_ == _ATTRIBUTE and (parsed := _attribute(data, name)) is not None:
                shape, datatype, values = parsed
                texts = list(self._texts(name, math.prod(shape), datatype, values))
                return texts if shape else texts[0]
        raise ModelFileError(f"expected the attribute {name!r}, found none")

    def array(self, part: Part, name: str) -> np.ndarray:
        """Return a data set of floating-point numbers.

        Args:
            part: The data set.
            name: Its name, for messages.

        Returns:
            Array of its own shape and type (float16, float32 or float64).

        Raises:
            ModelFileError: It is not a contiguous data set of floats within the file.
        """
        space, datatype, layout = map(part.find, (_DATASPACE, _DATATYPE, _LAYOUT))
        if space is None or datatype is None or layout is None:
            raise ModelFileError(f"expected {name!r} to be an array, found none")
        if layout[:1] == b"\x03" and layout[1:2] == b"\x02":
            raise ModelFileError(f"{name!r} is chunked or compressed, which Keras never writes")
        if layout[:2] != b"\x03\x01":
            raise ModelFileError(f"{name!r} is stored in other files or in another layout")
        shape = _shape(space)
        dtype = _float(datatype, name)
        address, stored = struct.unpack_from("<QQ", layout, 2)
        declared = math.prod(shape) * dtype.itemsize
        if stored != declared or (declared and address == _UNDEFINED) or declared > self._left:
            raise ModelFileError(
                f"{name!r} declares {declared:,} bytes, which the file does not hold"
            )
        self._left -= declared
        data = self._read(address, declared) if declared else b""
        return np.frombuffer(data, dtype).reshape(shape)

    def _read(self, address: int, size: int) -> bytes:
        """Read bytes that must lie within the file."""
        if address > self._size or size > self._size - address:
            raise ModelFileError("it points to bytes that the file does not hold")
        self._file.seek(address)
        data = self._file.read(size)
        if len(data) < size:
            raise ModelFileError("the file was truncated while it was read")
        return data

    def _signed(self, address: int, size: int, signature: bytes, what: str) -> bytes:
        data = self._read(address, size)
        if not data.startswith(signature):
            raise ModelFileError(f"expected {what}, found something else")
        return data

    def _part(self, address: int) -> Part:
        """Read an object header with its continuations."""
        version, _, count, _, size = struct.unpack("<BBHII", self._read(address, 12))
        if version != 1 or count > _MAX_ITEMS:
            raise ModelFileError(f"an object's header has version {version} and {count} messages")
        blocks = [(address + 16, size)]
        messages: list[tuple[int, bytes]] = []
        for start, length in blocks:  # grows during the iteration
            if length > MAX_TEXT:
                raise ModelFileError(f"an object's header takes {length:,} bytes")
            block = self._read(start, length)
            place = 0
            while place + 8 <= length and len(messages) < count:
                kind, size, flags = struct.unpack_from("<HHB", block, place)
                data = block[place + 8 : place + 8 + size]
                place += 8 + size
                if len(data) < size:
                    raise ModelFileError("a message of an object's header is truncated")
                if kind in _REFUSED:
                    raise ModelFileError(f"it has {_REFUSED[kind]}: that is refused")
                if flags & 2 or kind not in _KNOWN:
                    raise ModelFileError(f"an object's header has a message of type {kind}")
                messages.append((kind, data))
                if kind == _CONTINUATION:
                    more = struct.unpack_from("<QQ", _at_least(data, 16))
                    if more in blocks:
                        raise ModelFileError("the parts of an object's header form a loop")
                    blocks.append(more)
        if len(messages) != count:
            raise ModelFileError(
                f"an object's header declares {count} messages and has {len(messages)}"
            )
        return Part(tuple(messages))

    def _links(self, part: Part) -> Iterator[tuple[bytes, int, int]]:
        """Yield the name, the address and the kind of every link of a group."""
        table = part.find(_GROUP)
        if table is None:
            raise ModelFileError("expected a group, found another object")
        tree, heap = struct.unpack_from("<QQ", _at_least(table, 16))
        header = self._signed(heap, 32, b"HEAP\0", "a group's names")
        size, _, address = struct.unpack_from("<QQQ", header, 8)
        if size > MAX_TEXT:
            raise ModelFileError(f"the names of a group take {size:,} bytes")
        names = self._read(address, size)
        total = 0
        for node in self._leaves(tree):
            count = struct.unpack_from("<H", self._signed(node, 8, b"SNOD\1", "a symbol node"), 6)[
                0
            ]
            total += count
            if total > _MAX_ITEMS:
                raise ModelFileError(f"a group has more than {_MAX_ITEMS:,} entries")
            entries = self._read(node + 8, 40 * count)
            for place in range(0, len(entries), 40):
                start, target, cache = struct.unpack_from("<QQI", entries, place)
                stop = names.find(b"\0", start) if start < len(names) else -1
                if stop < 0:
                    raise ModelFileError("a name of a group is truncated")
                yield names[start:stop], target, cache

    def _leaves(self, tree: int) -> Iterator[int]:
        """Yield the addresses of the symbol nodes below a group's B-tree."""
        nodes = [tree]
        for node in nodes:  # grows during the iteration
            head = self._signed(node, 24, b"TREE\0", "a group's B-tree")
            level, used = struct.unpack_from("<BH", head, 5)
            entries = self._read(node + 24, 8 + 16 * used)
            children = [struct.unpack_from("<Q", entries, 8 + 16 * n)[0] for n in range(used)]
            if level == 0:
                yield from children
                continue
            nodes += children
            if len(nodes) > _MAX_ITEMS or len(set(nodes)) < len(nodes):
                raise ModelFileError("a group's B-tree is too large or forms a loop")

    def _texts(self, name: str, count: int, datatype: bytes, values: bytes) -> Iterator[str]:
        """Yield the elements of an attribute of text."""
        kind, bits, size = struct.unpack_from("<BB2xI", _at_least(datatype, 8))
        variable = kind & 15 == 9 and bits & 15 == 1
        if not variable and kind & 15 != 3:
            raise ModelFileError(f"the attribute {name!r} is not text")
        if count > _MAX_ITEMS or count * size > len(values) or (variable and size != 16):
            raise ModelFileError(f"the attribute {name!r} declares more than the file holds")
        total = 0
        for number in range(count):
            data = values[number * size : (number + 1) * size]
            if variable:
                length, address, index = struct.unpack("<IQI", data)
                data = self._collection(address).get(index, b"") if length else b""
                if len(data) < length:
                    raise ModelFileError(f"the attribute {name!r} is truncated")
                data = data[:length]
            # Text is padded with NULs or with spaces.
            data = data.rstrip(b" ") if bits & 15 == 2 and not variable else data.split(b"\0")[0]
            total += len(data)
            if total > MAX_TEXT:
                raise ModelFileError(f"the attribute {name!r} is longer than {MAX_TEXT:,} bytes")
            try:
                yield data.decode()
            except UnicodeDecodeError:
                raise ModelFileError(f"the attribute {name!r} is not UTF-8") from None

    def _collection(self, address: int) -> dict[int, bytes]:
        """Read a collection of texts of variable length."""
        if address not in self._collections:
            head = self._signed(address, 16, b"GCOL\1", "a collection of texts")
            size = struct.unpack_from("<Q", head, 8)[0]
            self._texts_left -= size
            if size > 2 * MAX_TEXT or self._texts_left < 0:
                raise ModelFileError(f"a collection of texts takes {size:,} bytes")
            data = self._read(address, size)
            found: dict[int, bytes] = {}
            place = 16
            while place + 16 <= size:
                index, length = struct.unpack_from("<H6xQ", data, place)
                if index == 0:  # free space, which is last
                    break
                found[index] = data[place + 16 : place + 16 + length]
                place += 16 + -(-length // 8) * 8
            self._collections[address] = found
        return self._collections[address]


_KNOWN: Final = _UNREAD | {_DATASPACE, _DATATYPE, _LAYOUT, _ATTRIBUTE, _CONTINUATION, _GROUP}


def _at_least(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise ModelFileError("a message of an object's header is truncated")
    return data


def _shape(space: bytes) -> tuple[int, ...]:
    """Return the dimensions that a dataspace message declares; empty for a scalar."""
    version, rank, _, kind = _at_least(space, 4)[:4]
    start = {1: 8, 2: 4}.get(version)
    if start is None or rank > _MAX_DIMENSIONS or (version == 2 and kind > 1):
        raise ModelFileError(f"a dataspace has version {version} and {rank} dimensions")
    return struct.unpack_from(f"<{rank}Q", _at_least(space, start + 8 * rank), start)


def _float(datatype: bytes, name: str) -> np.dtype[Any]:
    """Return the NumPy type of a datatype message, which must be IEEE floating point."""
    kind, order, sign, _, size = struct.unpack_from("<BBBBI", _at_least(datatype, 8))
    if kind & 15 == 1:
        layout = struct.unpack_from("<HHBBBBI", _at_least(datatype, 20), 8)
        code = _FLOATS.get(layout)
        # The first bit of the mantissa is implied (2), the sign is the last bit, and the byte order
        # is little (0) or big (1) endian.
        if code and size == int(code[1]) and sign == 8 * size - 1 and order & ~1 == 0x20:
            return np.dtype((">" if order & 1 else "<") + code)
    raise ModelFileError(
        f"expected {name!r} to hold floating-point numbers of 16, 32 or 64 bits, found other data"
    )


def _attribute(data: bytes, wanted: str) -> tuple[tuple[int, ...], bytes, bytes] | None:
    """Return shape, datatype and values of an attribute, or None if it has another name."""
    version, flags, *sizes = struct.unpack_from("<BBHHH", _at_least(data, 8))
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise ModelFileError(f"an attribute has version {version} and flags {flags}")
    place = 9 if version == 3 else 8
    pieces = []
    for size in sizes:
        pieces.append(data[place : place + size])
        place += -(-size // 8) * 8 if version == 1 else size
    name, datatype, space = pieces
    if name.split(b"\0")[0] != wanted.encode():
        return None
    return _shape(space), datatype, data[place:]


@contextmanager
def open_foreign(path: Path, what: str, max_bytes: int) -> Iterator[tuple[IO[bytes], int]]:
    """Open a regular file of limited size.

    Args:
        path: The file.
        what: What it contains, for messages, such as ``model``.
        max_bytes: The largest size that is read.

    Yields:
        The file, open for reading bytes, and its size.

    Raises:
        SourceNotFoundError: It cannot be opened, or is not a regular file.
        ModelFileError: It is larger than ``max_bytes``, or could not be read to its end.
    """
    try:
        # Checked before opening, since opening a pipe waits for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceNotFoundError(
                f"the {what} {path} could not be read: it is not a regular file"
            )
        file = path.open("rb")
    except (OSError, ValueError) as error:
        if isinstance(error, SourceNotFoundError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceNotFoundError(f"the {what} {path} could not be read: {reason}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise ModelFileError(f"{size:,} bytes are over the limit of {max_bytes:,}", path.name)
        try:
            yield file, size
        except OSError as error:
            raise ModelFileError(f"it could not be read: {error.strerror}", path.name) from error
