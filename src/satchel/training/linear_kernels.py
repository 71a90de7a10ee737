"""The compiled pass of the dual solver behind linear members.

It works on the classes given by its caller, releases the GIL and writes only to their own columns,
so no result depends on the number of threads or on their timing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from satchel.features.kernels.compile import floats_in, helper, ints_in, kernel, offsets_in

_floats = types.float32[::1]
_matrix = types.float32[:, ::1]
_doubles = types.float64[::1]
_doubles_in = types.Array(types.float64, 1, "C", readonly=True)
_flags_in = types.Array(types.boolean, 1, "C", readonly=True)
_flag_matrix_in = types.Array(types.boolean, 2, "C", readonly=True)
_rows_in = (offsets_in, ints_in, floats_in)


@helper
def _hinge_step(margin, old, cost, square):  # type: ignore[no-untyped-def]
    """Solve one dual variable of the squared hinge; return it and the projected gradient."""
    diagonal = 0.5 / cost
    slope = margin - 1.0 + diagonal * old
    violation = slope if old > 0.0 else min(slope, 0.0)
    return max(old - slope / (square + diagonal), 0.0), violation


@helper
def _logistic_step(margin, old, cost, square):  # type: ignore[no-untyped-def]
    """Solve one dual variable of the logistic loss; return it and its gradient.

    Newton's method on the side of the variable (itself, or its distance to ``cost``) where the
    logarithm keeps its precision: Yu, Huang and Lin, Machine Learning 85, 2011, algorithm 5.
    """
    mirrored = 0.5 * square * (cost - 2.0 * old) + margin < 0.0
    start = cost - old if mirrored else old
    slant = -margin if mirrored else margin
    z = max(start, min(1e-3 * cost, 1e-8))
    if cost - z < 0.5 * cost:
        z *= 0.1
    slope = square * (z - start) + slant + math.log(z / (cost - z))
    violation = slope
    for _ in range(100):
        if abs(slope) < 1e-6:
            break
        step = z - slope / (square + cost / (cost - z) / z)
        z = step if step > 0.0 else 0.1 * z
        slope = square * (z - start) + slant + math.log(z / (cost - z))
    return (cost - z if mirrored else z), violation


@kernel(
    types.void(
        *_rows_in,
        offsets_in,
        _doubles_in,
        _flag_matrix_in,
        _doubles_in,
        _doubles_in,
        _doubles_in,
        types.boolean,
        _flags_in,
        types.float64[:, ::1],
        _matrix,
        _floats,
        _doubles,
        _doubles,
    )
)
def dual_pass(  # type: ignore[no-untyped-def]
    offsets,
    ids,
    values,
    order,
    squares,
    positive,
    costs,
    positive_factor,
    negative_factor,
    logistic,
    active,
    duals,
    table,
    bias,
    highest,
    lowest,
):
    """Make one pass of dual coordinate descent for several one-vs-rest classifiers at once.

    A document's features are gathered once for all classes, which lie side by side.

    Args:
        offsets: int64 [n+1], where each document's entries begin.
        ids: int32 [nnz], rows of the table.
        values: float32 [nnz].
        order: int64 [n], the documents in the order of this pass.
        squares: float64 [n], each document's squared length, the constant feature included.
        positive: bool [n, k], whether a document belongs to a class.
        costs: float64 [n], each document's C.
        positive_factor: float64 [k], multiplied into it for documents of the class.
        negative_factor: float64 [k], and for the others.
        logistic: Whether the loss is logistic; else the squared hinge.
        active: bool [k], the classes not yet solved.
        duals: float64 [n, k], changed in place.
        table: float32 [columns, k], changed in place.
        bias: float32 [k], the weight of the constant feature 1, changed in place.
        highest: float64 [k], written: the greatest projected gradient seen.
        lowest: float64 [k], written: the least.
    """
    classes = table.shape[1]
    logits = np.empty(classes, np.float32)
    changes = np.empty(classes, np.float32)
    highest[:] = -np.inf
    lowest[:] = np.inf
    for place in range(len(order)):
        document = order[place]
        for k in range(classes):
            logits[k] = bias[k]
        for entry in range(offsets[document], offsets[document + 1]):
            row = ids[entry]
            value = values[entry]
            for k in range(classes):
                logits[k] += value * table[row, k]
        moved = False
        for k in range(classes):
            changes[k] = np.float32(0.0)
            side = 1.0 if positive[document, k] else -1.0
            cost = costs[document] * (positive_factor[k] if side > 0.0 else negative_factor[k])
            if not active[k] or cost <= 0.0:
                continue
            old = duals[document, k]
            if logistic:
                new, violation = _logistic_step(side * logits[k], old, cost, squares[document])
            else:
                new, violation = _hinge_step(side * logits[k], old, cost, squares[document])
            highest[k] = max(highest[k], violation)
            lowest[k] = min(lowest[k], violation)
            if new != old:
                duals[document, k] = new
                changes[k] = np.float32((new - old) * side)
                moved = True
        if moved:
            for k in range(classes):
                bias[k] += changes[k]
            for entry in range(offsets[document], offsets[document + 1]):
                row = ids[entry]
                value = values[entry]
                for k in range(classes):
                    table[row, k] += value * changes[k]
