"""Hostile files that know the format: manifests and numbers changed, with sizes and hashes right.

Everything is drawn from a ``random.Random``, so that a seed and a number give the same file again.
"""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any, Literal, get_args

import msgspec
import numpy as np

from hostile import mutations, small_models
from hostile.building import ARRAYS, container, entries, padded, unpacked, vouched
from satchel.features.counting import count
from satchel.features.spec import Features, Weighting
from satchel.inference.activations import ActivationName
from satchel.inference.structure import LayerKind, Training
from satchel.sealed.arrays import Tensor, encode_arrays, tensors
from satchel.sealed.assembly import Contents
from satchel.sealed.schema import CalibrationEntry, LayerEntry, Manifest, MemberEntry, ViewEntry
from satchel.sealed.store import pack

TEXTS = [
    "the old card and the new card",
    "Subject: orbit\nFrom: a@b.org\n\nThe shuttle reached orbit. 3.14!\n> quoted\n--\nsigned",
    "Ночь 東京都 한국어 naïve straße 🙂",
    "unbelievably longwinded antidisestablishmentarianism " * 3,
]
MOST_BYTES = 3 << 20
"""Of the arrays of a made file: large enough for the limits to matter, quick enough for many."""

NUMBERS = [
    0,
    1,
    -1,
    2,
    7,
    255,
    256,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**53,
    2**61 - 1,
    2**64,
    -(2**63),
]
FRACTIONS = [0.0, -0.0, 0.5, 1.0, 1e-45, 1e-30, 1e9, 1.1e9, -1e9, 1e30, 1e38, 1e308, -1e30]
WORDS = [
    "",
    "a",
    "single",
    "multiple",
    "int",
    "float",
    "True",
    "0",
    "-0.0",
    "\x00",
    "x" * 1_001,
    "é",
    "../x",
]
SIZES = [1e-45, 1e-30, 1e-3, 1.0, 30.0, 1e4, 1e9, 1.01e9, 1e20, 3e38]


def changed_bytes(random: Random, good: list[bytes]) -> bytes:
    """One to three mutations of the bytes of a good file; its checksums are as they were."""
    data = random.choice(good)
    for _ in range(random.randint(1, 3)):
        data = _mutated(random, data, good) if data else data
    return data


def changed_member(random: Random, parts: list[Contents]) -> bytes:
    """The same inside one member, with sizes, CRC-32 and SHA-256 made right again."""
    contents = unpacked(random.choice(parts))
    name = random.choice([name for name, data in contents.items() if data])
    contents[name] = _mutated(random, contents[name], [contents[name]])
    return signed(contents)


def changed_manifest(random: Random, parts: list[Contents]) -> bytes:
    """Values of the manifest changed, and arrays of the size that it then asks for."""
    model = random.choice(parts)
    contents = unpacked(model)
    manifest = json.loads(contents["manifest.json"])
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        _change(random, manifest)
    stated = json.dumps(manifest).encode()
    fitting = _fitting_arrays(random, stated, model)
    if fitting is not None:
        contents[ARRAYS] = fitting
        contents.pop("terms.txt", None)
    return signed(contents, stated)


def made_model(random: Random) -> bytes:
    """A model that nothing is wrong with but what it asks for: sizes, numbers, labels, hashes."""
    while True:
        manifest = _manifest(random)
        arrays = {}
        if sum(tensor.nbytes for tensor in tensors(manifest)) <= MOST_BYTES:
            arrays = _arrays(random, manifest)
            break
    contents = {
        "manifest.json": b"",
        ARRAYS: bytes(encode_arrays(manifest, arrays)),
        "card.md": b"# Made\n",
    }
    stated = msgspec.to_builtins(manifest)
    if manifest.format == 1:
        for field in ("label_type", "calibration"):
            stated.pop(field)
        stated["training"].pop("history")
        for view in stated["views"]:
            view["features"].pop("hash_key")
    return signed(contents, json.dumps(stated).encode())


