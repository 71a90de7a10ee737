"""How much each column of a bag sum moves the scores: the arithmetic under ``explain``.

A document is compared with the empty document (bag sum zero). Dense layers and normalisation with
a fixed scale are linear and pass exactly; an elementwise activation f that goes from f(b) for the
empty document to f(a) for this one is replaced by its secant (f(a) - f(b)) / (a - b). This is
DeepLIFT's rescale rule (Shrikumar, Greenside, Kundaje 2017): effects add up to the change of the
score, and for a linear member they are the model's own sum. A layer normalisation divides by a
statistic of the whole layer, and a softmax between layers by a sum over it, which no column owns:
the document's statistic is held, and what that leaves out is the remainder that an explanation
states.
"""

from __future__ import annotations

import numpy as np

from satchel.inference.activations import ACTIVATIONS, Activation
from satchel.inference.forward import MemberNetwork, Step

_CLOSE = 1e-6  # nearer than this, the quotient is taken over a widened interval


def secant(function: Activation, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the slope of the chord of a function between two inputs, elementwise.

    Args:
        function: An elementwise function.
        here: float64, any shape.
        there: float64, the same shape.

    Returns:
        float64, the same shape; about the derivative where the two inputs meet.
    """
    close = np.abs(here - there) < _CLOSE
    middle = (here + there) / 2
    high = np.where(close, middle + _CLOSE, here)
    low = np.where(close, middle - _CLOSE, there)
    slope: np.ndarray = (function(high) - function(low)) / (high - low)
    return slope


def _back(step: Step, slope: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Carry the effect of a step's outputs [out] back to its inputs [in]."""
    before_here, before_there = step.before_activation(here), step.before_activation(there)
    if step.activation != "linear":
        function = ACTIVATIONS[step.activation]
        if step.activation == "softmax":
            function = _held_softmax(before_here)
        slope = slope * secant(function, before_here, before_there)
    if step.weight is None:
        return slope
    slope = step.weight @ slope if step.kind == "dense" else slope * step.weight
    if step.kind == "layer_normalization":
        deviation = np.sqrt(here.var() + step.epsilon)
        slope = (slope - slope.mean()) / deviation
    return slope


def _held_softmax(here: np.ndarray) -> Activation:
    """Return softmax as an elementwise function, its normaliser held at one input."""
    peak = here.max()
    total = np.exp(here - peak).sum()
    return lambda x: np.exp(x - peak) / total


def column_effects(network: MemberNetwork, bag: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return what one unit of each column of the bag sum adds to a difference of scores.

    Args:
        network: A member.
        bag: [width], the document's bag sum in the member's view.
        direction: [classes], the difference asked for, such as +1 at the winner and -1 at the
            runner-up.

    Returns:
        float64 [stop - start]. Its product with the member's part of the bag sum is the member's
        score difference less that of the empty document (exactly so without layer normalisation
        and without a softmax between layers).
    """
    there = network.bias.astype(np.float64)
    here = bag[network.start : network.stop].astype(np.float64) + there
    inputs = []
    for step in network.steps:
        inputs.append((here, there))
        here, there = step(here), step(there)
    slope = direction.astype(np.float64) * network.scale
    for step, (here, there) in zip(reversed(network.steps), reversed(inputs), strict=True):
        slope = _back(step, slope, here, there)
    return slope


def score_difference(network: MemberNetwork, bag: np.ndarray, direction: np.ndarray) -> float:
    """Return a member's share of a difference of scores, in float64.

    Args:
        network: A member.
        bag: [width], a bag sum in the member's view.
        direction: [classes], as in ``column_effects``.
    """
    z = bag[network.start : network.stop].astype(np.float64) + network.bias
    for step in network.steps:
        z = step(z)
    return float(z @ direction) * network.scale
