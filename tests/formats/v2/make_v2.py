"""Make the frozen models of format 2, and their answers.

Run once, with the Satchel of that time; the files then stay as they are, for ever:
``python tests/formats/v2/make_v2.py``. Nothing here is trained: a vocabulary of real tokens with
random numbers exercises every path of the format, and is the same wherever it is made.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from satchel import sealed
from satchel.features.counting import count
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import tokenize
from satchel.inference.structure import History, Score, Training, Trial
from satchel.model import load
from satchel.sealed.assembly import Contents, ensemble_of
from satchel.sealed.labels import text_of
from satchel.sealed.schema import (
    CalibrationEntry,
    LayerEntry,
    Manifest,
    MemberEntry,
    RowType,
    ViewEntry,
)

FOLDER = Path(__file__).parent
KEY = 1_234_567_890_123_456_789
Arrays = dict[str, np.ndarray]

TEXTS = [
    "The bike's engine doesn't start; it's a 1992 Honda. Unbelievable!",
    "NASA launched the Shuttle. The launch cost $450,000,000!",
    "From: a.n.other@example.com\nSubject: Re: space\n\n> Who pays?\nThe tax payer.\n--\nA. N.",
    "Die Straße nach Köln ist gesperrt, naïve façade, ΣΊΣΥΦΟΣ, İstanbul",
    "日本語の文章 と 한국어 문장 и русский текст",
    "e\u0301 and \u00e9 and \ufb01ne 🙂🏍️ x\u200dy",
    "tabs\tand\r\nlines\u2028and\x00nul, antidisestablishmentarianism",
]
UNSEEN = ["", " \n\t ", "zzzz qqqq", "bike bike bike BIKE", "a" * 300, "the launch of the bike."]


def view_of(
    index: int, features: Features, weighting: Weighting, width: int, rows: RowType
) -> tuple[ViewEntry, Arrays, list[str]]:
    """A view over the features of `TEXTS`, its arrays and its terms."""
    generator = np.random.default_rng(index + 20)
    counts, _ = count(TEXTS, features)
    size = counts.hashes.size
    dense = generator.standard_normal((size, width)).astype(np.float32)
    arrays = {
        f"view{index}.hashes": counts.hashes,
        f"view{index}.kinds": counts.kinds,
        f"view{index}.weights": generator.random(size, dtype=np.float32) + np.float32(0.5),
    }
    if rows == "int8":
        scales = np.abs(dense).max(axis=0) / np.float32(127)
        arrays[f"view{index}.scales"] = scales
        arrays[f"view{index}.rows"] = np.rint(dense / scales).astype(np.int8)
    else:
        arrays[f"view{index}.rows"] = dense.astype(rows)
    view = ViewEntry(features=features, weighting=weighting, size=size, width=width, rows=rows)
    names = {token.hash: token.text for text in TEXTS for token in tokenize(text, features)}
    return view, arrays, [names[number] for number in counts.hashes.tolist()]


def numbers(seed: int, shapes: dict[str, tuple[int, ...]]) -> Arrays:
    """Random float32 arrays."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }


def linear() -> Contents:
    """One label per document, integers; float32 rows, words and pairs, no layers."""
    view, arrays, terms = view_of(0, Features(hash_key=KEY), Weighting(), 3, "float32")
    manifest = Manifest(
        satchel="0.1.0",
        task="single",
        label_type="int",
        labels=("-1", "0", "9007199254740993"),
        views=(view,),
        members=(MemberEntry(view=0, start=0, stop=3, scale=2.5),),
        training=Training(documents=7, class_counts=(2, 4, 1), versions={"numpy": "2.4.6"}),
        scores=(Score(name="accuracy", part="validation", value=0.875),),
    )
    arrays |= numbers(30, {"member0.bias": (3,)})
    return Contents(manifest=manifest, arrays=arrays, terms=[terms], card="# Frozen, linear\n")


