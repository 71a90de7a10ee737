"""Summary, pictures and report: there, complete, and deaf to hostile labels and texts."""

from __future__ import annotations

import csv
import json
import re
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot

from satchel.errors import InputError, SaveError
from satchel.evaluation import Evaluation, evaluate, evaluate_multiple, pictures
from satchel.evaluation.naming import abbreviate, columns, printable, short_names
from satchel.evaluation.pictures.lettering import MISSING, letter

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "$\\frac{1}{0$ and $",
    "new\nline\x1b[31m",
    "日本語のニュース",
    "हिन्दी",
    "🎒",
    "عربى",
    "\u202egnp.exe",
    "lone \udc80 surrogate",
    "long " * 60,
]


def judged(
    labels: list, n: int = 400, *, sure: bool = True, skill: float = 3.0, **more: Any
) -> Evaluation:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, len(labels), n)
    scores = generator.normal(size=(n, len(labels)))
    scores[np.arange(n), truth] += skill
    powers = np.exp(scores)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return evaluate(
        [labels[place] for place in truth],
        [labels[place] for place in scores.argmax(axis=1)],
        labels,
        probabilities=probabilities if sure else None,
        **more,
    )


def size_of(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize(
    ("classes", "smallest", "largest"), [(1, 400, 900), (2, 400, 900), (20, 900, 1600)]
)
def test_the_confusion_picture_grows_with_the_classes(tmp_path, classes, smallest, largest):
    judged([f"class {place}" for place in range(classes)]).plot(tmp_path / "matrix.png")
    for side in size_of(tmp_path / "matrix.png"):
        assert smallest <= side <= largest


@pytest.mark.parametrize(("classes", "named"), [(150, 150), (400, 200)])
def test_the_confusion_picture_stays_bounded_and_names_what_it_can(tmp_path, classes, named):
    figure = judged([f"class {place}" for place in range(classes)]).plot(tmp_path / "matrix.png")
    assert max(size_of(tmp_path / "matrix.png")) <= 3000
    axes = figure.axes[0]
    assert len(axes.get_yticklabels()) == named
    assert min(float(text.get_fontsize()) for text in axes.get_yticklabels()) >= 6.5


def test_cells_hold_numbers_only_where_they_fit():
    numbers = [
        len(judged([str(place) for place in range(classes)]).plot().axes[0].texts) - classes
        for classes in (10, 60)
    ]
    assert numbers[0] >= 10
    assert numbers[1] == 0


def test_pictures_leave_pyplot_alone(tmp_path):
    judged(["a", "b"]).save_report(tmp_path)
    assert pyplot.get_fignums() == []


def test_labels_of_any_script_are_drawn_without_a_warning(tmp_path):
    judged(HOSTILE).save_report(tmp_path)  # pytest turns a missing glyph's warning into an error
    assert max(size_of(tmp_path / "confusion_matrix.png")) <= 3000


def test_letters_that_no_font_has_become_numbered_boxes():
    lettering = letter(["plain", "a\U00012345b"])  # a cuneiform sign: few machines have it
    assert lettering.names[0] == "plain"
    assert lettering.names[1] in (f"#2 a{MISSING}b", "a\U00012345b")
    assert lettering.incomplete is (MISSING in lettering.names[1])


def test_another_font_is_found_for_letters_that_the_first_lacks():
    # In the STIX fonts, which matplotlib brings, and not in DejaVu Sans.
    lettering = letter(["⌚⌗"])
    assert lettering.names == ("⌚⌗",)
    assert len(lettering.families) > 1
    assert not lettering.incomplete


def test_equal_figures_give_equal_bytes():
    first, second = (pictures.png(judged(["a", "b"]).plot()) for _ in range(2))
    assert first == second


@settings(deadline=None)
@given(st.text(max_size=80), st.integers(3, 30))
def test_abbreviations_fit_and_keep_both_ends(text, limit):
    name = printable(text)
    short = abbreviate(name, limit)
    assert columns(short) <= limit
    if short != name:
        head, tail = short.split("…", 1) if name.count("…") == 0 else (short[0], short[-1])
        assert name.startswith(head)
        assert name.endswith(tail)


@settings(deadline=None)
@given(st.text())
def test_printable_text_has_no_control_characters(text):
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", printable(text))


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=20, unique=True))
def test_names_stay_different(labels):
    names = short_names(labels, 6)
    assert len(names) == len(labels)
    doubles = [name for name in names if " #" in name]
    assert len(set(doubles)) == len(doubles)


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def test_the_page_escapes_labels_names_and_texts(tmp_path):
    hostile = ["<script>alert(2)</script></pre></table>"] * 400
    path = judged(HOSTILE, skill=1.0, names=hostile, texts=hostile).save_report(tmp_path)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.tags.isdisjoint({"script", "iframe", "object", "link", "base", "form", "svg"})
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "<script>alert(1)</script>" in page.text
    assert "<script>alert(2)</script></pre></table>" in page.text
    assert any(value.startswith("default-src 'none'") for _, value in page.attributes)


