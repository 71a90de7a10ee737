"""Labels in fonts that cover their characters; a character that no font has becomes a box."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findSystemFonts, fontManager, get_font

from satchel.escaping import short_names

BASE = "DejaVu Sans"  # bundled with matplotlib, so available on every machine
MISSING = "□"
DPI = 110
_MOST_FONTS = 6
_LONGEST = 30  # character cells of a name


@dataclass(frozen=True)
class Lettering:
    """How to write the labels.

    Attributes:
        names: What to write for each label.
        families: Font families that between them have every letter of ``names``.
        incomplete: Whether some label has letters that no installed font has.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    incomplete: bool

    def font(self, points: float) -> FontProperties:
        """Return the fonts at a size."""
        return FontProperties(family=list(self.families), size=points)

    def widest(self, points: float) -> float:
        """Return the width in inches of the widest name at a size in points."""
        canvas = FigureCanvasAgg(Figure(dpi=72))
        measure = canvas.get_renderer().get_text_width_height_descent
        font = self.font(points)
        return max(float(measure(name, font, False)[0]) for name in self.names) / 72


def letter(labels: Sequence[object], numbers: Sequence[int] | None = None) -> Lettering:
    """Choose names and fonts for the labels.

    Args:
        labels: Any labels, of any script and length.
        numbers: The number of each label, as `short_names` takes them.
    """
    if numbers is None:
        numbers = range(1, len(labels) + 1)
    names = short_names(labels, _LONGEST, numbers)
    wanted = {character for name in names for character in name}
    families, lacking = _cover(frozenset(wanted))
    written = [
        f"#{number} " + "".join(MISSING if c in lacking else c for c in name)
        if lacking.intersection(name)
        else name
        for name, number in zip(names, numbers, strict=True)
    ]
    return Lettering(tuple(written), families, bool(lacking))


def _cover(wanted: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Choose fonts greedily; return them and the characters that none of them has."""
    families, lacking = _cover_with(_known_fonts(), wanted)
    if lacking and _add_new_fonts():
        _known_fonts.cache_clear()
        _file_of.cache_clear()
        families, lacking = _cover_with(_known_fonts(), wanted)
    return families, lacking


def _cover_with(
    fonts: tuple[tuple[str, str], ...], wanted: frozenset[str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    families = [BASE]
    lacking = wanted - _characters(_file_of(BASE))
    while lacking and len(families) < _MOST_FONTS:
        best = max(fonts, key=lambda font: len(lacking & _characters(font[1])), default=None)
        if best is None or not lacking & _characters(best[1]):
            break
        families.append(best[0])
        lacking -= _characters(best[1])
    return tuple(families), frozenset(lacking)


@functools.cache
def _known_fonts() -> tuple[tuple[str, str], ...]:
    """Return (family, file) of the upright regular fonts, sorted, so that the choice is stable."""
    return tuple(
        sorted(
            {
                (entry.name, _file_of(entry.name))
                for entry in fontManager.ttflist
                if entry.style == "normal"
                and entry.weight == 400
                and "Last Resort" not in entry.name
                and os.path.exists(entry.fname)
            }
        )
    )


def _add_new_fonts() -> bool:
    """Register fonts installed since matplotlib cached its list; return whether there are any.

    Matplotlib never refreshes that cache file, so it misses fonts installed later. The file is left
    unchanged, since other programs of the user rely on it.
    """
    known = {os.path.realpath(entry.fname) for entry in fontManager.ttflist}
    added = False
    for path in sorted(findSystemFonts()):
        if os.path.realpath(path) not in known:
            # FreeType refuses some files, such as colour bitmap fonts; they are skipped.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                fontManager.addfont(path)
                added = True
    return added


@functools.cache
def _file_of(family: str) -> str:
    # The file that matplotlib will draw this family with, not just any file of the family.
    return str(fontManager.findfont(FontProperties(family=[family])))


@functools.cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(chr(code) for code in get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()  # FreeType refuses some files, such as colour bitmap fonts
