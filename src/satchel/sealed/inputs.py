"""What a model can be read from: bytes in memory, or an open file."""

from __future__ import annotations

import os
from typing import BinaryIO

from satchel.errors import ModelFileError


class BytesSource:
    """Bytes in memory as something to read from.

    Attributes:
        total: How many there are.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.total = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return some bytes."""
        return bytes(self._data[offset : offset + length])

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill a buffer."""
        target[:] = self._data[offset : offset + len(target)]


class FileSource:
    """An open file as something to read from.

    Attributes:
        total: Its bytes when it was opened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.total = os.fstat(file.fileno()).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return some bytes."""
        data = bytearray(length)
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill a buffer."""
        self._file.seek(offset)
        while target:
            count = self._file.readinto(target)  # type: ignore[attr-defined]
            if not count:
                raise ModelFileError("the file became shorter while it was read")
            target = target[count:]


Source = BytesSource | FileSource
