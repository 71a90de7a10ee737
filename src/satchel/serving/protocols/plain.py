"""Satchel's own endpoints: predictions with all that a model can say, its card, health, metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from satchel.inference.predictor import Ranking
from satchel.sealed.assembly import card
from satchel.serving.endpoints import Call, Endpoint, decode
from satchel.serving.metrics import prometheus_text
from satchel.serving.models import Served
from satchel.serving.protocols import label_studio
from satchel.serving.replies import ErrorBody, Reply, as_json
from satchel.serving.request_errors import RequestError

_EXPLAINED = 16
"""The most documents that one request may have explained."""

_UNKNOWN = 1_000
"""The most unknown words of a document in a response."""


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Documents to label.

    Attributes:
        texts: The documents.
        model: The name of a model; needed if there are several.
        top: How many of the most probable labels to return; None for none.
        explain: Whether to say what each word contributed.
    """

    texts: list[str]
    model: str | None = None
    top: Annotated[int, Meta(ge=1)] | None = None
    explain: bool = False


class Scored(msgspec.Struct):
    """A label and its probability."""

    label: str
    probability: float


class Span(msgspec.Struct):
    """A part of a document, in code points.

    Attributes:
        start: Its first.
        end: The one after its last.
    """

    start: int
    end: int


class Prediction(msgspec.Struct, omit_defaults=True):
    """What the model says of one document; the same fields as ``satchel predict --json`` has.

    Attributes:
        label: The label; of several the most probable, null if there is none.
        probability: Its probability.
        known: How many features of the document the model knows; with 0 the probabilities are
            those of the labels in training.
        labels: With several labels per document, all of them, the most probable first.
        top: The most probable labels, if asked for.
        explanation: What each word contributed, if asked for.
        unknown: The words that the model does not know, with ``explanation``.
    """

    label: str | None
    probability: float | None
    known: int
    labels: list[Scored] | None = None
    top: list[Scored] | None = None
    explanation: dict[str, Any] | None = None
    unknown: list[Span] | None = None


class PredictResponse(msgspec.Struct):
    """Predictions in the order of the documents.

    Attributes:
        model: The name of the model.
        version: How many files it has been read from under this name.
        predictions: One per document.
    """

    model: str
    version: int
    predictions: list[Prediction]


_predict_request = msgspec.json.Decoder(PredictRequest)


async def _predict(call: Call) -> Reply:
    try:
        asked = decode(_predict_request, call.body)
    except RequestError:
        if label_studio.is_request(call.body):
            return await label_studio.predict(call)
        raise
    served = call.model(asked.model)
    if asked.explain and len(asked.texts) > _EXPLAINED:
        raise RequestError(
            413,
            f"expected at most {_EXPLAINED} documents with explain, found {len(asked.texts):,}: "
            "send them in several requests",
        )
    depth = min(asked.top or 1, len(served.model.ensemble.labels))
    scores = await call.score(served, asked.texts, cells=depth)
    rankings = served.model.predictor.ranked(scores.probabilities, scores.known, depth)
    predictions = [_prediction(served, ranking, asked.top is not None) for ranking in rankings]
    if asked.explain:
        for text, prediction in zip(asked.texts, predictions, strict=True):
            explanation, words = await call.explain(served, text)
            prediction.explanation = explanation.to_dict()
            prediction.unknown = [Span(*span) for span in words.unknown[:_UNKNOWN]]
    return as_json(PredictResponse(served.name, served.version, predictions))


def _prediction(served: Served, ranking: Ranking, top: bool) -> Prediction:
    multiple = served.model.task == "multiple"
    first = ranking.holding if multiple else ranking.best
    label, probability = first[0] if first else (None, None)
    return Prediction(
        label,
        None if probability is None else round(probability, 6),
        ranking.known,
        labels=_scored(ranking.holding) if multiple else None,
        top=_scored(ranking.best) if top else None,
    )


def _scored(pairs: list[tuple[str, float]]) -> list[Scored]:
    return [Scored(label, round(probability, 6)) for label, probability in pairs]


class ModelScore(msgspec.Struct):
    """A measurement of the model, such as its accuracy on test documents."""

    name: str
    part: str
    value: float


class ModelInfo(msgspec.Struct):
    """A model of the server.

    Attributes:
        name: What requests call it.
        version: How many files were read under this name.
        task: ``single``: one label per document; ``multiple``: any number.
        labels: Its labels.
        documents: How many documents it was trained on.
        scores: Measurements that its file has.
        card: Its card, as Markdown.
        recent: How often each label was given of late, counts only.
        failure: Why a newer file was refused; empty if none was.
    """

    name: str
    version: int
    task: Literal["single", "multiple"]
    labels: list[str]
    documents: int
    scores: list[ModelScore]
    card: str
    recent: dict[str, int]
    failure: str


class ModelList(msgspec.Struct):
    """All models of the server."""

    models: list[ModelInfo]


async def _models(call: Call) -> Reply:
    totals = call.service.totals()
    failures = {state.name: state.failure for state in totals.models}
    infos = []
    for served in call.service.models.by_name.values():
        ensemble = served.model.ensemble
        counted = totals.counters.models.get(served.name)
        infos.append(
            ModelInfo(
                served.name,
                served.version,
                ensemble.task,
                list(ensemble.labels),
                ensemble.training.documents,
                [ModelScore(score.name, score.part, score.value) for score in ensemble.scores],
                ensemble.card or card(ensemble),
                {} if counted is None else counted.recent,
                failures.get(served.name, ""),
            )
        )
    return as_json(ModelList(infos))


class Health(msgspec.Struct):
    """How the server is.

    Attributes:
        status: ``ok``, ``ready`` or ``stopping``.
        models: The version of each model.
        failures: Why the newest file of a model was refused, where it was.
    """

    status: Literal["ok", "ready", "stopping"]
    models: dict[str, int] = {}
    failures: dict[str, str] = {}


async def _live(call: Call) -> Reply:  # noqa: ARG001
    return as_json(Health("ok"))


async def _ready(call: Call) -> Reply:
    ready = call.service.is_ready()
    return as_json(
        Health(
            "ready" if ready else "stopping",
            {name: served.version for name, served in call.service.models.by_name.items()},
            {state.name: state.failure for state in call.service.totals().models if state.failure},
        ),
        200 if ready else 503,
    )


async def _metrics(call: Call) -> Reply:
    text = prometheus_text(call.service.totals())
    return Reply(text.encode("utf-8", "replace"), METRICS_TYPE)


METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ENDPOINTS = (
    Endpoint(
        "POST",
        "/predict",
        "Label documents (with texts), or answer Label Studio (with tasks).",
        _predict,
        (PredictRequest, label_studio.PredictRequest),
        (PredictResponse, label_studio.PredictResponse),
        error_type=ErrorBody,
    ),
    Endpoint(
        "GET",
        "/models",
        "Describe the models.",
        _models,
        response=ModelList,
        error_type=ErrorBody,
    ),
    Endpoint(
        "GET",
        "/health/live",
        "Say that the server runs.",
        _live,
        response=Health,
        error_type=ErrorBody,
        is_open=True,
    ),
    Endpoint(
        "GET",
        "/health/ready",
        "Say whether new requests are welcome.",
        _ready,
        response=Health,
        error_type=ErrorBody,
        is_open=True,
    ),
    Endpoint(
        "GET",
        "/metrics",
        "Report figures to Prometheus.",
        _metrics,
        error_type=ErrorBody,
        content_type=METRICS_TYPE,
    ),
)
