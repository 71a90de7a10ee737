"""Label Studio's ML backend: predictions for the labels of a project.

https://labelstud.io/guide/ml_create, and ``label_studio_ml/api.py`` of its reference server. The
project's labelling configuration comes with every request, so that nothing is kept between them.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

import msgspec

from satchel.serving.endpoints import Call, Endpoint, decode
from satchel.serving.models import Served
from satchel.serving.replies import ErrorBody, Reply, as_json
from satchel.serving.request_errors import RequestError

_CONFIG = 2_000_000
"""Characters of a labelling configuration."""

_TEXT_TAGS = ("Text", "HyperText")


class Task(msgspec.Struct):
    """A document of the project, in the fields of its data."""

    data: dict[str, Any]
    id: int | str | None = None


class PredictRequest(msgspec.Struct):
    """Tasks to predict, and the project's labelling configuration."""

    tasks: list[Task]
    label_config: str | None = None
    project: int | str | None = None


class Choices(msgspec.Struct):
    """The labels of a region."""

    choices: list[str]


class Region(msgspec.Struct):
    """An answer for one control of the labelling interface."""

    from_name: str
    to_name: str
    value: Choices
    score: float
    type: str = "choices"


class TaskPrediction(msgspec.Struct):
    """The prediction of one task.

    Attributes:
        result: One answer per control; empty if the project has none of the predicted labels.
        score: The lowest probability among the answers; 0 without any.
        model_version: The name and version of the model.
    """

    result: list[Region]
    score: float
    model_version: str


class PredictResponse(msgspec.Struct):
    """Predictions in the order of the tasks."""

    results: list[TaskPrediction]
    model_version: str


class SetupRequest(msgspec.Struct):
    """A project that begins to use the server."""

    schema: str
    project: int | str | None = None


class SetupResponse(msgspec.Struct):
    """How the labels of the project and of the model agree.

    Attributes:
        model_version: The name and version of the model.
        labels: Labels of the project that the model can predict.
        missing: Labels of the project that the model does not know; they are never predicted.
    """

    model_version: str
    labels: list[str]
    missing: list[str]


class BackendHealth(msgspec.Struct):
    """What Label Studio asks before it connects."""

    status: str
    model_class: str


class Webhook(msgspec.Struct):
    """An event of the project."""

    action: str = ""


class WebhookResponse(msgspec.Struct):
    """What happened: nothing, since the server does not train."""

    status: str
    message: str


class _Tasks(msgspec.Struct):
    tasks: Any


class Control(msgspec.Struct):
    """A control with choices.

    Attributes:
        name: Its name.
        to_name: The name of the text that it is about.
        multiple: Whether several choices may hold.
        choices: The value to answer with for each label: an alias stands for its value.
    """

    name: str
    to_name: str
    multiple: bool
    choices: dict[str, str]


class Config(msgspec.Struct):
    """A labelling configuration.

    Attributes:
        controls: Its controls with choices that are about a text.
        fields: By name of a text, the field of a task that holds it.
    """

    controls: list[Control]
    fields: dict[str, str]


_request = msgspec.json.Decoder(PredictRequest)
_setup_request = msgspec.json.Decoder(SetupRequest)
_webhook = msgspec.json.Decoder(Webhook)
_tasks = msgspec.json.Decoder(_Tasks)


