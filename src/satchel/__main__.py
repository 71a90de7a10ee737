"""``python -m satchel``: the command line."""

from satchel.cli import main

main()
