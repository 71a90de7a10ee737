"""Unicode's normal forms in time that grows with the text, whatever the text.

A normal form sorts the marks that follow a character, and Python does so by insertion: 100,000
marks on one letter take ten seconds. Unicode's stream-safe text format (UAX #15, section 13) bounds
such a run: after 30 non-starters comes U+034F, the combining grapheme joiner, which cannot be seen
and which no mark is moved across. No text in any language has so many.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

MOST_MARKS = 30
JOINER = "\u034f"

# Where 31 non-starters may follow each other there are ten characters or more that are no letters
# of any script, or two that only a compatibility form takes for marks: a character holds three
# non-starters at most. Few texts have such a place, and only there each character is looked at.
_SUSPICIOUS = re.compile(r".?(?:[^\x00-\u02ff\w]|[\uff9e\uff9f]){10,}", re.DOTALL)


def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Bring a text to a normal form in the stream-safe format.

    Args:
        form: ``NFC`` composes; ``NFKC`` also replaces characters by those they are compatible with.
        text: Any text.

    Returns:
        ``unicodedata.normalize(form, text)``, except where more than 30 non-starters follow each
        other.
    """
    if text.isascii():
        return text
    return unicodedata.normalize(form, _SUSPICIOUS.sub(_parted, text))


def _parted(stretch: re.Match[str]) -> str:
    """The stretch with a joiner wherever a run of non-starters becomes too long."""
    kept: list[str] = []
    run = 0
    for character in stretch[0]:
        leading, trailing, length = _non_starters(character)
        if run + leading > MOST_MARKS:
            kept.append(JOINER)
            run = 0
        kept.append(character)
        run = run + length if leading == length else trailing
    return "".join(kept)


@lru_cache(maxsize=1 << 12)
def _non_starters(character: str) -> tuple[int, int, int]:
    """How many non-starters a character begins and ends with, decomposed, and its length then."""
    marks = [unicodedata.combining(one) > 0 for one in unicodedata.normalize("NFKD", character)]
    leading = marks.index(False) if False in marks else len(marks)
    trailing = marks[::-1].index(False) if False in marks else len(marks)
    return leading, trailing, len(marks)
