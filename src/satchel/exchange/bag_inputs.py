"""What an exported model eats: bags as two rectangular arrays.

A row of ids and a row of values stand for a document; the short ones are filled up with the id
`V` (one past the vocabulary), whose bag row is zero, and the value 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satchel.bags.rows import Rows
from satchel.inference.model import Model
from satchel.sealed.schema import Parts


def padded(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return rectangular arrays for weighed rows.

    Args:
        rows: The documents, weighed.

    Returns:
        ids int64 [n, t] and values float32 [n, t], where t is the length of the longest row and at
        least 1.
    """
    lengths = np.diff(rows.offsets)
    shape = (len(lengths), max(1, int(lengths.max(initial=0))))
    ids = np.full(shape, rows.columns, np.int64)
    values = np.zeros(shape, np.float32)
    document = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(rows.ids)) - np.repeat(rows.offsets[:-1], lengths)
    ids[document, place] = rows.ids
    values[document, place] = rows.values
    return ids, values


def bag_inputs(model: Model, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what an exported model needs to answer for texts.

    Args:
        model: The model that was exported.
        texts: The documents.

    Returns:
        ``ids`` int64 [n, t] and ``values`` float32 [n, t]; with several views ``ids0``,
        ``values0``, ``ids1`` … These are the names of the exported model's inputs.
    """
    inputs = {}
    names = input_names(model.parts)
    for (ids_name, values_name), rows in zip(names, model.weighed(texts), strict=True):
        inputs[ids_name], inputs[values_name] = padded(rows)
    return inputs


def input_names(parts: Parts) -> list[tuple[str, str]]:
    """Return the names of the two inputs of every view of an exported model."""
    count = len(parts.manifest.views)
    if count == 1:
        return [("ids", "values")]
    return [(f"ids{index}", f"values{index}") for index in range(count)]
