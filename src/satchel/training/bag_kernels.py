"""The compiled loops of the sparse first layer.

Each kernel works on a range given by its caller, releases the GIL and writes only to its own range,
so no result depends on the number of threads or on their timing.
"""

from __future__ import annotations

import numpy as np
from numba import types

from satchel.features.kernels.compile import (
    floats_in,
    helper,
    ints_in,
    kernel,
    matrix_in,
    offsets_in,
)

_floats = types.float32[::1]
_matrix = types.float32[:, ::1]
_rows_in = (offsets_in, ints_in, floats_in)
_batch_in = (ints_in, offsets_in, ints_in, floats_in, matrix_in)
_range = (types.int64, types.int64)


@helper
def mix(seed, position):  # type: ignore[no-untyped-def]
    """Hash a position under a seed to 64 bits (SplitMix64's finaliser)."""
    z = np.uint64(seed) + (np.uint64(position) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel(types.void(types.uint64, types.float32, _matrix, *_range))
def fill_uniform(seed, limit, out, begin, end):  # type: ignore[no-untyped-def]
    """Fill ``out[begin:end]`` with float32 numbers in [-limit, limit), by position alone."""
    step = np.float32(limit) * np.float32(2.0**-23)
    for row in range(begin, end):
        for column in range(out.shape[1]):
            bits = mix(seed, row * out.shape[1] + column) >> np.uint64(40)
            out[row, column] = np.float32(np.int32(bits) - np.int32(1 << 23)) * step


@kernel(
    types.void(
        *_rows_in,
        offsets_in,
        matrix_in,
        floats_in,
        _matrix,
        *_range,
    )
)
def bag_sum(  # type: ignore[no-untyped-def]
    offsets, ids, values, documents, table, bias, out, begin, end
):
    """Sum the weighted rows of each document: ``out[i] = bias + sum_j value_j * table[id_j]``.

    Args:
        offsets: int64 [n+1], where each document's entries begin.
        ids: int32 [nnz], rows of the table.
        values: float32 [nnz].
        documents: int64 [b], the documents to sum.
        table: float32 [columns, width].
        bias: float32 [width].
        out: float32 [>= b, width], written.
        begin: The first place in ``documents`` to do.
        end: One past the last.
    """
    width = table.shape[1]
    for place in range(begin, end):
        for k in range(width):
            out[place, k] = bias[k]
        document = documents[place]
        for entry in range(offsets[document], offsets[document + 1]):
            value = values[entry]
            row = ids[entry]
            for k in range(width):
                out[place, k] += value * table[row, k]


@kernel(
    types.int64(
        *_rows_in,
        offsets_in,
        types.int32[::1],
        types.int32[::1],
        types.int64[::1],
        types.int32[::1],
        _floats,
    )
)
def batch_columns(  # type: ignore[no-untyped-def]
    offsets, ids, values, documents, slot, unique, starts, places, weights
):
    """Turn a batch's entries from by-document to by-row of the table.

    Args:
        offsets: As in :func:`bag_sum`.
        ids: As in :func:`bag_sum`.
        values: As in :func:`bag_sum`.
        documents: As in :func:`bag_sum`.
        slot: int32 [columns], all -1; it is all -1 again afterwards.
        unique: int32 [entries of the batch], written: the rows that occur, in order of appearance.
        starts: int64 [entries + 1], written: where each such row's entries begin.
        places: int32 [entries], written: the document's place in the batch.
        weights: float32 [entries], written: the entry's value.

    Returns:
        The number of rows that occur.
    """
    found = 0
    for place in range(len(documents)):
        document = documents[place]
        for entry in range(offsets[document], offsets[document + 1]):
            row = ids[entry]
            if slot[row] < 0:
                slot[row] = found
                unique[found] = row
                starts[found + 1] = 0
                found += 1
            starts[slot[row] + 1] += 1
    starts[0] = 0
    for index in range(found):
        starts[index + 1] += starts[index]
    for place in range(len(documents)):
        document = documents[place]
        for entry in range(offsets[document], offsets[document + 1]):
            index = slot[ids[entry]]
            position = starts[index]
            places[position] = place
            weights[position] = values[entry]
            starts[index] = position + 1
    # Each start has walked to its end, which is where the next row begins: move them back by one.
    for index in range(found, 0, -1):
        starts[index] = starts[index - 1]
    starts[0] = 0
    for index in range(found):
        slot[unique[index]] = -1
    return found


@helper
def row_gradient(starts, places, weights, gradient, index, total):  # type: ignore[no-untyped-def]
    """Sum one row's gradient over the batch: ``total = sum_d weight_d * gradient[d]``."""
    width = len(total)
    for k in range(width):
        total[k] = np.float32(0.0)
    for position in range(starts[index], starts[index + 1]):
        place = places[position]
        weight = weights[position]
        for k in range(width):
            total[k] += weight * gradient[place, k]


@kernel(types.void(*_batch_in, _matrix, _matrix, types.float32, types.float32, *_range))
def adagrad_rows(  # type: ignore[no-untyped-def]
    unique, starts, places, weights, gradient, table, squares, rate, epsilon, begin, end
):
    """Update the rows of a batch by Adagrad; a row's gradient is summed over the batch first.

    Args:
        unique: As :func:`batch_columns` wrote it.
        starts: As :func:`batch_columns` wrote it.
        places: As :func:`batch_columns` wrote it.
        weights: As :func:`batch_columns` wrote it.
        gradient: float32 [b, width], the loss's gradient with respect to the bag sums.
        table: float32 [columns, width], changed in place.
        squares: float32 [columns, width], the sum of squared gradients, changed in place.
        rate: float32, the learning rate.
        epsilon: float32, added under the root, as Keras does.
        begin: The first place in ``unique`` to do.
        end: One past the last.
    """
    width = table.shape[1]
    total = np.empty(width, np.float32)
    for index in range(begin, end):
        row_gradient(starts, places, weights, gradient, index, total)
        row = unique[index]
        for k in range(width):
            square = squares[row, k] + total[k] * total[k]
            squares[row, k] = square
            table[row, k] -= rate * total[k] / np.sqrt(square + epsilon)


@kernel(
    types.void(
        *_batch_in,
        _matrix,
        _matrix,
        _matrix,
        types.float32,
        types.float32,
        types.float32,
        types.float32,
        *_range,
    )
)
def adam_rows(  # type: ignore[no-untyped-def]
    unique,
    starts,
    places,
    weights,
    gradient,
    table,
    means,
    squares,
    rate,
    beta_1,
    beta_2,
    epsilon,
    begin,
    end,
):
    """Update the rows of a batch by lazy Adam: the moments of other rows do not decay.

    Args:
        unique: As :func:`batch_columns` wrote it.
        starts: As :func:`batch_columns` wrote it.
        places: As :func:`batch_columns` wrote it.
        weights: As :func:`batch_columns` wrote it.
        gradient: float32 [b, width], the loss's gradient with respect to the bag sums.
        table: float32 [columns, width], changed in place.
        means: float32 [columns, width], the first moment, changed in place.
        squares: float32 [columns, width], the second moment, changed in place.
        rate: float32, the learning rate with both bias corrections in it.
        beta_1: float32, the decay of the first moment.
        beta_2: float32, the decay of the second moment.
        epsilon: float32, added to the root, as Keras does.
        begin: The first place in ``unique`` to do.
        end: One past the last.
    """
    width = table.shape[1]
    total = np.empty(width, np.float32)
    for index in range(begin, end):
        row_gradient(starts, places, weights, gradient, index, total)
        row = unique[index]
        for k in range(width):
            mean = means[row, k] + (total[k] - means[row, k]) * (np.float32(1.0) - beta_1)
            square = squares[row, k] + (total[k] * total[k] - squares[row, k]) * (
                np.float32(1.0) - beta_2
            )
            means[row, k] = mean
            squares[row, k] = square
            table[row, k] -= rate * mean / (np.sqrt(square) + epsilon)
