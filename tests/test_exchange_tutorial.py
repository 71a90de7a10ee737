"""The tutorial's files become a model that predicts as they did; anything else is refused."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_models import TEXTS

h5py = pytest.importorskip("h5py")  # writes what is read here without it

from confined import assert_confined  # noqa: E402
from satchel import sealed  # noqa: E402
from satchel.errors import LabelError, ModelFileError, SettingError, SourceNotFoundError  # noqa: E402
from satchel.exchange import tutorial_pickle  # noqa: E402
from satchel.exchange.tutorial_files import import_tutorial, read_network  # noqa: E402
from satchel.exchange.tutorial_pickle import read_tokenizer  # noqa: E402
from satchel.inference.predictor import Predictor  # noqa: E402
from tutorial_files import (  # noqa: E402
    FILTERS,
    Tokenizer,
    dense,
    plain,
    tutorial_layers,
    write_network,
    write_tokenizer,
)

LABELS = ["sport", "cars", "Space travel"]
GENUINE = Path(__file__).parent / "tutorial"  # what Keras 2.2.4 wrote; see make.txt there


def fitted(num_words: int | None = None, **changes: Any) -> Tokenizer:
    tokenizer = Tokenizer(num_words, **changes)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def columns(tokenizer: Tokenizer) -> int:
    return tokenizer.num_words or len(tokenizer.word_index) + 1


def softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def write_all(folder: Path, num_words: int | None = None) -> tuple[Tokenizer, list[Any]]:
    tokenizer = fitted(num_words)
    write_tokenizer(folder / "tokenizer.pickle", tokenizer)
    arrays = write_network(folder / "my_model.h5", tutorial_layers(3), columns(tokenizer))
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", "utf-8")
    return tokenizer, arrays


@pytest.mark.parametrize("mode", ["tfidf", "binary", "count", "freq"])
@pytest.mark.parametrize("num_words", [None, 20])
def test_predictions_are_the_tutorials(tmp_path: Path, mode: str, num_words: int | None) -> None:
    tokenizer, arrays = write_all(tmp_path, num_words)
    x = tokenizer.texts_to_matrix(TEXTS, mode)
    for number, (kernel, bias) in enumerate(arrays):
        x = x @ kernel + bias
        x = np.maximum(x, 0) if number < 2 else softmax(x)
    parts = import_tutorial(
        *(tmp_path / n for n in ("tokenizer.pickle", "my_model.h5", "labels.txt")), mode
    )
    model = Predictor(parts)
    assert model.model.labels == tuple(LABELS)
    np.testing.assert_allclose(model.probabilities(TEXTS), x, atol=1e-5)
    sealed.write(tmp_path / "news.satchel", parts)
    again = Predictor(sealed.read(tmp_path / "news.satchel"))
    np.testing.assert_array_equal(again.probabilities(TEXTS), model.probabilities(TEXTS))


@pytest.mark.parametrize("mode", ["tfidf", "binary", "count", "freq"])
@pytest.mark.parametrize(
    "tokenizer", ["", *(f"-python2-protocol{protocol}" for protocol in (0, 1, 2))]
)
def test_what_keras_2_wrote_predicts_as_it_did_there(tokenizer: str, mode: str) -> None:
    expected = json.loads((GENUINE / "expected.json").read_text("utf-8"))
    pickled = GENUINE / f"tokenizer{tokenizer}.pickle"
    model = Predictor(import_tutorial(pickled, GENUINE / "my_model.h5", expected["labels"], mode))
    probabilities = model.probabilities(expected["texts"])
    np.testing.assert_allclose(probabilities, expected["probabilities"][mode], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_split_as_the_tokenizer_did(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "import_tutorial"
    if not folder.exists():
        folder.mkdir()
        write_all(folder)
    texts = [f"car {text} old", f"{text.upper()}card,orbit\r\n{text}"]
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([*TEXTS, *texts])
    write_tokenizer(folder / "t.pickle", tokenizer)
    ((kernel, bias),) = write_network(folder / "m.h5", [dense("d", 2)], columns(tokenizer))
    model = Predictor(import_tutorial(folder / "t.pickle", folder / "m.h5", ["a", "b"], "count"))
    expected = tokenizer.texts_to_matrix(texts, "count") @ kernel + bias
    np.testing.assert_allclose(model.logits(texts), expected, atol=1e-4)


@pytest.mark.parametrize(
    "module",
    [
        "keras.preprocessing.text",
        "keras_preprocessing.text",
        "keras.src.legacy.preprocessing.text",
        "tensorflow.python.keras.preprocessing.text",
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_tokenizer_is_read_from_every_home_it_had(
    tmp_path: Path, module: str, protocol: int
) -> None:
    tokenizer = fitted(num_words=7)
    write_tokenizer(tmp_path / "t.pickle", tokenizer, module, protocol)
    read = read_tokenizer(tmp_path / "t.pickle")
    assert read.word_index == tokenizer.word_index
    assert read.index_docs == tokenizer.index_docs
    assert (read.num_words, read.document_count) == (7, len(TEXTS))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
@pytest.mark.parametrize("mode", ["tfidf", "binary", "count", "freq"])
def test_the_tokenizer_that_keras_still_hides_is_imported(tmp_path: Path, mode: str) -> None:
    legacy = pytest.importorskip("keras.src.legacy.preprocessing.text")
    original, restated = legacy.Tokenizer(num_words=30), fitted(num_words=30)
    original.fit_on_texts(TEXTS)
    texts = [*TEXTS, "ORBIT,card\r\nΣΑΣ İstanbul card"]
    np.testing.assert_array_equal(
        original.texts_to_matrix(texts, mode), restated.texts_to_matrix(texts, mode)
    )
    (tmp_path / "t.pickle").write_bytes(pickle.dumps(original))
    ((kernel, bias),) = write_network(tmp_path / "m.h5", [dense("d", 2)], 30)
    model = Predictor(import_tutorial(tmp_path / "t.pickle", tmp_path / "m.h5", ["a", "b"], mode))
    expected = original.texts_to_matrix(texts, mode) @ kernel + bias
    np.testing.assert_allclose(model.logits(texts), expected, atol=1e-5)


class Evil:
    """Its pickle would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["whole", "field", "key"])
