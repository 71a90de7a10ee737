"""Explanations: how much each token of a document contributed to its logits.

A document is compared with the empty document (bag sum zero). Dense layers and normalisation with
a fixed scale are linear and pass exactly; an elementwise activation f that goes from f(b) for the
empty document to f(a) for this one is replaced by its secant (f(a) - f(b)) / (a - b). This is
DeepLIFT's rescale rule (Shrikumar, Greenside, Kundaje 2017): effects add up to the change of the
logit, and for a linear member they are the model's own sum. A layer normalisation divides by a
statistic of the whole layer, and a softmax between layers by a sum over it, which belong to no
column: the document's statistic is held constant, and what that leaves out is the remainder of the
explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from satchel.errors import LabelError, SettingError
from satchel.features.csr import CSRMatrix
from satchel.features.embedding_bag import View
from satchel.inference.activations import ACTIVATIONS, Activation
from satchel.inference.occurrences import (
    KINDS,
    Chunks,
    FeatureContributions,
    Occurrences,
    Strongest,
    merged_windows,
)
from satchel.inference.structure import Ensemble, Layer, Member

_CLOSE = 1e-6  # closer than this, the quotient is computed over a wider interval


def secant(function: Activation, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the slope of the chord of a function between two inputs, elementwise.

    Args:
        function: An elementwise function.
        here: float64, any shape.
        there: float64, the same shape.

    Returns:
        float64, the same shape; about the derivative where the two inputs coincide.
    """
    close = np.abs(here - there) < _CLOSE
    middle = (here + there) / 2
    high = np.where(close, middle + _CLOSE, here)
    low = np.where(close, middle - _CLOSE, there)
    slope: np.ndarray = (function(high) - function(low)) / (high - low)
    return slope


