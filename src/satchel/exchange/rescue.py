"""What the old Keras tutorial left behind becomes a satchel with the same predictions.

The tutorial kept three files: a pickled Tokenizer, an HDF5 model whose first Dense layer reads the
documents × words matrix of ``Tokenizer.texts_to_matrix``, and the labels in an order that lived in
somebody's head. The first Dense layer's kernel becomes the bag rows; the rest is the head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from satchel.bags.features import Features, Weighting
from satchel.bags.hashing import derived_key, digest_texts
from satchel.bags.tokens import tokenize
from satchel.errors import LabelError, ModelFileError, SettingError
from satchel.exchange.foreign_files import open_foreign
from satchel.exchange.tutorial_h5 import TutorialDense, read_network
from satchel.exchange.tutorial_pickle import DEFAULT_FILTERS, TutorialTokenizer, read_tokenizer
from satchel.sealed.schema import Layer, Manifest, Member, Parts, Task, Training, View
from satchel.sources.documents import quoted
from satchel.sources.layout import has_controls

Mode = Literal["tfidf", "binary", "count", "freq"]

_MAX_LABEL_BYTES: Final = 1 << 24
_FEATURES: Final = Features(rules="keras", words=1)
_TERM_FREQUENCY: Final[dict[Mode, Literal["log", "binary", "count", "freq"]]] = {
    "tfidf": "log",
    "binary": "binary",
    "count": "count",
    "freq": "freq",
}


def rescue(
    tokenizer_pickle: str | Path,
    model_h5: str | Path,
    labels: str | Path | Sequence[str],
    mode: Mode = "tfidf",
) -> Parts:
    """Turn a tutorial's Tokenizer, model and labels into a model's plain parts.

    Neither file is trusted: the pickle can build one Tokenizer's fields and nothing else, and the
    HDF5 file is read without Keras and without libhdf5.

    Args:
        tokenizer_pickle: The pickled ``Tokenizer``.
        model_h5: The model saved by ``model.save("….h5")``: a Sequential of Dense, Activation and
            Dropout.
        labels: The labels in the order of the model's outputs: a UTF-8 file with one a line, or a
            sequence. The tutorial's ``LabelBinarizer`` sorted them.
        mode: What ``texts_to_matrix`` was called with.

    Returns:
        The parts; they answer as the tutorial's ``model.predict(tokenizer.texts_to_matrix(…))``.

    Raises:
        SourceNotFoundError: A file does not exist.
        ModelFileError: A file holds something else, or more, than expected.
        SettingError: The Tokenizer has a setting that a satchel cannot express.
        LabelError: The labels do not fit the model.
    """
    if mode not in _TERM_FREQUENCY:
        raise SettingError(f"mode is {mode!r}: expected one of {', '.join(_TERM_FREQUENCY)}")
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
    arrays = {
        "view0.hashes": hashes,
        "view0.kinds": np.ones(len(words), np.uint8),
        "view0.weights": weights,
        "view0.rows": np.ascontiguousarray(first.kernel[indices]),
        "member0.bias": first.bias,
    }
    task, layers = _head(first, others, names, arrays)
    view = View(
        features=features,
        weighting=Weighting(term_frequency=_TERM_FREQUENCY[mode], norm="none"),
        size=len(words),
        width=len(first.bias),
    )
    manifest = Manifest(
        task=task,
        labels=names,
        views=(view,),
        members=(Member(view=0, start=0, stop=len(first.bias), layers=layers),),
        thresholds=(0.5,) * len(names) if task == "multiple" else (),
        training=Training(
            documents=tokenizer.document_count,
            class_counts=(0,) * len(names),
            backend="rescued from a Keras tutorial",
            settings={"mode": mode},
        ),
    )
    card = (
        "Rescued from a pickled Keras Tokenizer and an HDF5 model; it predicts as they did.\n"
        "How many training documents each label had is not known (stated as 0).\n"
    )
    return Parts(manifest=manifest, arrays=arrays, terms=[words], card=card)


def _check_settings(tokenizer: TutorialTokenizer) -> None:
    """Refuse what the features of a satchel cannot express, with the reason."""
    advice = "train it anew with satchel train SOURCE --preset tutorial"
    if tokenizer.char_level:
        raise SettingError(
            f"the Tokenizer splits into characters (char_level), a satchel into words: {advice}"
        )
    if not tokenizer.lower:
        raise SettingError(f"the Tokenizer keeps case (lower=False), a satchel folds it: {advice}")
    if tokenizer.oov_token is not None:
        raise SettingError(
            f"the Tokenizer counts unknown words as {quoted(tokenizer.oov_token)} (oov_token), a "
            f"satchel drops them: {advice}"
        )
    if set(tokenizer.filters) != set(DEFAULT_FILTERS) or tokenizer.split != " ":
        raise SettingError(
            f"the Tokenizer has filters {quoted(tokenizer.filters)} and split "
            f"{quoted(tokenizer.split)}, a satchel only the defaults {DEFAULT_FILTERS!r} and ' ': "
            f"{advice}"
        )


def _vocabulary(
    tokenizer: TutorialTokenizer, inputs: int, features: Features
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the words in use, their kernel rows and their hashes, all in the hashes' order."""
    expected = tokenizer.num_words or max(tokenizer.word_index.values(), default=0) + 1
    if inputs != expected:
        raise ModelFileError(
            f"the model reads {inputs} columns and the Tokenizer makes {expected}: they do not "
            "belong together"
        )
    words, indices, hashes = [], [], []
    for word, index in tokenizer.word_index.items():
        if index < 1:
            raise ModelFileError(
                f"the Tokenizer numbers {quoted(word)} {index}, expected 1 or more"
            )
        if index >= expected:
            continue
        tokens = tokenize(word, features)
        if len(tokens) != 1 or tokens[0].end - tokens[0].start != len(word):
            raise ModelFileError(
                f"the Tokenizer lists {quoted(word)}, which its own rules would split"
            )
        words.append(word)
        indices.append(index)
        hashes.append(tokens[0].hash)
    if len(set(hashes)) != len(hashes) or len(set(indices)) != len(indices):
        raise ModelFileError("the Tokenizer has two words that its own rules cannot tell apart")
    if not words:
        raise ModelFileError("the Tokenizer knows no word")
    keys = np.array(hashes, np.uint64)
    order = np.argsort(keys)
    return [words[place] for place in order.tolist()], np.array(indices)[order], keys[order]


