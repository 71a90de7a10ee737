"""The OpenAPI document, generated from the types of the bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from satchel.serving.endpoints import Endpoint
from satchel.serving.replies import JSON
from satchel.version import __version__

_REFUSALS = {
    "400": "The body is not JSON in UTF-8.",
    "401": "The token is missing or wrong.",
    "404": "There is no such path or model.",
    "408": "The request did not arrive in time.",
    "413": "There is more than the server accepts.",
    "415": "The body is compressed.",
    "421": "The Host header field names another server.",
    "422": "The body has another shape, or cannot be answered.",
    "503": "The server is stopping, or has too much to do.",
}
_WITHOUT_BODY = ("401", "404", "408", "421", "503")


def openapi(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the document of some endpoints.

    Args:
        endpoints: All that it describes.
    """
    every = list(endpoints)
    types = [
        each
        for one in every
        for given in (one.request, one.response, one.error_type)
        for each in _alternatives(given)
    ]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    schema_of = iter(schemas)

    def schema(given: Any) -> dict[str, Any] | None:
        found = [next(schema_of) for _ in _alternatives(given)]
        return {"anyOf": found} if len(found) > 1 else found[0] if found else None

    paths: dict[str, dict[str, Any]] = {}
    for one in every:
        request, response, error = map(schema, (one.request, one.response, one.error_type))
        operation: dict[str, Any] = {
            "operationId": _operation_id(one),
            "summary": one.summary,
            "responses": {"200": _response("The answer.", one.content_type, response)},
            "security": [{}] if one.is_open else [{}, {"token": []}],
        }
        parameters = re.findall(r"{(\w+)}", one.path)
        if parameters:
            operation["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in parameters
            ]
        if request is not None:
            content = {JSON: {"schema": request}}
            operation["requestBody"] = {"required": True, "content": content}
        for status, about in _REFUSALS.items():
            if one.request is not None or status in _WITHOUT_BODY:
                operation["responses"][status] = _response(about, JSON, error)
        paths.setdefault(one.path, {})[one.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Satchel",
            "version": __version__,
            "description": "Labels for texts, by the models of this server.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _alternatives(given: Any) -> tuple[Any, ...]:
    return given if isinstance(given, tuple) else () if given is None else (given,)


def _response(about: str, content_type: str, schema: Any) -> dict[str, Any]:
    return {"description": about, "content": {content_type: {"schema": schema or {}}}}


def _operation_id(one: Endpoint) -> str:
    words = re.sub(r"\W+", "_", one.path).strip("_") or "root"
    return f"{one.method.lower()}_{words}"
