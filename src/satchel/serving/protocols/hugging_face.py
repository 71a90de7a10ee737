"""Hugging Face's text classification: https://huggingface.co/docs/inference-providers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from satchel.serving.endpoints import Call, Endpoint, decode, one_or_many
from satchel.serving.replies import Reply, as_json, error_reply
from satchel.serving.request_errors import RequestError


class Parameters(msgspec.Struct):
    """How to answer.

    Attributes:
        top_k: How many labels; None for five, as Hugging Face returns.
        function_to_apply: Only what the model applies anyway: ``softmax`` for one label per
            document, ``sigmoid`` for several.
    """

    top_k: Annotated[int, Meta(ge=1)] | None = None
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None


class InferenceRequest(msgspec.Struct):
    """Documents to label."""

    inputs: str | list[str]
    parameters: Parameters | None = None


class LabelScore(msgspec.Struct):
    """A label and its probability."""

    label: str
    score: float


class InferenceError(msgspec.Struct):
    """An error."""

    error: str


_TOP = 5
_request = msgspec.json.Decoder(InferenceRequest)


async def _infer(call: Call) -> Reply:
    asked = decode(_request, call.body)
    served = call.model()
    parameters = asked.parameters or Parameters()
    own = "softmax" if served.model.task == "single" else "sigmoid"
    if parameters.function_to_apply not in (None, own):
        raise RequestError(
            422,
            f"expected {own} as function_to_apply, which the model {served.name} applies, found "
            f"{parameters.function_to_apply}: leave it out",
        )
    depth = min(parameters.top_k or _TOP, len(served.model.ensemble.labels))
    texts = one_or_many(asked.inputs)
    scores = await call.score(served, texts, cells=depth)
    rankings = served.model.predictor.ranked(scores.probabilities, scores.known, depth)
    return as_json([[LabelScore(*pair) for pair in ranking.best] for ranking in rankings])


def _error(refused: RequestError) -> Reply:
    return error_reply(InferenceError(refused.message), refused)


def _endpoint(path: str, which: str) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        f"Label documents by {which}, as Hugging Face does.",
        _infer,
        InferenceRequest,
        list[list[LabelScore]],
        _error,
        InferenceError,
    )


ENDPOINTS = (_endpoint("/models/{model}", "a model"), _endpoint("/", "the only model"))
