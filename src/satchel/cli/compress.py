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
def compress_command(
    model: str,
    max_size: float,
    output: str | None,
    test: str | None,
    text: tuple[str, ...] | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Prune the vocabulary of MODEL by worth and store it in fewer bits."""
    from satchel.cli import models, outputs
    from satchel.cli.judging import judge
    from satchel.cli.sizes import features, warn_of_loss
    from satchel.inference.compress import compress
    from satchel.satchel import Satchel
    from satchel.sources.reading import read_documents

    named = f"{os.path.splitext(model)[0]}-{max_size / 1e6:g}MB.satchel"
    target = named if output is None else output
    outputs.prepare_file(target, inputs=(test,))
    whole = models.load(model)
    facts: dict[str, Any] = {"model": target, "bytes_before": os.path.getsize(model)}
    documents = None
    if test is not None:
        with terminal.progress_bars() as progress:
            documents = read_documents(test, text=text, label=label, progress=progress)
        facts["accuracy_before"] = judge(whole, documents).accuracy
    small = Satchel(compress(whole.parts, max_bytes=int(max_size)))
    if documents is not None:
        facts["accuracy_after"] = judge(small, documents).accuracy
    small.save(target)
    facts |= {
        "bytes_after": os.path.getsize(target),
        "features_before": features(whole.manifest),
        "features_after": features(small.manifest),
    }
    warn_of_loss(
        whole.manifest, small.manifest, facts.get("accuracy_before"), facts.get("accuracy_after")
    )
    if as_json:
        terminal.print_json(facts)
        return
    terminal.say(
        "{model}: {bytes_before:,} → {bytes_after:,} bytes, "
        "{features_before:,} → {features_after:,} features".format(**facts)
    )
    if test is not None:
        terminal.say("accuracy {accuracy_before:.4f} → {accuracy_after:.4f}".format(**facts))
