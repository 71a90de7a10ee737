"""Why a document got its label: what every token added to the winner against the runner-up.

The document's feature values (after weights and norm) are taken as given; `attribution` says how
effects pass through the layers. A feature's contribution is shared equally among its occurrences.
An n-gram's occurrence is a span of its own, from the start of its first word to the end of its
last, so spans may overlap; for display, `Explanation.words` spreads them over the words they cover.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from satchel.bags.features import Features
from satchel.bags.hashing import CHARACTER_KIND, FIELD_KIND
from satchel.bags.tokens import tokenize
from satchel.errors import LabelError
from satchel.inference.attribution import column_effects, score_difference
from satchel.inference.places import Places

if TYPE_CHECKING:
    from satchel.inference.model import Model

_CHUNK = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one stretch of the text added.

    Attributes:
        start: Its first code point in the text.
        end: The code point after its last.
        text: The stretch itself.
        kind: ``word``, ``words`` (an n-gram), ``characters`` or ``field``; ``chunk`` in
            ``Explanation.words``.
        value: What it added to the margin; negative where it spoke for the other label.
    """

    start: int
    end: int
    text: str
    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a document got its label.

    ``base + sum of all contributions + remainder = margin``.

    Attributes:
        text: The document.
        label: The label explained.
        against: The label it is compared with; None for a task of several labels, where the
            margin is the label's own score.
        margin: Score of ``label`` less that of ``against``.
        base: The margin before any token is counted: that of the biases; for a text of which the
            model knows nothing, that of the prior, which is its answer.
        remainder: What no token owns: the change of the statistics of a layer normalisation, or
            of a softmax between layers. Zero but for rounding in models without these.
        rest: The sum of the contributions that ``top`` left out of ``tokens``.
        known: How many of the document's features the model knows; with 0 the label is the prior.
        tokens: The contributions of token occurrences, strongest first.
        words: The same sum over the white-space-separated chunks of the text, in reading order,
            without overlap: what to colour.
    """

    text: str
    label: str
    against: str | None
    margin: float
    base: float
    remainder: float
    rest: float
    known: int
    tokens: tuple[Contribution, ...]
    words: tuple[Contribution, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data, ready for JSON."""
        return asdict(self)


def explain(
    model: Model,
    text: str,
    label: str | None = None,
    against: str | None = None,
    top: int | None = None,
) -> Explanation:
    """Say what every token of a document added to its score.

    Args:
        model: The model that answers.
        text: The document.
        label: The label to explain; None for the best.
        against: The label to compare with; None for the best of the others, or, where a document
            may have several labels, for no other label.
        top: Keep this many token occurrences, the strongest; None for all.

    Returns:
        The explanation; its contributions add up to the model's own score.

    Raises:
        LabelError: The model has no such label, or the two are the same.
        TextError: The document is not text.
    """
    bags = model.weighed([text])
    matrices = [
        view.expanded(bag.ids).astype(np.float64)
        for view, bag in zip(model.views, bags, strict=True)
    ]
    sums = [bag.values @ matrix for bag, matrix in zip(bags, matrices, strict=True)]
    known = max(len(bag.ids) for bag in bags)
    prior = model.prior if known == 0 else None
    score = prior
    if score is None:
        # In the precision of answers, so that what is explained is what predict says.
        score = model.scores_of_bags([bag_sum[None].astype(np.float32) for bag_sum in sums])[0]
    winner, other = _opponents(model, score, label, against)
    direction = np.zeros(len(model.labels))
    direction[winner] = 1.0
    if other is not None:
        direction[other] = -1.0

    effects = [np.zeros_like(bag_sum) for bag_sum in sums]
    margin = base = 0.0
    if prior is not None:
        margin = base = float(prior @ direction)
    elif model.calibration is not None:
        margin = base = float((direction * model.calibration.shift).sum())
        direction *= model.calibration.scale
    for member in model.members if prior is None else ():
        bag_sum = sums[member.view]
        columns = slice(member.start, member.stop)
        effects[member.view][columns] += column_effects(member, bag_sum, direction)
        margin += score_difference(member, bag_sum, direction)
        base += score_difference(member, np.zeros_like(bag_sum), direction)

    merged: dict[tuple[int, int, str], float] = defaultdict(float)
    for view, bag, matrix, effect in zip(model.views, bags, matrices, effects, strict=True):
        values = bag.values * (matrix @ effect)
        worth = dict(zip(view.known.hashes[bag.ids].tolist(), values.tolist(), strict=True))
        _share(text, view.features, worth, merged)
    tokens = sorted(
        (
            Contribution(start, end, text[start:end], kind, value)
            for (start, end, kind), value in merged.items()
        ),
        key=lambda token: (-abs(token.value), token.start, token.end, token.kind),
    )
    kept = tokens if top is None else tokens[:top]
    return Explanation(
        text=text,
        label=model.labels[winner],
        against=None if other is None else model.labels[other],
        margin=margin,
        base=base,
        remainder=margin - base - sum(token.value for token in tokens),
        rest=sum(token.value for token in tokens[len(kept) :]),
        known=known,
        tokens=tuple(kept),
        words=_chunks(text, tokens),
    )


def _opponents(
    model: Model, score: np.ndarray, label: str | None, against: str | None
) -> tuple[int, int | None]:
    """Return the columns of the label and of what it is compared with."""
    order = np.argsort(-score, kind="stable").tolist()
    winner = order[0] if label is None else _column(model, label)
    if against is not None:
        other = _column(model, against)
        if label is None and other == winner:
            winner = order[1]
        if other == winner:
            raise LabelError(
                f"the label {against!r} cannot be compared with itself: name another in against"
            )
        return winner, other
    if model.task == "multiple":
        return winner, None
    return winner, next(column for column in order if column != winner)


def _column(model: Model, label: str) -> int:
    try:
        return model.labels.index(label)
    except ValueError:
        known = ", ".join(model.labels[:20])
        raise LabelError(f"the model has no label {label!r}: its labels are {known}") from None


def _share(
    text: str,
    features: Features,
    worth: dict[int, float],
    merged: dict[tuple[int, int, str], float],
) -> None:
    """Share each feature's contribution among its occurrences, adding to ``merged``."""
    places: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    original = Places(text, features)
    for token in tokenize(text, features):
        if token.hash in worth:
            span = original.span(token.start, token.end)
            places[token.hash].append((*span, _kind_name(token.kind)))
    for feature, spans in places.items():
        for place in spans:
            merged[place] += worth[feature] / len(spans)


def _kind_name(kind: int) -> str:
    if kind >= FIELD_KIND:
        return "field"
    if kind >= CHARACTER_KIND:
        return "characters"
    return "word" if kind == 1 else "words"


def _chunks(text: str, tokens: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Spread contributions over the white-space-separated chunks of the text.

    A token that covers several chunks gives each an equal share.
    """
    spans = [match.span() for match in _CHUNK.finditer(text)]
    owner = np.full(len(text) + 1, -1)
    for index, (start, end) in enumerate(spans):
        owner[start:end] = index
    values = np.zeros(len(spans))
    for token in tokens:
        covered = np.unique(owner[token.start : token.end])
        covered = covered[covered >= 0]
        values[covered] += token.value / max(len(covered), 1)
    return tuple(
        Contribution(start, end, text[start:end], "chunk", float(value))
        for (start, end), value in zip(spans, values, strict=True)
        if value
    )
