"""The command line: each command parses, calls the library and prints.

A command's module is imported only when it runs, so that ``satchel --help`` and
``satchel predict`` start in the time that NumPy takes to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

import click

import satchel
from satchel.cli import exits

COMMANDS = {
    "train": ("train", "Train a classifier on labelled text and save it in one file."),
    "evaluate": ("evaluate", "Evaluate a model on labelled text it has not seen."),
    "predict": ("predict", "Label files, a folder, a table or standard input."),
    "inspect": ("manage", "Show what a model file holds."),
    "check": ("manage", "Look for problems in labelled text before training on it."),
    "compress": ("manage", "Make a model file smaller and report the loss of accuracy."),
    "export": ("manage", "Convert a model file to ONNX or to an ordinary Keras model."),
    "import-tutorial": ("manage", "Convert the files of the 2018 Keras tutorial to a model file."),
    "demo": ("manage", "Train, evaluate and predict on real news articles; needs no network."),
}


class CommandGroup(click.Group):
    """A click group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"satchel.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors reach `exits.run` unchanged."""
        try:
            return super().invoke(ctx)
        # click would treat these as its own: the end of input at a prompt, a closed pipe.
        except (EOFError, OSError) as error:
            raise exits.CommandError(error) from error


@click.command(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(satchel.__version__, package_name="satchel")
def program() -> None:
    """Labelled text in, one small safe file out: a classifier that predicts anywhere."""


def main() -> NoReturn:
    """Run the command line and exit: 0 success, 2 an error of the input, 1 a bug in Satchel."""
    exits.run(lambda: program.main(prog_name="satchel", standalone_mode=False))
