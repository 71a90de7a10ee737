"""Which words of a text a model does not know."""

from __future__ import annotations

from typing import NamedTuple

from satchel.features.windows import word_windows
from satchel.inference.occurrences import PositionMap
from satchel.inference.predictor import Predictor

_WORD_KIND = 1


class Words(NamedTuple):
    """The words of a text.

    Attributes:
        number: How many there are.
        unknown: Where those stand that no view of the model knows: first code point and the one
            after the last, in the order of the text.
    """

    number: int
    unknown: list[tuple[int, int]]


def words_of(predictor: Predictor, text: str) -> Words:
    """Find the words of a text that a model does not know.

    Args:
        predictor: The predictor of the model.
        text: A document.

    Returns:
        Its words; none if the model reads characters only.
    """
    known: dict[tuple[int, int], bool] = {}
    for view in predictor.model.views:
        features = view.vocabulary.features
        if not features.words:
            continue
        positions = PositionMap(text, features)
        for window in word_windows(positions.lowered, features, placed=True):
            for part in window.parts:
                if part.kind != _WORD_KIND or part.starts is None or part.ends is None:
                    continue
                starts, ends = positions.spans(part.starts, part.ends)
                found = view.vocabulary.index.find(part.hashes)[1]
                for start, end, has in zip(
                    starts.tolist(), ends.tolist(), found.tolist(), strict=True
                ):
                    known[start, end] = known.get((start, end), False) or has
    return Words(len(known), sorted(span for span, has in known.items() if not has))
