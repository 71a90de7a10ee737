"""The protocols of ``satchel serve``: published shapes, real clients, the model's own answers."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import openai
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st

import satchel
from cli_runs import write_model
from satchel.serving.protocols.label_studio import parse_config
from satchel.serving.request_errors import RequestError
from servers import Served, serving
from small_models import LINEAR, NETWORK, TEXTS, make_contents

CONFIG = """<View><Text name="t" value="$body"/>
<Choices name="kind" toName="t"><Choice value="cars"/><Choice value="sport" alias="Sport!"/>
<Choice value="graphics"/><Choice value="space"/><Choice value="never seen"/></Choices></View>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    write_model(path / "one.satchel", make_contents((LINEAR, NETWORK)))
    write_model(path / "many.satchel", make_contents(task="multiple", seed=3))
    return path


@pytest.fixture(scope="module")
def one(folder: Path) -> Iterator[Served]:
    with serving(folder / "one.satchel") as served:
        yield served


@pytest.fixture(scope="module")
def both(folder: Path) -> Iterator[Served]:
    with serving(folder / "one.satchel", folder / "many.satchel") as served:
        yield served


@pytest.fixture(scope="module")
def model(folder: Path) -> satchel.Model:
    found = satchel.load(folder / "one.satchel")
    found.warm_up()
    return found


@pytest.fixture(scope="module")
def several(folder: Path) -> satchel.Model:
    found = satchel.load(folder / "many.satchel")
    found.warm_up()
    return found


def labels_of(model: satchel.Model, texts: list[str]) -> list[str]:
    return [str(label) for label in model.predict(texts)]


def test_plain_predictions_are_the_model_s(one: Served, model: satchel.Model) -> None:
    answer = one.ask("/predict", {"texts": TEXTS, "top": 3}).json
    assert answer["model"] == "one"
    assert answer["version"] == 1
    found = answer["predictions"]
    assert [each["label"] for each in found] == labels_of(model, TEXTS)
    for each, expected in zip(found, model.predict_top(TEXTS, 3), strict=True):
        assert [(top["label"], top["probability"]) for top in each["top"]] == [
            (label, pytest.approx(probability, abs=2e-6)) for label, probability in expected
        ]
        assert "explanation" not in each
    assert [each["known"] for each in found] == model.predictor.known(TEXTS).tolist()
    assert one.ask("/predict", {"texts": []}).json["predictions"] == []


def test_explanations_and_unknown_words(one: Served, model: satchel.Model) -> None:
    text = "A card, the frobnicator and the card: été"
    (found,) = one.ask("/predict", {"texts": [text], "explain": True}).json["predictions"]
    assert found["explanation"]["label"] == model.explain(text).label
    assert found["explanation"]["margin"] == pytest.approx(model.explain(text).margin, rel=1e-5)
    unknown = [text[span["start"] : span["end"]] for span in found["unknown"]]
    assert "frobnicator" in unknown
    assert "card" not in unknown


def test_several_labels(both: Served, several: satchel.Model) -> None:
    found = both.ask("/predict", {"texts": TEXTS, "model": "many"}).json["predictions"]
    expected = several.predict(TEXTS)
    assert [{each["label"] for each in one["labels"]} for one in found] == list(map(set, expected))
    assert [one["label"] is None for one in found] == [not labels for labels in expected]


def test_a_model_has_to_be_named_where_there_are_several(both: Served) -> None:
    assert both.ask("/predict", {"texts": ["a"]}).status == 400
    answer = both.ask("/predict", {"texts": ["a"], "model": "none"})
    assert answer.status == 404
    assert "one, many" in answer.message


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "expected a body in JSON"),
        (b"", 400, "expected a body in JSON"),
        (b'{"texts": ["\xff"]}', 400, "UTF-8"),
        (b'{"texts": ["\\ud800"]}', 400, "JSON"),
        (b"[" * 100_000, 422, "array"),
        (b'{"texts": ' + b"[" * 100_000, 422, "array"),
        (b'{"texts": "a"}', 422, "expected 'array', got 'str'"),
        (b'{"texts": [1]}', 422, "$.texts[0]"),
        (b'{"text": ["a"]}', 422, "unknown field"),
        (b'{"texts": ["a"], "top": 0}', 422, "$.top"),
    ],
)
def test_bodies_that_cannot_be_read(one: Served, body: bytes, status: int, says: str) -> None:
    answer = one.ask("/predict", body)
    assert answer.status == status
    assert says in answer.message


