"""The reliability diagram: is the model right as often as it says?"""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from satchel.errors import InputError
from satchel.evaluation.evaluation import Evaluation
from satchel.evaluation.pictures.lettering import BASE

DPI = 110


def reliability_diagram(evaluation: Evaluation) -> Figure:
    """Draw accuracy by confidence, above how many answers have each confidence.

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
    upper.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle=":", label="as it should be")
    upper.bar(
        edges[:-1][filled],
        bins.accuracy[filled],
        width=width,
        align="edge",
        color="#9ec5e8",
        edgecolor="white",
        label="right answers",
    )
    upper.plot(
        bins.confidence[filled],
        bins.accuracy[filled],
        color="#0b3c6f",
        marker="o",
        markersize=4,
        linewidth=1,
    )
    upper.set_ylabel("share that is right", fontsize=9, family=BASE)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    upper.legend(loc="upper left", frameon=False, prop={"size": 8, "family": BASE})
    lower.bar(edges[:-1], bins.count, width=width, align="edge", color="0.75", edgecolor="white")
    lower.set_xlim(0, 1)
    lower.set_ylabel("answers", fontsize=9, family=BASE)
    lower.set_xlabel("probability that the model gave", fontsize=9, family=BASE)
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
