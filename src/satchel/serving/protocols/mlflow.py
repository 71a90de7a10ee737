"""MLflow's scoring server: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally."""

from __future__ import annotations

from typing import Any

import msgspec

from satchel.serving.endpoints import Call, Endpoint, decode
from satchel.serving.replies import Reply, as_json, error_reply
from satchel.serving.request_errors import RequestError
from satchel.version import __version__


class Split(msgspec.Struct):
    """A data frame with its columns and rows apart."""

    data: list[list[Any]]
    columns: list[str] | None = None


class InvocationRequest(msgspec.Struct):
    """Documents in one of four forms; exactly one of them.

    Attributes:
        dataframe_split: Columns and rows.
        dataframe_records: One object per row.
        instances: One text or object per document.
        inputs: One text, one text per document, or an object of columns.
        params: ``{"model": NAME}`` if there are several models.
    """

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[str | dict[str, Any] | list[Any]] | None = None
    inputs: str | list[str | dict[str, Any] | list[Any]] | dict[str, list[Any]] | None = None
    params: dict[str, Any] | None = None


class InvocationResponse(msgspec.Struct):
    """The label of each document in its own type; with several labels, a list of them."""

    predictions: list[Any]


class InvocationError(msgspec.Struct):
    """An error."""

    error_code: str
    message: str


_request = msgspec.json.Decoder(InvocationRequest)
_TEXT = "text/plain; charset=utf-8"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


async def _invoke(call: Call) -> Reply:
    asked = decode(_request, call.body)
    given = [form for form in _FORMS if getattr(asked, form) is not None]
    if len(given) != 1:
        raise RequestError(
            422,
            f"expected exactly one of {', '.join(_FORMS)}, found {' and '.join(given) or 'none'}",
        )
    name = (asked.params or {}).get("model")
    if name is not None and not isinstance(name, str):
        raise RequestError(422, f"expected a name as params.model, found {type(name).__name__}")
    served = call.model(name)
    texts = _texts(asked)
    scores = await call.score(served, texts)
    values = served.model.classes_.tolist()
    thresholds = served.model.predictor.thresholds
    if thresholds is None:
        columns = scores.probabilities.argmax(axis=1).tolist() if texts else []
        return as_json(InvocationResponse([values[column] for column in columns]))
    held = scores.probabilities >= thresholds
    return as_json(
        InvocationResponse(
            [
                [value for value, has in zip(values, row, strict=True) if has]
                for row in held.tolist()
            ]
        )
    )


def _texts(asked: InvocationRequest) -> list[str]:
    if asked.dataframe_split is not None:
        split = asked.dataframe_split
        width = len(split.columns) if split.columns else max(map(len, split.data), default=1)
        place = _column(split.columns or [str(number) for number in range(width)])
        return [
            _text(row[place] if place < len(row) else None, number)
            for number, row in enumerate(split.data)
        ]
    if isinstance(asked.inputs, str):
        return [asked.inputs]
    if isinstance(asked.inputs, dict):
        names = list(asked.inputs)
        column = asked.inputs[names[_column(names)]]
        return [_text(_single(cell), number) for number, cell in enumerate(column)]
    rows = asked.dataframe_records or asked.instances or asked.inputs or []
    return [_text(_single(row), number) for number, row in enumerate(rows)]


def _single(row: Any) -> Any:
    """Return the text of a row: the row itself, its only cell, or the cell called text."""
    if isinstance(row, dict):
        names = list(row)
        return row[names[_column(names)]]
    if isinstance(row, list) and len(row) == 1:
        return row[0]
    return row


def _column(names: list[str]) -> int:
    """Return which column has the text: the only one, or that called ``text``."""
    if len(names) == 1:
        return 0
    if "text" in names:
        return names.index("text")
    raise RequestError(
        422, f"expected one column, or one called text, found {len(names):,} columns: send one"
    )


def _text(cell: Any, number: int) -> str:
    if isinstance(cell, str):
        return cell
    raise RequestError(
        422,
        f"expected a text in each row, found {type(cell).__name__} in row {number} (from 0): "
        "send texts",
    )


async def _ping(call: Call) -> Reply:  # noqa: ARG001
    return Reply(b"\n", _TEXT)


async def _version(call: Call) -> Reply:  # noqa: ARG001
    return Reply(__version__.encode(), _TEXT)


def _error(refused: RequestError) -> Reply:
    codes = {404: "RESOURCE_DOES_NOT_EXIST", 503: "TEMPORARILY_UNAVAILABLE"}
    code = codes.get(refused.status, "BAD_REQUEST")
    return error_reply(InvocationError(code, refused.message), refused)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/invocations",
        "Label documents, as an MLflow scoring server does.",
        _invoke,
        InvocationRequest,
        InvocationResponse,
        _error,
        InvocationError,
    ),
    Endpoint(
        "GET",
        "/ping",
        "Say that the server runs, as an MLflow scoring server does.",
        _ping,
        error=_error,
        error_type=InvocationError,
        is_open=True,
        content_type=_TEXT,
    ),
    Endpoint(
        "GET",
        "/version",
        "Say which version of Satchel answers.",
        _version,
        error=_error,
        error_type=InvocationError,
        content_type=_TEXT,
    ),
)
