"""``satchel import-tutorial``: what the 2018 tutorial left behind becomes a satchel."""

from __future__ import annotations

import os
from typing import Literal

import click

from satchel.cli import terminal


@click.command("import-tutorial")
@click.option(
    "--tokenizer",
    type=click.Path(dir_okay=False),
    required=True,
    help="The pickled Tokenizer; read without running any code in it.",
)
@click.option(
    "--model",
    type=click.Path(dir_okay=False),
    required=True,
    help="The .h5 file; read without Keras's loader.",
)
@click.option(
    "--labels",
    type=click.Path(dir_okay=False),
    required=True,
    help="The labels, one a line, in the order of the model's outputs.",
)
@click.option(
    "--mode",
    type=click.Choice(["binary", "count", "freq", "tfidf"]),
    default="tfidf",
    show_default=True,
    help="The mode given to texts_to_matrix.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    required=True,
    help="Where to put the satchel.",
)
def import_tutorial_command(
    tokenizer: str,
    model: str,
    labels: str,
    mode: Literal["binary", "count", "freq", "tfidf"],
    output: str,
) -> None:
    """Turn tokenizer.pickle, my_model.h5 and a list of labels into one safe file."""
    from satchel import sealed
    from satchel.cli import outputs
    from satchel.exchange.rescue import rescue

    outputs.prepare_file(output, inputs=(tokenizer, model, labels))
    parts = rescue(tokenizer, model, labels, mode=mode)
    sealed.write(output, parts)
    terminal.say(
        f"wrote {output}: {len(parts.manifest.labels)} labels, "
        f"{parts.manifest.views[0].size:,} words, {os.path.getsize(output) / 1e6:.1f} MB"
    )
