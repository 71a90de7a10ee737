"""The confusion matrix as a picture: correct predictions in blue, wrong ones in orange."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure

from satchel.errors import InputError
from satchel.evaluation.metrics import count_classes, divide
from satchel.evaluation.page_data import matrix_places
from satchel.evaluation.pictures.lettering import BASE, DPI, Lettering, letter
from satchel.evaluation.result import Evaluation

_NUMBERS_FROM = 0.3  # inches of a cell from which a number can be read in it
_LARGEST = 21.0  # inches; with the labels a picture stays below 3,000 pixels a side
_SMALLEST_LETTERS = 6.5  # points

_RIGHT = Normalize(0, 1)
# A square-root scale: an error of 2 % of a class must be seen beside one of 40 %.
_WRONG = PowerNorm(0.5, 0, 1)
# Without its palest part: one wrong document must be seen on a large white field.
_ORANGES = ListedColormap(matplotlib.colormaps["Oranges"](np.linspace(0.1, 1, 256)))


@dataclass(frozen=True)
class _Plan:
    """Sizes in inches, and the font size in points."""

    side: float
    cell: float
    points: float


def confusion_picture(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix, each row as shares of its true class.

    Classes that are confused stand together. Cells hold their percentage where it can be read (up
    to about 30 classes); of more than 200 classes those with the most mistakes are drawn.

    Raises:
        InputError: The evaluation allows several labels per document.
    """
    if evaluation.task == "multiple":
        raise InputError(
            "expected one label per document for a confusion matrix, found several labels: "
            "draw the classes' F1 instead (Evaluation.plot does)"
        )
    places = matrix_places(evaluation)
    counts = count_classes(evaluation.outcomes)
    matrix = evaluation.confusion.square(places)
    plan = _plan(len(places))
    lettering = letter(
        [evaluation.labels[place] for place in places.tolist()], (places + 1).tolist()
    )
    support = counts.support[places]
    figure, axes = _canvas(plan, lettering)
    _draw_cells(axes, divide(matrix, support[:, None]), support, matrix, plan)
    _write_labels(axes, plan, lettering, support)
    low, high = evaluation.intervals["accuracy"]
    total = len(evaluation.labels)
    which = f"{total:,} classes"
    if len(places) < total:
        which = f"the {len(places):,} of {total:,} classes with the most mistakes"
    axes.set_title(
        f"accuracy {evaluation.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%})\n"
        f"{evaluation.n:,} documents, {which}",
        loc="left",
        fontsize=11,
        family=BASE,
    )
    _draw_scales(figure, axes, plan)
    _write_foot(figure, plan, lettering)
    return figure


def _plan(classes: int) -> _Plan:
    cell = min(max(9 / classes, 0.135), 0.8)
    side = min(max(cell * classes, 2.6), _LARGEST)
    cell = side / classes
    points = min(10.0, max(cell * 72 * 0.8, _SMALLEST_LETTERS))
    return _Plan(side, cell, points)


def _canvas(plan: _Plan, lettering: Lettering) -> tuple[Figure, Axes]:
    names = lettering.widest(plan.points)
    left, right, top, bottom = names + 0.6, 2.2, 0.75, names + 0.85
    # A title is wider than a matrix of two classes.
    width = max(left + plan.side + right, 6.2)
    height = bottom + plan.side + top
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (left / width, bottom / height, plan.side / width, plan.side / height), facecolor="white"
    )
    return figure, axes


