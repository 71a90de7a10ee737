"""OpenAI's moderations, for models with several labels per document.

https://platform.openai.com/docs/api-reference/moderations
"""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from satchel.serving.endpoints import Call, Endpoint, decode
from satchel.serving.replies import Reply, as_json, error_reply
from satchel.serving.request_errors import RequestError


class TextPart(msgspec.Struct):
    """A document among the inputs."""

    text: str
    type: Literal["text"] = "text"


class ModerationRequest(msgspec.Struct):
    """Documents to label: one text, a list of texts, or a list of text parts."""

    input: str | list[str | TextPart]
    model: str | None = None


class ModerationResult(msgspec.Struct):
    """What the model says of one document.

    Attributes:
        flagged: Whether any label is assigned.
        categories: Whether each label is assigned.
        category_scores: The probability of each label.
        category_applied_input_types: For each label that it is about text.
    """

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]


class ModerationResponse(msgspec.Struct):
    """The results in the order of the documents."""

    id: str
    model: str
    results: list[ModerationResult]


class ErrorInfo(msgspec.Struct):
    """Why a request was refused."""

    message: str
    type: str
    code: str
    param: str | None = None


class ModerationError(msgspec.Struct):
    """An error."""

    error: ErrorInfo


_request = msgspec.json.Decoder(ModerationRequest)


async def _moderate(call: Call) -> Reply:
    asked = decode(_request, call.body)
    served = call.model(asked.model)
    thresholds = served.model.predictor.thresholds
    if thresholds is None:
        raise RequestError(
            422,
            f"expected a model with several labels per document, found that {served.name} gives "
            "each document one label: use POST /predict",
        )
    labels = served.model.ensemble.labels
    inputs = [asked.input] if isinstance(asked.input, str) else asked.input
    texts = [each if isinstance(each, str) else each.text for each in inputs]
    scores = await call.score(served, texts, cells=3 * len(labels))
    held = scores.probabilities >= thresholds
    applied = {label: ["text"] for label in labels}
    results = [
        ModerationResult(
            any(holds),
            dict(zip(labels, holds, strict=True)),
            dict(zip(labels, row, strict=True)),
            applied,
        )
        for holds, row in zip(held.tolist(), scores.probabilities.tolist(), strict=True)
    ]
    return as_json(ModerationResponse(f"modr-{uuid.uuid4().hex}", served.name, results))


def _error(refused: RequestError) -> Reply:
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"
    return error_reply(ModerationError(ErrorInfo(refused.message, kind, refused.code)), refused)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/moderations",
        "Label documents by a model with several labels, as OpenAI's moderations do.",
        _moderate,
        ModerationRequest,
        ModerationResponse,
        _error,
        ModerationError,
    ),
)
