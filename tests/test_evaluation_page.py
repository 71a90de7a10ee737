"""The report's page: nothing in it acts but its own script, and its data say what they should."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations import HOSTILE, judged
from satchel.evaluation.context import Baseline, Question, ReportContext, Span
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.page import render
from satchel.evaluation.reasons import STRENGTHS, aligned_words, excerpt, find_reasons
from satchel.evaluation.result import Evaluation
from satchel.evaluation.summary import verdict

EVIL = "</script><script>alert(2)</script><!--</title></style><b onclick=alert(3)>\u2028"
DAY = datetime.date(2026, 11, 24)


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.inside: dict[str, list[str]] = {}
        self._open = ""
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._open = tag
        if tag in ("script", "style"):
            self.inside.setdefault(tag, []).append("")

    def handle_endtag(self, _tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in ("script", "style"):
            self.inside[self._open][-1] += data
        else:
            self.text += data

    @property
    def data(self) -> dict:
        return json.loads(self.inside["script"][0])

    @property
    def policy(self) -> dict[str, str]:
        content = next(
            value for tag, _, value in self.attributes if tag == "meta" and "default-src" in value
        )
        return dict(part.strip().split(" ", 1) for part in content.split(";"))


def page_of(evaluation: Evaluation, context: ReportContext | None = None) -> Page:
    context = context or ReportContext(date=DAY)
    return Page(render(evaluation, context, find_reasons(evaluation, context.explain)))


def explain(questions: Sequence[Question]) -> Iterator[list[Span]]:
    """Every word speaks for the label, the longer the more; "not" speaks against it."""
    for question in questions:
        yield [
            (*found.span(), -2.0 if found[0] == "not" else float(len(found[0])))
            for found in re.finditer(r"\w+", question.text)
        ]


def test_only_the_pages_own_script_and_style_may_act():
    context = ReportContext(
        model=EVIL,
        data=EVIL,
        trained_on=EVIL,
        date=DAY,
        training={EVIL: EVIL},
        notes=[EVIL],
        baselines=[Baseline(EVIL, 0.5)],
        history=[{EVIL: [1.0], "loss": [0.5]}],
        explain=explain,
    )
    page = page_of(judged(HOSTILE, skill=1.0, names=[EVIL] * 400, texts=[EVIL] * 400), context)
    assert page.tags.count("script") == 2  # the data and the script
    assert page.tags.count("style") == 1
    assert not {"iframe", "object", "link", "base", "form", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not [name for _, name, _ in page.attributes if name in ("src", "style")]
    links = [value for _, name, value in page.attributes if name == "href"]
    assert all(link.startswith("#") for link in links)
    assert "alert(2)" in page.text  # as text, in the title and the notes
    assert "alert" not in page.inside["script"][1]
    assert EVIL[:20] in page.data["documents"][0][0]


def test_the_policy_allows_what_the_page_holds_and_nothing_else():
    page = page_of(judged(["a", "b"]))
    policy = page.policy
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    for kind, text in (("script", page.inside["script"][1]), ("style", page.inside["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert set(policy) == {"default-src", "base-uri", "form-action", "script-src", "style-src"}


def test_the_page_needs_no_network():
    page = page_of(judged(["a", "b"]))
    outside = [value for _, _, value in page.attributes if "//" in value]
    assert outside == []
    urls = set(re.findall(r"https?://[^\"' ]+", page.inside["script"][1] + page.inside["style"][0]))
    assert urls == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nobody fetches


def test_the_summary_names_model_data_date_and_figures():
    context = ReportContext(
        model="news.satchel",
        data="mail.csv",
        trained_on="9,000 documents",
        date=DAY,
        baselines=[Baseline("linear SVM", 0.123)],
    )
    evaluation = judged(["a", "b", "c"])
    text = page_of(evaluation, context).text
    for wanted in (
        "news.satchel evaluated on mail.csv",
        "Trained on 9,000 documents",
        "24 November 2026",
        f"{evaluation.accuracy:.1%}",
        f"{evaluation.macro_f1:.3f}",
        "linear SVM",
        "12.3%",
        "Always the most common label",
        "What to do next",
    ):
        assert wanted in text


def test_without_a_context_the_page_names_the_day():
    today = datetime.date.today()
    text = page_of(judged(["a", "b"]), ReportContext()).text
    assert any(str(day.year) in text for day in (today, datetime.date.today()))


@given(st.integers(1, 8), st.integers(0, 99), st.booleans())
def test_the_embedded_data_say_what_the_evaluation_says(classes, seed, sure):
    labels = [f"class {place}" for place in range(classes)]
    evaluation = judged(labels, n=20 + seed, sure=sure, skill=1.5)
    data = page_of(evaluation).data
    assert data["n"] == evaluation.n
    assert data["mistakes"] == (~evaluation.outcomes.right).sum()
    assert [row["name"] for row in data["classes"]] == labels
    assert [row["number"] for row in data["classes"]] == list(range(1, classes + 1))
    for row, score in zip(data["classes"], evaluation.per_class.values(), strict=True):
        assert row["counts"][1:] == [score.support, score.predicted]
    square = np.zeros((classes, classes), dtype=int)
    for true, predicted, count in np.array(data["cells"]).reshape(-1, 3):
        square[true, predicted] = count
    np.testing.assert_array_equal(square, evaluation.confusion_matrix)
    assert sorted(data["order"]) == list(range(classes))
    mistakes = data["documents"][: data["mistakes_shown"]]
    assert len(mistakes) == data["mistakes"]
    assert all(row[1] != row[2] for row in mistakes)
    assert all(row[1] == row[2] for row in data["documents"][data["mistakes_shown"] :])
    if sure:
        probabilities = [row[3] for row in mistakes]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(data["calibration"]["count"]) == evaluation.n
    else:
        assert data["calibration"] is data["risk"] is None


def test_documents_carry_the_words_that_decided():
    text = "It is 🎒 not\x07 clear whether <extraordinary> 日本 holds."
    evaluation = judged(["a", "b"], skill=1.0, texts=[text] * 400)
    data = page_of(evaluation, ReportContext(date=DAY, explain=explain)).data
    assert data["explained"] == 24 + min(data["mistakes"], 376)
    _, _, _, _, _, shown, cut, marks = data["documents"][0]
    assert "\\x07" in shown
    assert cut == 0
    units = shown.encode("utf-16-le")
    marked = {
        units[2 * start : 2 * (start + length)].decode("utf-16-le"): strength
        for start, length, strength in zip(*[iter(marks)] * 3, strict=True)
    }
    assert marked["extraordinary"] == STRENGTHS
    assert marked["not"] < 0
    words = data["classes"][0]["words"]
    assert words[0][0] == "extraordinary"
    assert words[0][1] == data["classes"][0]["explained"]


def test_the_number_of_explained_documents_is_bounded():
    asked: list[Question] = []

    def count(questions: Sequence[Question]) -> Iterator[list[Span]]:
        asked.extend(questions)
        yield from explain(questions)

    texts = ["word " * 300] * 3000
    evaluation = judged([str(place) for place in range(9)], n=3000, skill=1.0, texts=texts)
    find_reasons(evaluation, count)
    assert 100 < len(asked) <= 2000
    assert sum(len(question.text) for question in asked) <= 1_000_000


def test_mistakes_are_explained_against_the_truth():
    asked: list[Question] = []

    def keep(questions: Sequence[Question]) -> Iterator[list[Span]]:
        asked.extend(questions)
        yield from explain(questions)

    find_reasons(
        evaluate(["a", "b", "new"], ["b", "b", "a"], ["a", "b"], texts=["x", "y", "z"]), keep
    )
    assert {(each.text, each.label, each.against) for each in asked} == {
        ("x", "b", "a"),  # a mistake
        ("y", "b", None),  # right
        ("z", "a", None),  # a mistake, but the model does not know the label
    }


@given(st.text(max_size=300), st.integers(0, 80), st.data())
def test_excerpts_are_bounded_and_mark_what_they_show(text, limit, data):
    places = st.integers(0, len(text))
    spans = data.draw(
        st.lists(st.tuples(places, places, st.floats(-5, 5)).map(lambda s: (*sorted(s[:2]), s[2])))
    )
    part = excerpt(text, spans, limit)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", part.text)
    # Each code point shows as itself or as an escape of at most ten characters.
    assert len(part.text) <= 10 * limit
    end, units = 0, len(part.text.encode("utf-16-le")) // 2
    for start, length, strength in part.marks:
        assert end <= start
        assert length > 0
        end = start + length
        assert abs(strength) <= STRENGTHS
    assert end <= units


def test_an_excerpt_shows_where_it_was_decided():
    text = "nothing " * 200 + "decisive evidence " + "nothing " * 200
    place = text.index("decisive")
    part = excerpt(text, [(place, place + 8, 3.0), (place + 9, place + 17, 1.0), (0, 7, -2.0)], 100)
    assert "decisive evidence" in part.text
    assert part.cut_before
    assert part.cut_after


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [
        ("The Orbit of mars", [(4, 9, 1.0), (4, 17, 2.0)], ["orbit", "orbit of mars"]),
        ("unspaced", [(0, 4, 1.0)], []),  # a part of a word
        ("東京都の天気", [(0, 2, 1.0)], ["東京"]),
        ("a\n  b", [(0, 5, 1.0), (1, 4, 1.0)], ["a b"]),
    ],
)
def test_words_are_whole(text, spans, words):
    assert [word for word, _ in aligned_words(text, spans)] == words


def test_the_verdict_is_a_sentence_that_holds():
    lead, detail = verdict(judged(["a", "b", "c"], n=900, skill=2.0))
    assert re.fullmatch(
        r"Of 100 new documents like these, expect \d+ to \d+ to get the right label.", lead
    )
    assert "above always predicting the most common label" in detail
    lead, detail = verdict(evaluate("aab", "aaa", "ab"))
    assert "no better than" in detail
    lead, detail = verdict(evaluate_multiple([["a", "b"]] * 40, [["a"]] * 40, "ab"))
    assert "about 50 are found" in lead
    assert "about 100 are right" in lead


def test_several_labels_have_a_page():
    evaluation = evaluate_multiple(
        [["a", "b"], [], ["a"]] * 20,
        [["a"], ["c"], ["b"]] * 20,
        "abc",
        texts=["some text"] * 60,
    )
    data = page_of(evaluation, ReportContext(date=DAY, explain=explain)).data
    cells = np.array(data["cells"]).reshape(-1, 3).tolist()
    # b missed; c given beside nothing missed; a missed and b given; a right.
    assert sorted(cells) == [[-1, 2, 20], [0, 0, 20], [0, 1, 20], [1, -1, 20]]
    assert data["documents"][0][1:3] == [[0, 1], [0]]


def test_labels_beyond_those_shown_are_named():
    labels = [str(place) for place in range(2000)]
    evaluation = evaluate(labels + ["0"] * 9, labels + ["1"] * 9, labels)
    data = page_of(evaluation).data
    assert data["total_classes"] == 2000
    assert len(data["classes"]) == 1500
    assert {row["number"] for row in data["classes"]} >= {1, 2}