def _draw_cells(
    axes: Axes, shares: np.ndarray, support: np.ndarray, matrix: np.ndarray, plan: _Plan
) -> None:
    classes = len(shares)
    diagonal = np.eye(classes, dtype=bool)
    colours = np.where(
        diagonal[..., None],
        matplotlib.colormaps["Blues"](_RIGHT(shares)),
        _ORANGES(_WRONG(shares)),
    )
    colours[(shares == 0) & ~diagonal] = (1, 1, 1, 1)
    colours[support == 0] = (0.93, 0.93, 0.93, 1)
    axes.imshow(colours, interpolation="nearest", aspect="equal")
    edges = np.arange(classes + 1) - 0.5
    if plan.cell >= 0.1:
        axes.hlines(edges, -0.5, classes - 0.5, colors="0.9", linewidth=0.4)
        axes.vlines(edges, -0.5, classes - 0.5, colors="0.9", linewidth=0.4)
    axes.set_xlim(-0.5, classes - 0.5)
    axes.set_ylim(classes - 0.5, -0.5)
    if plan.cell >= _NUMBERS_FROM:
        _write_numbers(axes, shares, matrix, colours, plan)


def _write_numbers(
    axes: Axes, shares: np.ndarray, matrix: np.ndarray, colours: np.ndarray, plan: _Plan
) -> None:
    points = min(11.0, plan.cell * 72 * 0.36)
    with_counts = plan.cell >= 0.6
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        number = f"{shares[row, column] * 100:.0f}"
        dark = float(colours[row, column, :3] @ (0.299, 0.587, 0.114)) < 0.55
        axes.text(
            column,
            row,
            f"{number} %\n{matrix[row, column]:,}" if with_counts else number,
            ha="center",
            va="center",
            color="white" if dark else "0.15",
            fontsize=points,
            family=BASE,
        )


def _write_labels(axes: Axes, plan: _Plan, lettering: Lettering, support: np.ndarray) -> None:
    shown, names = np.arange(len(lettering.names)), lettering.names
    font = lettering.font(plan.points)
    # parse_math: a label with two dollar signs is a label, not a formula.
    axes.set_yticks(shown, names, fontproperties=font, parse_math=False)
    for index in shown:
        axes.annotate(
            f"{support[index]:,}",
            (1, index),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=plan.points,
            family=BASE,
            color="0.35",
        )
    flat = lettering.widest(plan.points) < plan.cell * 0.95
    axes.set_xticks(shown, names, fontproperties=font, rotation=0 if flat else 90, parse_math=False)
    axes.tick_params(length=2, pad=2, color="0.6")
    axes.spines[:].set_color("0.7")
    axes.set_ylabel("true class (its documents on the right)", fontsize=10, family=BASE)
    axes.set_xlabel("predicted class", fontsize=10, family=BASE)


def _draw_scales(figure: Figure, axes: Axes, plan: _Plan) -> None:
    width, height = figure.get_size_inches()
    box = axes.get_position()
    tall = min(plan.side, 3.2)
    for place, (name, norm, colours) in enumerate(
        [("right", _RIGHT, matplotlib.colormaps["Blues"]), ("wrong", _WRONG, _ORANGES)]
    ):
        scale = figure.add_axes(
            (
                box.x1 + (0.75 + 0.42 * place) / width,
                box.y1 - tall / height,
                0.2 / width,
                (tall - 0.3) / height,
            )
        )
        bar = figure.colorbar(ScalarMappable(norm, colours), cax=scale)
        bar.outline.set_visible(False)
        ticks = [0, 0.02, 0.1, 0.25, 0.5, 1] if place else []
        bar.set_ticks(ticks, labels=[f"{tick:.0%}" for tick in ticks], fontsize=8, family=BASE)
        bar.ax.minorticks_off()
        bar.ax.set_title(name, fontsize=8, family=BASE, pad=4)


def _write_foot(figure: Figure, plan: _Plan, lettering: Lettering) -> None:
    notes = []
    if plan.cell >= _NUMBERS_FROM:
        notes.append("Numbers: percent of the true class.")
    if lettering.incomplete:
        notes.append("□: no installed font has this letter; # is the number in report.html.")
    height = figure.get_size_inches()[1]
    figure.text(
        0.1 / figure.get_size_inches()[0],
        0.08 / height,
        "  ".join(notes),
        fontsize=8,
        color="0.35",
        family=BASE,
    )
