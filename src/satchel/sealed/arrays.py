"""The arrays of a model: which there are, of which type and shape, and how they lie in the file.

The manifest alone decides all of that. So the header of ``arrays.safetensors`` is computed from the
manifest, by the writer to write it and by the reader to compare: a header that differs in one byte
is refused, and no number in it is ever trusted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from satchel.errors import ModelFileError
from satchel.sealed.container import Buffer
from satchel.sealed.schema import LayerEntry, Manifest, ViewEntry

ARRAYS = "arrays.safetensors"

ALIGNMENT = 64
"""The data of the arrays starts at a multiple of this, in the member and in the file."""

_CODES = {"uint64": "U64", "float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8"}
_PREFIX = 8


@dataclass(frozen=True)
class Tensor:
    """An array as the manifest requires it.

    Attributes:
        name: Its name.
        dtype: Its little-endian type.
        shape: Its shape.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of its data."""
        return math.prod(self.shape) * self.dtype.itemsize


def tensors(manifest: Manifest) -> list[Tensor]:
    """Return every array of a model, in the order in which they are stored.

    Sorted by decreasing element size, then by name: each array is aligned without padding between
    them, and the order depends on nothing else.
    """
    found = [
        Tensor(name, np.dtype(kind).newbyteorder("<"), shape)
        for name, kind, shape in _required(manifest)
    ]
    return sorted(found, key=lambda tensor: (-tensor.dtype.itemsize, tensor.name))


def _required(manifest: Manifest) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield name, type and shape of every array."""
    for index, view in enumerate(manifest.views):
        yield from _of_view(f"view{index}", view)
    for index, member in enumerate(manifest.members):
        inputs = member.stop - member.start
        yield f"member{index}.bias", "float32", (inputs,)
        for depth, layer in enumerate(member.layers):
            yield from _of_layer(f"member{index}.layer{depth}", layer, inputs)
            inputs = layer.units


def _of_view(prefix: str, view: ViewEntry) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the arrays of a view."""
    yield f"{prefix}.hashes", "uint64", (view.size,)
    yield f"{prefix}.kinds", "uint8", (view.size,)
    yield f"{prefix}.weights", "float32", (view.size,)
    yield f"{prefix}.rows", view.rows, (view.size, view.width)
    if view.rows == "int8":
        yield f"{prefix}.scales", "float32", (view.width,)


def _of_layer(
    prefix: str, layer: LayerEntry, inputs: int
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the arrays of a layer."""
    if layer.kind == "dense":
        yield f"{prefix}.kernel", "float32", (inputs, layer.units)
        yield f"{prefix}.bias", "float32", (layer.units,)
    elif layer.kind != "activation":
        yield f"{prefix}.scale", "float32", (layer.units,)
        yield f"{prefix}.shift", "float32", (layer.units,)


def head(manifest: Manifest) -> bytes:
    """Return the safetensors length and header that belong to a manifest, padded with spaces."""
    entries: dict[str, dict[str, object]] = {}
    offset = 0
    for tensor in tensors(manifest):
        entries[tensor.name] = {
            "dtype": _CODES[tensor.dtype.name],
            "shape": tensor.shape,
            "data_offsets": (offset, offset + tensor.nbytes),
        }
        offset += tensor.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode("ascii")
    text += b" " * (-(_PREFIX + len(text)) % ALIGNMENT)
    return len(text).to_bytes(_PREFIX, "little") + text


def total_size(manifest: Manifest) -> int:
    """Return the size of the member ``arrays.safetensors`` that belongs to a manifest."""
    return len(head(manifest)) + sum(tensor.nbytes for tensor in tensors(manifest))


def encode_arrays(manifest: Manifest, arrays: Mapping[str, np.ndarray]) -> bytearray:
    """Return the bytes of ``arrays.safetensors``.

    Raises:
        ModelFileError: An array is missing or surplus, or has another type or shape than the
            manifest says.
    """
    required = tensors(manifest)
    names = {tensor.name for tensor in required}
    if names != set(arrays):
        missing, surplus = sorted(names - set(arrays)), sorted(set(arrays) - names)
        raise ModelFileError(f"missing arrays: {missing}; unexpected arrays: {surplus}", ARRAYS)
    data = bytearray(head(manifest))
    for tensor in required:
        array = arrays[tensor.name]
        if array.dtype != tensor.dtype or array.shape != tensor.shape:
            raise ModelFileError(
                f"{tensor.name}: expected {tensor.dtype} {tensor.shape} as in the manifest, "
                f"found {array.dtype} {array.shape}",
                ARRAYS,
            )
        data += np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return data


def decode_arrays(manifest: Manifest, data: Buffer) -> dict[str, np.ndarray]:
    """Return read-only views of the arrays in the bytes of ``arrays.safetensors``; copy nothing.

    Raises:
        ModelFileError: The bytes are not those that the manifest describes.
    """
    header = head(manifest)
    expected = total_size(manifest)
    if len(data) != expected:
        raise ModelFileError(
            f"expected {expected} bytes for the arrays of the manifest, found {len(data)}", ARRAYS
        )
    if bytes(data[: len(header)]) != header:
        raise ModelFileError(_difference(header, bytes(data[: len(header)])), ARRAYS)
    arrays = {}
    offset = len(header)
    for tensor in tensors(manifest):
        count = math.prod(tensor.shape)
        array = np.frombuffer(data, tensor.dtype, count, offset).reshape(tensor.shape)
        array.flags.writeable = False
        arrays[tensor.name] = array
        offset += tensor.nbytes
    return arrays


def _difference(expected: bytes, found: bytes) -> str:
    """Describe where a header differs from the one that the manifest requires."""
    if expected[:_PREFIX] != found[:_PREFIX]:
        lengths = [int.from_bytes(head[:_PREFIX], "little") for head in (found, expected)]
        return (
            f"the header's length is {lengths[0]}, expected {lengths[1]} for the manifest's arrays"
        )
    at = next(
        index for index, pair in enumerate(zip(expected, found, strict=True)) if len({*pair}) > 1
    )
    start = max(at - 40, 0)
    return (
        f"the header differs at byte {at} from what the manifest's arrays need: "
        f"found {found[start : at + 40]!r}, expected {expected[start : at + 40]!r}"
    )
