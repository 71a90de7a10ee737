"""Small models with random numbers, for the tests of inference and exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from satchel.features.embedding_bag import View, quantized
from satchel.features.spec import Features, Weighting
from satchel.features.tokenizer import tokenize
from satchel.features.vocabulary import Vocabulary
from satchel.inference.activations import ActivationName
from satchel.inference.predictor import Predictor
from satchel.inference.structure import Ensemble, Task, Training
from satchel.sealed.assembly import Contents, ensemble_of
from satchel.sealed.schema import LayerEntry, Manifest, MemberEntry, RowType, ViewEntry

TEXTS = [
    "The engine of the old car would not start, so the car stayed at home.",
    "Graphics cards and drivers: which driver for the old card?",
    "Subject: Re: orbit\nFrom: a@b.org\n\nThe shuttle reached orbit, the crew said. Orbit!",
    "Goal! The goalie had no chance; the team won its last game 4:2.",
    "Der Zug fährt über die Brücke, ÉTÉ été 東京都 Ночь ночь",
    "card card card game",
    "",
    "\n \t",
    "zzz qqq unknown-words-only",
]

KEY = 0xABCDEF0123456789 >> 4
CLASS_COUNTS = (1, 4, 2, 3)
DEFAULT_WEIGHTING = Weighting()
DENSE_HEAD = (
    LayerEntry(kind="activation", units=6, activation="relu"),
    LayerEntry(kind="dense", units=5, activation="gelu"),
    LayerEntry(kind="batch_normalization", units=5),
    LayerEntry(kind="dense", units=4),
)
NORMED_HEAD = (
    LayerEntry(kind="layer_normalization", units=6, activation="silu", epsilon=1e-3),
    LayerEntry(kind="dense", units=4),
)


@dataclass(frozen=True)
class Head:
    """A member to make: its view, its columns of the bag and its layers."""

    layers: tuple[LayerEntry, ...] = ()
    view: int = 0
    columns: int = 4
    scale: float = 1.0


LINEAR = Head()
NETWORK = Head(DENSE_HEAD, columns=6)
NORMED = Head(NORMED_HEAD, columns=6)


def one_activation(name: ActivationName) -> Head:
    """A member whose hidden layer has this activation."""
    layers = (
        LayerEntry(kind="activation", units=5, activation=name),
        LayerEntry(kind="dense", units=4),
    )
    return Head(layers, columns=5)


def keyed(features: Features) -> Features:
    """The same features under `KEY`."""
    return msgspec.structs.replace(features, hash_key=KEY)


def vocabulary(
    texts: Sequence[str], features: Features
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The hashes (ascending), kinds and terms of all features of some texts, under `KEY`."""
    features = keyed(features)
    found = {token.hash: token for text in texts for token in tokenize(text, features)}
    ordered = sorted(found)
    return (
        np.array(ordered, np.uint64),
        np.array([found[key].kind for key in ordered], np.uint8),
        [found[key].text for key in ordered],
    )