def network() -> Contents:
    """An ensemble over two views, calibrated label by label, with every kind of layer; no terms."""
    first, first_arrays, _ = view_of(
        0,
        Features(words=1, fields=True, nfc=True, hash_key=KEY),
        Weighting(norm="l2_fields"),
        6,
        "int8",
    )
    second, second_arrays, _ = view_of(
        1,
        Features(
            rules="words",
            min_length=2,
            words=1,
            characters=(3, 9),
            strip=("quotes",),
            hash_key=KEY,
        ),
        Weighting(term_frequency="count"),
        3,
        "float16",
    )
    layers = (
        LayerEntry(kind="batch_normalization", units=4, activation="relu"),
        LayerEntry(kind="dense", units=5, activation="gelu"),
        LayerEntry(kind="layer_normalization", units=5, epsilon=1e-6),
        LayerEntry(kind="activation", units=5, activation="tanh"),
        LayerEntry(kind="dense", units=3),
    )
    manifest = Manifest(
        satchel="0.1.0",
        task="single",
        labels=("rec.motorcycles", "sci.space", "politics | 宇宙"),
        views=(first, second),
        members=(
            MemberEntry(view=0, start=0, stop=4, scale=0.5, layers=layers),
            MemberEntry(
                view=0, start=3, stop=6, scale=0.25, layers=(LayerEntry(kind="dense", units=3),)
            ),
            MemberEntry(view=1, start=0, stop=3, scale=0.125),
        ),
        calibration=CalibrationEntry(scale=(0.5, 1.5, 1.0), shift=(0.0, -0.25, 0.125)),
        training=Training(
            documents=7,
            class_counts=(3, 4, 0),
            seed=7,
            backend="jax",
            effort="best",
            fingerprint="00ff",
            settings={"epochs": "5"},
            trials=(Trial(name="words", metric="macro_f1", value=0.5, chosen=True),),
            history=(History(member=0, logs={"loss": (1.0, 0.5), "val_loss": (1.25, 0.75)}),),
        ),
    )
    shapes = {
        "member0.bias": (4,),
        "member0.layer0.scale": (4,),
        "member0.layer0.shift": (4,),
        "member0.layer1.kernel": (4, 5),
        "member0.layer1.bias": (5,),
        "member0.layer2.scale": (5,),
        "member0.layer2.shift": (5,),
        "member0.layer4.kernel": (5, 3),
        "member0.layer4.bias": (3,),
        "member1.bias": (3,),
        "member1.layer0.kernel": (3, 3),
        "member1.layer0.bias": (3,),
        "member2.bias": (3,),
    }
    arrays = first_arrays | second_arrays | numbers(31, shapes)
    return Contents(manifest=manifest, arrays=arrays, card="# Frozen, network\n")


def several() -> Contents:
    """Any number of labels per document, labels that are floats, one calibration for all."""
    view, arrays, terms = view_of(
        0,
        Features(rules="keras", words=1, hash_key=KEY),
        Weighting(term_frequency="freq", norm="none"),
        4,
        "float32",
    )
    layers = (
        LayerEntry(kind="activation", units=4, activation="sigmoid"),
        LayerEntry(kind="dense", units=3),
    )
    manifest = Manifest(
        satchel="0.1.0",
        task="multiple",
        label_type="float",
        labels=("0.5", "1.0", "1e+20"),
        views=(view,),
        members=(MemberEntry(view=0, start=0, stop=4, layers=layers),),
        calibration=CalibrationEntry(scale=(2.0,), shift=(-0.5,)),
        thresholds=(0.5, 0.25, 0.75),
        training=Training(documents=7, class_counts=(5, 2, 4)),
    )
    shapes = {"member0.bias": (4,), "member0.layer1.kernel": (4, 3), "member0.layer1.bias": (3,)}
    arrays |= numbers(32, shapes)
    return Contents(manifest=manifest, arrays=arrays, terms=[terms], card="")


def rescued() -> Contents:
    """Booleans; nobody knows how often each label occurred, so the biases answer to nothing."""
    view, arrays, _ = view_of(
        0, Features(words=2, hash_key=2**61 - 2), Weighting(term_frequency="binary"), 2, "float16"
    )
    manifest = Manifest(
        satchel="0.1.0",
        task="single",
        label_type="bool",
        labels=("False", "True"),
        views=(view,),
        members=(MemberEntry(view=0, start=0, stop=2),),
        training=Training(documents=7, class_counts=(0, 0)),
    )
    arrays |= numbers(33, {"member0.bias": (2,)})
    return Contents(manifest=manifest, arrays=arrays, card="# Frozen, rescued\n")


def main() -> None:
    """Write the models beside this script, and what they answer."""
    for make in (linear, network, several, rescued):
        path = FOLDER / f"{make.__name__}.satchel"
        sealed.write(path, ensemble_of(make()))
        model = load(path)
        predictor, labels = model.predictor, model.ensemble.labels
        texts = TEXTS + UNSEEN
        answers = {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "labels": list(labels),
            "classes": [model.classes_.dtype.kind, model.classes_.tolist()],
            "texts": texts,
            "known": predictor.columns(texts).known.tolist(),
            "scores": [[round(float(x), 6) for x in row] for row in predictor.logits(texts)],
            "probabilities": [
                [round(float(x), 6) for x in row] for row in model.predict_proba(texts)
            ],
            "predictions": [
                [text_of(each) for each in found] if isinstance(found, tuple) else text_of(found)
                for found in model.predict(texts).tolist()
            ],
            "answers": model.predict(texts).tolist(),
        }
        answer_path = FOLDER / f"{make.__name__}.json"
        answer_path.write_text(json.dumps(answers, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
