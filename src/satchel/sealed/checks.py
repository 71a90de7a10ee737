"""What must hold between the parts of a model, beyond the bounds of each field.

Everything here is checked by the reader before an answer is computed, and by the writer before a
byte is written: a file that Satchel wrote is one that it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

import numpy as np

from satchel.bags.features import Features
from satchel.bags.hashing import CHARACTER_KIND, FIELD_KIND, NO_KEY, PART_KIND
from satchel.errors import ModelFileError
from satchel.sealed import labels, tensors
from satchel.sealed.schema import MAX_COLUMNS, MAX_NUMBERS, MAX_SIZE, Manifest, Member, View

_MANIFEST = "manifest.json"
_CHUNK = 1 << 17  # elements looked at together, so that a check takes no memory to speak of
_MAX_MIN_LENGTH = 1_000


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest whose fields contradict each other.

    Raises:
        ModelFileError: It names the field and the contradiction.
    """
    _check_labels(manifest)
    for index, view in enumerate(manifest.views):
        _check_features(view.features, f"views[{index}].features")
    for index, member in enumerate(manifest.members):
        _check_member(manifest, member, f"members[{index}]")
    _check_work(manifest)
    if manifest.format > 1:
        _check_keys(manifest)
        _check_facts(manifest)


def _check_labels(manifest: Manifest) -> None:
    """Refuse doubled or mistyped labels, and lists that have not one number a label."""
    twice = [label for label, count in Counter(manifest.labels).items() if count > 1]
    if twice:
        _refuse(f"labels: {twice[0]!r} is there twice")
    fault = labels.fault_of(manifest.labels, manifest.label_type)
    if fault:
        _refuse(f"labels: {fault}")
    if manifest.task == "single" and len(manifest.labels) < 2:
        _refuse("labels: the task 'single' chooses among at least 2, found 1")
    thresholds = len(manifest.labels) if manifest.task == "multiple" else 0
    if len(manifest.thresholds) != thresholds:
        _refuse(
            f"thresholds: found {len(manifest.thresholds)}, the task {manifest.task!r} with "
            f"{len(manifest.labels)} labels has {thresholds}"
        )
    counts = manifest.training.class_counts
    if len(counts) != len(manifest.labels):
        _refuse(f"training.class_counts: found {len(counts)}, expected one a label")
    calibration = manifest.calibration
    for name in ("scale", "shift") if calibration else ():
        numbers = len(getattr(calibration, name))
        if numbers not in (1, len(manifest.labels)):
            _refuse(f"calibration.{name}: found {numbers} numbers, expected 1, or one a label")


def _check_work(manifest: Manifest) -> None:
    """Refuse a model that makes every document dear, though its file be small."""
    columns = sum(view.width for view in manifest.views)
    if columns > MAX_COLUMNS:
        _refuse(f"views: they have {columns} columns together, at most {MAX_COLUMNS}")
    numbers = sum(
        member.stop - member.start + sum(layer.units for layer in member.layers)
        for member in manifest.members
    )
    if numbers > MAX_NUMBERS:
        _refuse(f"members: they compute {numbers} numbers a document, at most {MAX_NUMBERS}")


def _check_keys(manifest: Manifest) -> None:
    """Refuse views without a hash key, or with several."""
    keys = {view.features.hash_key for view in manifest.views}
    if NO_KEY in keys:
        _refuse("views: features.hash_key is 0, expected a key from 1 to 2**61 - 2")
    if len(keys) > 1:
        _refuse("views: features.hash_key differs between views, expected one key for all")


def _check_facts(manifest: Manifest) -> None:
    """Refuse facts that cannot be true, and numbers that are too large to compute with."""
    training = manifest.training
    if max(training.class_counts) > training.documents:
        _refuse(
            f"training.class_counts: a label has {max(training.class_counts)} documents of "
            f"{training.documents}"
        )
    for history in training.history:
        if history.member >= len(manifest.members):
            _refuse(f"training.history: there is no member {history.member}")
    numbers = [member.scale for member in manifest.members]
    if manifest.calibration is not None:
        numbers += [*manifest.calibration.scale, *manifest.calibration.shift]
    largest = max(map(abs, numbers))
    if largest > MAX_SIZE:
        _refuse(f"a scale or shift has the size {largest:g}, at most {MAX_SIZE:g}")


