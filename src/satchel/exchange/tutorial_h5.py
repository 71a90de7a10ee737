"""The old tutorial's ``my_model.h5``, read without Keras and without libhdf5.

Keras's own loader builds what the file's configuration names, and libhdf5 follows what the file
points at, other files included. Only a Sequential of Dense, Activation and Dropout is read here,
from the one layout that :mod:`satchel.exchange.hdf5` knows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from satchel.errors import ModelFileError
from satchel.exchange.foreign_files import open_foreign
from satchel.exchange.hdf5 import Hdf5, Part
from satchel.sealed.schema import Activation
from satchel.sources.documents import brief

MAX_BYTES: Final = 1 << 32
_MAX_LAYERS: Final = 64
_MAX_DEPTH: Final = 16
_SILENT_LAYERS: Final = frozenset({"InputLayer", "Dropout"})  # nothing to do when predicting
# Activations that mean the same in every Keras; hard_sigmoid, for one, changed between 2 and 3.
_ACTIVATIONS: Final[dict[str, Activation]] = {
    "linear": "linear",
    "relu": "relu",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "swish": "silu",
    "silu": "silu",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
}


@dataclass(frozen=True)
class TutorialDense:
    """A Dense layer and the activations after it.

    Attributes:
        kernel: float32 [in, out].
        bias: float32 [out]; zeros where the layer has none.
        activations: Names of the activations, in order, without ``linear``.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activations: tuple[Activation, ...]


def read_network(path: str | Path) -> list[TutorialDense]:
    """Read a Sequential model from an HDF5 file as Keras 2 wrote it (or Keras 3 as legacy).

    Args:
        path: The file, such as ``my_model.h5``.

    Returns:
        Its Dense layers in order.

    Raises:
        SourceNotFoundError: There is no such file.
        ModelFileError: The file is damaged, or holds anything but such a model.
    """
    path = Path(path)
    with open_foreign(path, "model", MAX_BYTES) as (file, size):
        try:
            return _Reader(Hdf5(file, size)).network()
        except ModelFileError as error:
            raise ModelFileError(brief(error.reason, 500), path.name) from error


class _Reader:
    """One open file."""

    def __init__(self, file: Hdf5) -> None:
        self._file = file

    def network(self) -> list[TutorialDense]:
        """Return the Dense layers, each with the activations that follow it."""
        layers = self._layers()
        weights = self._file.child(self._file.root, "model_weights")
        found: list[TutorialDense] = []
        for kind, settings in layers:
            if kind in _SILENT_LAYERS:
                continue
            if kind == "Dense":
                kernel, bias = self._dense(weights, settings)
                found.append(TutorialDense(kernel, bias, ()))
            elif kind != "Activation":
                raise ModelFileError(
                    f"it has a layer {kind!r}: only a Sequential of Dense, Activation and Dropout "
                    "can be rescued"
                )
            elif not found:
                raise ModelFileError("an Activation comes before the first Dense layer")
            activation = self._activation(settings)
            if activation != "linear":
                last = found[-1]
                found[-1] = TutorialDense(last.kernel, last.bias, (*last.activations, activation))
        if not found:
            raise ModelFileError("it has no Dense layer")
        for before, after in pairwise(found):
            if before.kernel.shape[1] != after.kernel.shape[0]:
                raise ModelFileError(
                    f"a Dense layer with {before.kernel.shape[1]} units is followed by one with "
                    f"{after.kernel.shape[0]} inputs"
                )
        return found

    def _layers(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the class name and settings of every layer, from the JSON configuration."""
        try:
            text = self._file.attribute(self._file.root, "model_config")
        except ModelFileError as error:
            raise ModelFileError(
                f"{error.reason}: weights without the model's configuration cannot be rescued; "
                "save the whole model with model.save, not model.save_weights"
            ) from error
        try:
            model = json.loads(text if isinstance(text, str) else "")
            kind, settings = model["class_name"], model["config"]
            layers = settings if isinstance(settings, list) else settings["layers"]
            pairs = [(layer["class_name"], dict(layer["config"])) for layer in layers]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelFileError(f"its configuration is not that of a model: {error!r}") from error
        if kind != "Sequential":
            raise ModelFileError(f"it is a {kind!r}: only a Sequential model can be rescued")
        if len(pairs) > _MAX_LAYERS:
            raise ModelFileError(f"{len(pairs)} layers are over the limit of {_MAX_LAYERS}")
        return pairs

    def _activation(self, settings: dict[str, Any]) -> Activation:
        name = settings.get("activation") or "linear"
        if not isinstance(name, str) or name not in _ACTIVATIONS:
            raise ModelFileError(
                f"it has the activation {name!r}: those that can be rescued are "
                + ", ".join(sorted(_ACTIVATIONS))
            )
        return _ACTIVATIONS[name]

    def _dense(self, weights: Part, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        name, units = settings.get("name"), settings.get("units", settings.get("output_dim"))
        if not isinstance(name, str) or type(units) is not int:
            raise ModelFileError("a Dense layer has no name or no number of units")
        group = self._file.child(weights, name)
        names = self._file.attribute(group, "weight_names")
        expected = 2 if settings.get("use_bias", True) else 1
        if isinstance(names, str) or len(names) != expected:
            raise ModelFileError(
                f"the Dense layer {name!r} should have {expected} arrays and has {len(names)}"
            )
        kernel = self._array(group, names[0])
        bias = self._array(group, names[1]) if expected == 2 else np.zeros(units, np.float32)
        if kernel.ndim != 2 or kernel.shape[1] != units or bias.shape != (units,):
            raise ModelFileError(
                f"the Dense layer {name!r} has {units} units and arrays of the shapes "
                f"{kernel.shape} and {bias.shape}"
            )
        return kernel, bias

    def _array(self, group: Part, name: str) -> np.ndarray:
        """Read the data set at a path below a group, as float32."""
        folders = name.split("/")
        if len(folders) > _MAX_DEPTH:
            raise ModelFileError(f"{name[:40]!r}… lies more than {_MAX_DEPTH} groups deep")
        for folder in folders:
            group = self._file.child(group, folder)
        stored = self._file.array(group, name)
        if not np.isfinite(stored).all():
            raise ModelFileError(f"{name!r} has numbers that are not finite")
        with np.errstate(over="ignore"):
            array = np.asarray(stored, np.float32)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{name!r} has numbers that are too large for 32 bits")
        return array
