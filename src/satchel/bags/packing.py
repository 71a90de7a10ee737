"""Documents as one array of bytes, the form in which kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

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
    lengths = list(map(len, parts))
    if lengths and max(lengths) > LARGEST:
        raise TextError(
            f"document {first + lengths.index(max(lengths))} has {max(lengths)} bytes, "
            f"but a document may have {LARGEST}: cut it into parts"
        )
    offsets = np.fromiter(accumulate(lengths, initial=0), np.int64, len(lengths) + 1)
    return Packed(np.frombuffer(b"".join(parts), np.uint8), offsets)