def _head(
    first: TutorialDense,
    others: Sequence[TutorialDense],
    labels: Sequence[str],
    arrays: dict[str, np.ndarray],
) -> tuple[Task, tuple[Layer, ...]]:
    """Return the task and the layers after the bag, adding the layers' arrays."""
    dense = (first, *others)
    outputs = len(dense[-1].bias)
    if outputs != len(labels):
        raise LabelError(
            f"the model has {outputs} outputs and {len(labels)} labels are given: give one label "
            "for each output, in the order of training"
        )
    last = dense[-1].activations
    task: Task = "multiple" if last[-1:] == ("sigmoid",) else "single"
    layers: list[Layer] = []
    for layer in dense:
        names = layer.activations
        if layer is dense[-1] and names[-1:] in {("softmax",), ("sigmoid",)}:
            names = names[:-1]  # a satchel's task says what turns scores into probabilities
        units = len(layer.bias)
        if layer is not first:
            arrays[f"member0.layer{len(layers)}.kernel"] = layer.kernel
            arrays[f"member0.layer{len(layers)}.bias"] = layer.bias
            layers.append(Layer(kind="dense", units=units))
        layers += [Layer(kind="activation", units=units, activation=name) for name in names]
    return task, tuple(layers)


def _read_labels(labels: str | Path | Sequence[str]) -> list[str]:
    """Return the labels of a file, one a line, or those given."""
    if isinstance(labels, (str, Path)):
        with open_foreign(Path(labels), "list of labels", _MAX_LABEL_BYTES) as (file, _):
            data = file.read()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise LabelError(f"the labels {labels} are not UTF-8 at byte {error.start}") from error
        labels = [line.strip() for line in text.splitlines() if line.strip()]
    for label, times in Counter(labels).items():
        if times > 1:
            raise LabelError(
                f"the label {quoted(label)} is there twice: every output has its own label"
            )
        if has_controls(label):
            raise LabelError(f"the label {quoted(label)} has a control character: remove it")
    return list(labels)