def test_the_json_report_holds_the_figures(tmp_path):
    evaluation = judged(["a", "b/c"])
    evaluation.save_report(tmp_path)
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(evaluation.to_dict()))
    assert list(stored)[:6] == [
        "n",
        "accuracy",
        "macro_f1",
        "per_class",
        "confusion_matrix",
        "labels",
    ]
    assert set(stored["per_class"]["b/c"]) >= {"precision", "recall", "f1", "support"}


def test_predictions_begin_with_the_surest_errors_and_run_no_formula(tmp_path):
    evaluation = judged(HOSTILE, skill=1.0, names=["+cmd"] * 400)
    evaluation.save_report(tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == evaluation.n
    right = [row["right"] for row in rows]
    assert right == sorted(right)  # "false" before "true"
    wrong = [float(row["probability"]) for row in rows if row["right"] == "false"]
    assert wrong == sorted(wrong, reverse=True)
    cells = [row[name] for row in rows for name in ("name", "true", "predicted")]
    assert not [cell for cell in cells if cell.startswith(("=", "+"))]


def test_without_probabilities_there_is_no_reliability(tmp_path):
    evaluation = judged(["a", "b"], sure=False)
    evaluation.save_report(tmp_path)
    assert not (tmp_path / "reliability.png").exists()
    with pytest.raises(InputError, match="give `probabilities`"):
        pictures.reliability_diagram(evaluation)


def test_several_labels_a_document_have_a_report_too(tmp_path):
    evaluation = evaluate_multiple(
        [["a", "b"], [], ["a"]],
        [["a"], [], ["b"]],
        "abc",
        probabilities=[[0.9, 0.2, 0.1], [0.1, 0.1, 0.1], [0.4, 0.8, 0.1]],
    )
    evaluation.save_report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "classes.png",
        "predictions.csv",
        "reliability.png",
        "report.html",
        "report.json",
    ]
    with pytest.raises(InputError, match="one label a document"):
        pictures.confusion_picture(evaluation)
    assert "micro-F1" in evaluation.summary()


def test_no_test_documents_for_any_label_still_makes_a_report(tmp_path):
    evaluate_multiple([[]], [[]], ["a"]).save_report(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_the_summary_names_pairs_weak_classes_and_what_to_do():
    true = ["ibm"] * 30 + ["mac"] * 30 + ["space"] * 30 + ["med"] * 5 + ["new"]
    predicted = (["ibm"] * 20 + ["mac"] * 10 + ["mac"] * 22 + ["ibm"] * 8 + ["space"] * 30) + [
        "space"
    ] * 6
    text = evaluate(true, predicted, ["ibm", "mac", "space", "med", "spare"]).summary()
    assert re.search(r"ibm +→ +mac +10 \(33% of the class\)", text)
    assert re.search(r"weakest classes\n +(med|new)", text)
    assert "ibm and mac are mixed up both ways (18 documents)" in text
    assert "Never predicted: med" in text
    assert "does not know new" in text
    assert "No test documents for spare" in text
    assert "Fewer than 20 test documents for med, new" in text


def test_the_summary_tells_of_leaks_bold_probabilities_and_a_useless_model():
    text = evaluate(
        "aab", "aaa", "ab", probabilities=[[0.99, 0.01]] * 3, leaked=[True, False, False]
    ).summary()
    assert "accuracy without them 50.0%" in text
    assert "too high" in text
    assert "no better than always giving the commonest answer" in text


def test_the_summary_cannot_steer_the_terminal():
    text = judged(HOSTILE, skill=0.5).summary()
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("what", ["names", "texts"])
def test_names_and_texts_must_fit(what):
    given: dict[str, Any] = {what: ["one"]}
    with pytest.raises(InputError, match=f"expected {what} for 400 documents, found 1"):
        judged(["a", "b"], **given)


def test_a_folder_that_cannot_be_written_is_a_save_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveError, match="could not be written"):
        judged(["a", "b"]).save_report(tmp_path / "file")
    with pytest.raises(SaveError, match="could not be written"):
        judged(["a", "b"]).plot(tmp_path / "absent" / "matrix.png")


def test_evaluating_needs_numpy_only():
    code = (
        "import sys; from satchel.evaluation import evaluate;"
        "evaluate('ab', 'aa', 'ab', probabilities=[[.5, .5]] * 2).summary();"
        "heavy = {'matplotlib', 'sklearn', 'scipy', 'polars', 'keras', 'numba'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
