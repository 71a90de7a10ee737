"""What several commands share: options, quantities with units, and the warning of a large loss."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from satchel.cli import terminal
from satchel.sources.encodings import OnBad
from satchel.sources.recognition import Format
from satchel.training.backends import Backend

if TYPE_CHECKING:
    from satchel.inference.structure import Ensemble


F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=None,
    help="Threads to use.  [default: all cores]",
)
backend_option = click.option(
    "--backend",
    type=click.Choice(get_args(Backend)),
    default=None,
    help="Keras backend.  [default: $KERAS_BACKEND or jax]",
)
report_option = click.option(
    "--report",
    type=click.Path(file_okay=False),
    default=None,
    metavar="DIR",
    help="Write an HTML report with figures to this folder.",
)


@dataclass(frozen=True)
class SourceOptions:
    """How the user wants sources to be read.

    Attributes:
        text: Columns of the text; None takes those that are recognised.
        label: Column of the label; None takes the one that is recognised.
        id: Column of the ids; None takes ``id``, if any.
        format: Format of tables; None: what the suffix says.
        encoding: Encoding of documents that are not UTF-8; None decides from their bytes.
        on_bad_encoding: What becomes of documents that cannot be decoded without loss.
        rejects: File for the documents that cannot be used; None for none.
        max_bad: The largest share of documents that may be rejected; None for the defaults.
    """

    text: tuple[str, ...] | None = None
    label: str | None = None
    id: str | None = None
    format: str | None = None
    encoding: str | None = None
    on_bad_encoding: OnBad = "replace"
    rejects: str | None = None
    max_bad: float | None = None


def source_options(function: F) -> F:
    """Add the options of reading, which reach the command as one ``reading: SourceOptions``."""

    @functools.wraps(function)
    def with_options(**values: Any) -> Any:
        names = [field.name for field in dataclasses.fields(SourceOptions)]
        reading = SourceOptions(**{name: values.pop(name) for name in names})
        return function(reading=reading, **values)

    for option in (
        click.option(
            "--max-bad",
            type=SHARE,
            default=None,
            metavar="SHARE",
            help="Stop if more of the documents cannot be used, such as 1%.  [default: half of the "
            "rows of a table, any number of files]",
        ),
        click.option(
            "--rejects",
            type=click.Path(dir_okay=False),
            default=None,
            metavar="FILE",
            help="Write the documents that cannot be used to this .csv or .jsonl file: source, "
            "line, byte, reason, raw text.",
        ),
        click.option(
            "--format",
            type=click.Choice(get_args(Format)),
            default=None,
            help="Format of tables, and of standard input.  [default: what the suffix says]",
        ),
        click.option(
            "--on-bad-encoding",
            type=click.Choice(get_args(OnBad)),
            default="replace",
            show_default=True,
            help="What becomes of documents that cannot be decoded without loss: an end of the "
            "work, U+FFFD for what is broken, or a rejected document.",
        ),
        click.option(
            "--encoding",
            default=None,
            metavar="NAME",
            help="Encoding of documents that are not UTF-8, such as cp1251.  [default: decided "
            "from their bytes]",
        ),
        click.option(
            "--id", default=None, metavar="COLUMN", help="Column of the ids.  [default: id]"
        ),
        click.option(
            "--label",
            default=None,
            metavar="COLUMN",
            help="Column of the label.  [default: label, category, labels or another usual name]",
        ),
        click.option(
            "--text",
            multiple=True,
            callback=_names,
            metavar="COLUMNS",
            help="Column of the text, or several to be joined: --text subject,body.  [default: "
            "text or another usual name]",
        ),
    ):
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]


def split_options(function: F) -> F:
    """Add ``--group`` and ``--time``, the columns of a table by which documents are held out."""
    function = click.option(
        "--time",
        "time_column",
        default=None,
        metavar="COLUMN",
        help="Column of the time: hold the newest 20 % out.",
    )(function)
    return click.option(
        "--group",
        default=None,
        metavar="COLUMN",
        help="Column of the author, conversation or the like: documents with the same value are "
        "held out together.",
    )(function)


def _names(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names of all occurrences of an option; a name with a comma is quoted."""
    names: list[str] = []
    for value in values:
        try:
            cells = next(csv.reader([value], skipinitialspace=True, strict=True), [])
        except csv.Error:
            cells = []
        found = [cell.strip() for cell in cells if cell.strip()]
        if not found:
            raise click.BadParameter(
                f"expected names of columns with commas between them, found {value!r}: "
                "put a name that has a comma into double quotes, and double a quote in it",
                ctx,
                param,
            )
        names += found
    return tuple(names) or None


