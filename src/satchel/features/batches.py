"""A stream of documents in batches of bounded size, packed for the kernels and read by threads.

The amount of work also decides whether the kernels or the plain path read the documents.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np

from satchel.errors import SettingError, TextError
from satchel.features.kernels import CHARACTER_GRAMS, WORTH_STARTING
from satchel.features.packed import LARGEST, PackedTexts
from satchel.features.preprocess import check_string, check_text, prepare
from satchel.features.spec import Features

CHUNK_CHARACTERS = 1 << 19
CHUNK_DOCUMENTS = 1 << 11
LONG = 1 << 21
"""Code points beyond which a document is read by the plain path, in windows: the kernels hold all
its features at once, 100 bytes or more per code point with n-grams."""


class Chunk(NamedTuple):
    """Some documents of a stream, prepared.

    Attributes:
        first: The number of the first one in the stream.
        texts: The documents: packed ones stay packed where nothing is to be prepared.
    """

    first: int
    texts: Sequence[str]


def chunks(
    texts: Iterable[str], features: Features, first: int = 0, documents: int | None = None
) -> Iterator[Chunk]:
    """Check, prepare and group documents, reading no further ahead than one chunk.

    Args:
        texts: Documents; may be a stream.
        features: What to prepare them for.
        first: The number of the first one, for messages.
        documents: The most per chunk; None for ``CHUNK_DOCUMENTS``, which is never exceeded.

    Yields:
        Half a million characters or 2048 documents at a time, or one longer document.

    Raises:
        TextError: ``texts`` is one string, or a document is not text; ``pack`` finds those that
            have a length but are not strings, or that hold surrogates.
    """
    if isinstance(texts, (str, bytes)):
        raise TextError("expected a list of texts, found a single one: put it into a list")
    most = min(documents or CHUNK_DOCUMENTS, CHUNK_DOCUMENTS)
    if isinstance(texts, PackedTexts):
        yield from _packed_chunks(texts, features, first, most)
        return
    chunk: list[str] = []
    characters = 0
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


def _packed_chunks(
    texts: PackedTexts, features: Features, first: int, most: int
) -> Iterator[Chunk]:
    """Do ``chunks`` for packed documents: slices of them, counted in bytes."""
    start = 0
    while start < len(texts):
        full = np.searchsorted(texts.offsets, texts.offsets[start] + CHUNK_CHARACTERS)
        stop = min(max(int(full), start + 1), start + most, len(texts))
        own = texts[start:stop]
        if features.strip or (features.nfc and not own.isascii()):
            yield Chunk(first + start, [prepare(text, features) for text in own])
        else:
            yield Chunk(first + start, own)
        start = stop


def check_chunk(chunk: Chunk) -> None:
    """Refuse what UTF-8 cannot encode; ``pack`` does so too, without this check.

    Args:
        chunk: Documents.

    Raises:
        TextError: A document is not text.
    """
    if isinstance(chunk.texts, PackedTexts):
        return  # checked when they were packed
    for number, text in enumerate(chunk.texts, start=chunk.first):
        if not isinstance(text, str) or not text.isascii():
            check_text(text, number)


def long_documents(texts: Sequence[str]) -> list[int]:
    """Return the places of the documents that are read in windows, even if the others are not."""
    if isinstance(texts, PackedTexts):
        # A document has no more code points than bytes.
        large = np.flatnonzero(texts.sizes > LONG).tolist()
        return [place for place in large if texts[place : place + 1].characters() > LONG]
    return [place for place, text in enumerate(texts) if isinstance(text, str) and len(text) > LONG]


def work_in(texts: Sequence[str], features: Features) -> int:
    """Return the work in texts, for ``use_kernels``; other objects are ignored."""
    if isinstance(texts, PackedTexts):
        characters = texts.characters()
    else:
        characters = sum(len(text) for text in texts if isinstance(text, str))
    return characters * (CHARACTER_GRAMS if features.characters else 1)


def peek_work(stream: Iterator[Chunk], features: Features) -> tuple[int, Iterator[Chunk]]:
    """Read ahead just far enough to know whether there is much work.

    Args:
        stream: Chunks.
        features: What to count in them.

    Returns:
        The work found, ``WORTH_STARTING`` or more if there is that much, and the whole stream.
    """
    seen: list[Chunk] = []
    work = 0
    for chunk in stream:
        seen.append(chunk)
        work += work_in(chunk.texts, features)
        if work >= WORTH_STARTING:
            break
    return work, chain(seen, stream)


def pack(texts: Sequence[str], first: int = 0) -> PackedTexts:
    """Return documents in the form that the kernels read; packed ones as they are.

    Args:
        texts: Documents.
        first: The number of the first one, for messages.

    Raises:
        TextError: A document is not text, or has more than a gigabyte.
    """
    packed = texts if isinstance(texts, PackedTexts) else PackedTexts.from_texts(texts, first)
    sizes = packed.sizes
    if sizes.max(initial=0) > LARGEST:
        number = int(np.flatnonzero(sizes > LARGEST)[0])
        raise TextError(
            f"expected documents of at most {LARGEST} bytes, found {sizes[number]} in document "
            f"{first + number}: split it into parts"
        )
    return packed


Piece = TypeVar("Piece")
State = TypeVar("State")
Result = TypeVar("Result")


def thread_count(threads: int | None) -> int:
    """Return the requested number of threads, or one per core that this process may use.

    Args:
        threads: 1 or more; None for one per core.

    Returns:
        The number of threads.

    Raises:
        SettingError: ``threads`` is below 1.
    """
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if threads < 1:
        raise SettingError(f"threads must be 1 or more, or None, not {threads}")
    return threads


def work_through(
    chunks: Iterable[Piece],
    states: Sequence[State],
    work: Callable[[State, Piece], Result],
    report_progress: Callable[[Piece], None] | None = None,
) -> list[tuple[int, Result]]:
    """Process each chunk once; a worker takes the next one as soon as it is free.

    Args:
        chunks: Drawn from one at a time, by one thread at a time.
        states: One per worker, used by that worker alone; their number is the number of workers.
        work: Called with the worker's state and a chunk. It should release the lock of the
            interpreter.
        report_progress: Called with each processed chunk, by one thread at a time.

    Returns:
        For each chunk, in order, the worker that processed it and the result.

    Raises:
        Exception: Whatever drawing or working raised first.
    """
    if len(states) == 1:
        in_order = []
        for chunk in chunks:
            in_order.append((0, work(states[0], chunk)))
            if report_progress:
                report_progress(chunk)
        return in_order
    # Imported only here: it would slow down the start of a short prediction.
    from concurrent.futures import ThreadPoolExecutor

    numbered = enumerate(chunks)
    lock = threading.Lock()
    results: dict[int, tuple[int, Result]] = {}
    stopped = threading.Event()

    def worker(number: int) -> None:
        try:
            while not stopped.is_set():
                with lock:
                    drawn = next(numbered, None)
                if drawn is None:
                    return
                place, chunk = drawn
                result = work(states[number], chunk)
                with lock:
                    results[place] = (number, result)
                    if report_progress:
                        report_progress(chunk)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(len(states), thread_name_prefix="satchel-features") as pool:
        for finished in [pool.submit(worker, number) for number in range(len(states))]:
            finished.result()
    return [results[place] for place in range(len(results))]