def is_request(body: bytes) -> bool:
    """Return whether a body is an object with ``tasks``."""
    try:
        _tasks.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def parse_config(text: str) -> Config:
    """Read the controls of a labelling configuration.

    Args:
        text: XML; a document type, by which it could grow without bound, is refused.

    Raises:
        RequestError: It cannot be read, or has no choices about a text.
    """
    if len(text) > _CONFIG:
        raise RequestError(
            413,
            f"expected a labelling configuration of at most {_CONFIG:,} characters, found "
            f"{len(text):,}",
        )
    config = Config([], {})
    open_controls: list[Control | None] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag in _TEXT_TAGS and attributes.get("value", "").startswith("$"):
            if attributes.get("valueType", "text") == "url":
                raise RequestError(
                    422,
                    f"expected the text itself in the tasks, found that the {tag} "
                    f"{attributes.get('name', '')!r} has valueType url: the server opens no URL",
                )
            config.fields[attributes.get("name", "")] = attributes["value"][1:]
        if tag == "Choices":
            control = Control(
                attributes.get("name", ""),
                attributes.get("toName", ""),
                attributes.get("choice", "single") == "multiple",
                {},
            )
            config.controls.append(control)
            open_controls.append(control)
        if tag == "Choice" and open_controls and open_controls[-1] is not None:
            value = attributes.get("value", "")
            open_controls[-1].choices[value] = attributes.get("alias", value)

    def end(tag: str) -> None:
        if tag == "Choices":
            open_controls.pop()

    def refuse_doctype(*_: object) -> None:
        raise RequestError(
            422, "expected a labelling configuration without a document type, found one"
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(text.encode("utf-8"), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise RequestError(
            422, f"expected a labelling configuration in XML, found an error: {error}"
        ) from None
    config.controls = [control for control in config.controls if control.to_name in config.fields]
    if not config.controls:
        raise RequestError(
            422,
            "expected a labelling configuration with Choices about a Text, found none: add for "
            'example  <Text name="text" value="$text"/>  and  <Choices name="label" '
            'toName="text">',
        )
    return config


async def predict(call: Call) -> Reply:
    """Answer a request for predictions."""
    asked = decode(_request, call.body)
    served = call.model()
    if asked.label_config is None:
        raise RequestError(
            422,
            "expected label_config, the project's labelling configuration, found none: Label "
            "Studio sends it along with tasks",
        )
    config = parse_config(asked.label_config)
    fields = sorted({config.fields[control.to_name] for control in config.controls})
    texts = [_text(task, field) for task in asked.tasks for field in fields]
    labels = served.model.ensemble.labels
    scores = await call.score(served, texts, cells=len(config.controls))
    thresholds = served.model.predictor.thresholds
    version = _version(served)
    results = []
    for number in range(len(asked.tasks)):
        regions = []
        for control in config.controls:
            row = scores.probabilities[
                number * len(fields) + fields.index(config.fields[control.to_name])
            ]
            columns = (
                [int(row.argmax())]
                if thresholds is None
                else sorted((row >= thresholds).nonzero()[0].tolist(), key=lambda c: -row[c])
            )
            # What the project does not have is left out, and no other label put in its place.
            held = [column for column in columns if labels[column] in control.choices]
            if not control.multiple:
                held = held[:1]
            if held:
                choices = Choices([control.choices[labels[column]] for column in held])
                score = float(min(row[column] for column in held))
                regions.append(Region(control.name, control.to_name, choices, round(score, 6)))
        score = min((region.score for region in regions), default=0.0)
        results.append(TaskPrediction(regions, score, version))
    return as_json(PredictResponse(results, version))


def _text(task: Task, field: str) -> str:
    value = task.data.get(field)
    if isinstance(value, str):
        return value
    found = "none" if value is None else type(value).__name__
    raise RequestError(422, f"expected a text in data.{field} of each task, found {found}")


def _version(served: Served) -> str:
    return f"{served.name}-{served.version}"


async def _setup(call: Call) -> Reply:
    served = call.model()
    config = parse_config(decode(_setup_request, call.body).schema)
    wanted = {label: None for control in config.controls for label in control.choices}
    known = set(served.model.ensemble.labels)
    found = [label for label in wanted if label in known]
    missing = [label for label in wanted if label not in known]
    return as_json(SetupResponse(_version(served), found, missing))


async def _health(call: Call) -> Reply:  # noqa: ARG001
    return as_json(BackendHealth("UP", "satchel"))


async def _event(call: Call) -> Reply:
    decode(_webhook, call.body)
    return as_json(
        WebhookResponse(
            "ignored", "the server does not train: use satchel train, and replace the model file"
        )
    )


def _endpoints(prefix: str) -> tuple[Endpoint, ...]:
    """Return the endpoints below the address that a project names."""
    return (
        Endpoint(
            "POST",
            f"{prefix}/setup",
            "Compare the labels of a Label Studio project with the model's.",
            _setup,
            SetupRequest,
            SetupResponse,
            error_type=ErrorBody,
        ),
        Endpoint(
            "GET",
            f"{prefix}/health",
            "Say that the server runs, as Label Studio asks.",
            _health,
            response=BackendHealth,
            error_type=ErrorBody,
            is_open=True,
        ),
        Endpoint(
            "POST",
            f"{prefix}/webhook",
            "Acknowledge an event of a Label Studio project.",
            _event,
            Webhook,
            WebhookResponse,
            error_type=ErrorBody,
        ),
    )


ENDPOINTS = (
    *_endpoints(""),
    *_endpoints("/label-studio/{model}"),
    Endpoint(
        "POST",
        "/label-studio/{model}/predict",
        "Predict tasks of a Label Studio project by one of several models.",
        predict,
        PredictRequest,
        PredictResponse,
        error_type=ErrorBody,
    ),
)