def signed(contents: dict[str, bytes], manifest: bytes | None = None) -> bytes:
    """A file of these members, its sizes and checksums right as far as the manifest can be read."""
    stated = contents["manifest.json"] if manifest is None else manifest
    try:
        fields = json.loads(stated)
        stated = json.dumps(vouched(fields, contents)).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass  # it is no object: the reader must say so
    return container(entries({**contents, "manifest.json": padded(stated)}))


def _mutated(random: Random, data: bytes, good: list[bytes]) -> bytes:
    at, other = random.randrange(2**31), random.randrange(2**31)
    length = random.choice([1, 2, 4, 8, 22, 46, 64, random.randint(1, 3_000)])
    what = random.choice(
        [
            *(value.to_bytes(size, "little") for size in (2, 4, 8) for value in (0, 1, 0x7FFF)),
            *(b"\xff" * length, b"PK\x01\x02", b"PK\x05\x06", b'"', b"\\", b"\n", b"{", b"e999"),
            random.randbytes(length),
        ]
    )
    return random.choice(
        [
            lambda: mutations.flip(data, at, random.randint(1, 255)),
            lambda: mutations.cut(data, at),
            lambda: mutations.insert(data, at, what),
            lambda: mutations.remove(data, at, length),
            lambda: mutations.repeat(data, at, length),
            lambda: mutations.overwrite(data, at, what),
            lambda: mutations.move(data, at, other, length),
            lambda: mutations.splice(data, random.choice(good), at, length),
        ]
    )()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree of JSON: the container, and the key or index in it."""
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        found.append((value, key))
        if isinstance(inner, (dict, list)):
            found += _places(inner)
    return found


def _change(random: Random, manifest: dict[str, Any]) -> None:
    """Change one value of a manifest, drop it, double it, or add one."""
    places = _places(manifest)
    if not places:
        return
    holder, key = random.choice(places)
    old = holder[key]
    action = random.choice(["value", "value", "value", "kind", "drop", "add", "double"])
    if action == "drop":
        del holder[key]
    elif action == "add" and isinstance(old, dict):
        old[random.choice([*WORDS, "hash_key", "calibration", "module"])] = _any(random)
    elif action in ("add", "double") and isinstance(old, list):
        times = random.choice([1, 2, 30, 300]) if len(places) < 2_000 else 1
        old.extend(random.choice(old or [_any(random)]) for _ in range(times))
    elif action == "kind":
        holder[key] = _any(random)
    else:
        holder[key] = _like(random, old)


def _any(random: Random) -> Any:
    simple = [None, True, False, random.choice(NUMBERS), random.choice(FRACTIONS)]
    return random.choice(
        [*simple, random.choice(WORDS), [], {}, [random.choice(NUMBERS)], {"a": 1}]
    )


def _like(random: Random, old: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(old, bool) or old is None:
        return random.choice([None, True, False, {"scale": [2.0], "shift": [0.5, 0.5, 0.5]}])
    if isinstance(old, int):
        return random.choice([old + 1, old - 1, 2 * old, 16 * old, random.choice(NUMBERS)])
    if isinstance(old, float):
        return random.choice([-old, old * 1e9, math.nextafter(old, 9), random.choice(FRACTIONS)])
    if isinstance(old, str):
        choices = [
            *get_args(ActivationName),
            *(
                "dense",
                "activation",
                "batch_normalization",
                "layer_normalization",
                "float16",
                "int8",
            ),
            *(
                "float32",
                "satchel",
                "words",
                "keras",
                "binary",
                "count",
                "freq",
                "log",
                "l2",
                "none",
            ),
            *("l2_fields", *WORDS),
        ]
        return random.choice([old + "x", old[:-1], old.upper(), random.choice(choices)])
    return random.choice([old[:1], old[::-1], old * 2, []]) if isinstance(old, list) else {}


def _fitting_arrays(random: Random, stated: bytes, model: Contents) -> bytes | None:
    """The arrays that a manifest asks for; None where it cannot be read or asks for too much."""
    try:
        manifest = msgspec.json.decode(stated, type=Manifest)
        wanted = tensors(manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None
    if min(min(tensor.shape) for tensor in wanted) < 0:
        return None
    if sum(tensor.nbytes for tensor in wanted) > MOST_BYTES:
        return None
    arrays = {}
    for tensor in wanted:
        given = model.arrays.get(tensor.name)
        if given is None or given.shape != tensor.shape or given.dtype != tensor.dtype:
            given = _numbers(random, tensor, 1.0)
        arrays[tensor.name] = given
    return bytes(encode_arrays(manifest, arrays))


def _manifest(random: Random) -> Manifest:
    versions: tuple[Literal[1, 2], ...] = (1, 2, 2, 2)
    version = random.choice(versions)
    labels, label_type = _labels(random, version)
    views = tuple(
        ViewEntry(
            features=_features(random, version),
            weighting=Weighting(
                term_frequency=random.choice(["binary", "count", "freq", "log"]),
                norm=random.choice(["none", "l2", "l2_fields"]),
            ),
            size=random.choice([1, 2, 20, 200, 20_000]),
            width=random.choice([1, 3, len(labels), len(labels), 4_096, 65_536]),
            rows=random.choice(["float32", "float16", "int8"]),
        )
        for _ in range(random.choice([1, 1, 2, 4, 16]))
    )
    key = random.choice([1, 2, 2**61 - 2, random.randrange(2, 2**61 - 3)]) if version == 2 else 0
    views = tuple(
        msgspec.structs.replace(view, features=msgspec.structs.replace(view.features, hash_key=key))
        for view in views
    )
    members = tuple(
        _member(random, views, len(labels)) for _ in range(random.choice([1, 1, 2, 5, 40, 256]))
    )
    several = random.random() < 0.4 or len(labels) == 1
    counts = tuple(random.choice([0, 1, 7, 9]) for _ in labels)
    size = random.choice(SIZES[:7])
    return Manifest(
        format=version,
        task="multiple" if several else "single",
        label_type=label_type,
        labels=labels,
        views=views,
        members=members,
        calibration=random.choice(
            [
                None,
                CalibrationEntry(scale=(size,), shift=(-size,)),
                CalibrationEntry(scale=(size,) * len(labels), shift=(0.0,)),
            ]
        )
        if version == 2
        else None,
        thresholds=tuple(random.choice([0.0, 0.5, 1.0]) for _ in labels) if several else (),
        training=Training(documents=9, class_counts=counts),
    )


def _labels(random: Random, version: int) -> tuple[tuple[str, ...], Any]:
    count = random.choice([1, 2, 2, 3, 20, 400, 4_000, 65_536])
    kind = random.choice(["str", "str", "int", "float", "bool"]) if version == 2 else "str"
    if kind == "bool":
        return ("False", "True"), kind
    if kind == "int":
        start = random.choice([0, -5, 2**63 - 2, -(2**63)])
        return tuple(str(start + number) for number in range(count)), kind
    if kind == "float":
        return tuple(repr(number / 8) for number in range(count)), kind
    tail = random.choice(
        ["", "", "\n", "é", "\u202e", "\x1b[2J", "x" * 900 if count < 3_000 else ""]
    )
    return tuple(f"{number}{tail}" for number in range(count)), kind


def _features(random: Random, version: int) -> Features:
    return Features(
        rules=random.choice(["satchel", "words", "keras"]),
        min_length=random.choice([1, 2, 1_000]),
        words=random.choice([1, 2, 8]),
        characters=random.choice([None, None, (1, 1), (3, 5), (1, 16)]),
        fields=random.random() < 0.5,
        nfc=random.random() < 0.5,
        strip=random.choice([(), ("headers",), ("headers", "quotes", "signatures")]),
        hash_key=1 if version == 2 else 0,
    )


def _member(random: Random, views: tuple[ViewEntry, ...], labels: int) -> MemberEntry:
    view = random.randrange(len(views))
    width = views[view].width
    stop = random.choice([1, min(labels, width), width])
    units = stop
    layers = []
    for _ in range(random.choice([0, 0, 1, 2, 30])):
        kind = random.choice(["activation", "activation", "dense", *get_args(LayerKind)])
        units = random.choice([1, 8, 600]) if kind == "dense" else units
        layers.append(
            LayerEntry(
                kind=kind,
                units=units,
                activation=random.choice(get_args(ActivationName)),
                epsilon=random.choice([0.0, 1e-12, 1e-3, 1.0]),
            )
        )
    if units != labels:
        layers.append(LayerEntry(kind="dense", units=labels))
    return MemberEntry(
        view=view,
        start=0,
        stop=stop,
        scale=random.choice([1.0, 0.25, -2.0, *SIZES[:7]]),
        layers=tuple(layers[-32:]),
    )


def _arrays(random: Random, manifest: Manifest) -> dict[str, np.ndarray]:
    size = random.choice(SIZES if random.random() < 0.5 else [1.0, 30.0])
    arrays = {}
    for tensor in tensors(manifest):
        own = random.choice(SIZES) if random.random() < 0.05 else size
        arrays[tensor.name] = _numbers(random, tensor, own)
    for index, view in enumerate(manifest.views):
        hashes, kinds = _vocabulary(random, view)
        arrays[f"view{index}.hashes"], arrays[f"view{index}.kinds"] = hashes, kinds
    return arrays


def _vocabulary(random: Random, view: ViewEntry) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of real features first, then others: spread, or in one run just below a real one."""
    counts, _ = count(TEXTS, view.features, threads=1)
    real = np.array(counts.hashes[: view.size])
    crowded = random.random() < 0.3 and len(real)
    generator = np.random.default_rng(random.randrange(2**32))
    while len(real) < view.size:
        missing = view.size - len(real)
        if crowded:
            more = real[0] - np.arange(1, 2 * missing + 1, dtype=np.uint64)
        else:
            more = generator.integers(0, 2**64 - 1, missing, dtype=np.uint64)
        real = np.unique(np.concatenate([more[:missing], real]))
    kinds = dict(zip(counts.hashes.tolist(), counts.kinds.tolist(), strict=True))
    return real, np.array([kinds.get(number, 1) for number in real.tolist()], np.uint8)


