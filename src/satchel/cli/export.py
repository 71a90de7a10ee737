"""``satchel export``: the model for other runtimes."""

from __future__ import annotations

import os

import click

from satchel.cli import terminal


@click.command("export")
@click.argument("model", type=click.Path(dir_okay=False))
@click.option(
    "--to",
    "target",
    type=click.Choice(["onnx", "keras"]),
    required=True,
    help="onnx: one .onnx file; keras: an ordinary .keras file.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    default=None,
    help="Where to put it.  [default: MODEL with the new extension]",
)
@click.option(
    "--backend",
    type=click.Choice(["jax", "torch", "tensorflow"]),
    default=None,
    help="Keras backend for --to keras.  [default: $KERAS_BACKEND or jax]",
)
def export_command(model: str, target: str, output: str | None, backend: str | None) -> None:
    """Turn MODEL into an ONNX or a Keras model: feature ids and values in, probabilities out.

    Text becomes ids and values with NumPy alone: in Python,
    satchel.exchange.bag_inputs.bag_inputs(satchel.load(MODEL).model, texts).
    """
    from satchel.cli import models, outputs
    from satchel.errors import SettingError

    path = f"{os.path.splitext(model)[0]}.{target}" if output is None else output
    if not path.lower().endswith(f".{target}"):
        raise SettingError(
            f"expected --output to end in .{target}, as --to {target} writes such a file, found "
            f"{os.path.basename(path)!r}"
        )
    outputs.prepare_file(path, inputs=(model,))
    parts = models.read_parts(model)
    if target == "onnx":
        from satchel.exchange.onnx_export import to_onnx

        to_onnx(parts, path)
    else:
        from satchel.exchange.keras_export import save_keras
        from satchel.network.backends import use_backend

        use_backend(backend)
        save_keras(parts, path)
    terminal.say(f"wrote {path}")