def test_a_pickle_that_calls_anything_is_refused(tmp_path: Path, where: str) -> None:
    path, made = tmp_path / "t.pickle", tmp_path / "made"
    tokenizer = fitted()
    if where == "whole":
        path.write_bytes(pickle.dumps(Evil(made)))
    else:
        changes = {"filters": Evil(made)} if where == "field" else {"word_docs": {Evil(made): 1}}
        vars(tokenizer).update(changes)
        write_tokenizer(path, tokenizer)
    with pytest.raises(ModelFileError, match="mkdir") as refusal:
        read_tokenizer(path)
    assert refusal.value.member == "t.pickle"
    assert not made.exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not a pickle",
        pickle.dumps({"word_index": {}}),
        pickle.dumps(collections.OrderedDict(a=1)),
        pickle.dumps(collections.Counter("abc")),
        pickle.dumps(int),
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cbuiltins\nint\n(S'1'\ntR.",
        b"cos\nsystem\n(S'true'\ntR.",
        b"ckeras_preprocessing.text\nTokenizer.__init__\n.",
        b"c\\]\nx\n.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
)
def test_other_pickles_are_refused(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "t.pickle").write_bytes(payload)
    with pytest.raises(ModelFileError):
        read_tokenizer(tmp_path / "t.pickle")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pickle_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pickle"
    write_tokenizer(path, fitted())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(ModelFileError):
        assert isinstance(read_tokenizer(path).word_index, dict)


