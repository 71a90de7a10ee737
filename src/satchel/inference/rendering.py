"""Rendering an explanation: a few lines of text, or HTML for a notebook.

Text from the document or the model is untrusted: control characters and markup are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from satchel.escaping import printable

if TYPE_CHECKING:
    from satchel.inference.explain import Contribution, Explanation


STRONGEST = 6
SHOWN = 20_000
"""Code points of a document that a notebook shows."""
_LONGEST = 40
_FAINTEST = 0.05
_COLOURS = {True: "0, 150, 70", False: "220, 40, 40"}
_STYLE = "white-space: pre-wrap; max-height: 30em; overflow: auto; line-height: 1.6"


def as_lines(explanation: Explanation) -> str:
    """Return a few lines: the margin, the evidence for the label and against it, and the rest."""
    lines = [f"{_heading(explanation)} by {explanation.margin:+.2f}: {_before(explanation)}"]
    for name, words in zip(("for", "against"), _strongest(explanation.tokens), strict=True):
        if words:
            shown = ", ".join(f"{word} {value:+.2f}" for word, value in words)
            lines.append(f"  {name}: {shown}")
    lines += [f"  {line}" for line in _left_out(explanation)]
    return "\n".join(lines)


def as_html(explanation: Explanation) -> str:
    """Return the document with its words coloured, legible on light and dark backgrounds.

    Evidence for the label is green; evidence against it is red and underlined.
    """
    text = explanation.text
    largest = max((abs(word.value) for word in explanation.words), default=0.0) or 1.0
    pieces = []
    place = 0
    for word in explanation.words:
        if word.start >= SHOWN:
            break
        pieces.append(_escaped(text[place : word.start]))
        place = min(word.end, SHOWN)
        pieces.append(_coloured(_escaped(text[word.start : place]), word.value, largest))
    pieces.append(_escaped(text[place:SHOWN]))
    notes = _left_out(explanation)
    if explanation.omitted_words:
        notes.append(f"{explanation.omitted_words:,} words that contribute less are not coloured")
    if len(text) > SHOWN:
        notes.append(f"{len(text) - SHOWN:,} more characters are not shown")
    sides = "".join(
        f"<br>{name}: " + ", ".join(f"<b>{escape(word)}</b> {value:+.2f}" for word, value in words)
        for name, words in zip(("for", "against"), _strongest(explanation.tokens), strict=True)
        if words
    )
    return (
        f"<div><p><b>{escape(_heading(explanation))}</b> by {explanation.margin:+.2f}: "
        f'{_before(explanation)}{sides}</p><div dir="auto" style="{_STYLE}">'
        f"{''.join(pieces)}</div>{''.join(f'<p>{note}</p>' for note in notes)}</div>"
    )


def _heading(explanation: Explanation) -> str:
    rival = "" if explanation.against is None else f" over {printable(explanation.against)}"
    return f"{printable(explanation.label)}{rival}"


def _before(explanation: Explanation) -> str:
    if not explanation.known:
        return f"{explanation.base:+.2f} before the text, which has no known features"
    known = f"{explanation.known:,} known {'feature' if explanation.known == 1 else 'features'}"
    return f"{explanation.base:+.2f} before the text, the rest from {known}"


def _strongest(tokens: Iterable[Contribution]) -> tuple[list[tuple[str, float]], ...]:
    """Return the strongest tokens for and against the label, those of the same text summed."""
    sums: dict[str, float] = {}
    for token in tokens:
        words = " ".join(token.text[: 2 * _LONGEST].split())
        sums[words] = sums.get(words, 0.0) + token.value
    ranked = sorted(sums.items(), key=lambda item: -abs(item[1]))
    sides = (
        [item for item in ranked if item[1] > 0][:STRONGEST],
        [item for item in ranked if item[1] < 0][:STRONGEST],
    )
    return tuple([(_shortened(printable(words)), value) for words, value in side] for side in sides)


def _shortened(shown: str) -> str:
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _left_out(explanation: Explanation) -> list[str]:
    """Describe what the lists leave out."""
    notes = []
    if explanation.omitted:
        notes.append(f"{explanation.omitted:,} weaker tokens contribute {explanation.rest:+.2f}")
    if abs(explanation.remainder) >= 0.005:
        notes.append(f"{explanation.remainder:+.2f} belongs to no single token")
    return notes


def _coloured(shown: str, value: float, largest: float) -> str:
    share = min(1.0, abs(value) / largest)
    if share < _FAINTEST:
        return shown
    # A translucent tint leaves the letters in the page's own colour.
    line = "" if value > 0 else "; text-decoration: underline dotted"
    style = f"background: rgba({_COLOURS[value > 0]}, {0.1 + 0.4 * share:.2f}){line}"
    return f'<span title="{value:+.3f}" style="{style}">{shown}</span>'


def _escaped(text: str) -> str:
    """Return a text escaped for HTML; its line feeds and tabs are kept."""
    return "\n".join(
        "\t".join(escape(printable(piece)) for piece in line.split("\t"))
        for line in text.replace("\r\n", "\n").split("\n")
    )
