"""What a report says of a model: its reasons are those of `explain`."""

from __future__ import annotations

from collections import defaultdict

import pytest

from satchel.evaluation.context import ModelReasons, Question, report_context
from satchel.features.spec import Features
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Task
from satchel.model import Model
from satchel.sealed.assembly import ensemble_of
from small_models import LINEAR, NETWORK, TEXTS, Head, make_contents, predictor

VIEWS = (Features(words=2, fields=True), Features(words=1, fields=True))


def model_of(task: Task = "single") -> Predictor:
    heads = [LINEAR, Head(NETWORK.layers, view=1, columns=NETWORK.columns)]
    return predictor(make_contents(heads, features=VIEWS, task=task))


def summed(spans: list) -> dict:
    found: dict = defaultdict(float)
    for start, end, value in spans:
        found[start, end] += value
    return found


@pytest.mark.parametrize("task", ["single", "multiple"])
@pytest.mark.parametrize("against", [None, "space"])
def test_many_reasons_are_those_of_explain(task, against):
    if task == "multiple" and against:
        return
    model = model_of(task)
    questions = [Question(text, "cars", against) for text in TEXTS]
    for text, spans in zip(TEXTS, ModelReasons(model)(questions), strict=True):
        expected = model.explain(text, "cars", against).tokens
        found = summed(spans)
        assert found.keys() == {(token.start, token.end) for token in expected}
        for place, value in summed([(t.start, t.end, t.value) for t in expected]).items():
            assert found[place] == pytest.approx(value, abs=1e-5)


def test_a_label_that_the_model_lacks_has_no_reasons():
    found = list(
        ModelReasons(model_of())(
            [Question("the old car", "boats"), Question("car", "cars", "boats")]
        )
    )
    assert found[0] == []
    assert found[1] != []
    assert list(ModelReasons(model_of())([])) == []


def test_an_evaluation_of_a_model_brings_its_context(tmp_path):
    model = Model(ensemble_of(make_contents([LINEAR])))
    evaluation = model.evaluate(TEXTS, ["cars"] * len(TEXTS))
    assert evaluation.context is not None
    assert evaluation.context.trained_on == "10 documents of 4 classes"
    page = evaluation.save_report(tmp_path).read_text("utf-8")
    assert "Trained on 10 documents of 4 classes" in page
    assert '"explained":9' in page or '"explained":8' in page


def test_facts_of_training_are_told():
    context = report_context(model_of())
    assert context.training["seed"] == "0"
    assert context.training["features"].replace(",", "").isdigit()


def test_judging_in_blocks_is_judging_at_once(monkeypatch):
    model = Model(ensemble_of(make_contents([LINEAR])))
    texts, labels = TEXTS * 100, ["cars", "space", "sport"] * 300
    whole = model.evaluate(texts, labels)
    monkeypatch.setattr("satchel.model._PROBABILITIES", 4)  # 256 documents at a time
    blocks = model.evaluate(texts, labels)
    assert blocks.per_class == whole.per_class
    assert blocks.log_loss == pytest.approx(whole.log_loss)
    assert blocks.calibration_error == pytest.approx(whole.calibration_error)