def make_contents(
    heads: Sequence[Head] = (LINEAR,),
    *,
    features: Sequence[Features] = (Features(),),
    weighting: Weighting = DEFAULT_WEIGHTING,
    task: Task = "single",
    rows: RowType = "float32",
    texts: Sequence[str] = TEXTS[:6],
    seed: int = 0,
) -> Contents:
    """A model of four labels with random rows and layers; its features get `KEY`."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    arrays: dict[str, np.ndarray] = {}
    views, terms = [], []
    for index, each in enumerate(map(keyed, features)):
        width = sum(head.columns for head in heads if head.view == index)
        hashes, kinds, words = vocabulary(texts, each)
        values = normal(len(hashes), width)
        arrays |= {
            f"view{index}.hashes": hashes,
            f"view{index}.kinds": kinds,
            f"view{index}.weights": np.abs(normal(len(hashes))) + np.float32(0.1),
        }
        if rows == "int8":
            arrays[f"view{index}.rows"], arrays[f"view{index}.scales"] = quantized(values)
        else:
            arrays[f"view{index}.rows"] = values.astype(rows)
        views.append(
            ViewEntry(features=each, weighting=weighting, size=len(hashes), width=width, rows=rows)
        )
        terms.append(words)
    members, stops = [], [0] * len(features)
    for m, head in enumerate(heads):
        start = stops[head.view]
        stops[head.view] = units = start + head.columns
        members.append(
            MemberEntry(
                view=head.view, start=start, stop=units, scale=head.scale, layers=head.layers
            )
        )
        arrays[f"member{m}.bias"] = normal(head.columns)
        units = head.columns
        for number, layer in enumerate(head.layers):
            prefix = f"member{m}.layer{number}"
            if layer.kind == "dense":
                arrays[f"{prefix}.kernel"] = normal(units, layer.units)
                arrays[f"{prefix}.bias"] = normal(layer.units)
            elif layer.kind != "activation":
                arrays[f"{prefix}.scale"] = normal(layer.units)
                arrays[f"{prefix}.shift"] = normal(layer.units)
            units = layer.units
    manifest = Manifest(
        task=task,
        labels=("cars", "graphics", "space", "sport"),
        views=tuple(views),
        members=tuple(members),
        thresholds=(0.5, 0.4, 0.3, 0.6) if task == "multiple" else (),
        training=Training(documents=10, class_counts=CLASS_COUNTS),
    )
    return Contents(manifest=manifest, arrays=arrays, terms=terms)


def with_rows(
    rows: np.ndarray,
    hashes: np.ndarray,
    *,
    scales: np.ndarray | None = None,
    activation: ActivationName | None = None,
    task: Task = "single",
    views: int = 1,
) -> Contents:
    """A model of single words with these rows ``[words, labels]``, all words weighing the same.

    Its labels are ``label 0``, ``label 1`` …; for ``multiple`` every label always holds. Each of
    ``views`` equal views has a member.
    """
    width = rows.shape[1]
    features = keyed(Features(words=1))
    row_type: RowType = rows.dtype.name  # type: ignore[assignment]
    view = ViewEntry(
        features=features,
        weighting=DEFAULT_WEIGHTING,
        size=len(hashes),
        width=width,
        rows=row_type,
    )
    layers = (
        (LayerEntry(kind="activation", units=width, activation=activation),) if activation else ()
    )
    arrays: dict[str, np.ndarray] = {}
    for index in range(views):
        arrays |= {
            f"view{index}.hashes": hashes,
            f"view{index}.kinds": np.ones(len(hashes), np.uint8),
            f"view{index}.weights": np.ones(len(hashes), np.float32),
            f"view{index}.rows": rows,
            f"member{index}.bias": np.zeros(width, np.float32),
        }
        if scales is not None:
            arrays[f"view{index}.scales"] = scales
    manifest = Manifest(
        task=task,
        labels=tuple(f"label {number}" for number in range(width)),
        views=(view,) * views,
        members=tuple(
            MemberEntry(view=index, start=0, stop=width, layers=layers) for index in range(views)
        ),
        thresholds=(0.0,) * width if task == "multiple" else (),
        training=Training(documents=2, class_counts=(1,) * width),
    )
    return Contents(manifest=manifest, arrays=arrays)


def with_views(parts: Contents, **changes: object) -> Contents:
    """The same model with settings of its views changed."""
    views = tuple(msgspec.structs.replace(view, **changes) for view in parts.manifest.views)
    return Contents(
        manifest=msgspec.structs.replace(parts.manifest, views=views),
        arrays=parts.arrays,
        terms=parts.terms,
    )


def restated_scores(parts: Contents, text: str) -> np.ndarray:
    """The contract's sum for one document, written out without the code under test: float64 [K].

    For heads without layers.
    """
    total = np.zeros(len(parts.manifest.labels))
    known = 0
    for member in parts.manifest.members:
        view = parts.manifest.views[member.view]
        prefix = f"view{member.view}."
        rank = {key: j for j, key in enumerate(parts.arrays[prefix + "hashes"].tolist())}
        counts: dict[int, int] = {}
        for token in tokenize(text, view.features):
            if token.hash in rank:
                counts[rank[token.hash]] = counts.get(rank[token.hash], 0) + 1
        known += len(counts)
        values = {
            j: (1 + np.log(count)) * float(parts.arrays[prefix + "weights"][j])
            for j, count in counts.items()
        }
        length = np.sqrt(sum(value**2 for value in values.values())) or 1.0
        scales = parts.arrays.get(prefix + "scales", np.float32(1))
        bag = np.zeros(view.width)
        for j, value in values.items():
            bag += value / length * (parts.arrays[prefix + "rows"][j].astype(float) * scales)
        m = parts.manifest.members.index(member)
        z = bag[member.start : member.stop] + parts.arrays[f"member{m}.bias"]
        total += member.scale * z
    return total if known else np.log(np.array(CLASS_COUNTS) / 10)


def make_ensemble(heads: Sequence[Head] = (LINEAR,), **settings: Any) -> Ensemble:
    """The model of `make_contents`."""
    return ensemble_of(make_contents(heads, **settings))


def predictor(contents: Contents) -> Predictor:
    """The inference path of a model."""
    return Predictor(ensemble_of(contents))


def known_by_counts(model: Predictor, texts: Any) -> np.ndarray:
    """How many features of each document the model knows, from their counts."""
    known: np.ndarray = np.max([rows.lengths for rows in model.counts(texts)], axis=0)
    return known


def assigned(model: Predictor, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The numbers of the labels assigned to each document, ascending."""
    found = model.columns(texts).assigned
    assert found is not None
    numbers = found.labels.tolist()
    bounds = pairwise(found.offsets.tolist())
    return [tuple(sorted(numbers[start:stop])) for start, stop in bounds]


def make_view(
    features: Features,
    weighting: Weighting,
    hashes: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
) -> View:
    """A view over these features, all of them words unless their kinds are given."""
    kinds = np.ones(len(hashes), np.uint8) if kinds is None else kinds
    return View(Vocabulary(features, weighting, hashes, kinds, weights), rows, scales)