def test_json_nested_without_end_is_refused(one: Served) -> None:
    answer = one.ask("/classify", b'{"input": "a", "other": ' + b"[" * 1_000_000)
    assert answer.status == 400
    assert "few levels" in answer.json["error"]["message"]


def test_models_with_card_and_recent_labels(both: Served) -> None:
    both.ask("/predict", {"texts": TEXTS, "model": "one"})
    found = {each["name"]: each for each in both.ask("/models").json["models"]}
    assert set(found) == {"one", "many"}
    assert found["one"]["labels"] == ["cars", "graphics", "space", "sport"]
    assert found["many"]["task"] == "multiple"
    assert found["one"]["card"].startswith("#")
    assert sum(found["one"]["recent"].values()) >= len(TEXTS)


@pytest.mark.parametrize("binary", [True, False])
def test_open_inference_by_triton_s_client(one: Served, model: satchel.Model, binary: bool) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{one.port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("one")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("one")
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    given = triton.InferInput("text", [len(TEXTS)], "BYTES")
    given.set_data_from_numpy(np.array([text.encode() for text in TEXTS], object), binary)
    names = ["label", "probability", "probabilities", "classes"]
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    found = client.infer("one", [given], outputs=wanted, request_id="seven")
    assert found.get_response()["id"] == "seven"
    decoded = [
        label.decode() if isinstance(label, bytes) else label for label in found.as_numpy("label")
    ]
    assert decoded == labels_of(model, TEXTS)
    probabilities = model.predict_proba(TEXTS)
    np.testing.assert_allclose(found.as_numpy("probabilities"), probabilities, atol=1e-6)
    np.testing.assert_allclose(found.as_numpy("probability"), probabilities.max(1), atol=1e-6)
    assert len(found.as_numpy("classes")) == 4
    with pytest.raises(triton.InferenceServerException, match="the models are one"):
        client.infer("another", [given])
    client.close()


def test_open_inference_of_several_labels(both: Served, several: satchel.Model) -> None:
    tensor = {"name": "text", "shape": [len(TEXTS), 1], "datatype": "BYTES"}
    body = {"inputs": [{**tensor, "data": [[text] for text in TEXTS]}]}
    answer = both.ask("/v2/models/many/versions/1/infer", body).json
    outputs = {each["name"]: each for each in answer["outputs"]}
    assert outputs["assigned"]["shape"] == [len(TEXTS), 4]
    expected = several.predict_proba(TEXTS) >= several.predictor.thresholds
    assert outputs["assigned"]["data"] == expected.ravel().tolist()
    assert both.ask("/v2/models/many/versions/2/infer", body).status == 404
    assert both.ask("/v2/models/many/ready").json == {"name": "many", "ready": True}


def _input(**changes: Any) -> dict[str, Any]:
    return {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["a"], **changes}


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": []},
        {"inputs": [_input(), _input()]},
        {"inputs": [_input(datatype="FP32")]},
        {"inputs": [_input(shape=[2])]},
        {"inputs": [_input(shape=[2**62, 2**62])]},
        {"inputs": [_input(shape=[1, 1, 1])]},
        {"inputs": [_input(shape=[-1])]},
        {"inputs": [_input(parameters={"binary_data_size": 4})]},
        {"inputs": [_input(data=None, parameters={"binary_data_size": 4})]},
        {"inputs": [_input()], "outputs": [{"name": "nothing"}]},
    ],
)
def test_tensors_that_cannot_be_read(one: Served, body: dict[str, Any]) -> None:
    answer = one.ask("/v2/models/one/infer", body)
    assert answer.status == 422
    assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    ("tail", "length"),
    [
        (struct.pack("<I", 5) + b"abc", None),
        (b"\x01\x00", None),
        (struct.pack("<I", 1) + b"\xff", None),
        (struct.pack("<I", 2**32 - 1), None),
        (struct.pack("<I", 1) + b"a", "999999"),
        (struct.pack("<I", 1) + b"a", "-1"),
    ],
)
def test_binary_tensors_that_cannot_be_read(one: Served, tail: bytes, length: str | None) -> None:
    parameters = {"binary_data_size": len(tail)}
    head = json.dumps({"inputs": [_input(data=None, parameters=parameters)]}).encode()
    headers = {"Inference-Header-Content-Length": length or str(len(head))}
    answer = one.ask("/v2/models/one/infer", head + tail, headers=headers)
    assert answer.status in (400, 422)
    assert list(answer.json) == ["error"]


