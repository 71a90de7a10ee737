"""The Open Inference Protocol, version 2, of KServe, Triton and MLServer, with binary tensors.

https://github.com/kserve/open-inference-protocol, and Triton's "Binary Tensor Data Extension": the
clients of Triton send and ask for binary tensors unless they are told otherwise.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from satchel.serving.endpoints import Call, Endpoint, decode
from satchel.serving.models import Scores, Served
from satchel.serving.replies import JSON, Reply, as_json, error_reply
from satchel.serving.request_errors import RequestError
from satchel.version import __version__

_JSON_LENGTH = "inference-header-content-length"
_ORDER = "<"  # little-endian, without padding

Size = Annotated[int, Meta(ge=0)]
Tensor = Sequence[str] | np.ndarray


class ServerMetadata(msgspec.Struct):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(msgspec.Struct):
    """A tensor that a model takes or returns; -1 stands for the number of documents."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """A model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerLive(msgspec.Struct):
    """Whether the server runs."""

    live: bool


class ServerReady(msgspec.Struct):
    """Whether the server welcomes requests."""

    ready: bool


class ModelReady(msgspec.Struct):
    """Whether a model welcomes requests."""

    name: str
    ready: bool


class InputParameters(msgspec.Struct):
    """Where the elements of an input are.

    Attributes:
        binary_data_size: How many bytes after the JSON they take; None if they are in ``data``.
        content_type: What MLServer's clients say; texts are read whatever it is.
    """

    binary_data_size: Size | None = None
    content_type: str | None = None


class InputTensor(msgspec.Struct):
    """The documents: a tensor of BYTES whose elements are UTF-8, of shape [n] or [n, 1]."""

    name: str
    shape: list[Size]
    datatype: str
    data: list[str | list[str]] | None = None
    parameters: InputParameters | None = None


class OutputParameters(msgspec.Struct):
    """How an output is returned."""

    binary_data: bool | None = None


class RequestedOutput(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct):
    """How all outputs are returned."""

    binary_data_output: bool = False


class InferenceRequest(msgspec.Struct):
    """Documents to label."""

    inputs: list[InputTensor]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: RequestParameters | None = None


class OutputTensor(msgspec.Struct, omit_defaults=True):
    """An output."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, int] | None = None


class InferenceResponse(msgspec.Struct, omit_defaults=True):
    """The outputs."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None


class InferenceError(msgspec.Struct):
    """An error."""

    error: str


class _Output(NamedTuple):
    """An output that models have.

    Attributes:
        datatype: Its type.
        shape: Its shape for some documents and labels.
        compute: Returns its elements.
        usual: Whether it is returned unless others are asked for.
    """

    datatype: str
    shape: Callable[[int, int], list[int]]
    compute: Callable[[Served, Scores], Tensor]
    usual: bool = True


def _best(served: Served, scores: Scores) -> list[str]:
    labels = served.model.ensemble.labels
    return [labels[column] for column in scores.probabilities.argmax(axis=1).tolist()]


def _assigned(served: Served, scores: Scores) -> np.ndarray:
    assigned: np.ndarray = scores.probabilities >= served.model.predictor.thresholds
    return assigned


_PROBABILITIES = _Output(
    "FP32", lambda n, labels: [n, labels], lambda _, found: found.probabilities
)
_CLASSES = _Output(
    "BYTES",
    lambda n, labels: [labels],  # noqa: ARG005
    lambda served, _: served.model.ensemble.labels,
    usual=False,
)
_OUTPUTS = {
    "single": {
        "label": _Output("BYTES", lambda n, _: [n], _best),
        "probability": _Output(
            "FP32", lambda n, _: [n], lambda _, found: found.probabilities.max(1)
        ),
        "probabilities": _PROBABILITIES,
        "classes": _CLASSES,
    },
    "multiple": {
        "assigned": _Output("BOOL", lambda n, labels: [n, labels], _assigned),
        "probabilities": _PROBABILITIES,
        "classes": _CLASSES,
    },
}
_request = msgspec.json.Decoder(InferenceRequest)


async def _infer(call: Call) -> Reply:
    asked, binary = _read(call)
    served = _model(call)
    if len(asked.inputs) != 1:
        raise RequestError(422, f"expected one input tensor, found {len(asked.inputs):,}")
    texts = _texts(asked.inputs[0], binary)
    outputs = _OUTPUTS[served.model.task]
    wanted = asked.outputs or [
        RequestedOutput(name) for name, each in outputs.items() if each.usual
    ]
    for each in wanted:
        if each.name not in outputs:
            raise RequestError(
                422, f"expected outputs among {', '.join(outputs)}, found another: leave it out"
            )
    classes = len(served.model.ensemble.labels)
    scores = await call.score(served, texts, cells=classes * len(wanted))
    everything_binary = asked.parameters is not None and asked.parameters.binary_data_output
    tensors, tail = [], []
    for each in wanted:
        output = outputs[each.name]
        in_binary = each.parameters.binary_data if each.parameters else None
        elements = output.compute(served, scores) if texts else []
        tensor = OutputTensor(each.name, output.shape(len(texts), classes), output.datatype)
        if everything_binary if in_binary is None else in_binary:
            data = _packed(elements)
            tensor.parameters = {"binary_data_size": len(data)}
            tail.append(data)
        else:
            flat = elements.ravel() if isinstance(elements, np.ndarray) else elements
            tensor.data = flat.tolist() if isinstance(flat, np.ndarray) else list(flat)
        tensors.append(tensor)
    head = msgspec.json.encode(
        InferenceResponse(served.name, str(served.version), tensors, asked.id)
    )
    if not tail:
        return Reply(head)
    length = ((_JSON_LENGTH, str(len(head))),)
    return Reply(b"".join([head, *tail]), "application/octet-stream", headers=length)


