"""Writing and reading a model file, in the order of trust.

Reading goes from the outside in, and takes memory only for what has been checked: the records of
the container (`container`), the manifest (`manifest`), whether the sizes that both state agree
with what the manifest's arrays take (`arrays`), then the members, whose SHA-256 is computed during
the checks of their contents. Every failure is a `ModelFileError` that names the member.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import msgspec
import numpy as np

from satchel import files
from satchel.errors import ModelFileError
from satchel.inference.structure import Ensemble
from satchel.sealed import container, terms
from satchel.sealed.arrays import ALIGNMENT, ARRAYS, decode_arrays, encode_arrays, total_size
from satchel.sealed.assembly import Contents, contents_of, ensemble_of
from satchel.sealed.container import Buffer, Span
from satchel.sealed.manifest import (
    MANIFEST,
    check_arrays,
    encode_manifest,
    read_manifest,
    validated,
)
from satchel.sealed.schema import File, Manifest


class BytesSource:
    """A source that reads from bytes in memory.

    Attributes:
        total: The number of bytes.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.total = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return some bytes."""
        return bytes(self._data[offset : offset + length])

    def member(self, offset: int, length: int) -> memoryview:
        """Return a copy of some bytes, at an aligned address."""
        target = _aligned(length)
        target[:] = self._data[offset : offset + length]
        return target.toreadonly()


class MappedSource(BytesSource):
    """A source that maps an open file into memory: members are views of the mapping, not copies.

    The mapping lasts as long as any view of it, and keeps the content of the file even when the
    name is given to another one.
    """

    def __init__(self, file: BinaryIO) -> None:
        import mmap  # only here: models are rarely mapped

        size = os.fstat(file.fileno()).st_size
        try:
            # An empty file cannot be mapped.
            whole = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
        except ValueError as error:
            raise ModelFileError(
                "the file became shorter while it was mapped: load it again once it is complete"
            ) from error
        super().__init__(memoryview(whole))

    def member(self, offset: int, length: int) -> memoryview:
        """Return some bytes; aligned if their offset is, as a mapping starts at a page."""
        return self._data[offset : offset + length]


class FileSource:
    """A source that reads from an open file.

    Attributes:
        total: Its size in bytes when it was opened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.total = os.fstat(file.fileno()).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return some bytes."""
        data = bytearray(length)
        self._read_into(offset, memoryview(data))
        return bytes(data)

    def member(self, offset: int, length: int) -> memoryview:
        """Return some bytes, at an aligned address."""
        target = _aligned(length)
        self._read_into(offset, target)
        return target.toreadonly()

    def _read_into(self, offset: int, target: memoryview) -> None:
        self._file.seek(offset)
        while target:
            count = self._file.readinto(target)  # type: ignore[attr-defined]
            if not count:
                raise ModelFileError(
                    "the file became shorter while it was read: read it again once it is complete"
                )
            target = target[count:]


Source = BytesSource | FileSource


def _aligned(size: int) -> memoryview:
    """Return a new buffer of some bytes that starts at an aligned address."""
    buffer = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer.data[start : start + size]


CARD = "card.md"
MAX_CARD_BYTES = 1 << 20


def write(path: str | os.PathLike[str], model: Ensemble) -> None:
    """Write a model file: afterwards the path holds the complete new model, or what it held before.

    Args:
        path: Where to write it.
        model: The model.

    Raises:
        SaveError: The file could not be written; the old one is intact.
        ModelFileError: The model could not be read back.
    """
    files.write_atomically(path, _pieces(contents_of(model)))


def dumps(model: Ensemble) -> bytes:
    """Return the bytes of a model file; the same model always gives the same bytes.

    Raises:
        ModelFileError: The model could not be read back.
    """
    return pack(contents_of(model))


def pack(contents: Contents) -> bytes:
    """Return the bytes of a file with these contents.

    Args:
        contents: The contents; ``manifest.files`` is computed again.

    Raises:
        ModelFileError: The contents do not make a file that could be read back.
    """
    return b"".join(_pieces(contents))


def _pieces(contents: Contents) -> Iterator[Buffer]:
    """Return the bytes of a model file, piece by piece, once its contents have been checked."""
    manifest = validated(contents.manifest)
    members: dict[str, Buffer] = {ARRAYS: encode_arrays(manifest, contents.arrays)}
    check_arrays(manifest, dict(contents.arrays))
    sizes = [view.size for view in manifest.views]
    if contents.terms is not None:
        members[terms.NAME] = terms.encode(contents.terms, sizes)
        terms.check(members[terms.NAME], sizes)
    members[CARD] = _encode_card(contents.card)
    listed_files = tuple(
        File(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in members.items()
    )
    manifest = msgspec.structs.replace(manifest, files=listed_files)
    return container.pieces({MANIFEST: encode_manifest(manifest), **members})


def _encode_card(card: str) -> bytes:
    try:
        data = card.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelFileError(f"the card cannot be written as UTF-8: {error}", CARD) from error
    if len(data) > MAX_CARD_BYTES:
        raise ModelFileError(
            f"expected a card of at most {MAX_CARD_BYTES} bytes, found {len(data)}", CARD
        )
    return data


def read(path: str | os.PathLike[str], *, mapped: bool = False) -> Ensemble:
    """Read a model from an untrusted file; see `read_contents`."""
    return ensemble_of(read_contents(path, mapped=mapped))


def read_contents(path: str | os.PathLike[str], *, mapped: bool = False) -> Contents:
    """Read the contents of an untrusted model file.

    Opens that one file and no other. Memory grows by no more than the size of the file, 32 times
    that of its manifest (8 MiB at most), and 8 MiB.

    Args:
        path: The file.
        mapped: Whether to map the file into memory instead of reading it. All checks are the same,
            but they hold only as long as nobody writes into the file: then the arrays change, and
            where it becomes shorter, the system kills the process that reads them. To replace it
            by renaming another one to its name, as `write` does, is safe.

    Returns:
        Its contents; the arrays are read-only views of one buffer, or of the mapping.

    Raises:
        ModelFileError: The file is damaged, foreign or hostile.
        OSError: There is no such file, or it may not be read.
    """
    path = Path(path)
    if not stat.S_ISREG(
        path.stat().st_mode
    ):  # checked before opening, since a pipe would wait for its writer
        raise ModelFileError(f"expected a regular file, found something else at {path}")
    with path.open("rb", buffering=0) as file:
        return _read(MappedSource(file) if mapped else FileSource(file))


def loads(data: Buffer) -> Ensemble:
    """Read a model from untrusted bytes; see `read`.

    Args:
        data: The bytes of a model file. Copied once, so they may change afterwards.

    Raises:
        ModelFileError: The bytes are damaged, foreign or hostile.
    """
    return ensemble_of(unpack(data))


def unpack(data: Buffer) -> Contents:
    """Read what a model file holds from its bytes; see `loads`."""
    return _read(BytesSource(memoryview(data).cast("B")))


def _read(source: Source) -> Contents:
    """Read the contents of a model file, from the outside in."""
    spans = container.locate(source.total, source.read_at)
    manifest = read_manifest(spans[MANIFEST], source.read_at)
    _check_sizes(manifest, spans)
    data = {
        file.name: source.member(spans[file.name].offset, spans[file.name].size)
        for file in manifest.files
    }
    digest = _Digest(data[ARRAYS])
    try:
        contents = _checked(manifest, data)
    except ModelFileError:
        _verify(manifest, data, digest)  # a damaged file is the cause, the error its consequence
        raise
    _verify(manifest, data, digest)
    return contents


def _checked(manifest: Manifest, data: dict[str, memoryview]) -> Contents:
    """Return the checked contents of the members."""
    arrays = decode_arrays(manifest, data[ARRAYS])
    check_arrays(manifest, arrays)
    lines = None
    if terms.NAME in data:
        sizes = [view.size for view in manifest.views]
        terms.check(data[terms.NAME], sizes)
        lines = terms.TermLines(data[terms.NAME], sizes)
    return Contents(manifest=manifest, arrays=arrays, terms=lines, card=_decode_card(data[CARD]))


def _verify(manifest: Manifest, data: dict[str, memoryview], digest: _Digest) -> None:
    """Refuse members whose SHA-256 differs from that of the manifest."""
    found = {
        name: hashlib.sha256(member).hexdigest() for name, member in data.items() if name != ARRAYS
    }
    found[ARRAYS] = digest.result()
    for file in manifest.files:
        if found[file.name] != file.sha256:
            raise ModelFileError(
                f"expected the SHA-256 {file.sha256}, found {found[file.name]}: "
                "the file was damaged or changed",
                file.name,
            )


def _check_sizes(manifest: Manifest, spans: dict[str, Span]) -> None:
    """Refuse a file unless container, manifest and arrays agree on every size."""
    listed = [file.name for file in manifest.files]
    present = [name for name in spans if name != MANIFEST]
    if listed != present:
        raise ModelFileError(
            f"files: expected {present} as in the container, found {listed}", MANIFEST
        )
    for file in manifest.files:
        if file.size != spans[file.name].size:
            raise ModelFileError(
                f"expected {file.size} bytes, found {spans[file.name].size}", file.name
            )
    expected = total_size(manifest)
    if spans[ARRAYS].size != expected:
        raise ModelFileError(
            f"expected {expected} bytes for the manifest's arrays, found {spans[ARRAYS].size}",
            ARRAYS,
        )
    if spans[ARRAYS].offset % ALIGNMENT:
        raise ModelFileError(
            f"expected to start at a multiple of {ALIGNMENT}, found byte {spans[ARRAYS].offset}: "
            "pad the manifest with spaces",
            ARRAYS,
        )
    if spans[CARD].size > MAX_CARD_BYTES:
        raise ModelFileError(
            f"expected at most {MAX_CARD_BYTES} bytes, found {spans[CARD].size}", CARD
        )


def _decode_card(data: Buffer) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelFileError(f"not UTF-8 at byte {error.start}", CARD) from error


class _Digest:
    """The SHA-256 of a member, computed in a thread: hashing releases the interpreter's lock."""

    def __init__(self, data: memoryview) -> None:
        self._sha256 = hashlib.sha256()
        self._thread = Thread(target=self._sha256.update, args=(data,), daemon=True)
        self._thread.start()

    def result(self) -> str:
        """Wait for the digest and return it in hexadecimal."""
        self._thread.join()
        return self._sha256.hexdigest()