keep_option = click.option(
    "--keep",
    multiple=True,
    callback=_names,
    metavar="COLUMNS",
    help="Copy columns of a table to --out or --json: a,b or all. A column id is always copied.",
)


class Quantity(click.ParamType):
    """A number with a unit, such as ``60s`` or ``2MB``, read as a number of the base unit."""

    def __init__(
        self, name: str, units: dict[str, float], example: str, largest: float = math.inf
    ) -> None:
        self.name = name
        self._units = units
        self._example = example
        self._largest = largest

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number and multiply by its unit."""
        if isinstance(value, (int, float)):
            return value
        match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z%]*)", value.strip())
        if match is None or match[2].lower() not in self._units:
            units = [unit for unit in self._units if unit]
            several = "a unit of" if len(units) > 1 else "the unit"
            alone = "alone or with" if "" in self._units else "with"
            self.fail(
                f"expected a number {alone} {several} {', '.join(units)}, "
                f"found {value!r}: write it as in {self._example}",
                param,
                ctx,
            )
        number = float(match[1]) * self._units[match[2].lower()]
        if number > self._largest:
            most = f"{self._largest:.0%}" if "%" in self._units else f"{self._largest:g}"
            self.fail(f"expected at most {most}, found {value!r}", param, ctx)
        return number


DURATION = Quantity("duration", {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}, "60s")
SHARE = Quantity("share", {"": 1, "%": 0.01}, "1% or 0.01", largest=1)
SIZE = Quantity("size", {"b": 1, "kb": 1e3, "mb": 1e6, "kib": 1024, "mib": 1024**2}, "2MB")


def max_size_option(*, required: bool = False) -> Callable[[F], F]:
    """Return ``--max-size``, the largest size of the model file in bytes."""
    return click.option(
        "--max-size",
        type=SIZE,
        required=required,
        metavar="SIZE",
        help="Keep the file below this size, such as 2MB, and report the loss of accuracy.",
    )


_LARGE_LOSS = 0.01  # of the accuracy
_FEW_LEFT = 0.1  # of the features: below this compression drops members too


def features(model: Ensemble) -> int:
    """Return how many features a model has in all its views."""
    return sum(view.size for view in model.views)


def warn_of_loss(
    whole: Ensemble, small: Ensemble, accuracy_before: float | None, accuracy_after: float | None
) -> None:
    """Warn where compression lost much accuracy or most features.

    Args:
        whole: The model before compression.
        small: The compressed model.
        accuracy_before: Accuracy of ``whole``, where measured.
        accuracy_after: Accuracy of ``small``, where measured.
    """
    before, after = features(whole), features(small)
    left = f"{after:,} of {before:,} features ({after / before:.1%})"
    if len(small.members) < len(whole.members):
        left += f" and {len(small.members)} of {len(whole.members)} members"
    if accuracy_before is not None and accuracy_after is not None:
        lost = accuracy_before - accuracy_after
        if lost > _LARGE_LOSS:
            terminal.remark(
                f"warning: the smaller model has lost {100 * lost:.1f} points of accuracy: "
                f"{left} are left; allow more bytes"
            )
    elif after < _FEW_LEFT * before:
        terminal.remark(
            f"warning: {left} are left: measure the accuracy with --test, or allow more bytes"
        )
