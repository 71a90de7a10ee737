"""Options that several verbs share, so that they have one name and one meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
report_option = click.option(
    "--report",
    type=click.Path(file_okay=False),
    default=None,
    metavar="DIR",
    help="Write a report to read in a browser, with pictures, into this folder.",
)


def column_options(function: F) -> F:
    """Add ``--text`` and ``--label``, which name the columns of a table."""
    function = click.option(
        "--label",
        default=None,
        metavar="COLUMN",
        help="Column of the label.  [default: label, category or labels]",
    )(function)
    return click.option(
        "--text", default="text", metavar="COLUMN", show_default=True, help="Column of the text."
    )(function)
