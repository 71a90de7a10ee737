"""``satchel compress``: a smaller model file, and what that costs."""

from __future__ import annotations

import os
from typing import Any

import click

from satchel.cli import options, terminal


@click.command("compress")
@click.argument("model", type=click.Path(dir_okay=False))
@click.option(
    "--max-size",
    type=options.SIZE,
    required=True,
    metavar="SIZE",
    help="The largest size the file may have, such as 2MB.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default=None,
    help="Where to put the smaller model.  [default: MODEL with its size in the name]",
)
@click.option(
    "--test",
    default=None,
    metavar="SOURCE",
    help="Labelled text on which to state the accuracy before and after.",
)
@options.column_options
@options.json_option
def command(
    model: str,
    max_size: float,
    output: str | None,
    test: str | None,
    text: str,
    label: str | None,
    as_json: bool,
) -> None:
    """Prune the vocabulary of MODEL by worth and store it in fewer bits."""
    from satchel.cli.judging import judge
    from satchel.inference.compress import compress
    from satchel.satchel import Satchel, load
    from satchel.sources.reading import read_documents

    whole = load(model)
    small = Satchel(compress(whole.parts, max_bytes=int(max_size)))
    target = output or f"{os.path.splitext(model)[0]}-{max_size / 1e6:g}MB.satchel"
    facts: dict[str, Any] = {"model": target}
    if test is not None:
        documents = read_documents(test, text=text, label=label)
        facts["accuracy_before"] = judge(whole, documents).accuracy
        facts["accuracy_after"] = judge(small, documents).accuracy
    small.save(target)
    facts |= {
        "bytes_before": os.path.getsize(model),
        "bytes_after": os.path.getsize(target),
        "features_before": sum(view.size for view in whole.manifest.views),
        "features_after": sum(view.size for view in small.manifest.views),
    }
    if as_json:
        terminal.print_json(facts)
        return
    print(
        "{model}: {bytes_before:,} → {bytes_after:,} bytes, "
        "{features_before:,} → {features_after:,} features".format(**facts)
    )
    if test is not None:
        print("accuracy {accuracy_before:.4f} → {accuracy_after:.4f}".format(**facts))
