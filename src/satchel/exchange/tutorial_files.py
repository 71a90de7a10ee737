"""Import of the 2018 tutorial's model: an untrusted Tokenizer, HDF5 file and list of labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from satchel.errors import LabelError, ModelFileError, SettingError
from satchel.exchange.hdf5 import Hdf5, Part, open_foreign
from satchel.exchange.tutorial_pickle import DEFAULT_FILTERS, TutorialTokenizer, read_tokenizer
from satchel.features.embedding_bag import View
from satchel.features.hashing import derived_key, digest_texts
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import Vocabulary
from satchel.inference.activations import ActivationName
from satchel.inference.structure import Ensemble, Layer, Member, Task, Training
from satchel.sources.documents import brief, quoted
from satchel.sources.files import has_controls

MAX_BYTES: Final = 1 << 32
_MAX_LAYERS: Final = 64
_MAX_DEPTH: Final = 16
_SILENT_LAYERS: Final = frozenset({"InputLayer", "Dropout"})  # no effect in prediction
# Activations defined alike in every Keras version; hard_sigmoid, for one, changed in Keras 3.
_ACTIVATIONS: Final[dict[str, ActivationName]] = {
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
    activations: tuple[ActivationName, ...]


def read_network(path: str | Path) -> list[TutorialDense]:
    """Read a Sequential model from an HDF5 file as Keras 2 wrote it (or Keras 3 as legacy).

    Args:
        path: The file, such as ``my_model.h5``.

    Returns:
        Its Dense layers in order.

    Raises:
        SourceNotFoundError: There is no such file.
        ModelFileError: The file is damaged, or does not hold such a model.
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
                    f"expected a Sequential of Dense, Activation and Dropout layers, found a layer "
                    f"{kind!r}: only those can be imported"
                )
            elif not found:
                raise ModelFileError("expected a Dense layer first, found an Activation")
            activation = self._activation(settings)
            if activation != "linear":
                last = found[-1]
                found[-1] = TutorialDense(last.kernel, last.bias, (*last.activations, activation))
        if not found:
            raise ModelFileError("expected a Dense layer, found none")
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
                f"{error.reason}: weights without the model's configuration cannot be imported; "
                "save the whole model with model.save, not model.save_weights"
            ) from error
        try:
            model = json.loads(text if isinstance(text, str) else "")
            kind, settings = model["class_name"], model["config"]
            layers = settings if isinstance(settings, list) else settings["layers"]
            pairs = [(layer["class_name"], dict(layer["config"])) for layer in layers]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelFileError(
                f"expected the configuration of a model, found invalid data: {error!r}"
            ) from error
        if kind != "Sequential":
            raise ModelFileError(
                f"expected a Sequential model, found {kind!r}: only a Sequential can be imported"
            )
        if len(pairs) > _MAX_LAYERS:
            raise ModelFileError(f"{len(pairs)} layers are over the limit of {_MAX_LAYERS}")
        return pairs

    def _activation(self, settings: dict[str, Any]) -> ActivationName:
        name = settings.get("activation") or "linear"
        if not isinstance(name, str) or name not in _ACTIVATIONS:
            raise ModelFileError(
                f"expected an activation among {', '.join(sorted(_ACTIVATIONS))}, found {name!r}: "
                "only those can be imported"
            )
        return _ACTIVATIONS[name]

    def _dense(self, weights: Part, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        name, units = settings.get("name"), settings.get("units", settings.get("output_dim"))
        if not isinstance(name, str) or type(units) is not int:
            raise ModelFileError(
                "expected a name and a number of units for a Dense layer, found neither or one"
            )
        group = self._file.child(weights, name)
        names = self._file.attribute(group, "weight_names")
        expected = 2 if settings.get("use_bias", True) else 1
        if isinstance(names, str) or len(names) != expected:
            raise ModelFileError(
                f"expected {expected} arrays for the Dense layer {name!r}, found {len(names)}"
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
            raise ModelFileError(f"expected finite numbers in {name!r}, found others")
        with np.errstate(over="ignore"):
            array = np.asarray(stored, np.float32)
        if not np.isfinite(array).all():
            raise ModelFileError(
                f"expected numbers in {name!r} that fit into 32 bits, found larger ones"
            )
        return array


Mode = Literal["tfidf", "binary", "count", "freq"]

_MAX_LABEL_BYTES: Final = 1 << 24
_FEATURES: Final = Features(rules="keras", words=1)
_TERM_FREQUENCY: Final[dict[Mode, Literal["log", "binary", "count", "freq"]]] = {
    "tfidf": "log",
    "binary": "binary",
    "count": "count",
    "freq": "freq",
}


def import_tutorial(
    tokenizer_pickle: str | Path,
    model_h5: str | Path,
    labels: str | Path | Sequence[str],
    mode: Mode = "tfidf",
) -> Ensemble:
    """Convert a tutorial's Tokenizer, model and labels to a model.

    Neither file is trusted: the pickle can only build the fields of one Tokenizer, and the HDF5
    file is read without Keras and without libhdf5.

    Args:
        tokenizer_pickle: The pickled ``Tokenizer``.
        model_h5: The model saved by ``model.save("….h5")``: a Sequential of Dense, Activation and
            Dropout.
        labels: The labels in the order of the model's outputs: a UTF-8 file with one per line, or a
            sequence. The tutorial's ``LabelBinarizer`` sorted them.
        mode: The mode passed to ``texts_to_matrix``.

    Returns:
        The model; it predicts as the tutorial's ``model.predict(tokenizer.texts_to_matrix(…))``.

    Raises:
        SourceNotFoundError: A file does not exist.
        ModelFileError: A file holds something else, or more, than expected.
        SettingError: The Tokenizer has a setting that Satchel does not support.
        LabelError: The labels do not fit the model.
    """
    if mode not in _TERM_FREQUENCY:
        raise SettingError(
            f"expected mode to be one of {', '.join(_TERM_FREQUENCY)}, found {mode!r}"
        )
    tokenizer = read_tokenizer(tokenizer_pickle)
    _check_settings(tokenizer)
    first, *others = read_network(model_h5)
    names = tuple(_read_labels(labels))
    key = derived_key(digest_texts(tokenizer.word_index).digest())
    features = msgspec.structs.replace(_FEATURES, hash_key=key)
    words, indices, hashes = _vocabulary(tokenizer, len(first.kernel), features)
    weights = np.ones(len(words), np.float32)
    if mode == "tfidf":
        frequency = np.array([tokenizer.index_docs.get(index, 0) for index in indices.tolist()])
        weights = np.log(1 + tokenizer.document_count / (1 + frequency)).astype(np.float32)
    vocabulary = Vocabulary(
        features,
        Weighting(term_frequency=_TERM_FREQUENCY[mode], norm="none"),
        hashes,
        np.ones(len(words), np.uint8),
        weights,
    )
    view = View(vocabulary, np.ascontiguousarray(first.kernel[indices]))
    task, layers = _head(first, others, names)
    card = (
        "Imported from a pickled Keras Tokenizer and an HDF5 model; it predicts as they did.\n"
        "How many training documents each label had is not known (stated as 0).\n"
    )
    return Ensemble(
        task=task,
        labels=names,
        views=(view,),
        members=(Member(0, 0, view.width, 1.0, first.bias, layers),),
        thresholds=(0.5,) * len(names) if task == "multiple" else (),
        training=Training(
            documents=tokenizer.document_count,
            class_counts=(0,) * len(names),
            backend="imported from a Keras tutorial",
            settings={"mode": mode},
        ),
        terms=[words],
        card=card,
    )


def _check_settings(tokenizer: TutorialTokenizer) -> None:
    """Refuse settings of the Tokenizer that Satchel does not support."""
    advice = "retrain with  satchel train SOURCE --preset tutorial"
    if tokenizer.char_level:
        raise SettingError(
            f"expected a Tokenizer that splits into words, found char_level=True: {advice}"
        )
    if not tokenizer.lower:
        raise SettingError(
            f"expected a Tokenizer that lower-cases text, found lower=False: {advice}"
        )
    if tokenizer.oov_token is not None:
        raise SettingError(
            f"expected a Tokenizer that drops unknown words, found oov_token="
            f"{quoted(tokenizer.oov_token)}: {advice}"
        )
    if set(tokenizer.filters) != set(DEFAULT_FILTERS) or tokenizer.split != " ":
        raise SettingError(
            f"expected the default filters {DEFAULT_FILTERS!r} and split ' ' of the Tokenizer, "
            f"found {quoted(tokenizer.filters)} and {quoted(tokenizer.split)}: {advice}"
        )


def _vocabulary(
    tokenizer: TutorialTokenizer, inputs: int, features: Features
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the words in use, their kernel rows and their hashes, all sorted by hash."""
    expected = tokenizer.num_words or max(tokenizer.word_index.values(), default=0) + 1
    if inputs != expected:
        raise ModelFileError(
            f"expected a model with {expected} inputs, as the Tokenizer has columns, found "
            f"{inputs}: the two do not belong together"
        )
    words, indices, hashes = [], [], []
    for word, index in tokenizer.word_index.items():
        if index < 1:
            raise ModelFileError(
                f"expected indices of 1 or more in the Tokenizer, found {index} for {quoted(word)}"
            )
        if index >= expected:
            continue
        tokens = tokenize(word, features)
        if len(tokens) != 1 or tokens[0].end - tokens[0].start != len(word):
            raise ModelFileError(
                f"expected single words in the Tokenizer, found {quoted(word)}, which its "
                "rules split"
            )
        words.append(word)
        indices.append(index)
        hashes.append(tokens[0].hash)
    if len(set(hashes)) != len(hashes) or len(set(indices)) != len(indices):
        raise ModelFileError(
            "expected distinct words in the Tokenizer, found two that its rules treat alike"
        )
    if not words:
        raise ModelFileError("expected words in the Tokenizer, found none")
    keys = np.array(hashes, np.uint64)
    order = np.argsort(keys)
    return [words[place] for place in order.tolist()], np.array(indices)[order], keys[order]


def _head(
    first: TutorialDense,
    others: Sequence[TutorialDense],
    labels: Sequence[str],
) -> tuple[Task, tuple[Layer, ...]]:
    """Return the task and the layers after the embedding bag."""
    dense = (first, *others)
    outputs = len(dense[-1].bias)
    if outputs != len(labels):
        raise LabelError(
            f"expected {outputs} labels, one per output of the model, found {len(labels)}: list "
            "the labels in the order of training"
        )
    last = dense[-1].activations
    task: Task = "multiple" if last[-1:] == ("sigmoid",) else "single"
    layers: list[Layer] = []
    for layer in dense:
        names = layer.activations
        if layer is dense[-1] and names[-1:] in {("softmax",), ("sigmoid",)}:
            names = names[:-1]  # implied by the task of the model
        units = len(layer.bias)
        if layer is not first:
            layers.append(Layer("dense", units, weight=layer.kernel, offset=layer.bias))
        layers += [Layer("activation", units, name) for name in names]
    return task, tuple(layers)


def _read_labels(labels: str | Path | Sequence[str]) -> list[str]:
    """Return the labels of a file, one per line, or those given."""
    if isinstance(labels, (str, Path)):
        with open_foreign(Path(labels), "list of labels", _MAX_LABEL_BYTES) as (file, _):
            data = file.read()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise LabelError(
                f"expected labels in UTF-8, found another encoding at byte {error.start} of "
                f"{labels}: save the file as UTF-8"
            ) from error
        labels = [line.strip() for line in text.splitlines() if line.strip()]
    for label, times in Counter(labels).items():
        if times > 1:
            raise LabelError(
                f"expected distinct labels, one per output, found {quoted(label)} {times} times"
            )
        if has_controls(label):
            raise LabelError(
                f"expected labels without control characters, found {quoted(label)}: remove them"
            )
    return list(labels)
