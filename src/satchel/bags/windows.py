"""A text's features in windows, so that the plain path's memory stays bounded.

A window is about a hundred thousand features, whatever the text: one long word, one long line, no
white space at all. ``word_windows`` and ``character_windows`` find them; they take short cuts that
the reference (``tokens.py``) does not, and give the same hashes, and where they are asked for the
same places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WINDOW = 1 << 17
"""Code points of a window, about; and the most features of one kind."""


class Found(NamedTuple):
    """Features of one kind, repeated as often as they occur.

    Attributes:
        kind: Theirs.
        hashes: uint64 [n].
        starts: int64 [n], where each starts in the lower-cased text; None where places were not
            asked for.
        ends: int64 [n], where each ends.
    """

    kind: int
    hashes: np.ndarray
    starts: np.ndarray | None
    ends: np.ndarray | None


class Window(NamedTuple):
    """Some features that follow each other.

    Attributes:
        end: All features of later windows end behind it.
        parts: Those of this window.
    """

    end: int
    parts: list[Found]
