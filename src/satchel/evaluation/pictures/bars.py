"""F1 of each class as bars, weakest first, with precision and recall beside."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.pictures.lettering import BASE, letter
from satchel.evaluation.summary import weakest

DPI = 110
_MOST = 40  # bars; more would be read by nobody, and all classes are in the page's table
_BAR = 0.21  # inches


def class_bars(evaluation: Evaluation) -> Figure:
    """Draw F1, precision and recall of each class that has test documents, weakest on top.

    With more than 40 classes only the weakest are drawn, and the title says so.
    """
    classes = weakest(evaluation, _MOST)
    tested = sum(score.support > 0 for score in evaluation.per_class.values())
    place_of = {label: place for place, label in enumerate(evaluation.labels, start=1)}
    names = letter(
        [label for label, _ in classes] or ["no class has test documents"],
        [place_of[label] for label, _ in classes] or [0],
    )
    points = 9.0
    left, right, top, bottom = names.widest(points) + 0.35, 0.8, 0.95, 0.55
    tall = max(len(classes), 3) * _BAR
    width, height = left + 5.5 + right, top + tall + bottom
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / width, bottom / height, 5.5 / width, tall / height))
    place = np.arange(len(classes))
    scores = [score for _, score in classes]
    axes.barh(place, [score.f1 for score in scores], height=0.72, color="#9ec5e8", label="F1")
    axes.plot(
        [score.precision for score in scores],
        place,
        linestyle="none",
        marker="|",
        markersize=8,
        markeredgewidth=1.8,
        color="#0b3c6f",
        label="precision",
    )
    axes.plot(
        [score.recall for score in scores],
        place,
        linestyle="none",
        marker="o",
        markersize=3.6,
        color="#c1550b",
        label="recall",
    )
    axes.axvline(evaluation.macro_f1, color="0.45", linewidth=0.9, linestyle=":", label="macro-F1")
    axes.set_yticks(
        place,
        names.names[: len(classes)],
        fontproperties=names.font(points),
        parse_math=False,
    )
    for row, score in enumerate(scores):
        axes.annotate(
            f"{score.support:,}",
            (1, row),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            family=BASE,
            color="0.35",
        )
    axes.set_ylim(max(len(classes), 3) - 0.4, -0.6)
    axes.set_xlim(0, 1.005)
    axes.xaxis.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, labelfontfamily=BASE)
    which = f"the {len(classes)} weakest of {tested:,} classes" if tested > _MOST else "each class"
    note = (
        "   □: no installed font has this letter; # is in report.html" if names.incomplete else ""
    )
    figure.text(
        0.1 / width,
        1 - 0.3 / height,
        f"F1 of {which}; on the right its test documents{note}",
        fontsize=11,
        family=BASE,
    )
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(left / width, 1 - 0.45 / height),
        ncols=4,
        frameon=False,
        prop={"size": 8, "family": BASE},
    )
    return figure
