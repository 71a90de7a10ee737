"""Small models of every shape that a file can hold, as parts."""

from __future__ import annotations

import numpy as np

from satchel.features.spec import Features, Weighting
from satchel.inference.structure import History, Score, Training, Trial
from satchel.sealed.assembly import Contents
from satchel.sealed.schema import CalibrationEntry, LayerEntry, Manifest, MemberEntry, ViewEntry

KEY = 0xABCDEF0123456789 >> 4
LABELS = ("rec.autos", "sci.space", "misc/é\n")


def arrays_of_view(
    index: int, size: int, width: int, rows: str, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Random arrays of one view."""
    hashes = np.unique(generator.integers(0, 2**64 - 1, size=size, dtype=np.uint64))
    assert hashes.size == size
    dense = generator.standard_normal((size, width)).astype(np.float32)
    arrays: dict[str, np.ndarray] = {
        f"view{index}.hashes": hashes,
        f"view{index}.kinds": generator.integers(1, 3, size=size).astype(np.uint8),
        f"view{index}.weights": generator.random(size, dtype=np.float32),
    }
    if rows == "int8":
        scales = np.abs(dense).max(axis=0) / 127
        arrays[f"view{index}.scales"] = scales
        arrays[f"view{index}.rows"] = np.rint(dense / scales).astype(np.int8)
    else:
        arrays[f"view{index}.rows"] = dense.astype(rows)
    return arrays


def linear(size: int = 7, *, card: str = "# A card\n", terms: bool = True) -> Contents:
    """One view, one member without layers."""
    generator = np.random.default_rng(1)
    manifest = Manifest(
        task="single",
        labels=LABELS,
        views=(
            ViewEntry(features=Features(hash_key=KEY), weighting=Weighting(), size=size, width=3),
        ),
        members=(MemberEntry(view=0, start=0, stop=3),),
        training=Training(documents=9, class_counts=(4, 3, 2), versions={"numpy": "2.4.6"}),
        scores=(Score(name="accuracy", part="validation", value=0.875),),
    )
    arrays = arrays_of_view(0, size, 3, "float32", generator)
    arrays["member0.bias"] = np.arange(3, dtype=np.float32)
    words = [[f"word {index}" for index in range(size)]] if terms else None
    return Contents(manifest=manifest, arrays=arrays, terms=words, card=card)


def network() -> Contents:
    """Two views, int8 and float16, and three members with every kind of layer."""
    generator = np.random.default_rng(2)
    wide = Features(
        words=2, characters=(3, 5), fields=True, strip=("headers", "quotes"), hash_key=KEY
    )
    layers = (
        LayerEntry(kind="activation", units=4, activation="relu"),
        LayerEntry(kind="batch_normalization", units=4),
        LayerEntry(kind="dense", units=6, activation="gelu"),
        LayerEntry(kind="layer_normalization", units=6, epsilon=1e-6),
        LayerEntry(kind="dense", units=3),
    )
    manifest = Manifest(
        task="multiple",
        labels=LABELS,
        views=(
            ViewEntry(features=wide, weighting=Weighting(), size=9, width=7, rows="int8"),
            ViewEntry(
                features=Features(rules="keras", words=1, hash_key=KEY),
                weighting=Weighting(term_frequency="freq", norm="none"),
                size=5,
                width=3,
                rows="float16",
            ),
        ),
        members=(
            MemberEntry(view=0, start=0, stop=4, scale=0.5, layers=layers),
            MemberEntry(view=0, start=4, stop=7, scale=0.25),
            MemberEntry(view=1, start=0, stop=3, scale=-1e-3),
        ),
        calibration=CalibrationEntry(scale=(0.5, 1.0, 2.0), shift=(0.25,)),
        thresholds=(0.5, 0.25, 0.75),
        training=Training(
            documents=9,
            class_counts=(4, 3, 2),
            seed=7,
            backend="jax",
            effort="best",
            fingerprint="00ff",
            settings={"epochs": "5"},
            trials=(Trial(name="words", metric="macro_f1", value=0.5, chosen=True),),
            history=(History(member=1, logs={"loss": (1.0, 0.5), "val_loss": ()}),),
        ),
    )
    arrays = {
        **arrays_of_view(0, 9, 7, "int8", generator),
        **arrays_of_view(1, 5, 3, "float16", generator),
    }
    arrays["view1.kinds"][:] = 1
    arrays["view0.kinds"][:3] = (1, 32, 64)
    shapes = {
        "member0.bias": (4,),
        "member0.layer1.scale": (4,),
        "member0.layer1.shift": (4,),
        "member0.layer2.kernel": (4, 6),
        "member0.layer2.bias": (6,),
        "member0.layer3.scale": (6,),
        "member0.layer3.shift": (6,),
        "member0.layer4.kernel": (6, 3),
        "member0.layer4.bias": (3,),
        "member1.bias": (3,),
        "member2.bias": (3,),
    }
    for name, shape in shapes.items():
        arrays[name] = generator.standard_normal(shape).astype(np.float32)
    terms = [
        ["back\\slash", "line\nfeed", "\r", "\\n", "", "é", "日本", "\u2028", "a\x00b"],
        [*"abcde"],
    ]
    return Contents(manifest=manifest, arrays=arrays, terms=terms, card="")
