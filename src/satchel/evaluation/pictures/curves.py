"""Curves: mistakes left by coverage, training by epoch, accuracy by number of documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from satchel.errors import InputError
from satchel.evaluation.context import HELD_OUT, History, LearningPoint
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.pictures.lettering import BASE, letter

DPI = 110
_BLUE = "#1f5fa8"
_MOST_NETWORKS = 8
_MOST_FIGURES = 4
_MOST_TICKS = 12


def risk_coverage_picture(evaluation: Evaluation) -> Figure:
    """Draw the share of wrong answers left when only the surest are kept.

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
    _name(axes, "documents answered, the surest first (%)", "wrong answers among them (%)")
    _title(figure, f"{curve.coverage_at(0.05):.0%} can be answered with at most 5 % mistakes")
    return figure


def training_picture(history: Sequence[History]) -> Figure:
    """Draw each log of each network by epoch; dashed on documents that it does not learn from."""
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
    some = (
        f"the first {len(shown)} of {len(history)} networks; " if len(shown) < len(history) else ""
    )
    _title(figure, f"Training, epoch by epoch ({some}dashed: documents held out)")
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
    _name(axes, "documents learnt from", "accuracy (%)")
    _title(figure, "What more documents brought")
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
