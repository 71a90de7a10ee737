from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from formats.plain_reader import PlainReader
from satchel import sealed
from satchel.inference.model import Model

FROZEN = sorted(Path(__file__).parent.glob("v*/*.satchel"))


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_answers_as_it_did(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="ascii"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == expected["sha256"]
    model = Model(sealed.read(path))
    assert list(model.labels) == expected["labels"]
    assert model.known(expected["texts"]).tolist() == expected["known"]
    np.testing.assert_allclose(model.scores(expected["texts"]), expected["scores"], atol=1e-5)
    predictions = json.loads(json.dumps(model.predict(expected["texts"])))
    assert predictions == expected["predictions"]


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_reader_written_from_the_page_alone_answers_alike(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="ascii"))
    reader = PlainReader(path)
    found = [reader.scores(text) for text in expected["texts"]]
    np.testing.assert_allclose(found, expected["scores"], atol=1e-5)


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_of_this_format_is_written_again_alike(path: Path) -> None:
    if path.parent.name == f"v{sealed.FORMAT}":
        assert sealed.dumps(sealed.read(path)) == path.read_bytes()


def test_every_format_has_its_frozen_models() -> None:
    assert {path.parent.name for path in FROZEN} == {
        f"v{version + 1}" for version in range(sealed.FORMAT)
    }
