"""Explanations: they add up to the model's own score, point at the text, and pass deletion."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from html.parser import HTMLParser
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bags_strategies import TEXTS as AWKWARD
from satchel.errors import LabelError, SettingError, TextError
from satchel.features import windows
from satchel.features.spec import Features, Part, Weighting
from satchel.features.tokenizer import tokenize
from satchel.inference import explain as explaining
from satchel.inference import occurrences
from satchel.inference.activations import ACTIVATIONS, ActivationName
from satchel.inference.explain import Explanation, explain
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Task
from satchel.sealed.schema import RowType
from small_models import (
    LINEAR,
    NETWORK,
    NORMED,
    TEXTS,
    Head,
    make_contents,
    one_activation,
    predictor,
    vocabulary,
    with_rows,
)

EXACT = sorted(set(ACTIVATIONS) - {"softmax"})
MIXED = [Head(scale=0.5), Head(NETWORK.layers, view=1, columns=6), Head(scale=-2.0, view=1)]
MIXED_MODEL = predictor(
    make_contents(MIXED, features=[Features(fields=True), Features(words=0, characters=(2, 4))])
)


def total(explanation: Explanation) -> float:
    tokens = sum(token.value for token in explanation.tokens)
    return explanation.base + tokens + explanation.rest + explanation.remainder


def check_sums(model: Predictor, text: str, exact: bool = True) -> Explanation:
    explanation = explain(model, text)
    # Before any token is counted the biases speak; for a text without a known word, the prior.
    nothing = [np.zeros((1, view.width), np.float32) for view in model.model.views]
    before = model.logits_of_sums(nothing) if explanation.known else model.logits([""])
    scores = np.concatenate([model.logits([text]), before]).astype(np.float64)
    margins = scores[:, model.model.labels.index(explanation.label)]
    if explanation.against is not None:
        margins = margins - scores[:, model.model.labels.index(explanation.against)]
    assert explanation.known == model.columns([text]).known[0]
    assert explanation.margin == pytest.approx(margins[0], abs=1e-5)
    assert explanation.base == pytest.approx(margins[1], abs=1e-5)
    assert total(explanation) == pytest.approx(explanation.margin, abs=1e-9)
    if exact:
        assert abs(explanation.remainder) < 1e-6
    by_word = sum(word.value for word in explanation.words)
    assert by_word == pytest.approx(sum(token.value for token in explanation.tokens), abs=1e-9)
    return explanation


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", EXACT)
def test_contributions_add_up_through_every_activation(name: ActivationName, text: str) -> None:
    check_sums(predictor(make_contents([one_activation(name), LINEAR])), text)


@pytest.mark.parametrize("rows", ["float16", "int8"])
@pytest.mark.parametrize("task", ["single", "multiple"])
def test_contributions_add_up_for_every_row_type(rows: RowType, task: Task) -> None:
    model = predictor(make_contents([NETWORK, LINEAR], rows=rows, task=task))
    for text in TEXTS:
        check_sums(model, text)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"]))))
def test_contributions_add_up_for_any_text(text: str) -> None:
    explanation = check_sums(MIXED_MODEL, text)
    for token in (*explanation.tokens, *explanation.words):
        assert 0 <= token.start <= token.end <= len(text)
        assert token.text == text[token.start : token.end]


@pytest.mark.parametrize("head", [NORMED, one_activation("softmax")])
def test_what_no_token_owns_is_stated(head: Head) -> None:
    model = predictor(make_contents([head]))
    remainders = [check_sums(model, text, exact=False).remainder for text in TEXTS[:5]]
    assert max(map(abs, remainders)) > 1e-3


def test_a_linear_member_is_explained_by_its_own_sum() -> None:
    features, weighting = Features(words=1), Weighting()
    parts = make_contents(features=[features], weighting=weighting)
    model = predictor(parts)
    text = "card card game"
    explanation = explain(model, text, label="space", against="cars")
    hashes, _, terms = vocabulary(TEXTS[:6], features)
    place = {term: number for number, term in enumerate(terms)}
    weights, rows = parts.arrays["view0.weights"], parts.arrays["view0.rows"]
    values = {
        "card": (1 + np.log(2)) * weights[place["card"]],
        "game": weights[place["game"]],
    }
    length = np.sqrt(sum(value**2 for value in values.values()))
    effect = {
        word: value / length * (rows[place[word], 2] - rows[place[word], 0])
        for word, value in values.items()
    }
    found = {(token.start, token.end): token.value for token in explanation.tokens}
    assert found == {
        (0, 4): pytest.approx(effect["card"] / 2, abs=1e-6),
        (5, 9): pytest.approx(effect["card"] / 2, abs=1e-6),
        (10, 14): pytest.approx(effect["game"], abs=1e-6),
    }
    assert len(hashes) == len(terms)


def test_word_pairs_have_spans_of_their_own() -> None:
    explanation = explain(predictor(make_contents()), "old card!")
    spans = {(token.text, token.kind) for token in explanation.tokens}
    assert spans == {("old", "word"), ("card", "word"), ("old card", "words")}
    assert [word.text for word in explanation.words] == ["old", "card!"]


def test_top_keeps_the_strongest_and_sums_the_rest() -> None:
    model = predictor(make_contents())
    whole, short = explain(model, TEXTS[0]), explain(model, TEXTS[0], top=3)
    assert short.tokens == whole.tokens[:3]
    assert short.words == whole.words
    assert total(short) == pytest.approx(total(whole))
    strengths = [abs(token.value) for token in whole.tokens]
    assert strengths == sorted(strengths, reverse=True)


def test_labels_may_be_chosen() -> None:
    model = predictor(make_contents())
    best = [model.model.labels[number] for number in model.columns([TEXTS[0]], 4).top_labels[0]]
    default = explain(model, TEXTS[0])
    assert (default.label, default.against) == (best[0], best[1])
    last = explain(model, TEXTS[0], label=best[3])
    assert (last.label, last.against) == (best[3], best[0])
    versus = explain(model, TEXTS[0], against=best[0])
    assert (versus.label, versus.against) == (best[1], best[0])
    reverse = explain(model, TEXTS[0], label=best[1], against=best[0])
    assert reverse.margin == pytest.approx(-default.margin)


def test_labels_that_do_not_fit_are_refused() -> None:
    model = predictor(make_contents())
    with pytest.raises(LabelError, match="expected a label of the model, found 'cheese'"):
        explain(model, "card", label="cheese")
    with pytest.raises(LabelError, match="two different labels"):
        explain(model, "card", label="cars", against="cars")
    with pytest.raises(TextError):
        explain(model, None)


def test_several_labels_are_explained_one_at_a_time() -> None:
    model = predictor(make_contents([NETWORK], task="multiple"))
    explanation = explain(model, TEXTS[0], label="space")
    assert explanation.against is None
    score = model.logits([TEXTS[0]])[0, 2]
    assert explanation.margin == pytest.approx(float(score), abs=1e-5)


def test_an_unknown_text_is_its_base() -> None:
    explanation = explain(predictor(make_contents()), "qqqq")
    assert (explanation.known, explanation.tokens, explanation.words) == (0, (), ())
    assert explanation.margin == pytest.approx(explanation.base)


def test_an_explanation_is_plain_data() -> None:
    plain = explain(MIXED_MODEL, TEXTS[2], top=5).to_dict()
    again = json.loads(json.dumps(plain))
    assert again["tokens"][0].keys() == {"start", "end", "text", "kind", "value"}
    assert again["text"] == TEXTS[2]


SEEN_THREE_WAYS = predictor(
    make_contents(
        [LINEAR, Head(view=1, scale=0.5), Head(view=2, scale=-2.0)],
        features=[
            Features(words=3, fields=True),
            Features(words=1, characters=(1, 3)),
            Features(rules="words", words=2),
        ],
        texts=[*TEXTS[:6], "a b c 1 23 漢字 한국어 x@y.z 👩 e\u0301"],
    )
)
KINDS = {1: "word", 2: "words", 3: "words", 32: "characters", 64: "field", 65: "field"}


def expected_tokens(model: Predictor, text: str, ahead: int, behind: int) -> dict[object, float]:
    """The contributions of linear members, token by token as the reference finds them."""
    sums: dict[object, float] = defaultdict(float)
    bags = model.model.weighed(model.counts([text]))
    for member in model.model.members:
        view, bag = model.model.views[member.view], bags[member.view]
        hashes = view.vocabulary.hashes[bag.ids].tolist()
        rows = view.expanded(bag.ids).astype(np.float64) * member.scale * bag.values[:, None]
        worth = dict(zip(hashes, (rows[:, ahead] - rows[:, behind]).tolist(), strict=True))
        tokens = tokenize(text, view.vocabulary.features)
        tokens = [token for token in tokens if token.hash in worth]
        counts: dict[int, int] = defaultdict(int)
        for token in tokens:
            counts[token.hash] += 1
        for token in tokens:
            place = (token.start, token.end, KINDS[token.kind])
            sums[place] += worth[token.hash] / counts[token.hash]
    return sums


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.sampled_from(TEXTS), AWKWARD),
    st.sampled_from([1, 3, 17, 1 << 17]),
    st.sampled_from([0, 5, None]),
)
def test_contributions_are_those_of_the_reference_whatever_the_windows(
    text: str, window: int, top: int | None
) -> None:
    model = SEEN_THREE_WAYS
    with (
        mock.patch.object(windows, "WINDOW", window),
        mock.patch.object(occurrences, "_KEPT_MORE", window),
    ):
        explanation = explain(model, text, label="space", against="cars", top=top)
    expected = expected_tokens(model, text, 2, 0)
    found = {(token.start, token.end, token.kind): token.value for token in explanation.tokens}
    assert len(found) == len(explanation.tokens)
    assert len(found) + explanation.omitted == len(expected)
    for place, value in found.items():
        assert value == pytest.approx(expected[place], abs=1e-9)
    weakest = min(map(abs, found.values()), default=np.inf)
    assert all(abs(expected[place]) <= weakest + 1e-9 for place in expected.keys() - found.keys())
    assert total(explanation) == pytest.approx(explanation.margin, abs=1e-9)
    assert abs(explanation.remainder) < 1e-5
    by_word = sum(word.value for word in explanation.words)
    # What the rules "words" find between chunks is nothing: every token lies in one.
    assert by_word == pytest.approx(sum(expected.values()), abs=1e-9)


def test_long_lists_are_bounded_and_say_so() -> None:
    model = predictor(make_contents())
    whole = explain(model, TEXTS[0])
    assert (whole.omitted, whole.omitted_words, whole.rest) == (0, 0, 0.0)
    with mock.patch.object(explaining, "MOST", 4):
        short = explain(model, TEXTS[0])
        asked = explain(model, TEXTS[0], top=9)
    assert short.tokens == whole.tokens[:4]
    assert short.omitted == len(whole.tokens) - 4
    assert asked.tokens == whole.tokens[:9]
    assert total(short) == pytest.approx(total(whole))
    strongest = sorted(whole.words, key=lambda word: -abs(word.value))[:4]
    assert short.words == tuple(sorted(strongest, key=lambda word: word.start))
    assert short.omitted_words == len(whole.words) - 4
    with pytest.raises(SettingError, match="found -1"):
        explain(model, TEXTS[0], top=-1)


def test_an_explanation_reads_well_in_a_terminal() -> None:
    explanation = explain(MIXED_MODEL, TEXTS[2])
    lines = str(explanation).split("\n")
    assert 2 <= len(lines) <= 4
    assert lines[0].startswith(f"{explanation.label} over {explanation.against} by +")
    strongest = max(explanation.tokens, key=lambda token: token.value)
    assert lines[1].startswith("  for: ")
    assert " ".join(strongest.text.split()) in lines[1]
    assert all(len(line) < 400 for line in lines)
    left_out = explain(MIXED_MODEL, TEXTS[2], top=3)
    assert f"{left_out.omitted} weaker tokens contribute {left_out.rest:+.2f}" in str(left_out)
    assert str(explain(MIXED_MODEL, "")).count("\n") == 0


HOSTILE = "card \x1b]52;c;x\x07 <script>alert(1)</script> \u202eorbit & game\ncard\told\r\n"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.styles: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.styles += [value or "" for name, value in attrs if name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_the_document_holds_is_shown_and_not_obeyed() -> None:
    explanation = explain(MIXED_MODEL, HOSTILE)
    assert str(explanation).replace("\n", "").isprintable()
    page = _Page()
    page.feed(explanation._repr_html_())
    assert set(page.tags) <= {"div", "p", "b", "br", "span"}
    assert page.text.replace("\n", "").replace("\t", "").isprintable()
    assert "<script>alert(1)</script>" in page.text
    assert "\\x1b]52;c;x\\x07" in page.text
    assert "\ncard\told\n" in page.text
    coloured = [style for style in page.styles if "rgba" in style]
    assert coloured
    # Letters keep the colour of the page, so they can be read on light and on dark ground.
    assert all(not re.search(r"(^|;)\s*color:", style) for style in page.styles)


def test_a_notebook_shows_the_start_of_a_long_document() -> None:
    text = "card game " * 50_000
    shown = explain(MIXED_MODEL, text)._repr_html_()
    assert len(shown) < 2_000_000
    assert "480,000 more characters are not shown" in shown


POST = (
    "From: a@b\nSubject: card\n\nHe wrote:\n> orbit orbit\nThe old card\n"
    "re\u0301sume\u0301 card\n--\nbye"
)


@pytest.mark.parametrize("strip", [(), ("headers",), ("headers", "quotes", "signatures")])
@pytest.mark.parametrize("nfc", [False, True])
def test_spans_refer_to_the_text_that_was_given(strip: tuple[Part, ...], nfc: bool) -> None:
    features = Features(words=2, strip=strip, nfc=nfc)
    texts = ["head: x\n\nthe old card résumé card r\u00e9sum\u00e9 bye orbit subject"]
    explanation = explain(predictor(make_contents(features=[features], texts=texts)), POST)
    words = [token for token in explanation.tokens if token.kind == "word"]
    assert {token.text for token in words} >= {"The", "old", "card"}
    assert ("re\u0301sume\u0301" in {token.text for token in words}) == nfc
    kept = POST.index("The old") if strip else 0
    if strip:
        assert min(token.start for token in words) >= POST.index("He wrote")
    if "signatures" in strip:
        assert all(kept <= token.start < POST.index("--") for token in words)
    for token in words:
        assert re.fullmatch(r"[\w\u0301]+", token.text)


def learnt(rows: np.ndarray, hashes: np.ndarray) -> Predictor:
    """A model of the linear weights that some learner found."""
    return predictor(with_rows(rows.astype(np.float32), hashes, activation="tanh"))


def made_documents(random: np.random.Generator, count: int) -> tuple[list[str], np.ndarray]:
    """Documents of 30 words: some are typical of a class, most are common to all."""
    common = [f"common{number}" for number in range(40)]
    classes = random.integers(0, 3, count)
    texts = []
    for label in classes:
        typical = [f"class{'abc'[label]}{number}" for number in range(12)]
        words = [*random.choice(typical, 8), *random.choice(common, 22)]
        random.shuffle(words)
        texts.append(" ".join(words))
    return texts, classes


def test_deleting_the_top_tokens_hurts_more_than_deleting_any() -> None:
    random = np.random.default_rng(0)
    texts, classes = made_documents(random, 400)
    hashes, _, _ = vocabulary(texts, Features(words=1))
    model = learnt(np.zeros((len(hashes), 3)), hashes)
    (rows,) = model.model.weighed(model.counts(texts))
    bags = np.zeros((400, len(hashes)))
    bags[np.repeat(np.arange(400), np.diff(rows.offsets)), rows.ids] = rows.values
    targets = np.where(classes[:300, None] == np.arange(3), 1.0, -1.0)
    weights = np.linalg.solve(
        bags[:300].T @ bags[:300] + 0.1 * np.eye(len(hashes)), bags[:300].T @ targets
    )
    model = learnt(weights, hashes)
    assert np.mean(model.probabilities(texts[300:]).argmax(1) == classes[300:]) > 0.95

    top_drop: list[float] = []
    random_drop: list[float] = []
    for text in texts[300:]:
        explanation = explain(model, text)
        winner = model.model.labels.index(explanation.label)
        before = model.logits([text])[0, winner]
        strongest = sorted(explanation.tokens, key=lambda token: -token.value)[:5]
        chosen = random.choice(len(explanation.tokens), 5, replace=False)
        for tokens, drops in (
            (strongest, top_drop),
            ([explanation.tokens[number] for number in chosen], random_drop),
        ):
            left = text
            for token in sorted(tokens, key=lambda token: -token.start):
                left = left[: token.start] + left[token.end :]
            drops.append(before - model.logits([left])[0, winner])
    assert np.mean(np.array(top_drop) > np.array(random_drop)) > 0.9
    assert np.mean(top_drop) > 3 * max(float(np.mean(random_drop)), 0.01)
