"""What the OpenAPI document promises holds for requests that are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cli_runs import write_model
from satchel.serving.application import EVERY
from satchel.serving.openapi import openapi
from servers import Served, serving
from small_models import make_contents

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "one.satchel")
    write_model(folder / "many.satchel", make_contents(task="multiple"))
    with serving(folder / "one.satchel", folder / "many.satchel") as running:
        yield running


OPERATIONS = sorted((endpoint.method, endpoint.path) for endpoint in EVERY)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_endpoint_keeps_to_the_document(served: Served, method: str, path: str) -> None:
    operation = schemathesis.openapi.from_dict(openapi(EVERY))[path][method]

    @settings(suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call(base_url=served.url)
        case.validate_response(response, checks=CHECKS)

    ask()


def test_nothing_of_that_was_a_fault(served: Served) -> None:
    assert not [name for name in served.metrics() if 'status="500"' in name]
    assert {line["event"] for line in served.log()} == {"listening"}


def test_the_models_are_still_there(served: Served, tmp_path: Path) -> None:
    assert served.ask("/health/ready").json["models"] == {"one": 1, "many": 1}
    assert not list(tmp_path.iterdir())
