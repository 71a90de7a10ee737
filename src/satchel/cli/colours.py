"""An explanation in the terminal: the text, each word coloured by what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from satchel.cli import terminal
from satchel.escaping import printable_lines

if TYPE_CHECKING:
    from satchel.inference.explain import Explanation

STRONGEST = 8
SHOWN = 2_000
"""Code points of a document that are shown; JSON has all of it."""

_MARGIN = "    "
"""Before every line of the document: none of them can pass for the row of another document."""


def print_explanation(explanation: Explanation) -> None:
    """Print which words spoke for the label (green) and which for its rival (red)."""
    from rich.text import Text

    largest = max((abs(word.value) for word in explanation.words), default=0.0) or 1.0
    shown = Text(_MARGIN)
    place = 0
    for word in explanation.words:
        if word.start >= SHOWN:
            break
        shown.append(_safe(explanation.text[place : word.start]))
        place = min(word.end, SHOWN)
        share = word.value / largest
        style = _style(share) if abs(share) >= 0.05 else ""
        shown.append(_safe(explanation.text[word.start : place]), style)
    shown.append(_safe(explanation.text[place:SHOWN]))
    if len(explanation.text) > SHOWN:
        shown.append(f"… ({len(explanation.text) - SHOWN:,} more characters)")
    terminal.print_styled(shown)
    against = "" if explanation.against is None else f" over {explanation.against}"
    terminal.say(
        f"{_MARGIN}{explanation.label}{against} by {explanation.margin:+.2f}: "
        f"{explanation.base:+.2f} before reading, then"
    )
    for token in explanation.tokens[:STRONGEST]:
        terminal.say(f"{_MARGIN}  {token.value:+.3f}  {' '.join(token.text.split())}")


def _safe(text: str) -> str:
    return f"\n{_MARGIN}".join(printable_lines(text))


def _style(share: float) -> str:
    level = round(55 + 200 * min(1.0, abs(share)))
    return f"bold rgb(0,{level},0)" if share > 0 else f"bold rgb({level},0,0)"
