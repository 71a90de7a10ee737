"""Documents as one array of bytes, the form in which kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from satchel.bags.preparing import check_text
from satchel.errors import TextError

# Places inside a document are held in 32 bits, and lower case may double its bytes.
LARGEST = 1 << 30


@dataclass(frozen=True)
class Packed:
    """Documents end to end in UTF-8.

    Attributes:
        data: uint8; all bytes.
        offsets: int64 [n + 1]; document i is ``data[offsets[i]:offsets[i + 1]]``.
    """

    data: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


def pack(texts: Sequence[str], first: int = 0) -> Packed:
    """Put documents end to end.

    Args:
        texts: Documents.
        first: The number of the first one, for messages.

    Returns:
        Their UTF-8 bytes.

    Raises:
        TextError: A document is not text, or has more than a gigabyte.
    """
    try:
        parts = [text.encode() for text in texts]
    except (UnicodeEncodeError, AttributeError):
        parts = [
            check_text(text, number).encode() for number, text in enumerate(texts, start=first)
        ]
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    lengths = np.diff(offsets)
    if len(parts) and lengths.max() > LARGEST:
        raise TextError(
            f"document {first + int(lengths.argmax())} has {lengths.max()} bytes, "
            f"but a document may have {LARGEST}: cut it into parts"
        )
    return Packed(np.frombuffer(b"".join(parts), np.uint8), offsets)
