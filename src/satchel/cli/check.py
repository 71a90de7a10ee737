"""``satchel check``: faults in labelled text, found before training on it."""

from __future__ import annotations

import sys

import click

from satchel.cli import options, terminal


@click.command("check")
@click.argument("source")
@click.option("--test", default=None, metavar="SOURCE", help="A test source to check against.")
@options.column_options
@options.json_option
def command(source: str, test: str | None, text: str, label: str | None, as_json: bool) -> None:
    """Look for faults in the labelled text of SOURCE: what would hurt training or flatter it."""
    from satchel.sources.check import check
    from satchel.sources.reading import read_documents

    with terminal.progress_bars() as progress:
        documents = read_documents(source, text=text, label=label, progress=progress)
        held_out = None
        if test is not None:
            held_out = read_documents(test, text=text, label=label, progress=progress)
    result = check(documents, held_out)
    if as_json:
        terminal.print_json(result.to_dict())
    else:
        for line in documents.remarks.lines():
            terminal.remark(line)
        for line in result.lines():
            terminal.say(line)
    if any(finding.severity == "error" for finding in result.findings):
        sys.exit(2)
