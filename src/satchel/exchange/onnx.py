"""Export to ONNX: feature ids and values in, probabilities out.

All tensors are inside the file (ONNX's external data has a history of path traversal), and weights
keep their stored dtype. Text is not an input: ONNX's operators split text by ASCII word classes and
cannot lower-case, hash or combine words as Satchel does, so predictions would differ silently. The
inputs are ids and values, which `satchel.exchange.keras.bag_inputs` makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from satchel import files
from satchel.errors import MissingDependencyError, SettingError
from satchel.exchange.keras import input_names
from satchel.features.embedding_bag import View
from satchel.inference.activations import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE
from satchel.inference.structure import Ensemble, Layer, Member
from satchel.sealed.assembly import contents_of

OPSET: Final = 20  # the first with Gelu
_IR_VERSION: Final = 9  # the first for this opset; a newer one excludes runtimes without need
_MAX_BYTES: Final = 2**31 - 2**20  # a protobuf message is limited to 2 GiB

_SIMPLE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": LEAKY_SLOPE}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {"alpha": SELU_ALPHA, "gamma": SELU_SCALE}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "mish": ("Mish", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "softmax": ("Softmax", {"axis": -1}),
}


def to_onnx(model: Ensemble, path: str | Path) -> None:
    """Write a model as ONNX.

    The inputs are ``ids`` int64 [n, t] and ``values`` float32 [n, t] (a pair for every view); the
    outputs are ``probabilities`` and ``scores``, float32 [n, classes]. The metadata entries
    ``labels`` (a JSON list of texts, in the order of the columns), ``label_type`` and ``task``
    describe them.

    Args:
        model: The model.
        path: The file to write.

    Raises:
        MissingDependencyError: The package onnx is not installed.
        SettingError: The model exceeds the 2 GiB limit of ONNX.
        SaveError: The file could not be written; an existing one stays intact.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError("onnx", "onnx", "exporting to ONNX") from None
    size = sum(array.nbytes for array in contents_of(model).arrays.values())
    if size > _MAX_BYTES:
        raise SettingError(
            f"expected a model of at most {_MAX_BYTES:,} bytes for an ONNX file, found {size:,}: "
            "compress the model first"
        )
    exported = _Graph(onnx).build(model)
    onnx.checker.check_model(exported, full_check=True)
    files.write_atomically(path, exported.SerializeToString(deterministic=True))


class _Graph:
    """The nodes and tensors of a model under construction."""

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def build(self, model: Ensemble) -> Any:
        """Return the ModelProto of a model."""
        helper, types = self._onnx.helper, self._onnx.TensorProto
        inputs, bags = [], []
        for index, (ids, values) in enumerate(input_names(model)):
            shape = ["documents", f"tokens{index}"]
            inputs.append(helper.make_tensor_value_info(ids, types.INT64, shape))
            inputs.append(helper.make_tensor_value_info(values, types.FLOAT, shape))
            bags.append(self._bag(model.views[index], ids, values))
        logits = [self._member(member, bags[member.view]) for member in model.members]
        total = logits[0] if len(logits) == 1 else self._node("Sum", logits)
        self._node("Identity", [self._calibrated(model, total)], output="scores")
        if model.task == "single":
            self._node("Softmax", ["scores"], output="probabilities", axis=-1)
        else:
            self._node("Sigmoid", ["scores"], output="probabilities")
        output_shape = ["documents", len(model.labels)]
        graph = helper.make_graph(
            self._nodes,
            "satchel",
            inputs,
            [
                helper.make_tensor_value_info(name, types.FLOAT, output_shape)
                for name in ("probabilities", "scores")
            ],
            self._tensors,
        )
        exported = helper.make_model(
            graph,
            producer_name="satchel",
            producer_version=model.version,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
        )
        labels = json.dumps(list(model.labels), ensure_ascii=False)
        facts = {"labels": labels, "label_type": model.label_type, "task": model.task}
        helper.set_model_props(exported, facts)
        return exported

    def _bag(self, view: View, ids: str, values: str) -> str:
        """Add the embedding bag of a view: values [n, 1, t] times rows [n, t, width]."""
        with_zero = np.concatenate([view.rows, np.zeros((1, view.width), view.rows.dtype)])
        rows = self._node("Gather", [self._tensor(with_zero), ids], axis=0)
        if view.rows.dtype != np.float32:
            rows = self._node("Cast", [rows], to=self._onnx.TensorProto.FLOAT)
        one = self._tensor(np.array([1], np.int64))
        bag = self._node("MatMul", [self._node("Unsqueeze", [values, one]), rows])
        bag = self._node("Squeeze", [bag, one])
        if view.scales is not None:
            bag = self._node("Mul", [bag, self._tensor(view.scales)])
        return bag

    def _calibrated(self, model: Ensemble, total: str) -> str:
        """Add the calibration, and the prior for documents without any known feature."""
        calibration = model.calibration
        if calibration is not None:
            total = self._node("Mul", [total, self._tensor(calibration.scale)])
            total = self._node("Add", [total, self._tensor(calibration.shift)])
        prior = model.prior
        if prior is None:
            return total
        known = ""
        axis = self._tensor(np.array([1], np.int64))
        for (ids, _), view in zip(input_names(model), model.views, strict=True):
            # Rows are padded with the id V, so a row without an id below V is empty.
            least = self._node("ReduceMin", [ids, axis], keepdims=1)
            own = self._node("Less", [least, self._tensor(np.array([view.size], np.int64))])
            known = self._node("Or", [known, own]) if known else own
        return self._node("Where", [known, total, self._tensor(prior)])

    def _member(self, member: Member, bag: str) -> str:
        bounds = [self._tensor(np.array([n], np.int64)) for n in (member.start, member.stop, 1)]
        z = self._node("Slice", [bag, *bounds])
        z = self._node("Add", [z, self._tensor(member.bias)])
        for layer in member.layers:
            z = self._activate(layer.activation, self._layer(layer, z))
        return self._node("Mul", [z, self._tensor(np.float32(member.scale))])

    def _layer(self, layer: Layer, z: str) -> str:
        if layer.weight is None or layer.offset is None:
            return z
        weight, offset = self._tensor(layer.weight), self._tensor(layer.offset)
        if layer.kind == "layer_normalization":
            return self._node(
                "LayerNormalization", [z, weight, offset], axis=-1, epsilon=layer.epsilon
            )
        z = self._node("MatMul" if layer.kind == "dense" else "Mul", [z, weight])
        return self._node("Add", [z, offset])

    def _activate(self, name: str, z: str) -> str:
        if name == "linear":
            return z
        if name == "silu":
            return self._node("Mul", [z, self._node("Sigmoid", [z])])
        if name == "relu6":
            ends = [self._tensor(np.float32(end)) for end in (0.0, 6.0)]
            return self._node("Clip", [z, *ends])
        operator, attributes = _SIMPLE[name]
        return self._node(operator, [z], **attributes)

    def _tensor(self, array: np.ndarray | np.generic) -> str:
        name = f"tensor{len(self._tensors)}"
        self._tensors.append(self._onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def _node(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"value{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output