def _numbers(random: Random, tensor: Tensor, size: float) -> np.ndarray:
    """Numbers of an array, most of them of one size, with some of the least and greatest."""
    generator = np.random.default_rng(random.randrange(2**32))
    if tensor.dtype.kind == "f":
        most = float(np.finfo(tensor.dtype).max)
        drawn = np.clip(generator.standard_normal(tensor.shape) * size, -most, most)
        if drawn.size and random.random() < 0.3:
            drawn.reshape(-1)[generator.integers(0, drawn.size, 3)] = [0.0, min(size, most), -0.0]
        with np.errstate(under="ignore"):
            return drawn.astype(tensor.dtype)
    if tensor.name.endswith(".hashes"):
        drawn = np.sort(generator.integers(0, 2**64 - 1, tensor.shape, dtype=np.uint64))
        return drawn.astype(tensor.dtype)
    if tensor.name.endswith(".kinds"):
        return np.ones(tensor.shape, tensor.dtype)
    return generator.integers(-127, 128, tensor.shape).astype(tensor.dtype)


GOOD_PARTS = [
    small_models.linear(),
    small_models.network(),
    small_models.linear(terms=False, card=""),
]
GOOD = [pack(parts) for parts in GOOD_PARTS]

ATTACKS = {
    "bytes": lambda random: changed_bytes(random, GOOD),
    "a member": lambda random: changed_member(random, GOOD_PARTS),
    "the manifest": lambda random: changed_manifest(random, GOOD_PARTS),
    "a model": made_model,
}
"""How a hostile file comes about, by name."""
