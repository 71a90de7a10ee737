"""The command line: one file a verb, each thin: parse, call the library, print.

A verb's module is imported only when that verb runs, so that ``satchel --help`` and
``satchel predict`` start in the time that NumPy takes to load.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import NoReturn

import click

from satchel.errors import SatchelError

VERBS = {
    "train": ("train", "Train a classifier on labelled text and seal it in one file."),
    "evaluate": ("evaluate", "Judge a model on labelled text it has not seen."),
    "predict": ("predict", "Label files, a folder, a table or standard input."),
    "inspect": ("inspect", "Show what a model file holds."),
    "check": ("check", "Look for faults in labelled text before training on it."),
    "compress": ("compress", "Make a model file smaller and say what that costs."),
    "export": ("export", "Turn a model file into ONNX or an ordinary Keras model."),
    "import-tutorial": ("import_tutorial", "Rescue the files that the 2018 tutorial left behind."),
    "demo": ("demo", "Train, evaluate and predict on real news articles; needs no network."),
}


class VerbGroup(click.Group):
    """A click group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"satchel.cli.{VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])


@click.command(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="satchel")
def program() -> None:
    """Labelled text in, one small safe file out: a classifier that answers anywhere."""


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 2 the input is at fault, 1 a fault of ours."""
    try:
        program.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", 130)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as fault:
        fault.show()
        sys.exit(2)
    except (SatchelError, FileNotFoundError, PermissionError) as fault:
        _fail(str(fault), 2)
    except BrokenPipeError:
        # The reader of our output went away (``| head``): nothing is wrong, and nothing more
        # can be said; the descriptor is pointed elsewhere so that the flush at exit is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except Exception:
        traceback.print_exc()
        _fail("this is a fault of Satchel, not of your input: please report the lines above", 1)
    sys.exit(0)


def _fail(message: str, status: int) -> NoReturn:
    one_line = " ".join(message.split("\n"))
    print(f"satchel: {one_line}", file=sys.stderr)
    sys.exit(status)
