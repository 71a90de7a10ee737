"""A stream of documents in batches of bounded size, packed for the kernels and read by threads.

What a batch costs decides, too, whether the kernels or the plain path read it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple, TypeVar

import numpy as np

from satchel.errors import SettingError, TextError
from satchel.features.kernels import CHARACTER_GRAMS, WORTH_STARTING
from satchel.features.preprocess import check_string, check_text, prepare
from satchel.features.spec import Features

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


Piece = TypeVar("Piece")
State = TypeVar("State")
Answer = TypeVar("Answer")


def thread_count(threads: int | None) -> int:
    """How many threads work: those asked for, else one for each core this process may use.

    Args:
        threads: 1 or more; None means one a core.

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
        raise SettingError(f"threads must be 1 or more, or None, but it is {threads}")
    return threads


def work_through(
    chunks: Iterable[Piece],
    states: Sequence[State],
    work: Callable[[State, Piece], Answer],
    told: Callable[[Piece], None] | None = None,
) -> list[tuple[int, Answer]]:
    """Work each chunk once; a worker takes the next one as soon as it is free.

    Args:
        chunks: Drawn from one at a time, by one thread at a time.
        states: One a worker, for that worker alone; as many workers work as there are states.
        work: Called with the worker's state and a chunk. It should release the lock of the
            interpreter.
        told: Called with each chunk that is done, by one thread at a time.

    Returns:
        For each chunk, in order, which worker worked it and the answer.

    Raises:
        Exception: Whatever drawing or working raised first.
    """
    if len(states) == 1:
        answers_of_one = []
        for chunk in chunks:
            answers_of_one.append((0, work(states[0], chunk)))
            if told:
                told(chunk)
        return answers_of_one
    from concurrent.futures import ThreadPoolExecutor  # a cost to the start of a short answer

    numbered = enumerate(chunks)
    lock = threading.Lock()
    answers: dict[int, tuple[int, Answer]] = {}
    stopped = threading.Event()

    def worker(number: int) -> None:
        try:
            while not stopped.is_set():
                with lock:
                    drawn = next(numbered, None)
                if drawn is None:
                    return
                place, chunk = drawn
                answer = work(states[number], chunk)
                with lock:
                    answers[place] = (number, answer)
                    if told:
                        told(chunk)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(len(states), thread_name_prefix="satchel-bags") as pool:
        for finished in [pool.submit(worker, number) for number in range(len(states))]:
            finished.result()
    return [answers[place] for place in range(len(answers))]
