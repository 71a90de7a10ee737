"""docs/format.md against the code: what the page promises is what the bytes are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest

from formats.worked_example import dump, example
from satchel.features.spec import Features, Weighting
from satchel.inference import structure
from satchel.inference.activations import ActivationName
from satchel.inference.columns import MOST_HELD
from satchel.sealed import container, schema, store, terms
from satchel.sealed.manifest import MAX_BYTES
from satchel.sealed.store import pack, unpack
from small_models import predictor

pytestmark = pytest.mark.fast

PAGE = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")


def shown() -> bytes:
    """The bytes of the worked example, as printed on the page."""
    lines = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)  ", PAGE, re.MULTILINE)
    return bytes.fromhex("".join(lines))


def test_the_worked_example_is_what_satchel_writes() -> None:
    assert shown() == pack(example())
    assert dump(shown()) in PAGE


def test_the_worked_example_is_answered_as_the_page_says() -> None:
    model = predictor(unpack(shown()))
    np.testing.assert_allclose(model.logits(["Hello, free!"]), [[0.25, -0.25]], atol=1e-6)
    expected = [[0.6225, 0.3775], [0.6667, 0.3333]]
    np.testing.assert_allclose(model.probabilities(["Hello, free!", ""]), expected, atol=1e-4)


def test_the_places_that_the_page_names_are_where_it_says() -> None:
    data = shown()
    spans = container.locate(len(data), lambda offset, length: data[offset : offset + length])
    assert f"{len(data):,} bytes" in PAGE
    assert f"`{spans['manifest.json'].offset:04x}`" in PAGE
    assert f"`{spans['arrays.safetensors'].offset:04x}`" in PAGE
    assert f"starts at `{data.index(b'PK' + bytes([1, 2])):04x}`" in PAGE


def test_the_page_names_every_field_and_choice() -> None:
    structs: list[type[msgspec.Struct]] = [
        *(schema.Manifest, schema.ViewEntry, schema.MemberEntry, schema.LayerEntry, schema.File),
        *(schema.CalibrationEntry, Features, Weighting),
        *(structure.Training, structure.History, structure.Trial, structure.Score),
    ]
    for struct in structs:
        for field in struct.__struct_fields__:
            assert re.search(rf"`(?:\w+\.)?{field}(?:\.\w+)?`", PAGE), field
    for choices in (
        *(ActivationName, structure.LayerKind, schema.RowType, structure.Task),
        structure.LabelType,
    ):
        for choice in get_args(choices):
            assert f"`{choice}`" in PAGE, choice


def test_the_page_states_the_limits() -> None:
    assert MAX_BYTES == 8 << 20
    assert store.MAX_CARD_BYTES == 1 << 20
    assert container.MAX_BYTES == 2**32 - 2
    limits = (structure.MAX_LABELS, schema.MAX_WIDTH, schema.MAX_COLUMNS, schema.MAX_NUMBERS)
    for limit in (*limits, structure.MAX_EPOCHS, terms.MAX_TERM_BYTES, MOST_HELD):
        assert f"{limit:,}" in PAGE
    assert schema.MAX_SIZE == 1e9
    for limit in (schema.MAX_VIEWS, structure.MAX_MEMBERS, schema.MAX_LAYERS, structure.MAX_LOGS):
        assert re.search(rf"\b{limit}\b", PAGE)
