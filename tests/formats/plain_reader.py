"""A second reader, written from docs/format.md with Python's standard library alone.

It trusts the file, uses no line of Satchel's but the tokens, and computes in double precision: slow
and short, it shows that the page says all that a reader in another language needs.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from satchel.features.spec import Features
from satchel.features.tokenizer import tokenize

CODES = {"U64": "Q", "F32": "f", "F16": "e", "I8": "b", "U8": "B"}


def _log(number: int) -> float:
    return math.log(number) if number else -math.inf


class PlainReader:
    """A model file, read in the plainest way."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.manifest = json.loads(archive.read("manifest.json"))
            data = archive.read("arrays.safetensors")
        length = int.from_bytes(data[:8], "little")
        self.arrays: dict[str, Any] = {}
        for name, entry in json.loads(data[8 : 8 + length]).items():
            start, stop = (8 + length + offset for offset in entry["data_offsets"])
            code = CODES[entry["dtype"]]
            count = (stop - start) // struct.calcsize(code)
            flat = struct.unpack(f"<{count}{code}", data[start:stop])
            columns = entry["shape"][-1]
            self.arrays[name] = (
                [flat[at : at + columns] for at in range(0, count, columns)]
                if len(entry["shape"]) == 2
                else flat
            )

    def scores(self, text: str) -> list[float]:
        """Section 5 of the page, for one document: before softmax or sigmoid."""
        self._known = 0
        bags = [self._bag(index, view, text) for index, view in enumerate(self.manifest["views"])]
        total = [0.0] * len(self.manifest["labels"])
        for index, member in enumerate(self.manifest["members"]):
            z = bags[member["view"]][member["start"] : member["stop"]]
            z = [a + b for a, b in zip(z, self.arrays[f"member{index}.bias"], strict=True)]
            for depth, layer in enumerate(member["layers"]):
                z = self._layer(f"member{index}.layer{depth}", layer, z)
            total = [a + member["scale"] * b for a, b in zip(total, z, strict=True)]
        if self.manifest["format"] == 1:
            return total
        prior = self._prior()
        if self._known == 0 and prior is not None:
            return prior
        calibration = self.manifest["calibration"] or {"scale": [1.0], "shift": [0.0]}
        scale, shift = (
            numbers if len(numbers) > 1 else numbers * len(total)
            for numbers in (calibration["scale"], calibration["shift"])
        )
        return [a * b + c for a, b, c in zip(total, scale, shift, strict=True)]

    def answer(self, text: str) -> str | tuple[str, ...]:
        """The label, or the labels that hold."""
        scores, labels = self.scores(text), self.manifest["labels"]
        if self.manifest["task"] == "single":
            return labels[scores.index(max(scores))]
        probabilities = [1.0 / (1.0 + math.exp(-score)) for score in scores]
        triples = zip(labels, probabilities, self.manifest["thresholds"], strict=True)
        return tuple(label for label, value, least in triples if value >= least)

    def _prior(self) -> list[float] | None:
        """The scores whose probabilities are the shares of the labels."""
        training = self.manifest["training"]
        counts = training["class_counts"]
        if not any(counts):
            return None
        if self.manifest["task"] == "single":
            shares = [count / sum(counts) for count in counts]
            scores = [math.log(share) if share else -math.inf for share in shares]
        else:
            pairs = [(count, training["documents"] - count) for count in counts]
            scores = [_log(count) - _log(others) for count, others in pairs]
        return [min(max(score, -87.0), 87.0) for score in scores]

    def _bag(self, index: int, view: dict[str, Any], text: str) -> list[float]:
        settings = {**view["features"], "strip": tuple(view["features"]["strip"])}
        rank: dict[int, int] = {
            number: row for row, number in enumerate(self.arrays[f"view{index}.hashes"])
        }
        counts = Counter(token.hash for token in tokenize(text, Features(**settings)))
        known = {rank[number]: count for number, count in counts.items() if number in rank}
        self._known += len(known)
        total = sum(known.values())
        frequency = {
            "binary": lambda _: 1.0,
            "count": float,
            "freq": lambda count: count / total,
            "log": lambda count: 1.0 + math.log(count),
        }[view["weighting"]["term_frequency"]]
        weights = self.arrays[f"view{index}.weights"]
        values = {row: frequency(count) * weights[row] for row, count in known.items()}
        norm, kinds = view["weighting"]["norm"], self.arrays[f"view{index}.kinds"]
        apart = {row: norm == "l2_fields" and kinds[row] >= 64 for row in values}
        for part in (False, True) if norm != "none" else ():
            own = [row for row in values if apart[row] == part]
            length = math.sqrt(sum(values[row] ** 2 for row in own))
            length = length if length > 1e-30 else 1.0
            values |= {row: values[row] / length * (0.5 if part else 1.0) for row in own}
        rows = self.arrays[f"view{index}.rows"]
        bag = [
            sum(value * rows[row][column] for row, value in values.items())
            for column in range(view["width"])
        ]
        scales = self.arrays.get(f"view{index}.scales", [1.0] * view["width"])
        return [a * b for a, b in zip(bag, scales, strict=True)]

    def _layer(self, prefix: str, layer: dict[str, Any], x: list[float]) -> list[float]:
        if layer["kind"] == "dense":
            kernel, bias = self.arrays[f"{prefix}.kernel"], self.arrays[f"{prefix}.bias"]
            x = [
                sum(x[row] * kernel[row][column] for row in range(len(x))) + bias[column]
                for column in range(layer["units"])
            ]
        elif layer["kind"] != "activation":
            if layer["kind"] == "layer_normalization":
                mean = sum(x) / len(x)
                variance = sum((a - mean) ** 2 for a in x) / len(x)
                x = [(a - mean) / math.sqrt(variance + layer["epsilon"]) for a in x]
            scale, shift = self.arrays[f"{prefix}.scale"], self.arrays[f"{prefix}.shift"]
            x = [a * b + c for a, b, c in zip(x, scale, shift, strict=True)]
        activation = {
            "linear": lambda a: a,
            "relu": lambda a: max(a, 0.0),
            "tanh": math.tanh,
            "sigmoid": lambda a: 1.0 / (1.0 + math.exp(-a)),
            "gelu": lambda a: 0.5 * a * (1.0 + math.erf(a / math.sqrt(2.0))),
        }[layer["activation"]]
        return [activation(a) for a in x]
