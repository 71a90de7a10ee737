from __future__ import annotations

import hashlib
import io
import math
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile import small_models
from satchel import sealed
from satchel.errors import ModelFileError, SaveError
from satchel.features.spec import Features, Weighting
from satchel.inference.structure import History, LabelType, LayerKind, Task, Training
from satchel.sealed.arrays import tensors
from satchel.sealed.assembly import Contents, ensemble_of
from satchel.sealed.schema import CalibrationEntry, LayerEntry, Manifest, MemberEntry, ViewEntry
from satchel.sealed.store import FileSource, pack, unpack

pytestmark = pytest.mark.fast

MODELS = [small_models.linear(), small_models.network(), small_models.linear(terms=False, card="")]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
LABELS: dict[LabelType, st.SearchStrategy[str]] = {
    "str": TEXT,
    "int": st.integers(-(2**63), 2**63 - 1).map(str),
    "float": st.floats(allow_nan=False).filter(lambda x: math.copysign(1, x) == 1 or x).map(repr),
    "bool": st.sampled_from(["True", "False"]),
}
TERM = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KINDS: st.SearchStrategy[LayerKind] = st.sampled_from(
    ["activation", "batch_normalization", "layer_normalization", "dense"]
)
FINITE = st.floats(-1e9, 1e9, allow_subnormal=False)
LOGS = st.dictionaries(TERM.filter(bool), st.lists(FINITE, max_size=3).map(tuple), max_size=2)


@st.composite
def models(draw: st.DrawFn) -> Contents:
    versions: tuple[Literal[1, 2], ...] = (1, 2)
    tasks: tuple[Task, ...] = ("single", "multiple")
    version = draw(st.sampled_from(versions))
    label_type: LabelType = draw(st.sampled_from([*LABELS])) if version == 2 else "str"
    labels = draw(st.lists(LABELS[label_type], min_size=2, max_size=4, unique=True))
    task = draw(st.sampled_from(tasks))
    key = draw(st.integers(1, 2**61 - 2)) if version == 2 else 0
    views = tuple(
        ViewEntry(
            features=Features(
                words=draw(st.integers(1, 3)), fields=draw(st.booleans()), hash_key=key
            ),
            weighting=Weighting(norm=draw(st.sampled_from(["none", "l2"]))),
            size=draw(st.integers(1, 6)),
            width=draw(st.integers(1, 5)),
            rows=draw(st.sampled_from(["float32", "float16", "int8"])),
        )
        for _ in range(draw(st.integers(1, 2)))
    )
    manifest = Manifest(
        format=version,
        task=task,
        label_type=label_type,
        labels=tuple(labels),
        views=views,
        members=tuple(draw(member(views, len(labels))) for _ in range(draw(st.integers(1, 3)))),
        calibration=draw(calibrations(len(labels))) if version == 2 else None,
        thresholds=tuple(draw(st.floats(0, 1)) for _ in labels) if task == "multiple" else (),
        training=Training(
            documents=1,
            class_counts=(1,) * len(labels),
            history=(History(member=0, logs=draw(LOGS)),) if version == 2 else (),
        ),
    )
    return Contents(
        manifest=manifest,
        arrays=random_arrays(manifest, np.random.default_rng(draw(st.integers(0, 99)))),
        terms=[[draw(TERM) for _ in range(view.size)] for view in views]
        if draw(st.booleans())
        else None,
        card=draw(TERM),
    )


def calibrations(labels: int) -> st.SearchStrategy[CalibrationEntry | None]:
    numbers = st.lists(FINITE, min_size=1, max_size=1) | st.lists(
        FINITE, min_size=labels, max_size=labels
    )
    return st.none() | st.builds(
        CalibrationEntry, scale=numbers.map(tuple), shift=numbers.map(tuple)
    )


@st.composite
def member(draw: st.DrawFn, views: tuple[ViewEntry, ...], labels: int) -> MemberEntry:
    view = draw(st.integers(0, len(views) - 1))
    start = draw(st.integers(0, views[view].width - 1))
    stop = draw(st.integers(start + 1, views[view].width))
    layers, units = [], stop - start
    for kind in draw(st.lists(KINDS, max_size=3)):
        units = draw(st.integers(1, 4)) if kind == "dense" else units
        layers.append(LayerEntry(kind=kind, units=units, activation="relu"))
    layers.append(LayerEntry(kind="dense", units=labels))
    return MemberEntry(view=view, start=start, stop=stop, scale=draw(FINITE), layers=tuple(layers))


