"""``satchel inspect``: what a model file holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from satchel.cli import options, terminal
from satchel.escaping import printable_lines

if TYPE_CHECKING:
    from satchel.sealed import Parts


@click.command("inspect")
@click.argument("model", type=click.Path(dir_okay=False))
@options.json_option
def inspect_command(model: str, as_json: bool) -> None:
    """Show what MODEL holds: labels, features, members, training facts and scores."""
    import msgspec

    from satchel.cli import models

    parts = models.read_parts(model)
    if as_json:
        facts: dict[str, Any] = {
            "model": model,
            "bytes": os.path.getsize(model),
            **msgspec.to_builtins(parts.manifest),
        }
        terminal.print_json(facts)
        return
    terminal.say(f"{model}: {os.path.getsize(model) / 1e6:.1f} MB, every checksum right")
    terminal.say()
    for line in printable_lines(parts.card.strip()):
        terminal.say(f"  {line}".rstrip())  # the file's own words, set apart from ours
    terminal.say()
    for line in structure_lines(parts):
        terminal.say(line)


def structure_lines(parts: Parts) -> list[str]:
    """The model's structure: one line a view and one a member."""
    lines = []
    for number, view in enumerate(parts.manifest.views):
        features = view.features
        kinds = []
        if features.words:
            kinds.append("words" if features.words == 1 else f"words to {features.words}-grams")
        if features.characters:
            kinds.append("characters {}–{}".format(*features.characters))
        if features.fields:
            kinds.append("fields")
        lines.append(
            f"view {number}: {view.size:,} features ({', '.join(kinds)}) × {view.width} columns, "
            f"{view.rows}"
        )
    for number, member in enumerate(parts.manifest.members):
        layers = " → ".join(
            f"dense {layer.units}"
            if layer.kind == "dense"
            else layer.activation
            if layer.kind == "activation"
            else layer.kind.replace("_", " ")
            for layer in member.layers
        )
        lines.append(
            f"member {number}: view {member.view}, columns {member.start}–{member.stop}, "
            f"{layers or 'linear'}, scale {member.scale:.3g}"
        )
    return lines