def little_pickles() -> list[bytes]:
    """Pickles of few bytes that ask for much."""
    text, key = b"\x8c\x01a", b"\x8c\x01kK\x01"
    return [
        b"\x80\x02Nr\xff\xff\xff\x1f.",  # CPython's memo grows to the index
        b"Np4000000000\n.",
        b"\x80\x02B\xff\xff\xff\x7f.",
        b"X\xff\xff\xff\xff" + text + b".",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x04" + b"}" * 20_000_000 + b".",
        b"\x80\x04" + b"]" * 20_000_000 + b".",
        b"\x80\x04" + b"N" * 20_000_000 + b".",
        b"\x80\x04(" * 5_000_000 + b".",
        b"\x80\x04}" + (b"(" + key * 100 + b"u") * 5_000 + b".",
        b"L" + b"9" * 20_000_000 + b"L\n.",
        b"K\x01" + b"\x94" * 500_000 + b".",
        # Whole numbers that all have the same hash.
        b"}(" + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N"
                        for k in range(1, 8_000)) + b"u.",
        # Tuples of tuples: a few bytes whose hash takes for ever.
        b"}N" + b"\x85q\x01h\x01\x86" * 60 + b"Ns.",
    ]  # fmt: skip


def test_a_small_pickle_cannot_ask_for_much(tmp_path: Path) -> None:
    for number, data in enumerate(little_pickles()):
        path = tmp_path / f"{number}.pickle"
        path.write_bytes(data)
    code = """
from pathlib import Path
from satchel.errors import ModelFileError
from satchel.exchange.tutorial_pickle import read_tokenizer
for path in sorted(Path(sys.argv[1]).glob("*.pickle")):
    try:
        read_tokenizer(path)
    except ModelFileError:
        continue
    raise SystemExit(f"{path} was read")
"""
    assert_confined(code, str(tmp_path), seconds=120, megabytes=700)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x8c\x03\xed\xa0\x80\x8c\x05\x1b[31m\x93.",
        b"\x8c\x01a" * 2 + b"cx\n" + b"y\x07" * 9999 + b"\n.",
    ],
)
def test_what_a_pickle_names_cannot_act_on_a_terminal(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "t.pickle").write_bytes(payload)
    with pytest.raises(ModelFileError) as refusal:
        read_tokenizer(tmp_path / "t.pickle")
    message = str(refusal.value)
    assert message.isprintable()
    assert len(message.encode()) < 1000


def test_a_tokenizer_of_more_words_takes_no_more_time_a_word(tmp_path: Path) -> None:
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([" ".join(f"w{n}" for n in range(100_000))])
    write_tokenizer(tmp_path / "t.pickle", tokenizer)
    code = """
from satchel.exchange.tutorial_pickle import read_tokenizer
print(len(read_tokenizer(sys.argv[1]).word_index))
"""
    printed = assert_confined(code, str(tmp_path / "t.pickle"), seconds=120, megabytes=1000)
    assert printed == "100000\n"


def test_texts_of_python_2_that_are_not_ascii_are_refused(tmp_path: Path) -> None:
    data = (GENUINE / "tokenizer-python2-protocol2.pickle").read_bytes()
    assert data.count(b"U\x01 ") == 1  # Tokenizer.split, as Python 2 wrote it
    (tmp_path / "t.pickle").write_bytes(data.replace(b"U\x01 ", b"U\x01\xe9"))
    with pytest.raises(ModelFileError, match="not ASCII"):
        read_tokenizer(tmp_path / "t.pickle")


def test_a_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, read, limit in (
        ("t.pickle", read_tokenizer, tutorial_pickle.MAX_BYTES),
        ("m.h5", read_network, 1 << 32),
    ):
        with (tmp_path / name).open("wb") as file:
            file.truncate(limit + 1)
        with pytest.raises(ModelFileError, match="over the limit"):
            read(tmp_path / name)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for read in (read_tokenizer, read_network):
        for path in (tmp_path / "fifo", tmp_path, tmp_path / "fifo" / "x", Path("/dev/zero")):
            with pytest.raises(SourceNotFoundError, match="could not be read"):
                read(path)


