"""Requests that arrive together are answered in one batch.

All requests whose bytes were there at one turn of the event loop are scored at its next turn: under
load batches grow by themselves, and a single request never waits for others. Few characters are
scored on the loop itself, since handing them to a thread costs more than scoring them; a request
with many goes to a thread, which the kernels let run beside the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from satchel.errors import SatchelError
from satchel.features.kernels import kernels_loaded
from satchel.inference.explain import Explanation
from satchel.serving.metrics import Recorder
from satchel.serving.models import Scores, Served
from satchel.serving.unknown import Words, words_of

_AT_ONCE = 32_768
"""Characters of a request that are scored on the loop: about a millisecond."""

_AT_ONCE_PLAIN = 1_024
"""The same without kernels, which are about thirty times as fast."""

_BATCH = 1 << 20
"""Characters of a batch for the thread; a larger request is a batch of its own."""

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """A request that waits for its scores."""

    served: Served
    texts: Sequence[str]
    characters: int
    scores: asyncio.Future[Scores]


class Batcher:
    """Scores the documents of requests, many requests at a time.

    Args:
        threads: Threads that one batch may use.
        seconds: How long a request waits for the thread.
        recorder: Takes sizes of batches and labels.
    """

    def __init__(self, threads: int, seconds: float, recorder: Recorder) -> None:
        self._threads = threads
        self._seconds = seconds
        self._recorder = recorder
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._large: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "scoring")
        self._busy = False
        self._is_closed = False
        self._at_once = _AT_ONCE if kernels_loaded() else _AT_ONCE_PLAIN

    async def score(self, served: Served, texts: Sequence[str]) -> Scores:
        """Return the scores of documents.

        Raises:
            TextError: A document is not text.
            PredictionError: The weights of the model overflow.
            TimeoutError: The thread has too much to do.
        """
        scores: asyncio.Future[Scores] = self._loop.create_future()
        waiting = _Waiting(served, texts, sum(map(len, texts)), scores)
        if waiting.characters > self._at_once:
            self._large.append(waiting)
            self._start_thread()
            async with asyncio.timeout(self._seconds):
                return await scores
        if not self._waiting:
            self._loop.call_soon(self._score_waiting)
        self._waiting.append(waiting)
        return await scores

    async def explain(self, served: Served, text: str) -> tuple[Explanation, Words]:
        """Explain one document on the thread, and find the words that the model does not know.

        Raises:
            TextError: The document is not text.
            PredictionError: The weights of the model overflow.
            TimeoutError: The thread has too much to do.
        """

        def work() -> tuple[Explanation, Words]:
            return served.model.explain(text), words_of(served.model.predictor, text)

        async with asyncio.timeout(self._seconds):
            return await self._loop.run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread once it has finished what it does."""
        self._is_closed = True
        self._thread.shutdown(wait=True)

    def _score_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._deliver(batch, self._scored(batch))

    def _start_thread(self) -> None:
        while self._large and self._large[0].scores.done():  # nobody waits any more
            self._large.popleft()
        if self._busy or self._is_closed or not self._large:
            return
        batch = [self._large.popleft()]
        room = _BATCH - batch[0].characters
        while self._large and self._large[0].characters <= room:
            batch.append(self._large.popleft())
            room -= batch[-1].characters
        self._busy = True
        done = self._loop.run_in_executor(self._thread, self._scored, batch)
        done.add_done_callback(lambda done: self._end_thread(batch, done.result()))

    def _end_thread(self, batch: list[_Waiting], found: list[Scores | Exception]) -> None:
        self._busy = False
        self._deliver(batch, found)
        self._start_thread()

    def _scored(self, batch: list[_Waiting]) -> list[Scores | Exception]:
        """Return the scores of each request, or why there are none."""
        if len(batch) == 1:  # what is left after a batch has failed, and usual where few call
            return [self._scores_of(batch[0].served, batch[0].texts)]
        by_model: dict[int, list[int]] = defaultdict(list)
        for place, waiting in enumerate(batch):
            by_model[id(waiting.served)].append(place)
        found: list[Scores | Exception | None] = [None] * len(batch)
        for places in by_model.values():
            served = batch[places[0]].served
            texts = [text for place in places for text in batch[place].texts]
            together = self._scores_of(served, texts)
            start = 0
            for place in places:
                stop = start + len(batch[place].texts)
                found[place] = (
                    # One document that cannot be scored is the fault of one request only.
                    self._scores_of(served, batch[place].texts)
                    if isinstance(together, Exception)
                    else Scores(together.probabilities[start:stop], together.known[start:stop])
                )
                start = stop
        return [each for each in found if each is not None]

    def _scores_of(self, served: Served, texts: Sequence[str]) -> Scores | Exception:
        try:
            return Scores(*served.model.predictor.score(texts, self._threads))
        except SatchelError as error:
            return error
        except Exception as error:
            log.exception("scoring failed")
            return error

    def _deliver(self, batch: list[_Waiting], found: list[Scores | Exception]) -> None:
        self._recorder.batch(sum(len(waiting.texts) for waiting in batch))
        for waiting, scores in zip(batch, found, strict=True):
            if isinstance(scores, Scores):
                self._recorder.predictions(waiting.served, waiting.texts, scores)
            if waiting.scores.done():  # cancelled: nobody waits any more
                continue
            if isinstance(scores, Scores):
                waiting.scores.set_result(scores)
            else:
                waiting.scores.set_exception(scores)
