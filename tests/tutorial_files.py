"""The files that the old Keras tutorial left behind, made without Keras."""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


class Tokenizer:
    """Keras's old Tokenizer, restated from its documentation: the fields and the matrix."""

    def __init__(self, num_words: int | None = None, **changes: Any) -> None:
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.filters = FILTERS
        self.split = " "
        self.lower = True
        self.num_words = num_words
        self.document_count = 0
        self.char_level = False
        self.oov_token = None
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        vars(self).update(changes)

    def words(self, text: str) -> list[str]:
        table = str.maketrans(dict.fromkeys(self.filters, self.split))
        return [word for word in text.lower().translate(table).split(self.split) if word]

    def fit_on_texts(self, texts: Sequence[str]) -> None:
        for text in texts:
            self.document_count += 1
            words = self.words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ranked = sorted(self.word_counts.items(), key=lambda pair: -pair[1])
        self.word_index = {word: rank for rank, (word, _) in enumerate(ranked, start=1)}
        self.index_word = {rank: word for word, rank in self.word_index.items()}
        for word, documents in self.word_docs.items():
            self.index_docs[self.word_index[word]] = documents

    def texts_to_matrix(self, texts: Sequence[str], mode: str) -> np.ndarray:
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(texts), columns))
        for row, text in zip(matrix, texts, strict=True):
            known = [self.word_index.get(word, columns) for word in self.words(text)]
            known = [index for index in known if index < columns]
            for index in set(known):
                count = known.count(index)
                if mode == "count":
                    row[index] = count
                elif mode == "freq":
                    row[index] = count / len(known)
                elif mode == "binary":
                    row[index] = 1
                else:
                    frequency = self.index_docs.get(index, 0)
                    idf = np.log(1 + self.document_count / (1 + frequency))
                    row[index] = (1 + np.log(count)) * idf
        return matrix


def write_tokenizer(
    path: Path, tokenizer: Tokenizer, module: str = "keras_preprocessing.text", protocol: int = 4
) -> None:
    """Pickle a tokenizer as if its class lived in a module of Keras."""
    parents = [module.rsplit(".", depth)[0] for depth in range(module.count(".") + 1)]
    before = {name: sys.modules.get(name) for name in parents}
    home = Tokenizer.__module__
    try:
        for name in parents:
            sys.modules[name] = types.ModuleType(name)
        sys.modules[module].Tokenizer = Tokenizer  # type: ignore[attr-defined]
        Tokenizer.__module__ = module
        path.write_bytes(pickle.dumps(tokenizer, protocol))
    finally:
        Tokenizer.__module__ = home
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def dense(name: str, units: int, activation: str = "linear", use_bias: bool = True) -> dict:
    """The configuration of a Dense layer."""
    settings = {"name": name, "units": units, "activation": activation, "use_bias": use_bias}
    return {"class_name": "Dense", "config": settings}


def plain(kind: str, name: str, **settings: Any) -> dict:
    """The configuration of a layer without weights."""
    return {"class_name": kind, "config": {"name": name, **settings}}


def tutorial_layers(classes: int) -> list[dict]:
    """The tutorial's own network, smaller."""
    return [
        dense("dense_1", 8),
        plain("Activation", "activation_1", activation="relu"),
        plain("Dropout", "dropout_1", rate=0.3),
        dense("dense_2", 6),
        plain("Activation", "activation_2", activation="relu"),
        plain("Dropout", "dropout_2", rate=0.3),
        dense("dense_3", classes),
        plain("Activation", "activation_3", activation="softmax"),
    ]


def write_network(
    path: Path, layers: list[dict], inputs: int, seed: int = 0, config: Any = None
) -> list[list[np.ndarray]]:
    """Write a Sequential as Keras 2's ``model.save`` did; return the arrays of its Dense layers."""
    random = np.random.default_rng(seed)
    arrays = []
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        model = {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}}
        file.attrs["model_config"] = json.dumps(config or model).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [layer["config"]["name"].encode() for layer in layers]
        for layer in layers:
            name = layer["config"]["name"]
            group = weights.create_group(name)
            names: list[bytes] = []
            if layer["class_name"] == "Dense":
                units = layer["config"]["units"]
                kernel = random.standard_normal((inputs, units)).astype(np.float32) / 2
                bias = random.standard_normal(units).astype(np.float32)
                group[f"{name}/kernel:0"] = kernel
                names.append(f"{name}/kernel:0".encode())
                if layer["config"]["use_bias"]:
                    group[f"{name}/bias:0"] = bias
                    names.append(f"{name}/bias:0".encode())
                else:
                    bias = np.zeros_like(bias)
                arrays.append([kernel, bias])
                inputs = units
            group.attrs["weight_names"] = names
    return arrays
