"""Cutting a stream of documents into chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from satchel.bags.features import Features
from satchel.bags.preparing import check_string, prepare
from satchel.errors import TextError

CHUNK_CHARACTERS = 1 << 20
CHUNK_DOCUMENTS = 1 << 12


def chunks(texts: Iterable[str], features: Features) -> Iterator[list[str]]:
    """Check, prepare and group documents, reading no further ahead than one chunk.

    Args:
        texts: Documents, of any number.
        features: What to prepare them for.

    Yields:
        Lists of prepared documents: a million characters or 4096 documents, or one longer document.

    Raises:
        TextError: A document is not text, or ``texts`` is one string.
    """
    if isinstance(texts, (str, bytes)):
        raise TextError("expected several texts but found one: put it into a list")
    chunk: list[str] = []
    characters = 0
    for number, text in enumerate(texts):
        ready = prepare(check_string(text, number), features)
        chunk.append(ready)
        characters += len(ready)
        if characters >= CHUNK_CHARACTERS or len(chunk) == CHUNK_DOCUMENTS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
