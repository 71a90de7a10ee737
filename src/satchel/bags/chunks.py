"""Cutting a stream of documents into chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from satchel.bags.features import Features
from satchel.bags.kernels import CHARACTER_GRAMS, WORTH_STARTING
from satchel.bags.preparing import check_string, check_text, prepare
from satchel.errors import TextError

CHUNK_CHARACTERS = 1 << 19
CHUNK_DOCUMENTS = 1 << 11
LONG = 1 << 21
"""Code points beyond which the plain path answers for a document, which it reads in windows: the
kernels hold all its features at once, 100 bytes and more a code point where it has n-grams."""


class Chunk(NamedTuple):
    """Some documents of a stream, prepared.

    Attributes:
        first: The number of the first one in the stream.
        texts: The documents.
    """

    first: int
    texts: list[str]


def chunks(
    texts: Iterable[str], features: Features, first: int = 0, documents: int | None = None
) -> Iterator[Chunk]:
    """Check, prepare and group documents, reading no further ahead than one chunk.

    Args:
        texts: Documents, of any number.
        features: What to prepare them for.
        first: The number of the first one, for messages.
        documents: The most in a chunk; None for ``CHUNK_DOCUMENTS``, which is never exceeded.

    Yields:
        Half a million characters or 2048 documents at a time, or one longer document.

    Raises:
        TextError: ``texts`` is one string, or a document is not text; that it has a length but
            is no string, or holds surrogates, is found by ``pack``.
    """
    if isinstance(texts, (str, bytes)):
        raise TextError("expected several texts but found one: put it into a list")
    chunk: list[str] = []
    characters = 0
    most = min(documents or CHUNK_DOCUMENTS, CHUNK_DOCUMENTS)
    changes = bool(features.strip or features.nfc)
    for number, text in enumerate(texts, start=first):
        ready = prepare(check_string(text, number), features) if changes else text
        chunk.append(ready)
        try:
            characters += len(ready)
        except TypeError:
            check_string(text, number)
            raise
        if characters >= CHUNK_CHARACTERS or len(chunk) == most:
            yield Chunk(first, chunk)
            chunk, characters, first = [], 0, number + 1
    if chunk:
        yield Chunk(first, chunk)


def check_chunk(chunk: Chunk) -> None:
    """Refuse what UTF-8 cannot hold; ``pack`` does so too, and need not be called for that.

    Args:
        chunk: Documents.

    Raises:
        TextError: A document is not text.
    """
    for number, text in enumerate(chunk.texts, start=chunk.first):
        if not isinstance(text, str) or not text.isascii():
            check_text(text, number)


def is_long(text: object) -> bool:
    """Whether a document is read in windows, whatever the others are read by."""
    return isinstance(text, str) and len(text) > LONG


def work_in(texts: Iterable[str], features: Features) -> int:
    """How much there is to do in some texts, for ``use_kernels``; what is no text is left out."""
    characters = sum(len(text) for text in texts if isinstance(text, str))
    return characters * (CHARACTER_GRAMS if features.characters else 1)


def peek_work(stream: Iterator[Chunk], features: Features) -> tuple[int, Iterator[Chunk]]:
    """Read ahead just far enough to tell whether there is much to do.

    Args:
        stream: Chunks.
        features: What to count in them.

    Returns:
        The work read, at least ``WORTH_STARTING`` where there is so much, and the whole stream.
    """
    seen: list[Chunk] = []
    work = 0
    for chunk in stream:
        seen.append(chunk)
        work += work_in(chunk.texts, features)
        if work >= WORTH_STARTING:
            break
    return work, chain(seen, stream)
