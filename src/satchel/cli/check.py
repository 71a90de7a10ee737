"""``satchel check``: faults in labelled text, found before training on it."""

from __future__ import annotations

import sys

import click

from satchel.cli import options, terminal

_STATUS = """\b
Exit status:
  0  no errors; with --strict, no warnings either
  1  warnings, with --strict
  2  errors: training on SOURCE makes no sense, or SOURCE cannot be read
"""


@click.command("check", epilog=_STATUS)
@click.argument("source")
@click.option("--test", default=None, metavar="SOURCE", help="A test source to check against.")
@click.option("--strict", is_flag=True, help="End with status 1 if there are warnings.")
@options.column_options
@options.json_option
def check_command(
    source: str,
    test: str | None,
    strict: bool,
    text: tuple[str, ...] | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Look for faults in the labelled text of SOURCE: what would hurt training or flatter it."""
    from satchel.sources.check import check_documents
    from satchel.sources.reading import read_documents

    with terminal.progress_bars() as progress:
        documents = read_documents(source, text=text, label=label, progress=progress)
        held_out = None
        if test is not None:
            held_out = read_documents(test, text=text, label=label, progress=progress)
    result = check_documents(documents, held_out)
    status = result.exit_status(strict=strict)
    if as_json:
        terminal.print_json({**result.to_dict(), "exit_status": status})
    else:
        for line in (result.headline(), *result.lines()):
            terminal.say(line)
    sys.exit(status)