def _back(layer: Layer, slope: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Propagate the effect of a layer's outputs [out] back to its inputs [in]."""
    before_here, before_there = layer.before_activation(here), layer.before_activation(there)
    if layer.activation != "linear":
        function = ACTIVATIONS[layer.activation]
        if layer.activation == "softmax":
            function = _held_softmax(before_here)
        slope = slope * secant(function, before_here, before_there)
    if layer.weight is None:
        return slope
    slope = layer.weight @ slope if layer.kind == "dense" else slope * layer.weight
    if layer.kind == "layer_normalization":
        deviation = np.sqrt(here.var() + layer.epsilon)
        slope = (slope - slope.mean()) / deviation
    return slope


def _held_softmax(here: np.ndarray) -> Activation:
    """Return softmax as an elementwise function, its normaliser held constant."""
    peak = here.max()
    total = np.exp(here - peak).sum()
    return lambda x: np.exp(x - peak) / total


def column_effects(member: Member, bag_sum: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return what one unit of each column of the bag sum adds to a difference of logits.

    Args:
        member: A member.
        bag_sum: [width], the document's bag sum in the member's view.
        direction: [classes], the difference to explain, such as +1 for the best label and -1 for
            the second best.

    Returns:
        float64 [stop - start]. Its product with the member's part of the bag sum is the member's
        logit difference less that of the empty document (exactly so without layer normalisation
        and without a softmax between layers).
    """
    there = member.bias.astype(np.float64)
    here = bag_sum[member.start : member.stop].astype(np.float64) + there
    inputs = []
    for layer in member.layers:
        inputs.append((here, there))
        here, there = layer(here), layer(there)
    slope = direction.astype(np.float64) * member.scale
    for layer, (here, there) in zip(reversed(member.layers), reversed(inputs), strict=True):
        slope = _back(layer, slope, here, there)
    return slope


def logit_difference(member: Member, bag_sum: np.ndarray, direction: np.ndarray) -> float:
    """Return a member's share of a difference of logits, in float64.

    Args:
        member: A member.
        bag_sum: [width], a bag sum in the member's view.
        direction: [classes], as in ``column_effects``.
    """
    z = bag_sum[member.start : member.stop].astype(np.float64) + member.bias
    for layer in member.layers:
        z = layer(z)
    return float(z @ direction) * member.scale


MOST = 10_000
"""The most entries of a list in an explanation, unless more are requested."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one span of the text contributed.

    Attributes:
        start: Its first code point in the text.
        end: The code point after its last.
        text: The text of the span.
        kind: ``word``, ``words`` (an n-gram), ``characters`` or ``field``; ``chunk`` in
            ``Explanation.words``.
        value: What it contributed to the margin; negative if it is evidence against the label.
    """

    start: int
    end: int
    text: str
    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a document got its label.

    ``base + sum of the contributions of tokens + rest + remainder = margin``. Printed, it is a few
    lines; a notebook shows the text with its words coloured.

    Attributes:
        text: The document.
        label: The explained label.
        against: The label it is compared with; None for a multi-label task, where the
            margin is the label's own logit.
        margin: The logit of ``label`` less that of ``against``.
        base: The margin without any token: that of the biases and the calibration; for a text
            without known features, that of the prior, which is the prediction.
        remainder: What belongs to no token: the change of the statistics of a layer normalisation
            or of a softmax between layers. Zero except for rounding in models without these.
        rest: The sum of the contributions that were left out of ``tokens``.
        omitted: How many were left out of ``tokens``: what is beyond ``top``, or beyond the 10,000
            strongest.
        known: How many of the document's features the model knows; with 0 the label is the prior.
        tokens: The contributions of token occurrences, strongest first.
        words: The same sum over the white-space-separated chunks of the text, in reading order,
            without overlap: what to colour. Those that contribute nothing are left out.
        omitted_words: How many were left out of ``words``, which holds the 10,000 strongest.
    """

    text: str
    label: str
    against: str | None
    margin: float
    base: float
    remainder: float
    rest: float
    omitted: int
    known: int
    tokens: tuple[Contribution, ...]
    words: tuple[Contribution, ...]
    omitted_words: int

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data, ready for JSON."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        # Not by ``asdict``, which would copy ten thousand entries twenty times as slowly.
        return plain | {
            name: [
                {
                    "start": each.start,
                    "end": each.end,
                    "text": each.text,
                    "kind": each.kind,
                    "value": each.value,
                }
                for each in plain[name]
            ]
            for name in ("tokens", "words")
        }

    def __str__(self) -> str:
        from satchel.inference.rendering import as_lines

        return as_lines(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text, its words coloured, everything escaped."""
        from satchel.inference.rendering import as_html

        return as_html(self)


class Explainable(Protocol):
    """What an explanation needs of a predictor; see `satchel.inference.predictor.Predictor`."""

    model: Ensemble

    def counts(self, texts: Iterable[str]) -> list[CSRMatrix]:
        """Return how often each known feature occurs in texts, for each view."""

    def logits_of_sums(self, sums: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits [n, classes] of sums, one float32 [n, width] per view."""


def explain(
    predictor: Explainable,
    text: str,
    label: str | None = None,
    against: str | None = None,
    top: int | None = None,
) -> Explanation:
    """Explain what every token of a document contributed to its logits.

    Args:
        predictor: The predictor of the model.
        text: The document.
        label: The label to explain; None for the best.
        against: The label to compare with; None for the best of the others, or, where a document
            may have several labels, for no other label.
        top: Keep this many token occurrences, the strongest; None for 10,000.

    Returns:
        The explanation; its contributions add up to the model's own logits.

    Raises:
        LabelError: The model has no such label, or the two are the same.
        SettingError: ``top`` is negative.
        TextError: The document is not text.
        PredictionError: The weights of the model overflow.
    """
    if top is not None and top < 0:
        raise SettingError(f"expected top to be 0 or more, found {top}")
    model = predictor.model
    counts = predictor.counts([text])
    documents = model.weighed(counts)
    sums = [_bag_sum(view, document) for view, document in zip(model.views, documents, strict=True)]
    known = max(len(document.ids) for document in documents)
    prior = model.prior if known == 0 else None
    logits = prior
    if logits is None:
        # In the precision of predictions, so that the explained label is the predicted one.
        logits = predictor.logits_of_sums([bag_sum[None].astype(np.float32) for bag_sum in sums])[0]
    winner, other = _opponents(model, logits, label, against)
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
        margin += logit_difference(member, bag_sum, direction)
        base += logit_difference(member, np.zeros_like(bag_sum), direction)

    contributions = [
        FeatureContributions(
            view.vocabulary.features,
            view.vocabulary.hashes[document.ids],
            _shares(view, document, effect, rows.values),
        )
        for view, document, effect, rows in zip(
            model.views, documents, effects, counts, strict=True
        )
    ]
    strongest = Strongest(MOST if top is None else top)
    chunks = Chunks(text)
    for occurrences in merged_windows(text, contributions):
        strongest.add(occurrences)
        chunks.spread(occurrences)
    tokens = strongest.kept()
    total = float(tokens.values.sum()) + strongest.rest
    words, omitted_words = _strongest_words(chunks)
    return Explanation(
        text=text,
        label=model.labels[winner],
        against=None if other is None else model.labels[other],
        margin=margin,
        base=base,
        remainder=margin - base - total,
        rest=strongest.rest,
        omitted=strongest.omitted,
        known=known,
        tokens=_contributions(text, tokens),
        words=tuple(
            Contribution(start, end, text[start:end], "chunk", value)
            for start, end, value in zip(
                chunks.starts[words].tolist(),
                chunks.ends[words].tolist(),
                chunks.values[words].tolist(),
                strict=True,
            )
        ),
        omitted_words=omitted_words,
    )


def _blocks(view: View, document: CSRMatrix) -> list[slice]:
    """Return slices of a document's features whose expanded rows are of bounded size."""
    size = max(1, _BLOCK // max(view.width, 1))
    return [slice(first, first + size) for first in range(0, len(document.ids), size)]


def _bag_sum(view: View, document: CSRMatrix) -> np.ndarray:
    """Return the sum of one document's rows, float64 [width]."""
    total = np.zeros(view.width)
    for block in _blocks(view, document):
        total += document.values[block] @ view.expanded(document.ids[block]).astype(np.float64)
    return total


def _shares(view: View, document: CSRMatrix, effect: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return what one occurrence of each feature contributes, float64 [n]."""
    shares = np.empty(len(document.ids))
    for block in _blocks(view, document):
        shares[block] = view.expanded(document.ids[block]).astype(np.float64) @ effect
    shares *= document.values
    shares /= counts
    return shares


def _contributions(text: str, tokens: Occurrences) -> tuple[Contribution, ...]:
    return tuple(
        Contribution(start, end, text[start:end], KINDS[kind], value)
        for start, end, kind, value in zip(
            tokens.starts.tolist(),
            tokens.ends.tolist(),
            tokens.kinds.tolist(),
            tokens.values.tolist(),
            strict=True,
        )
    )


def _strongest_words(chunks: Chunks) -> tuple[np.ndarray, int]:
    """Return the strongest chunks in reading order, and how many others contribute something."""
    found = np.flatnonzero(chunks.values)
    if len(found) <= MOST:
        return found, 0
    order = np.argsort(-np.abs(chunks.values[found]), kind="stable")
    return np.sort(found[order[:MOST]]), len(found) - MOST


def _opponents(
    model: Ensemble, logits: np.ndarray, label: str | None, against: str | None
) -> tuple[int, int | None]:
    """Return the columns of the label and of what it is compared with."""
    order = np.argsort(-logits, kind="stable").tolist()
    winner = order[0] if label is None else _column(model, label)
    if against is not None:
        other = _column(model, against)
        if label is None and other == winner:
            winner = order[1]
        if other == winner:
            raise LabelError(
                f"expected two different labels, found {against!r} twice: "
                "pass another label as against"
            )
        return winner, other
    if model.task == "multiple":
        return winner, None
    return winner, next(column for column in order if column != winner)


def _column(model: Ensemble, label: str) -> int:
    try:
        return model.labels.index(label)
    except ValueError:
        known = ", ".join(model.labels[:20])
        raise LabelError(
            f"expected a label of the model, found {label!r}: its labels are {known}"
        ) from None
