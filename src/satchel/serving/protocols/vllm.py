"""vLLM's ``/classify``: https://docs.vllm.ai, "Classification API"."""

from __future__ import annotations

import time
import uuid

import msgspec

from satchel.serving.endpoints import Call, Endpoint, decode, one_or_many
from satchel.serving.replies import Reply, as_json, error_reply
from satchel.serving.request_errors import RequestError


class ClassifyRequest(msgspec.Struct):
    """Documents to classify; numbers of tokens, which vLLM takes too, mean nothing here."""

    input: str | list[str]
    model: str | None = None


class ClassifyData(msgspec.Struct):
    """The probabilities of one document, in the order of the model's labels."""

    index: int
    label: str
    probs: list[float]
    num_classes: int


class Usage(msgspec.Struct):
    """Tokens; a model of ours counts none, so that all are 0."""

    prompt_tokens: int = 0
    total_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: None = None


class ClassifyResponse(msgspec.Struct):
    """The documents' probabilities."""

    id: str
    created: int
    model: str
    data: list[ClassifyData]
    object: str = "list"
    usage: Usage = msgspec.field(default_factory=Usage)


class ErrorInfo(msgspec.Struct):
    """Why a request was refused."""

    message: str
    type: str
    code: int
    param: None = None


class ClassifyError(msgspec.Struct):
    """An error."""

    error: ErrorInfo


class ModelCard(msgspec.Struct):
    """A model."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "satchel"


class ModelCards(msgspec.Struct):
    """All models."""

    data: list[ModelCard]
    object: str = "list"


_request = msgspec.json.Decoder(ClassifyRequest)


async def _classify(call: Call) -> Reply:
    asked = decode(_request, call.body)
    served = call.model(asked.model)
    labels = served.model.ensemble.labels
    texts = one_or_many(asked.input)
    scores = await call.score(served, texts, cells=len(labels))
    best = scores.probabilities.argmax(axis=1).tolist() if texts else []
    data = [
        ClassifyData(index, labels[column], row, len(labels))
        for index, (column, row) in enumerate(zip(best, scores.probabilities.tolist(), strict=True))
    ]
    name = f"classify-{uuid.uuid4().hex}"
    return as_json(ClassifyResponse(name, int(time.time()), served.name, data))


async def _models(call: Call) -> Reply:
    return as_json(ModelCards([ModelCard(name) for name in call.service.models.by_name]))


def _error(refused: RequestError) -> Reply:
    kind = "NotFoundError" if refused.status == 404 else "BadRequestError"
    return error_reply(ClassifyError(ErrorInfo(refused.message, kind, refused.status)), refused)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/classify",
        "Classify documents, as vLLM does.",
        _classify,
        ClassifyRequest,
        ClassifyResponse,
        _error,
        ClassifyError,
    ),
    Endpoint(
        "GET",
        "/v1/models",
        "List the models, as vLLM and OpenAI do.",
        _models,
        response=ModelCards,
        error=_error,
        error_type=ClassifyError,
    ),
)