def test_vllm_classify(one: Served, model: satchel.Model) -> None:
    (name,) = [each["id"] for each in one.ask("/v1/models").json["data"]]
    answer = one.ask("/classify", {"model": name, "input": TEXTS}).json
    assert answer["object"] == "list"
    assert answer["id"].startswith("classify-")
    assert [each["label"] for each in answer["data"]] == labels_of(model, TEXTS)
    assert [each["index"] for each in answer["data"]] == list(range(len(TEXTS)))
    assert {each["num_classes"] for each in answer["data"]} == {4}
    found = np.array([each["probs"] for each in answer["data"]])
    np.testing.assert_allclose(found, model.predict_proba(TEXTS), atol=1e-6)
    assert len(one.ask("/classify", {"input": "one text"}).json["data"]) == 1
    assert one.ask("/classify", {"input": [[1, 2]]}).json["error"]["type"] == "BadRequestError"


def test_hugging_face_s_client(both: Served, several: satchel.Model) -> None:
    client = huggingface_hub.InferenceClient(model=f"{both.url}/models/many")
    found = client.text_classification(TEXTS[0], top_k=2)
    expected = several.predict_top(TEXTS[:1], 2)[0]
    assert [(each.label, pytest.approx(each.score)) for each in found] == expected
    rows = both.ask("/models/many", {"inputs": TEXTS}).json
    assert [len(row) for row in rows] == [4] * len(TEXTS)
    asked = {"inputs": "a", "parameters": {"function_to_apply": "softmax"}}
    assert "sigmoid" in both.ask("/models/many", asked).json["error"]


def test_openai_s_client_moderates(both: Served, several: satchel.Model) -> None:
    client = openai.OpenAI(base_url=f"{both.url}/v1", api_key="none", max_retries=0)
    with client:
        found = client.moderations.create(model="many", input=TEXTS).results
        for result, labels, row in zip(
            found, several.predict(TEXTS), several.predict_proba(TEXTS), strict=True
        ):
            categories = result.categories.to_dict()
            assert {label for label, holds in categories.items() if holds} == set(labels)
            assert result.flagged == bool(labels)
            scores = list(result.category_scores.to_dict().values())
            np.testing.assert_allclose(scores, row, atol=1e-6)
        parts: Any = [{"type": "text", "text": "a"}]
        assert len(client.moderations.create(model="many", input=parts).results) == 1
        with pytest.raises(openai.UnprocessableEntityError, match="several labels"):
            client.moderations.create(model="one", input="a")
        assert {each.id for each in client.models.list()} == {"one", "many"}


@pytest.mark.parametrize(
    "form",
    [
        {"dataframe_split": {"columns": ["id", "text"], "data": [[1, text] for text in TEXTS]}},
        {"dataframe_split": {"data": [[text] for text in TEXTS]}},
        {"dataframe_records": [{"subject": text} for text in TEXTS]},
        {"instances": TEXTS},
        {"instances": [{"text": text, "n": 1} for text in TEXTS]},
        {"inputs": TEXTS},
        {"inputs": [[text] for text in TEXTS]},
        {"inputs": {"text": TEXTS}},
    ],
)
def test_mlflow_s_forms(one: Served, model: satchel.Model, form: dict[str, Any]) -> None:
    answer = one.ask("/invocations", form)
    assert answer.json == {"predictions": labels_of(model, TEXTS)}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"inputs": ["a"], "instances": ["a"]},
        {"inputs": [1]},
        {"inputs": [["a", "b"]]},
        {"dataframe_records": [{"a": "x", "b": "y"}]},
        {"dataframe_split": {"columns": ["text", "b"], "data": [[]]}},
        {"dataframe_records": [{}]},
        {"inputs": {}},
        {"inputs": ["a"], "params": {"model": 3}},
    ],
)
def test_mlflow_s_forms_that_hold_no_texts(one: Served, form: dict[str, Any]) -> None:
    answer = one.ask("/invocations", form)
    assert answer.status == 422
    assert answer.json["error_code"] == "BAD_REQUEST"


def test_mlflow_of_several_labels(both: Served, several: satchel.Model) -> None:
    answer = both.ask("/invocations", {"inputs": TEXTS, "params": {"model": "many"}}).json
    assert list(map(tuple, answer["predictions"])) == several.predict(TEXTS).tolist()
    assert both.ask("/ping").status == 200