def _read(call: Call) -> tuple[InferenceRequest, bytes]:
    """Return the request, and the binary tensors behind it."""
    given = call.headers.get(_JSON_LENGTH.encode())
    if given is None:
        return decode(_request, call.body), b""
    if not given.isdigit() or len(given) > 12 or int(given) > len(call.body):
        raise RequestError(
            400,
            f"expected the length of the JSON in {_JSON_LENGTH}, at most {len(call.body):,}, "
            "found something else",
        )
    return decode(_request, call.body[: int(given)]), call.body[int(given) :]


def _model(call: Call) -> Served:
    served = call.model()
    version = call.path.get("version", str(served.version))
    if version != str(served.version):
        raise RequestError(
            404, f"expected version {served.version} of the model, found that another is asked for"
        )
    return served


def _texts(tensor: InputTensor, binary: bytes) -> list[str]:
    if tensor.datatype != "BYTES":
        raise RequestError(
            422, "expected an input of datatype BYTES, found another: send texts in UTF-8"
        )
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is None:
        texts = []
        for element in tensor.data or []:
            texts += [element] if isinstance(element, str) else element
    elif tensor.data is not None:
        raise RequestError(422, "expected data or binary_data_size in the input, found both")
    else:
        texts = _unpacked(binary, size)
    shape = tensor.shape
    # Sizes may be huge: only their product is taken, as whole numbers of Python.
    if math.prod(shape) != len(texts) or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise RequestError(
            422,
            f"expected a shape of [{len(texts)}] or [{len(texts)}, 1] for the texts, found another",
        )
    return texts


def _unpacked(binary: bytes, size: int) -> list[str]:
    if size != len(binary):
        raise RequestError(
            422, f"expected binary_data_size to be {len(binary):,}, the bytes after the JSON"
        )
    texts, place = [], 0
    while place < size:
        stop = place + 4
        if stop > size:
            raise RequestError(422, "expected the length of an element in 4 bytes, found fewer")
        (length,) = struct.unpack_from(f"{_ORDER}I", binary, place)
        place, stop = stop, stop + length
        if stop > size:
            raise RequestError(
                422, f"expected an element of {length:,} bytes, found {size - place:,} left"
            )
        try:
            texts.append(binary[place:stop].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise RequestError(
                400,
                "expected texts in UTF-8, found a byte that is not (of a text, byte "
                f"{error.start})",
            ) from None
        place = stop
    return texts


def _packed(elements: Tensor) -> bytes:
    if isinstance(elements, np.ndarray):
        kind = "?" if elements.dtype == np.bool_ else f"{_ORDER}f4"
        return elements.astype(kind).tobytes()
    encoded = [element.encode("utf-8", "surrogatepass") for element in elements]
    return b"".join(struct.pack(f"{_ORDER}I", len(each)) + each for each in encoded)


async def _server(call: Call) -> Reply:  # noqa: ARG001
    return as_json(ServerMetadata("satchel", __version__, ["binary_tensor_data"]))


async def _live(call: Call) -> Reply:  # noqa: ARG001
    return as_json(ServerLive(True))


async def _ready(call: Call) -> Reply:
    ready = call.service.is_ready()
    return as_json(ServerReady(ready), 200 if ready else 503)


async def _model_ready(call: Call) -> Reply:
    ready = call.service.is_ready()
    return as_json(ModelReady(_model(call).name, ready), 200 if ready else 503)


async def _model_metadata(call: Call) -> Reply:
    served = _model(call)
    classes = len(served.model.ensemble.labels)
    return as_json(
        ModelMetadata(
            served.name,
            [str(served.version)],
            "satchel",
            [TensorMetadata("text", "BYTES", [-1])],
            [
                TensorMetadata(name, output.datatype, output.shape(-1, classes))
                for name, output in _OUTPUTS[served.model.task].items()
            ],
        )
    )


def _error(refused: RequestError) -> Reply:
    return error_reply(InferenceError(refused.message), refused)


def _get(path: str, summary: str, handle: Any, response: Any, *, is_open: bool = False) -> Endpoint:
    return Endpoint(
        "GET", path, summary, handle, None, response, _error, InferenceError, is_open, JSON
    )


def _of_model(prefix: str) -> tuple[Endpoint, ...]:
    return (
        _get(prefix, "Describe a model.", _model_metadata, ModelMetadata),
        _get(f"{prefix}/ready", "Say whether a model is ready.", _model_ready, ModelReady),
        Endpoint(
            "POST",
            f"{prefix}/infer",
            "Label documents by the Open Inference Protocol.",
            _infer,
            InferenceRequest,
            InferenceResponse,
            _error,
            InferenceError,
        ),
    )


ENDPOINTS = (
    _get("/v2", "Describe the server.", _server, ServerMetadata),
    _get("/v2/health/live", "Say that the server runs.", _live, ServerLive, is_open=True),
    _get("/v2/health/ready", "Say whether it is ready.", _ready, ServerReady, is_open=True),
    *_of_model("/v2/models/{model}"),
    *_of_model("/v2/models/{model}/versions/{version}"),
)