def test_fields_of_a_wrong_type_are_refused(tmp_path: Path) -> None:
    tokenizer = fitted()
    tokenizer.document_count = "many"  # type: ignore[assignment]
    write_tokenizer(tmp_path / "t.pickle", tokenizer)
    with pytest.raises(ModelFileError, match="document_count"):
        read_tokenizer(tmp_path / "t.pickle")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"char_level": True}, "char_level"),
        ({"lower": False}, "lower=False"),
        ({"oov_token": "<OOV>"}, "oov_token"),
        ({"filters": FILTERS.replace("\n", "")}, "filters"),
        ({"split": ","}, "split"),
    ],
)
def test_settings_that_a_satchel_cannot_express_are_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    write_all(tmp_path)
    tokenizer = fitted()
    vars(tokenizer).update(change)
    write_tokenizer(tmp_path / "tokenizer.pickle", tokenizer)
    with pytest.raises(SettingError, match=reason):
        import_tutorial(tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", LABELS)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_all(tmp_path)
    write_tokenizer(tmp_path / "other.pickle", fitted(num_words=9))
    with pytest.raises(ModelFileError, match="belong together"):
        import_tutorial(tmp_path / "other.pickle", tmp_path / "my_model.h5", LABELS)
    with pytest.raises(LabelError, match=r"expected 3 labels.*found 2"):
        import_tutorial(tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", LABELS[:2])
    with pytest.raises(LabelError, match="found 'cars' 2 times"):
        import_tutorial(
            tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", ["cars", "cars", "x"]
        )
    with pytest.raises(LabelError, match="control character"):
        import_tutorial(
            tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", ["cars", "cars\0", "x"]
        )
    with pytest.raises(SettingError, match="mode"):
        import_tutorial(tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", LABELS, "tf-idf")


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    write_all(tmp_path)
    there = [tmp_path / name for name in ("tokenizer.pickle", "my_model.h5", "labels.txt")]
    for number in range(3):
        files = [*there]
        files[number] = tmp_path / "nothing"
        with pytest.raises(SourceNotFoundError, match="nothing"):
            import_tutorial(*files)


def test_a_long_list_of_labels_takes_no_time(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "labels.txt").write_text("\n".join(map(str, range(400_000))))
    code = """
from satchel.errors import LabelError
from satchel.exchange.tutorial_files import import_tutorial
try:
    names = ("tokenizer.pickle", "my_model.h5", "labels.txt")
    import_tutorial(*(f"{sys.argv[1]}/{name}" for name in names))
except LabelError as error:
    print(error)
"""
    assert "found 400000" in assert_confined(code, str(tmp_path), seconds=30)


@pytest.mark.parametrize(
    ("layers", "activations"),
    [
        ([dense("a", 2, "softmax")], [("softmax",)]),
        ([dense("a", 4, "relu", use_bias=False), dense("b", 2, "sigmoid")], None),
        ([plain("InputLayer", "i"), dense("a", 4, "swish"), dense("b", 2)], [("silu",), ()]),
    ],
)
def test_other_stacks_of_dense_layers_are_read(
    tmp_path: Path, layers: list[dict[str, Any]], activations: list[Any] | None
) -> None:
    arrays = write_network(tmp_path / "m.h5", layers, 5)
    network = read_network(tmp_path / "m.h5")
    for (kernel, bias), layer in zip(arrays, network, strict=True):
        np.testing.assert_array_equal(layer.kernel, kernel)
        np.testing.assert_array_equal(layer.bias, bias)
    if activations:
        assert [layer.activations for layer in network] == activations


def test_a_sigmoid_at_the_end_means_several_labels(tmp_path: Path) -> None:
    tokenizer, _ = write_all(tmp_path)
    layers = [dense("a", 4, "relu"), dense("b", 3, "sigmoid")]
    (k1, b1), (k2, b2) = write_network(tmp_path / "my_model.h5", layers, columns(tokenizer))
    model = Predictor(
        import_tutorial(tmp_path / "tokenizer.pickle", tmp_path / "my_model.h5", LABELS)
    )
    x = np.maximum(tokenizer.texts_to_matrix(TEXTS, "tfidf") @ k1 + b1, 0) @ k2 + b2
    assert model.model.task == "multiple"
    np.testing.assert_allclose(model.probabilities(TEXTS), 1 / (1 + np.exp(-x)), atol=1e-5)


def test_the_oldest_layout_of_the_configuration_is_read(tmp_path: Path) -> None:
    layers = tutorial_layers(3)
    config = {"class_name": "Sequential", "config": layers}
    write_network(tmp_path / "m.h5", layers, 5, config=config)
    assert len(read_network(tmp_path / "m.h5")) == 3


# Keras says on saving that the format is old, and calls NumPy 2 so on some backends.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
def test_what_keras_3_writes_as_h5_is_read(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
            keras.layers.Activation("softmax"),
        ]
    )
    model.save(tmp_path / "m.h5")
    network = read_network(tmp_path / "m.h5")
    arrays = [array for layer in network for array in (layer.kernel, layer.bias)]
    for found, expected in zip(arrays, model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [layer.activations for layer in network] == [("relu",), ("softmax",)]


def refused(path: Path, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason) as refusal:
        read_network(path)
    assert refusal.value.member == path.name


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([plain("Lambda", "l", function="evil")], "'Lambda'"),
        ([dense("a", 2), plain("LSTM", "l")], "'LSTM'"),
        ([dense("a", 2, "hard_sigmoid")], "hard_sigmoid"),
        ([dense("a", 2, {"class_name": "Evil"})], "activation"),
        ([plain("Activation", "x", activation="relu"), dense("a", 2)], "a Dense layer first"),
        ([plain("Dropout", "x")], "a Dense layer, found none"),
        ([plain("Dropout", f"x{number}") for number in range(99)], "limit"),
    ],
)
def test_other_networks_are_refused(tmp_path: Path, layers: list[Any], reason: str) -> None:
    write_network(tmp_path / "m.h5", layers, 5)
    refused(tmp_path / "m.h5", reason)


@pytest.mark.parametrize(
    "config",
    ["text", [1], {"class_name": "Sequential"}, {"class_name": "Model", "config": {"layers": []}}],
)
def test_other_configurations_are_refused(tmp_path: Path, config: Any) -> None:
    write_network(tmp_path / "m.h5", [dense("a", 2)], 5, config=config)
    refused(tmp_path / "m.h5", "configuration|Sequential")


def replaced(path: Path, name: str) -> Any:
    """Open a file that has lost one data set, ready for another in its place."""
    write_network(path, [dense("a", 2)], 5)
    file = h5py.File(path, "a")
    del file[name]
    return file


KERNEL = "model_weights/a/a/kernel:0"


def test_links_out_of_the_file_are_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "m.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones((5, 2), np.float32)
    with replaced(path, KERNEL) as file:
        file[KERNEL] = h5py.ExternalLink(str(other), "x")
    refused(path, "links of a newer layout")
    with replaced(path, KERNEL) as file:
        file[KERNEL] = h5py.SoftLink("/model_weights/a/a/bias:0")
    refused(path, "soft link")
    with replaced(path, "model_weights") as file:
        file["model_weights"] = h5py.ExternalLink(str(other), "/")
    refused(path, "links of a newer layout")


def test_data_outside_the_file_is_refused(tmp_path: Path) -> None:
    path, secret = tmp_path / "m.h5", tmp_path / "secret"
    secret.write_bytes(b"s" * 40)
    with replaced(path, KERNEL) as file:
        file.create_dataset(KERNEL, (5, 2), "f4", external=[(str(secret), 0, 40)])
    refused(path, "other files")
    with replaced(path, KERNEL) as file:
        layout = h5py.VirtualLayout((5, 2), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (5, 2))
        file.create_virtual_dataset(KERNEL, layout)
    refused(path, "other files")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shape": (100_000, 100_000), "dtype": "f4"}, "does not hold"),
        ({"shape": (5, 2), "dtype": "f4"}, "does not hold"),
        ({"shape": (5, 2), "dtype": "f4", "chunks": (5, 2)}, "chunked"),
        ({"data": np.ones((5, 2), "f4"), "compression": "gzip"}, "compressed"),
        ({"data": np.ones((5, 2), "i8")}, "to hold floating-point numbers"),
        ({"data": np.full((5, 2), 1e39)}, "fit into 32 bits"),
        ({"data": np.full((5, 2), np.nan, "f4")}, "finite"),
        ({"data": np.ones((5, 3), "f4")}, "shapes"),
    ],
)
def test_arrays_that_are_not_what_they_say_are_refused(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with replaced(tmp_path / "m.h5", KERNEL) as file:
        file.create_dataset(KERNEL, **options)
    refused(tmp_path / "m.h5", reason)


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    write_network(tmp_path / "m.h5", [dense("a", 2)], 5)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file.attrs["model_config"]
    refused(tmp_path / "m.h5", "configuration")


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", ">f8"])
def test_numbers_of_other_sizes_and_orders_are_read(tmp_path: Path, dtype: str) -> None:
    numbers = np.arange(10).reshape(5, 2) / 4 - 1
    with replaced(tmp_path / "m.h5", KERNEL) as file:
        file.create_dataset(KERNEL, data=numbers.astype(dtype))
    np.testing.assert_array_equal(read_network(tmp_path / "m.h5")[0].kernel, numbers)


def test_a_group_of_many_parts_is_read(tmp_path: Path) -> None:
    # More entries than a node of the group's tree holds, so that the tree has levels.
    layers = [plain("Dropout", f"dropout_{n}") for n in range(40)]
    write_network(tmp_path / "m.h5", [*layers[:20], dense("m", 2), *layers[20:]], 5)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        for n in range(400):
            file["model_weights"].create_group(f"more_{n}")
    assert read_network(tmp_path / "m.h5")[0].kernel.shape == (5, 2)


@pytest.mark.parametrize("fixed", [True, False])
def test_texts_of_variable_and_of_fixed_length_are_read(tmp_path: Path, fixed: bool) -> None:
    (arrays,) = write_network(tmp_path / "m.h5", [dense("a", 2)], 5)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        group = file["model_weights/a"]
        config, names = file.attrs["model_config"], list(group.attrs["weight_names"])
        del file.attrs["model_config"], group.attrs["weight_names"]
        if fixed:
            file.attrs["model_config"] = np.bytes_(config.encode())
            group.attrs["weight_names"] = np.bytes_([f"a/{name}:0" for name in ("kernel", "bias")])
        else:
            file.attrs["model_config"] = config
            group.attrs.create("weight_names", names, dtype=h5py.string_dtype())
    np.testing.assert_array_equal(read_network(tmp_path / "m.h5")[0].kernel, arrays[0])


@pytest.mark.parametrize("libver", ["v108", "v110", "latest"])
def test_newer_layouts_are_refused_with_what_to_do(tmp_path: Path, libver: str) -> None:
    with h5py.File(tmp_path / "m.h5", "w", libver=libver) as file:
        file["x"] = np.ones(3)
    refused(tmp_path / "m.h5", "save it again as .h5")


def test_one_array_in_many_places_cannot_take_more_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    write_network(path, [dense("a", 1000), *(dense(f"d{n}", 1000) for n in range(8))], 1000)
    with h5py.File(path, "a") as file:
        for n in range(8):
            name = f"model_weights/d{n}/d{n}/kernel:0"
            del file[name]
            file[name] = file["model_weights/a/a/kernel:0"]
    with h5py.File(tmp_path / "small.h5", "w") as small, h5py.File(path) as file:
        small.attrs["model_config"] = file.attrs["model_config"]
        file.copy("model_weights", small)
    assert (tmp_path / "small.h5").stat().st_size < 2 * 4_000_000
    refused(tmp_path / "small.h5", "does not hold")


def test_what_is_no_hdf5_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"nothing of the kind")
    refused(tmp_path / "m.h5", "HDF5")


def test_pointers_that_lead_back_or_out_end(tmp_path: Path) -> None:
    data = (GENUINE / "my_model.h5").read_bytes()
    addresses = [place for place in range(0, len(data), 8) if data[place : place + 4] in (
        b"TREE", b"SNOD", b"HEAP", b"GCOL", b"\x01\0\x01\0",
    )]  # fmt: skip
    assert len(addresses) > 20
    for place in range(0, len(data) - 8, 8):
        if struct.unpack_from("<Q", data, place)[0] not in addresses:
            continue
        for target in (*addresses[::7], 0, len(data) - 4, 2**63, 2**64 - 1):
            changed = bytearray(data)
            struct.pack_into("<Q", changed, place, target)
            (tmp_path / "m.h5").write_bytes(changed)
            with contextlib.suppress(ModelFileError):
                read_network(tmp_path / "m.h5")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_network_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.h5"
    write_network(path, [dense("a", 2)], 5)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(ModelFileError):
        assert read_network(path)[0].kernel.shape == (5, 2)
