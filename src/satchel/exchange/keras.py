"""Export to Keras, and the inputs of exported models.

A document is a row of feature ids and a row of values. Short rows are padded with the id `V` (one
past the vocabulary), whose embedding is zero, and the value 0.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from satchel import files
from satchel.errors import MissingDependencyError
from satchel.features.csr import CSRMatrix
from satchel.inference.structure import Ensemble, Layer, Member
from satchel.model import Model


def padded(rows: CSRMatrix) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted rows as padded rectangular arrays.

    Args:
        rows: The weighted documents.

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
    """Return the inputs with which an exported model predicts for texts.

    Args:
        model: The model that was exported.
        texts: The documents.

    Returns:
        ``ids`` int64 [n, t] and ``values`` float32 [n, t]; with several views ``ids0``,
        ``values0``, ``ids1`` … These are the names of the exported model's inputs.
    """
    inputs = {}
    names = input_names(model.ensemble)
    weighed = model.ensemble.weighed(model.predictor.counts(texts))
    for (ids_name, values_name), rows in zip(names, weighed, strict=True):
        inputs[ids_name], inputs[values_name] = padded(rows)
    return inputs


def input_names(model: Ensemble) -> list[tuple[str, str]]:
    """Return the names of the two inputs of every view of an exported model."""
    count = len(model.views)
    if count == 1:
        return [("ids", "values")]
    return [(f"ids{index}", f"values{index}") for index in range(count)]


def to_keras(model: Ensemble) -> Any:
    """Return a model as a ``keras.Model`` with an embedding bag.

    The inputs are, for every view, ``ids`` int32 [n, t], padded with the id V, and ``values``
    float32 [n, t]; the output is the probabilities, float32 [n, classes]. Weights are
    converted to float32.

    Args:
        model: The model.

    Returns:
        The Keras model, on the backend that Keras runs on.

    Raises:
        MissingDependencyError: Keras is not installed.
    """
    try:
        import keras
    except ImportError:
        raise MissingDependencyError("keras", "train", "exporting to Keras") from None
    names = input_names(model)
    inputs = [
        (
            keras.Input((None,), dtype="int32", name=ids),
            keras.Input((None,), dtype="float32", name=values),
        )
        for ids, values in names
    ]
    logits = [
        _member(keras, model, member, f"member{index}", *inputs[member.view])
        for index, member in enumerate(model.members)
    ]
    total = logits[0] if len(logits) == 1 else keras.layers.Add(dtype="float32")(logits)
    total = _calibrated(keras, model, total, [ids for ids, _ in inputs])
    link = "softmax" if model.task == "single" else "sigmoid"
    outputs = keras.layers.Activation(link, dtype="float32", name="probabilities")(total)
    flat = {tensor.name: tensor for pair in inputs for tensor in pair}
    return keras.Model(flat, outputs, name="satchel")


def _calibrated(keras: ModuleType, model: Ensemble, total: Any, ids: Sequence[Any]) -> Any:
    """Apply the calibration, and the prior for documents without any known feature."""
    calibration = model.calibration
    if calibration is not None:
        classes = (len(model.labels),)
        scale, shift = (
            np.broadcast_to(numbers, classes).tolist()
            for numbers in (calibration.scale, calibration.shift)
        )
        total = keras.layers.Rescaling(scale, shift, dtype="float32", name="calibration")(total)
    prior = model.prior
    if prior is None:
        return total
    known = None
    for own, view in zip(ids, model.views, strict=True):
        # Rows are padded with the id V, so a row without an id below V is empty.
        has = keras.ops.less(keras.ops.min(own, axis=1, keepdims=True), view.size)
        known = has if known is None else keras.ops.logical_or(known, has)
    return keras.ops.where(known, total, prior[None])


def save_keras(model: Ensemble, path: str | Path) -> None:
    """Write a model as a ``.keras`` file.

    Args:
        model: The model.
        path: The file to write.

    Raises:
        MissingDependencyError: Keras is not installed.
        SaveError: The file could not be written; an existing one stays intact.
    """
    exported = to_keras(model)
    # Keras writes in place and accepts only this suffix.
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "model.keras")
        exported.save(written)
        files.write_atomically(path, written.read_bytes())


def _member(
    keras: ModuleType, model: Ensemble, member: Member, name: str, ids: Any, values: Any
) -> Any:
    """Apply a member to the inputs of its view; return its scaled logits."""
    layers = keras.layers
    rows = _member_rows(model, member)
    embedding = layers.Embedding(*rows.shape, dtype="float32", name=f"{name}_rows")
    z = layers.Dot(axes=(1, 1), dtype="float32")([embedding(ids), values])
    embedding.set_weights([rows])
    z = layers.Rescaling(1.0, offset=member.bias.tolist(), dtype="float32", name=f"{name}_bias")(z)
    for index, layer in enumerate(member.layers):
        z = _layer(keras, layer, f"{name}_layer{index}", z)
    if member.scale != 1.0:
        z = layers.Rescaling(member.scale, dtype="float32", name=f"{name}_scale")(z)
    return z


def _member_rows(model: Ensemble, member: Member) -> np.ndarray:
    """Return the member's columns of its view's rows, float32 [V + 1, columns]; the last is 0."""
    columns = slice(member.start, member.stop)
    view = model.views[member.view]
    stored = view.rows[:, columns]
    rows = np.zeros((len(stored) + 1, stored.shape[1]), np.float32)
    rows[:-1] = stored
    if view.scales is not None:
        rows *= view.scales[columns]
    return rows


def _layer(keras: ModuleType, layer: Layer, name: str, z: Any) -> Any:
    layers = keras.layers
    if layer.weight is not None and layer.offset is not None:
        if layer.kind == "batch_normalization":
            z = layers.Rescaling(
                layer.weight.tolist(), offset=layer.offset.tolist(), dtype="float32", name=name
            )(z)
        else:
            made = (
                layers.Dense(layer.weight.shape[1], dtype="float32", name=name)
                if layer.kind == "dense"
                else layers.LayerNormalization(epsilon=layer.epsilon, dtype="float32", name=name)
            )
            z = made(z)
            made.set_weights([layer.weight, layer.offset])
    if layer.activation == "linear":
        return z
    if layer.activation == "gelu_tanh":  # Keras has no named activation for it
        return keras.ops.gelu(z, approximate=True)
    return layers.Activation(layer.activation, dtype="float32", name=f"{name}_activation")(z)
