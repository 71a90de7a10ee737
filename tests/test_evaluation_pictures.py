"""Pictures and names: readable, bounded, in fonts that have the letters, numbered the same."""

from __future__ import annotations

import itertools
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot

from evaluations import HOSTILE, judged
from satchel.errors import InputError, SaveError
from satchel.escaping import abbreviate, columns, printable, short_names
from satchel.evaluation import pictures
from satchel.evaluation.context import LearningPoint, ReportContext
from satchel.evaluation.evaluate import evaluate, evaluate_multiple
from satchel.evaluation.page_data import matrix_places
from satchel.evaluation.pictures.lettering import MISSING, letter


def size_of(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


def written_in(figure: pictures.Figure) -> list[str]:
    """What stands along the left side of a picture."""
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


@pytest.mark.parametrize(
    ("classes", "smallest", "largest"), [(1, 400, 900), (2, 400, 900), (20, 900, 1600)]
)
def test_the_confusion_picture_grows_with_the_classes(tmp_path, classes, smallest, largest):
    judged([f"class {place}" for place in range(classes)]).plot(tmp_path / "matrix.png")
    for side in size_of(tmp_path / "matrix.png"):
        assert smallest <= side <= largest


@pytest.mark.parametrize(("classes", "named"), [(150, 150), (200, 200), (400, 200)])
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


def test_a_class_has_one_number_in_every_picture(tmp_path):
    # Two labels that no font has, and two that are cut to the same name.
    labels = ["plain", "\U00012345a", "same " * 20 + "x" + " same" * 20, "\U00012345b"]
    labels.append("same " * 20 + "y" + " same" * 20)
    evaluation = judged(labels, skill=1.0)
    matrix = written_in(pictures.confusion_picture(evaluation))
    bars = written_in(pictures.class_bars(evaluation))
    assert set(matrix) == set(bars) == set(letter(labels).names)
    # Where only some are drawn, the numbers stay those of the whole list.
    part = letter(labels[2:], [3, 4, 5]).names
    assert part[0].endswith("#3")
    assert part[2].endswith("#5")
    assert part[1] in (f"#4 {MISSING}b", "\U00012345b")


NEW_FONT = """
from satchel.evaluation.pictures.lettering import letter
found = letter(["a\U00012345b"])
print(ascii(found.names), found.incomplete)
"""


def test_a_font_installed_after_matplotlib_looked_is_found(tmp_path):
    env = os.environ | {"MPLCONFIGDIR": str(tmp_path / "mpl"), "XDG_DATA_HOME": str(tmp_path)}

    def run() -> str:
        command = [sys.executable, "-c", NEW_FONT]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout

    before = run()  # this writes matplotlib's list of fonts
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sign"])
    builder.setupCharacterMap({0x12345: "sign"})
    builder.setupGlyf({name: builder_glyph() for name in (".notdef", "sign")})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "sign": (500, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Satchel Test Cuneiform", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWeightClass=400)
    builder.setupPost()
    (tmp_path / "fonts").mkdir()
    builder.save(tmp_path / "fonts" / "cuneiform.ttf")
    assert run() == "('a\\U00012345b',) False\n"
    assert "True" in before or before == run()  # a machine that has the sign needs no new font


def builder_glyph() -> object:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 500))
    pen.lineTo((500, 500))
    pen.closePath()
    return pen.glyph()


def test_the_matrix_puts_confused_classes_together():
    # Three families, their members far apart in the list.
    labels = [f"{family}{member}" for member in range(4) for family in "abc"]
    true, predicted = [], []
    for label in labels:
        for other in labels:
            times = 20 if label == other else 4 if label[0] == other[0] else 0
            true += [label] * times
            predicted += [other] * times
    places = matrix_places(evaluate(true, predicted, labels))
    families = [labels[place][0] for place in places]
    assert sum(one != other for one, other in itertools.pairwise(families)) == 2


@given(st.integers(1, 12), st.integers(0, 999))
def test_the_order_of_the_matrix_loses_no_class_and_is_the_same_each_time(classes, seed):
    evaluation = judged([str(place) for place in range(classes)], n=30 + seed % 20, skill=1.0)
    places = matrix_places(evaluation)
    assert sorted(places.tolist()) == list(range(classes))
    assert places.tolist() == matrix_places(evaluation).tolist()


def test_of_very_many_classes_the_matrix_shows_those_with_most_mistakes():
    labels = [str(place) for place in range(500)]
    true = labels * 3 + ["250"] * 5
    predicted = labels * 3 + ["251"] * 5
    places = matrix_places(evaluate(true, predicted, labels))
    assert len(places) == 200
    assert {250, 251} <= set(places.tolist())
    picture = pictures.confusion_picture(evaluate(true, predicted, labels))
    assert "the 200 of 500 classes with the most mistakes" in picture.axes[0].get_title(loc="left")


def test_every_figure_has_its_picture():
    context = ReportContext(
        history=[
            {"loss": [1.0, float("nan"), 0.2], "val_a$b$ \U00012345": [0.1] * 3, "other": []}
            for _ in range(10)
        ],
        learning_curve=[LearningPoint(100, 0.5), LearningPoint(1000, 0.7)],
    )
    drawn = pictures.all_pictures(judged(["a", "b"]), context)
    assert sorted(drawn) == [
        "classes.png",
        "confusion_matrix.png",
        "learning_curve.png",
        "reliability.png",
        "risk_coverage.png",
        "training_curves.png",
    ]
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())


def test_without_probabilities_there_is_no_reliability():
    evaluation = judged(["a", "b"], sure=False)
    for draw in (pictures.reliability_diagram, pictures.risk_coverage_picture):
        with pytest.raises(InputError, match="give `probabilities`"):
            draw(evaluation)


def test_several_labels_have_no_square():
    evaluation = evaluate_multiple([["a", "b"], []], [["a"], []], "ab")
    with pytest.raises(InputError, match="one label per document"):
        pictures.confusion_picture(evaluation)
    assert written_in(evaluation.plot()) == ["b", "a"]


def test_a_picture_that_cannot_be_written_is_a_save_error(tmp_path):
    with pytest.raises(SaveError, match="cannot write"):
        judged(["a", "b"]).plot(tmp_path / "absent" / "matrix.png")


@given(st.text(alphabet=st.sampled_from("a\u0301\u0323é日"), max_size=3000), st.integers(3, 30))
def test_abbreviations_are_bounded_in_characters_too(text, limit):
    assert len(abbreviate(text, limit)) <= 4 * limit
