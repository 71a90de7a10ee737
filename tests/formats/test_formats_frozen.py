from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from formats.plain_reader import PlainReader
from satchel import sealed
from satchel.errors import ModelFileError
from satchel.inference.predictor import Predictor
from satchel.inference.structure import FORMAT
from satchel.model import Model, load
from satchel.sealed.compress import compress
from satchel.sealed.labels import text_of
from satchel.sealed.schema import CalibrationEntry
from satchel.sealed.store import pack, read_contents

pytestmark = pytest.mark.fast

FROZEN = sorted(Path(__file__).parent.glob("v*/*.satchel"))


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_answers_as_it_did(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="ascii"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == expected["sha256"]
    model = Predictor(sealed.read(path))
    assert list(model.model.labels) == expected["labels"]
    assert model.columns(expected["texts"]).known.tolist() == expected["known"]
    np.testing.assert_allclose(model.logits(expected["texts"]), expected["scores"], atol=1e-5)
    assert expected["predictions"] == [
        [text_of(each) for each in found] if isinstance(found, tuple) else text_of(found)
        for found in Model(model.model).predict(expected["texts"]).tolist()
    ]


TYPED = [path for path in FROZEN if path.parent.name != "v1"]


@pytest.mark.parametrize("path", TYPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_answers_in_the_type_of_its_labels(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="ascii"))
    model = load(path)
    assert [model.classes_.dtype.kind, model.classes_.tolist()] == expected["classes"]
    answers = model.predict(expected["texts"])
    if model.task == "single":
        assert answers.dtype == model.classes_.dtype
    assert json.loads(json.dumps(answers.tolist())) == expected["answers"]
    probabilities = model.predict_proba(expected["texts"])
    np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-5)


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_reader_written_from_the_page_alone_answers_alike(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="ascii"))
    reader = PlainReader(path)
    found = [reader.scores(text) for text in expected["texts"]]
    np.testing.assert_allclose(found, expected["scores"], atol=1e-5)
    assert [reader.answer(text) for text in expected["texts"]] == [
        tuple(each) if isinstance(each, list) else each for each in expected["predictions"]
    ]


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_is_written_again_alike(path: Path) -> None:
    assert sealed.dumps(sealed.read(path)) == path.read_bytes()


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_model_that_is_changed_stays_in_its_format(path: Path) -> None:
    model = load(path)
    version = model.ensemble.format
    assert path.parent.name == f"v{version}"
    copied = copy.deepcopy(model)  # which goes by way of the bytes
    for ensemble in (copied.ensemble, compress(model.ensemble, max_bytes=1 << 20)):
        again = sealed.loads(sealed.dumps(ensemble))
        assert again.format == version
        assert [view.vocabulary.features for view in again.views] == [
            view.vocabulary.features for view in model.ensemble.views
        ]


def test_what_a_format_cannot_hold_is_not_written_in_it() -> None:
    contents = read_contents(next(path for path in FROZEN if path.parent.name == "v1"))
    changes = {"label_type": "int", "calibration": CalibrationEntry(scale=(1.0,), shift=(0.0,))}
    for field, value in changes.items():
        manifest = msgspec.structs.replace(contents.manifest, **{field: value})
        with pytest.raises(ModelFileError, match=f"{field} is .* format 1 has no such field"):
            pack(replace(contents, manifest=manifest))


def test_every_format_has_its_frozen_models() -> None:
    assert {path.parent.name for path in FROZEN} == {f"v{version + 1}" for version in range(FORMAT)}