def random_arrays(manifest: Manifest, generator: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {}
    for tensor in tensors(manifest):
        raw = generator.integers(0, 100, size=tensor.shape)
        arrays[tensor.name] = (raw / 8 if tensor.dtype.kind == "f" else raw).astype(tensor.dtype)
    for index, view in enumerate(manifest.views):
        arrays[f"view{index}.hashes"] = np.arange(view.size, dtype=np.uint64) ** 3
        arrays[f"view{index}.kinds"][:] = 1
    return arrays


@given(parts=models())
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_what_is_read(parts: Contents) -> None:
    data = pack(parts)
    read = unpack(data)
    assert msgspec.structs.replace(read.manifest, files=()) == parts.manifest
    assert set(read.arrays) == set(parts.arrays)
    for name, array in parts.arrays.items():
        assert read.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.arrays[name], array)
    assert (None if read.terms is None else list(read.terms)) == parts.terms
    assert read.card == parts.card
    assert pack(read) == data


@pytest.mark.parametrize("parts", MODELS)
def test_a_file_holds_the_same_bytes_as_memory(parts: Contents, tmp_path: Path) -> None:
    sealed.write(tmp_path / "model.satchel", ensemble_of(parts))
    assert (tmp_path / "model.satchel").read_bytes() == pack(parts)
    assert sealed.dumps(sealed.read(tmp_path / "model.satchel")) == pack(parts)


@pytest.mark.parametrize("parts", MODELS)
def test_ordinary_tools_open_it(parts: Contents, tmp_path: Path) -> None:
    path = tmp_path / "model.satchel"
    sealed.write(path, ensemble_of(parts))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        arrays = safetensors.numpy.load(archive.read("arrays.safetensors"))
        assert archive.read("card.md").decode() == parts.card
    for name, array in parts.arrays.items():
        np.testing.assert_array_equal(arrays[name], array)
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tq", path], check=True, capture_output=True)


def test_the_manifest_vouches_for_every_other_member() -> None:
    data = pack(MODELS[1])
    files = unpack(data).manifest.files
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["manifest.json", *(file.name for file in files)]
        for file in files:
            content = archive.read(file.name)
            assert file.size == len(content)
            assert file.sha256 == hashlib.sha256(content).hexdigest()


BYTES = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from hostile import small_models
from satchel.sealed.store import pack
for make in (small_models.linear, small_models.network):
    print(hashlib.sha256(pack(make())).hexdigest())
