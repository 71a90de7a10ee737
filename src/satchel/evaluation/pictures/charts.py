"""Figures except the confusion matrix: F1 by class, risk and coverage, training, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from satchel.errors import InputError
from satchel.evaluation.context import HELD_OUT, History, LearningPoint
from satchel.evaluation.pictures.lettering import BASE, DPI, letter
from satchel.evaluation.result import Evaluation
from satchel.evaluation.summary import weakest

_MOST = 40  # bars; more would be unreadable, and all classes are in the page's table
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


_BLUE = "#1f5fa8"
_MOST_NETWORKS = 8
_MOST_FIGURES = 4
_MOST_TICKS = 12


def risk_coverage_picture(evaluation: Evaluation) -> Figure:
    """Draw the share of wrong predictions left when only the most confident are kept.

    Raises:
        InputError: The evaluation was made without probabilities.
    """
    curve = evaluation.risk_coverage
    if curve is None:
        raise InputError(
            "expected an evaluation with probabilities for risk and coverage, found none: "
            "give `probabilities` when evaluating"
        )
    figure, (axes,) = _canvas(1)
    axes.plot(100 * curve.coverage, 100 * curve.risk, color=_BLUE, linewidth=1.6)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, max(1.0, 110 * float(curve.risk.max())))
    _name(axes, "documents kept, most confident first (%)", "wrong predictions among them (%)")
    _title(figure, f"{curve.coverage_at(0.05):.0%} can be kept with at most 5 % mistakes")
    return figure


def training_picture(history: Sequence[History]) -> Figure:
    """Draw each log of each network by epoch; dashed on held-out documents."""
    shown = list(history)[:_MOST_NETWORKS]
    names = list(dict.fromkeys(name.removeprefix(HELD_OUT) for logs in shown for name in logs))
    names = names[:_MOST_FIGURES] or ["loss"]
    figure, panels = _canvas(len(names))
    written = letter(names)
    for axes, name, label in zip(panels, names, written.names, strict=True):
        for place, logs in enumerate(shown):
            for key, line in ((name, "-"), (HELD_OUT + name, "--")):
                values = logs.get(key, ())
                axes.plot(
                    np.arange(1, len(values) + 1),
                    values,
                    color=_BLUE,
                    alpha=0.95 - 0.7 * place / len(shown),
                    linestyle=line,
                    marker="o",
                    markersize=3,
                    linewidth=1.4,
                )
        _name(axes, "epoch", "")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.set_ylabel(label, fontproperties=written.font(9), parse_math=False)
    part = (
        f"the first {len(shown)} of {len(history)} networks; " if len(shown) < len(history) else ""
    )
    _title(figure, f"Training, epoch by epoch ({part}dashed: documents held out)")
    return figure


def learning_picture(points: Sequence[LearningPoint]) -> Figure:
    """Draw accuracy by number of training documents."""
    figure, (axes,) = _canvas(1)
    ordered = sorted(points, key=lambda point: point.documents)
    documents = [point.documents for point in ordered]
    shares = [100 * point.accuracy for point in ordered]
    axes.plot(documents, shares, color=_BLUE, marker="o", markersize=4, linewidth=1.4)
    if min(documents) > 0:
        axes.set_xscale("log")
        if len(documents) <= _MOST_TICKS:
            axes.set_xticks(documents, [f"{count:,}" for count in documents])
            axes.minorticks_off()
    _name(axes, "training documents", "accuracy (%)")
    _title(figure, "Accuracy by number of training documents")
    return figure


def _canvas(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.6 * panels, 4.2), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    width = 1 / panels
    return figure, [
        figure.add_axes(((place + 0.14) * width, 0.14, 0.82 * width, 0.72))
        for place in range(panels)
    ]


def _name(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=9, family=BASE)
    axes.set_ylabel(y, fontsize=9, family=BASE)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, labelfontfamily=BASE)


def _title(figure: Figure, text: str) -> None:
    width = figure.get_size_inches()[0]
    figure.text(0.1 / width, 0.93, text, fontsize=11, family=BASE)


def reliability_diagram(evaluation: Evaluation) -> Figure:
    """Draw accuracy by confidence, above how many predictions have each confidence.

    Raises:
        InputError: The evaluation was made without probabilities.
    """
    bins = evaluation.reliability
    if bins is None:
        raise InputError(
            "expected an evaluation with probabilities for a reliability diagram, found none: "
            "give `probabilities` when evaluating"
        )
    figure = Figure(figsize=(5.6, 5.8), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    upper = figure.add_axes((0.14, 0.33, 0.82, 0.57))
    lower = figure.add_axes((0.14, 0.1, 0.82, 0.17))
    edges = np.linspace(0, 1, len(bins.count) + 1)
    width = 1 / len(bins.count)
    filled = bins.count > 0
    upper.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle=":", label="perfect calibration")
    upper.bar(
        edges[:-1][filled],
        bins.accuracy[filled],
        width=width,
        align="edge",
        color="#9ec5e8",
        edgecolor="white",
        label="correct predictions",
    )
    upper.plot(
        bins.confidence[filled],
        bins.accuracy[filled],
        color="#0b3c6f",
        marker="o",
        markersize=4,
        linewidth=1,
    )
    upper.set_ylabel("share that is correct", fontsize=9, family=BASE)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    upper.legend(loc="upper left", frameon=False, prop={"size": 8, "family": BASE})
    lower.bar(edges[:-1], bins.count, width=width, align="edge", color="0.75", edgecolor="white")
    lower.set_xlim(0, 1)
    lower.set_ylabel("predictions", fontsize=9, family=BASE)
    lower.set_xlabel("predicted probability", fontsize=9, family=BASE)
    lower.ticklabel_format(axis="y", style="plain", useOffset=False)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, labelfontfamily=BASE)
    figure.text(
        0.02,
        0.945,
        f"calibration error {evaluation.calibration_error:.3f}, log loss {evaluation.log_loss:.3f}",
        fontsize=11,
        family=BASE,
    )
    return figure