def test_label_studio_gets_the_labels_of_its_project(one: Served, model: satchel.Model) -> None:
    assert one.ask("/health").json["status"] == "UP"
    setup = one.ask("/setup", {"project": "1.2", "schema": CONFIG, "access_token": "x"}).json
    assert setup["missing"] == ["never seen"]
    tasks = [{"id": number, "data": {"body": text}} for number, text in enumerate(TEXTS)]
    asked = {"tasks": tasks, "label_config": CONFIG, "project": "1.2", "params": {"login": None}}
    answer = one.ask("/predict", asked).json
    assert answer["model_version"] == "one-1"
    names = {"sport": "Sport!"}
    for result, label, row in zip(
        answer["results"], labels_of(model, TEXTS), model.predict_proba(TEXTS), strict=True
    ):
        (region,) = result["result"]
        assert region["from_name"] == "kind"
        assert region["to_name"] == "t"
        assert region["type"] == "choices"
        assert region["value"]["choices"] == [names.get(label, label)]
        assert region["score"] == pytest.approx(row.max(), abs=1e-6)
    assert one.ask("/webhook", {"action": "ANNOTATION_CREATED"}).json["status"] == "ignored"


def test_a_label_that_the_project_lacks_is_no_other_label(
    one: Served, model: satchel.Model
) -> None:
    label = labels_of(model, TEXTS[:1])[0]
    others = "".join(
        f'<Choice value="{each}"/>' for each in ("cars", "graphics", "space") if each != label
    )
    config = (
        '<View><Text name="t" value="$body"/><Choices name="kind" toName="t">'
        f"{others}</Choices></View>"
    )
    asked = {"tasks": [{"data": {"body": TEXTS[0]}}], "label_config": config}
    (result,) = one.ask("/predict", asked).json["results"]
    assert result["result"] == []
    assert result["score"] == 0


def test_label_studio_with_one_of_several_models(both: Served, several: satchel.Model) -> None:
    config = CONFIG.replace("<Choices ", '<Choices choice="multiple" ')
    asked = {"tasks": [{"data": {"body": text}} for text in TEXTS], "label_config": config}
    results = both.ask("/label-studio/many/predict", asked).json["results"]
    for result, labels in zip(results, several.predict(TEXTS), strict=True):
        given = {label for region in result["result"] for label in region["value"]["choices"]}
        assert given == {"Sport!" if label == "sport" else label for label in labels}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tasks": [{"data": {"body": "a"}}]}, "label_config"),
        ({"tasks": [{"data": {}}], "label_config": CONFIG}, "data.body"),
        ({"tasks": [{"data": {"body": 3}}], "label_config": CONFIG}, "int"),
        ({"tasks": [{}], "label_config": CONFIG}, "data"),
        ({"tasks": [], "label_config": "<View/>"}, "Choices"),
        ({"tasks": [], "label_config": "<View>"}, "XML"),
    ],
)
def test_tasks_that_cannot_be_read(one: Served, asked: dict[str, Any], says: str) -> None:
    answer = one.ask("/predict", asked)
    assert answer.status == 422
    assert says in answer.message


def test_a_configuration_does_not_grow() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises(RequestError, match="document type"):
        parse_config(f'<!DOCTYPE d [<!ENTITY l0 "lol">{laughs}]><View>&l11;</View>')
    with pytest.raises(RequestError, match="opens no URL"):
        parse_config('<View><Text name="t" value="$x" valueType="url"/></View>')


@given(st.text(max_size=200))
def test_any_configuration_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RequestError):
        assert parse_config(text).controls


def test_the_document_describes_every_endpoint(one: Served) -> None:
    document = one.ask("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    for path in ("/predict", "/v2/models/{model}/infer", "/classify", "/invocations", "/metrics"):
        assert path in document["paths"]
    referred = set(re_refs(document))
    assert {each.removeprefix("#/components/schemas/") for each in referred} <= set(
        document["components"]["schemas"]
    )


def re_refs(document: Any) -> list[str]:
    if isinstance(document, dict):
        own = [document["$ref"]] if isinstance(document.get("$ref"), str) else []
        return own + [ref for each in document.values() for ref in re_refs(each)]
    if isinstance(document, list):
        return [ref for each in document for ref in re_refs(each)]
    return []
