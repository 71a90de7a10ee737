"""The old tutorial's ``my_model.h5``, read with h5py and never with Keras.

Keras's own loader builds what the file's configuration names, and HDF5 lets a file point at other
files (external links, external storage, virtual data sets) or declare arrays it does not hold.
Only a Sequential of Dense, Activation and Dropout is read here, through hard links, from contiguous
data sets whose bytes are in the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from satchel.errors import MissingDependencyError, ModelFileError, SourceNotFoundError
from satchel.sealed.schema import Activation

MAX_BYTES: Final = 1 << 32
_MAX_LAYERS: Final = 64
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
        MissingDependencyError: The package h5py is not installed.
        SourceNotFoundError: There is no such file.
        ModelFileError: The file is damaged, or holds anything but such a model.
    """
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError("h5py", "rescue", "reading an .h5 model") from None
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceNotFoundError(
            f"the model {path} could not be read: {error.strerror}"
        ) from error
    if size > MAX_BYTES:
        raise ModelFileError(f"{size:,} bytes are over the limit of {MAX_BYTES:,}", path.name)
    try:
        with h5py.File(path, "r") as file:
            return _Reader(h5py, file, size).network()
    except ModelFileError as error:
        raise ModelFileError(error.reason, path.name) from error
    # HDF5 reports damage through many exception types: each means the same refusal.
    except Exception as error:
        raise ModelFileError(f"not a readable HDF5 file: {error}", path.name) from error


class _Reader:
    """One open file."""

    def __init__(self, h5py: ModuleType, file: Any, size: int) -> None:
        self._h5py = h5py
        self._file = file
        self._size = size

    def network(self) -> list[TutorialDense]:
        """Return the Dense layers, each with the activations that follow it."""
        weights = self._child(self._file, "model_weights", self._h5py.Group)
        found: list[TutorialDense] = []
        for kind, settings in self._layers():
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
        if "model_config" not in self._file.attrs:
            raise ModelFileError(
                "it has weights without the model's configuration: save the whole model with "
                "model.save, not model.save_weights"
            )
        try:
            model = json.loads(self._text(self._attribute(self._file, "model_config")))
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

    def _dense(self, weights: Any, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        name, units = settings.get("name"), settings.get("units", settings.get("output_dim"))
        if not isinstance(name, str) or not isinstance(units, int):
            raise ModelFileError("a Dense layer has no name or no number of units")
        group = self._child(weights, name, self._h5py.Group)
        names = [self._text(item) for item in np.atleast_1d(self._attribute(group, "weight_names"))]
        expected = 2 if settings.get("use_bias", True) else 1
        if len(names) != expected:
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

    def _child(self, group: Any, name: str, kind: type) -> Any:
        """Follow one hard link; any other sort could lead out of the file."""
        if name in {"", ".", ".."} or "/" in name:
            raise ModelFileError(f"{name!r} is not a name of a part")
        link = group.get(name, getlink=True)
        if link is None:
            raise ModelFileError(f"it has no part {name!r}")
        if not isinstance(link, self._h5py.HardLink):
            raise ModelFileError(f"{name!r} is a {type(link).__name__}: links are refused")
        child = group[name]
        if not isinstance(child, kind):
            raise ModelFileError(f"{name!r} should be a {kind.__name__}")
        return child

    def _array(self, group: Any, name: str) -> np.ndarray:
        """Read a data set whose bytes lie in this file, as float32."""
        *folders, last = name.split("/")
        for folder in folders:
            group = self._child(group, folder, self._h5py.Group)
        data = self._child(group, last, self._h5py.Dataset)
        if data.is_virtual or data.external:
            raise ModelFileError(f"{name!r} takes its data from other files")
        if data.chunks is not None or data.id.get_create_plist().get_nfilters():
            raise ModelFileError(f"{name!r} is chunked or compressed, which Keras never writes")
        if data.dtype not in (np.float16, np.float32, np.float64):
            raise ModelFileError(f"{name!r} holds {data.dtype}, not floating-point numbers")
        if data.nbytes > self._size or data.id.get_storage_size() != data.nbytes:
            raise ModelFileError(
                f"{name!r} declares {data.nbytes:,} bytes, which the file does not hold"
            )
        array = np.asarray(data[()], np.float32)
        if not np.isfinite(array).all():
            raise ModelFileError(f"{name!r} has numbers that are not finite")
        return array

    def _attribute(self, part: Any, name: str) -> Any:
        if name not in part.attrs:
            raise ModelFileError(f"it lacks the attribute {name!r}")
        if part.attrs.get_id(name).get_storage_size() > self._size:
            raise ModelFileError(f"the attribute {name!r} declares more than the file holds")
        return part.attrs[name]

    @staticmethod
    def _text(value: Any) -> str:
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if isinstance(value, str):
            return value
        raise ModelFileError(f"expected text, found {type(value).__name__}")
