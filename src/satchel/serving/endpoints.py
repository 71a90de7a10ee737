"""What an endpoint is, and what it can do with a request.

An adapter of a protocol is a module of `protocols`: types of the bodies as `msgspec` structs, from
which OpenAPI is generated, and functions from a `Call` to a `Reply`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from satchel.errors import PredictionError, TextError
from satchel.inference.explain import Explanation
from satchel.serving.metrics import Totals
from satchel.serving.models import Models, Scores, Served
from satchel.serving.replies import Reply, plain_error
from satchel.serving.request_errors import RequestError, overloaded
from satchel.serving.scoring import Batcher
from satchel.serving.settings import Limits
from satchel.serving.unknown import Words

T = TypeVar("T")

_CELLS = 4_000_000
"""The most probabilities in one response."""

_EXPLAINED = 100_000
"""The most characters of a document that is explained."""


@dataclass(frozen=True, slots=True)
class Service:
    """What endpoints have in common.

    Attributes:
        models: The models.
        batcher: Scores documents.
        limits: What is accepted.
        totals: Returns what all workers have counted.
        is_ready: Returns whether new requests are welcome.
    """

    models: Models
    batcher: Batcher
    limits: Limits
    totals: Callable[[], Totals]
    is_ready: Callable[[], bool]


@dataclass(slots=True)
class Call:
    """One request.

    Attributes:
        service: What answers it.
        body: Its body, as yet unread.
        path: The parts of its path that vary, such as ``model``.
        headers: Its header fields with lower-case names; of several equal ones the last.
        texts: Its documents, for a log that has them; empty until they are read.
    """

    service: Service
    body: bytes
    path: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    texts: Sequence[str] = ()

    def model(self, name: str | None = None) -> Served:
        """Return the model of the path, else of a name, else the only one.

        Raises:
            RequestError: There is no such model.
        """
        return self.service.models.find(self.path.get("model", name))

    async def score(self, served: Served, texts: Sequence[str], *, cells: int = 1) -> Scores:
        """Return the scores of documents.

        Args:
            served: The model.
            texts: The documents.
            cells: How many labels of each document the response will have.

        Raises:
            RequestError: There are too many or too long documents, or they cannot be scored.
        """
        limits = self.service.limits
        self.texts = texts
        if len(texts) > limits.documents:
            raise RequestError(
                413,
                f"expected at most {limits.documents:,} documents, found {len(texts):,}: "
                "send them in several requests",
            )
        for number, text in enumerate(texts):
            if len(text) > limits.document:
                raise RequestError(
                    413,
                    f"expected documents of at most {limits.document:,} characters, found "
                    f"{len(text):,} in document {number} (from 0): shorten it",
                )
        if len(texts) * cells > _CELLS:
            raise RequestError(
                413,
                f"expected a response of at most {_CELLS:,} probabilities, found {len(texts):,} "
                f"documents with {cells:,} labels each: send fewer documents, or ask for fewer "
                "labels",
            )
        return await self._done(self.service.batcher.score(served, texts))

    async def explain(self, served: Served, text: str) -> tuple[Explanation, Words]:
        """Explain one document that has been scored, and find its unknown words.

        Raises:
            RequestError: It is too long, or takes too long.
        """
        if len(text) > _EXPLAINED:
            raise RequestError(
                413,
                f"expected documents of at most {_EXPLAINED:,} characters with explain, found "
                f"{len(text):,}: shorten it, or ask for no explanation",
            )
        return await self._done(self.service.batcher.explain(served, text))

    async def _done(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except TimeoutError:
            raise overloaded(
                f"the answer was not ready within {self.service.limits.answer:g} s"
            ) from None
        except (TextError, PredictionError) as error:
            raise RequestError(422, str(error)) from None


Handler = Callable[[Call], Awaitable[Reply]]


class Endpoint(NamedTuple):
    """One operation of the server.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Its path, as in ``/v2/models/{model}/infer``.
        summary: What it does.
        handle: Answers a request.
        request: The type of the body in JSON, or a tuple of them; None for no body.
        response: The type of the response in JSON, or a tuple of them; None for another content
            type.
        error: Returns an error in the shape of the protocol.
        error_type: The type of such an error.
        is_open: Whether it answers without the token.
        content_type: Of the response.
    """

    method: str
    path: str
    summary: str
    handle: Handler
    request: Any = None
    response: Any = None
    error: Callable[[RequestError], Reply] = plain_error
    error_type: Any = None
    is_open: bool = False
    content_type: str = "application/json"


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Read a body in JSON.

    Raises:
        RequestError: It is not JSON in UTF-8, is nested too deeply, or has another shape.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestError(422, f"expected a body of another shape: {_plain(str(error))}") from None
    except msgspec.DecodeError as error:
        raise RequestError(
            400, f"expected a body in JSON, found another: {_plain(str(error))}"
        ) from None
    except UnicodeDecodeError as error:
        raise RequestError(
            400,
            f"expected a body in UTF-8, found a byte that is not (of a text, byte {error.start})",
        ) from None
    except RecursionError:
        raise RequestError(400, "expected JSON with few levels, found very many") from None


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:].replace("`", "'")


def one_or_many(texts: str | list[str]) -> list[str]:
    """Return the documents of a field that holds one or a list of them."""
    return [texts] if isinstance(texts, str) else texts
