"""An explanation in the terminal: the text, each word coloured by what it did."""

from __future__ import annotations

from typing import Any

from satchel.cli import terminal

STRONGEST = 8
SHOWN = 2_000
"""Code points of a document that are shown; JSON has all of it."""


def print_explanation(explanation: dict[str, Any]) -> None:
    """Print which words spoke for the label (green) and which for its rival (red).

    Args:
        explanation: As ``Explanation.to_dict`` gives it.
    """
    from rich.text import Text

    words = explanation["words"]
    largest = max((abs(word["value"]) for word in words), default=0.0) or 1.0
    text = Text(explanation["text"][:SHOWN])
    for word in words:
        share = word["value"] / largest
        if word["start"] < SHOWN and abs(share) >= 0.05:
            text.stylize(_style(share), word["start"], min(word["end"], SHOWN))
    rival = explanation["against"]
    console = terminal.console()
    console.print(text, soft_wrap=True)
    console.print(
        f"{explanation['label']} over {rival}" if rival is not None else explanation["label"],
        f"by {explanation['margin']:+.2f}: {explanation['base']:+.2f} before reading, then",
        markup=False,
        soft_wrap=True,
    )
    for token in explanation["tokens"][:STRONGEST]:
        shown = " ".join(token["text"].split())
        console.print(f"  {token['value']:+.3f}  {shown}", markup=False, soft_wrap=True)


def _style(share: float) -> str:
    level = round(55 + 200 * min(1.0, abs(share)))
    return f"bold rgb(0,{level},0)" if share > 0 else f"bold rgb({level},0,0)"