"""


def test_the_bytes_are_the_same_in_every_process() -> None:
    command = [sys.executable, "-c", BYTES, str(Path(__file__).parent)]
    hashes = {
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in [("1", "UTC"), ("2", "Asia/Tokyo")]
    }
    assert len(hashes) == 1


def test_arrays_are_aligned_views_of_one_buffer_and_cannot_be_changed() -> None:
    arrays = unpack(pack(MODELS[1])).arrays
    starts = sorted(array.ctypes.data for array in arrays.values())
    size = sum(array.nbytes for array in arrays.values())
    assert starts[0] % 64 == 0
    assert starts[-1] < starts[0] + size
    for array in arrays.values():
        assert array.flags.aligned
        assert not array.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_arrays_start_at_an_aligned_byte_of_the_file() -> None:
    for card in ("", "a longer card"):
        data = pack(small_models.linear(card=card))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            offset = archive.getinfo("arrays.safetensors").header_offset + 30 + 18
        assert offset % 64 == 0
        assert (8 + int.from_bytes(data[offset : offset + 8], "little")) % 64 == 0


def test_bytes_may_change_after_they_were_read() -> None:
    data = bytearray(pack(MODELS[0]))
    parts = unpack(data)
    data[:] = bytes(len(data))
    assert pack(parts) == pack(MODELS[0])


def test_arrays_may_lie_in_memory_in_any_order() -> None:
    parts = small_models.linear()
    columns_first = {name: np.asfortranarray(array) for name, array in parts.arrays.items()}
    again = Contents(parts.manifest, columns_first, parts.terms, parts.card)
    assert pack(again) == pack(parts)


def changed(**arrays: np.ndarray) -> Contents:
    parts = small_models.linear()
    renamed = {name.replace("__", "."): array for name, array in arrays.items()}
    return Contents(parts.manifest, {**parts.arrays, **renamed}, parts.terms, parts.card)


UNREADABLE = [
    (changed(member0__bias=np.full(3, np.nan, np.float32)), "member0.bias holds a number"),
    (
        changed(member0__bias=np.zeros(4, np.float32)),
        r"member0.bias: expected .*, found float32 \(4,\)",
    ),
    (changed(member0__bias=np.zeros(3)), r"member0.bias: expected .*, found float64 \(3,\)"),
    (changed(view0__hashes=np.zeros(7, np.uint64)), "does not strictly increase"),
    (Contents(MODELS[0].manifest, MODELS[0].arrays, [["a"]]), r"terms for the views, found \[1\]"),
    (Contents(MODELS[0].manifest, MODELS[0].arrays, [["\ud800"] * 7]), "as UTF-8"),
    (
        Contents(MODELS[0].manifest, MODELS[0].arrays, [["a" * 5_000] * 7]),
        "lines of at most 4096 bytes",
    ),
    (Contents(MODELS[0].manifest, MODELS[0].arrays, None, "\ud800"), "as UTF-8"),
]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        *UNREADABLE,
        (changed(member9__bias=np.zeros(3, np.float32)), r"unexpected arrays: \['member9.bias'\]"),
        (Contents(MODELS[0].manifest, {}, None), r"missing arrays: \['member0.bias'"),
    ],
)
def test_contents_that_could_not_be_read_are_not_packed(parts: Contents, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        pack(parts)


@pytest.mark.parametrize(("parts", "reason"), UNREADABLE)
def test_what_could_not_be_read_is_not_written(
    parts: Contents, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=reason):
        sealed.write(tmp_path / "model.satchel", ensemble_of(parts))
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_is_too_large_is_not_written() -> None:
    settings = {str(key): "x" * 1_000 for key in range(1_000)}
    labels = tuple(str(number).rjust(1_000) for number in range(8_000))
    training = Training(documents=1, class_counts=(0,) * 8_000, settings=settings)
    manifest = msgspec.structs.replace(
        MODELS[0].manifest,
        labels=labels,
        training=training,
        members=(
            MemberEntry(view=0, start=0, stop=3, layers=(LayerEntry(kind="dense", units=8_000),)),
        ),
    )
    parts = Contents(manifest, MODELS[0].arrays | dense_layer(8_000))
    with pytest.raises(ModelFileError, match=r"expected at most 8388608 bytes, found 9[0-9]{6}"):
        pack(parts)


def dense_layer(units: int) -> dict[str, np.ndarray]:
    return {
        "member0.layer0.kernel": np.ones((3, units), np.float32),
        "member0.layer0.bias": np.zeros(units, np.float32),
    }


def test_a_label_that_is_no_text_is_not_written() -> None:
    manifest = msgspec.structs.replace(MODELS[0].manifest, labels=("a", "b", "\ud800"))
    with pytest.raises(ModelFileError, match="cannot be written as JSON"):
        pack(Contents(manifest, MODELS[0].arrays))


def test_a_model_that_exceeds_the_limits_of_zip_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("satchel.sealed.container.MAX_BYTES", 1_000)
    with pytest.raises(
        ModelFileError, match=r"at most 1000 bytes, found [0-9]+: train with fewer features"
    ):
        pack(MODELS[0])


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="there is no folder"):
        sealed.write(tmp_path / "missing" / "model.satchel", ensemble_of(MODELS[0]))


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="expected a regular file"):
        sealed.read(tmp_path / "pipe")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="expected a regular file"):
        sealed.read(tmp_path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sealed.read(tmp_path / "model.satchel")


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.satchel"
    sealed.write(path, ensemble_of(MODELS[0]))
    with path.open("rb", buffering=0) as file:
        source = FileSource(file)
        os.truncate(path, 100)
        with pytest.raises(ModelFileError, match="became shorter"):
            source.read_at(50, source.total - 50)


def test_terms_are_decoded_once_and_only_when_asked_for() -> None:
    terms = unpack(pack(MODELS[1])).terms
    assert terms is not None
    assert len(terms) == 2
    assert terms[1] is terms[1]
    assert terms[-1] == [*"abcde"]
    assert terms[0:2] == MODELS[1].terms


LIGHT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"keras", "jax", "torch", "tensorflow", "numba", "safetensors",
                                  "polars", "sklearn", "scipy", "zipfile", "pickle5", "h5py"}:
            raise AssertionError(name)
sys.meta_path.insert(0, Refuse())
from satchel import sealed
print(len(sealed.read(sys.argv[1]).labels))
"""


def test_reading_needs_numpy_and_msgspec_alone(tmp_path: Path) -> None:
    sealed.write(tmp_path / "model.satchel", ensemble_of(MODELS[1]))
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, tmp_path / "model.satchel"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "3\n"