def _check_features(features: Features, path: str) -> None:
    """Refuse what the ranges of `Features` itself leave open to a file that wants to waste time."""
    if features.min_length > _MAX_MIN_LENGTH:
        _refuse(f"{path}.min_length is {features.min_length}, at most {_MAX_MIN_LENGTH}")
    if len(set(features.strip)) != len(features.strip):
        _refuse(f"{path}.strip names a part twice")


def _check_member(manifest: Manifest, member: Member, path: str) -> None:
    """Refuse a member that reads columns that are not there, or whose layers do not fit."""
    if member.view >= len(manifest.views):
        _refuse(f"{path}.view is {member.view}, there are {len(manifest.views)} views")
    width = manifest.views[member.view].width
    if not member.start < member.stop <= width:
        _refuse(f"{path} reads columns {member.start} to {member.stop} of {width}")
    units = member.stop - member.start
    for depth, layer in enumerate(member.layers):
        if layer.kind != "dense" and layer.units != units:
            _refuse(
                f"{path}.layers[{depth}]: {layer.kind} has {layer.units} units, {units} go into it"
            )
        units = layer.units
    if units != len(manifest.labels):
        _refuse(f"{path} ends with {units} numbers, there are {len(manifest.labels)} labels")


def check_arrays(manifest: Manifest, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays that hold what no model holds.

    Types and shapes have been checked before (`tensors`).

    Raises:
        ModelFileError: A number is not finite or too large, the hashes of a vocabulary do not
            strictly increase, or an entry is of a kind that its view does not have.
    """
    largest = MAX_SIZE if manifest.format > 1 else float(np.finfo(np.float32).max)
    for name, array in arrays.items():
        for chunk in _chunks(array) if array.dtype.kind == "f" else ():
            if not _within(chunk, largest):
                finite = np.isfinite(chunk).all()
                what = f"of a size above {largest:g}" if finite else "that is not finite"
                _refuse(f"{name} holds a number {what}", tensors.NAME)
    for index, view in enumerate(manifest.views):
        if not _increasing(arrays[f"view{index}.hashes"]):
            _refuse(f"view{index}.hashes does not strictly increase", tensors.NAME)
        _check_kinds(view, arrays[f"view{index}.kinds"], f"view{index}.kinds")


def _check_kinds(view: View, kinds: np.ndarray, name: str) -> None:
    """Refuse a kind of entry that the features of the view do not make."""
    allowed = np.zeros(256, dtype=bool)
    allowed[1 : view.features.words + 1] = True
    allowed[CHARACTER_KIND] = view.features.characters is not None
    allowed[FIELD_KIND] = allowed[PART_KIND] = view.features.fields
    for chunk in _chunks(kinds):
        if not allowed[chunk].all():
            found = int(chunk[~allowed[chunk]][0])
            _refuse(f"{name} holds {found}, which the view's features never make", tensors.NAME)


def _chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in pieces of bounded size."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        yield flat[start : start + _CHUNK]


def _within(chunk: np.ndarray, largest: float) -> bool:
    """Return whether all numbers are finite and none is larger than that."""
    if chunk.dtype.itemsize == 2:  # NumPy has no fast loop for float16: look at the exponents
        return bool((chunk.view("<u2") & 0x7FFF).max() < 0x7C00)
    return bool(np.abs(chunk).max() <= largest)


def _increasing(hashes: np.ndarray) -> bool:
    """Return whether each number is greater than the one before it."""
    for start in range(0, hashes.size - 1, _CHUNK):
        piece = hashes[start : start + _CHUNK + 1]
        if not (piece[:-1] < piece[1:]).all():
            return False
    return True


def _refuse(reason: str, member: str = _MANIFEST) -> NoReturn:
    raise ModelFileError(reason, member)
