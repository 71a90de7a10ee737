"""Responses: what an endpoint returns, and errors in the shape of our own endpoints."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from satchel.serving.request_errors import RequestError

JSON = "application/json"


class Reply(NamedTuple):
    """A response.

    Attributes:
        body: Its bytes.
        content_type: Their type.
        status: The HTTP status.
        headers: Further header fields.
    """

    body: bytes
    content_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class ErrorDetail(msgspec.Struct, frozen=True):
    """Why a request was refused.

    Attributes:
        code: A word for programs, such as ``not_found``.
        message: What was expected, what was found, and what to do.
    """

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of an error response."""

    error: ErrorDetail


def as_json(content: object, status: int = 200) -> Reply:
    """Return a response in JSON."""
    return Reply(msgspec.json.encode(content), status=status)


def plain_error(refused: RequestError) -> Reply:
    """Return an error in the shape of our own endpoints."""
    return error_reply(ErrorBody(ErrorDetail(refused.code, refused.message)), refused)


def error_reply(content: object, refused: RequestError) -> Reply:
    """Return an error with a body of some protocol's shape."""
    return Reply(msgspec.json.encode(content), JSON, refused.status, refused.headers)
