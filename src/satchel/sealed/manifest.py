"""The manifest: its versions, its checks, and its bytes.

One set of structs (`schema`) serves all versions of the format. A field that a version lacks has
its default in a model of that version, is not written, and is refused in a file of that version.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
import numpy as np

from satchel.errors import ModelFileError
from satchel.features.hashing import CHARACTER_KIND, FIELD_KIND, NO_KEY, PART_KIND
from satchel.features.spec import Features, Weighting
from satchel.inference.structure import FORMAT, History, Score, Training, Trial
from satchel.sealed import container, labels
from satchel.sealed.arrays import ALIGNMENT, ARRAYS
from satchel.sealed.container import ReadAt, Span
from satchel.sealed.schema import (
    MAX_COLUMNS,
    MAX_NUMBERS,
    MAX_SIZE,
    CalibrationEntry,
    File,
    LayerEntry,
    Manifest,
    MemberEntry,
    ViewEntry,
)

MANIFEST = "manifest.json"

_ADDED: dict[int, dict[type[msgspec.Struct], tuple[str, ...]]] = {
    2: {Manifest: ("label_type", "calibration"), Training: ("history",), Features: ("hash_key",)},
}
"""The fields that each version added."""

_INNER: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {
    Manifest: {
        "views": ViewEntry,
        "members": MemberEntry,
        "calibration": CalibrationEntry,
        "training": Training,
        "scores": Score,
        "files": File,
    },
    ViewEntry: {"features": Features, "weighting": Weighting},
    MemberEntry: {"layers": LayerEntry},
    Training: {"trials": Trial, "history": History},
}
"""The structs inside a struct, or inside a list of it, by field."""


def plain(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as plain objects, with the fields of its version in their order.

    Raises:
        ModelFileError: A field that its version lacks has a value that would be lost.
    """
    written: dict[str, Any] = msgspec.to_builtins(manifest, order="deterministic")
    _strip(written, Manifest, manifest.format, "")
    return written


def check_fields(written: Any, version: int) -> None:
    """Refuse a manifest without a field of its version, or with one of a newer version.

    Args:
        written: The manifest as plain objects; fields that no version knows were refused before.
        version: Its version.

    Raises:
        ModelFileError: A field is missing or of a newer version.
    """
    _check(written, Manifest, version, "")


def _lacking(struct: type[msgspec.Struct], version: int) -> set[str]:
    """Return the fields of a struct that a version does not have."""
    return {
        field for added in range(version + 1, FORMAT + 1) for field in _ADDED[added].get(struct, ())
    }


def _strip(written: dict[str, Any], struct: type[msgspec.Struct], version: int, path: str) -> None:
    defaults = {field.name: field.default for field in msgspec.structs.fields(struct)}
    for field in _lacking(struct, version):
        value = written.pop(field)
        if value != msgspec.to_builtins(defaults[field]):
            _refuse_field(f"{path}{field} is {value!r:.60}, but format {version} has no such field")
    for inner, place in _objects(written, struct):
        _strip(inner, _INNER[struct][place.split("[")[0]], version, f"{path}{place}.")


def _check(written: dict[str, Any], struct: type[msgspec.Struct], version: int, path: str) -> None:
    lacking = _lacking(struct, version)
    for field in struct.__struct_fields__:
        if field in lacking and field in written:
            _refuse_field(f"{path}{field} is a field of a newer format, the file's is {version}")
        if field not in lacking and field not in written:
            _refuse_field(f"the field {path}{field} is missing")
    for inner, place in _objects(written, struct):
        _check(inner, _INNER[struct][place.split("[")[0]], version, f"{path}{place}.")


def _objects(
    written: dict[str, Any], struct: type[msgspec.Struct]
) -> list[tuple[dict[str, Any], str]]:
    """Return the nested objects that are structs, each with its path, such as ``views[0]``."""
    found: list[tuple[dict[str, Any], str]] = []
    for field in _INNER.get(struct, {}):
        value = written.get(field)
        if isinstance(value, (list, tuple)):
            found += [(each, f"{field}[{number}]") for number, each in enumerate(value)]
        elif value is not None:
            found.append((value, field))
    return found


def _refuse_field(reason: str) -> NoReturn:
    raise ModelFileError(reason, MANIFEST)


_CHUNK = 1 << 17  # elements checked at once, so that a check takes little memory
_MAX_MIN_LENGTH = 1_000


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest whose fields contradict each other, or whose model costs too much to run.

    Raises:
        ModelFileError: Two fields contradict each other, or together exceed a limit.
    """
    _check_labels(manifest)
    for index, view in enumerate(manifest.views):
        _check_features(view.features, f"views[{index}].features")
    for index, member in enumerate(manifest.members):
        _check_member(manifest, member, f"members[{index}]")
    _check_work(manifest)
    if manifest.format > 1:
        _check_keys(manifest)
        _check_metadata(manifest)


def _check_labels(manifest: Manifest) -> None:
    """Refuse duplicate or mistyped labels, and lists without one number per label."""
    duplicates = [label for label, count in Counter(manifest.labels).items() if count > 1]
    if duplicates:
        _refuse(f"labels: {duplicates[0]!r} is a duplicate")
    fault = labels.fault_of(manifest.labels, manifest.label_type)
    if fault:
        _refuse(f"labels: {fault}")
    if manifest.task == "single" and len(manifest.labels) < 2:
        _refuse("labels: expected at least 2 for the task 'single', found 1")
    thresholds = len(manifest.labels) if manifest.task == "multiple" else 0
    if len(manifest.thresholds) != thresholds:
        _refuse(
            f"thresholds: expected {thresholds} for the task {manifest.task!r} with "
            f"{len(manifest.labels)} labels, found {len(manifest.thresholds)}"
        )
    counts = manifest.training.class_counts
    if len(counts) != len(manifest.labels):
        _refuse(f"training.class_counts: expected one per label, found {len(counts)}")
    calibration = manifest.calibration
    for name in ("scale", "shift") if calibration else ():
        numbers = len(getattr(calibration, name))
        if numbers not in (1, len(manifest.labels)):
            _refuse(f"calibration.{name}: expected 1 number or one per label, found {numbers}")


def _check_work(manifest: Manifest) -> None:
    """Refuse a model that is expensive to run although its file is small."""
    columns = sum(view.width for view in manifest.views)
    if columns > MAX_COLUMNS:
        _refuse(f"views: expected at most {MAX_COLUMNS} columns in all, found {columns}")
    numbers = sum(
        member.stop - member.start + sum(layer.units for layer in member.layers)
        for member in manifest.members
    )
    if numbers > MAX_NUMBERS:
        _refuse(f"members: expected at most {MAX_NUMBERS} numbers per document, found {numbers}")


def _check_keys(manifest: Manifest) -> None:
    """Refuse views without a hash key, or with different ones."""
    keys = {view.features.hash_key for view in manifest.views}
    if NO_KEY in keys:
        _refuse("views: expected a features.hash_key from 1 to 2**61 - 2, found 0")
    if len(keys) > 1:
        _refuse("views: expected the same features.hash_key for all, found different ones")


def _check_metadata(manifest: Manifest) -> None:
    """Refuse impossible metadata, and numbers that are too large to compute with."""
    training = manifest.training
    if max(training.class_counts) > training.documents:
        _refuse(
            f"training.class_counts: expected at most {training.documents}, the number of "
            f"documents, found {max(training.class_counts)}"
        )
    for history in training.history:
        if history.member >= len(manifest.members):
            _refuse(f"training.history: there is no member {history.member}")
    numbers = [member.scale for member in manifest.members]
    if manifest.calibration is not None:
        numbers += [*manifest.calibration.scale, *manifest.calibration.shift]
    largest = max(map(abs, numbers))
    if largest > MAX_SIZE:
        _refuse(f"expected scales and shifts of at most {MAX_SIZE:g}, found {largest:g}")


def _check_features(features: Features, path: str) -> None:
    """Refuse features that `Features` itself allows but that would waste time."""
    if features.min_length > _MAX_MIN_LENGTH:
        _refuse(
            f"{path}.min_length: expected at most {_MAX_MIN_LENGTH}, found {features.min_length}"
        )
    if len(set(features.strip)) != len(features.strip):
        _refuse(f"{path}.strip has a duplicate part")


def _check_member(manifest: Manifest, member: MemberEntry, path: str) -> None:
    """Refuse a member that reads missing columns, or whose layers do not match."""
    if member.view >= len(manifest.views):
        _refuse(f"{path}.view is {member.view}, there are {len(manifest.views)} views")
    width = manifest.views[member.view].width
    if not member.start < member.stop <= width:
        _refuse(f"{path} reads columns {member.start} to {member.stop} of {width}")
    units = member.stop - member.start
    for depth, layer in enumerate(member.layers):
        if layer.kind != "dense" and layer.units != units:
            _refuse(
                f"{path}.layers[{depth}]: expected {units} units, as {layer.kind} has inputs, "
                f"found {layer.units}"
            )
        units = layer.units
    if units != len(manifest.labels):
        _refuse(f"{path} ends with {units} numbers, there are {len(manifest.labels)} labels")


def check_arrays(manifest: Manifest, arrays: dict[str, np.ndarray]) -> None:
    """Refuse arrays with values that no model has.

    Types and shapes have been checked before (`arrays`).

    Raises:
        ModelFileError: A number is not finite or too large, the hashes of a vocabulary do not
            strictly increase, or an entry has a kind that its view does not have.
    """
    largest = MAX_SIZE if manifest.format > 1 else float(np.finfo(np.float32).max)
    for name, array in arrays.items():
        for chunk in _chunks(array) if array.dtype.kind == "f" else ():
            if not _within(chunk, largest):
                finite = np.isfinite(chunk).all()
                what = f"of a size above {largest:g}" if finite else "that is not finite"
                _refuse(f"{name} holds a number {what}", ARRAYS)
    for index, view in enumerate(manifest.views):
        if not _increasing(arrays[f"view{index}.hashes"]):
            _refuse(f"view{index}.hashes does not strictly increase", ARRAYS)
        _check_kinds(view, arrays[f"view{index}.kinds"], f"view{index}.kinds")


def _check_kinds(view: ViewEntry, kinds: np.ndarray, name: str) -> None:
    """Refuse entries of a kind that the view's features do not have."""
    allowed = np.zeros(256, dtype=bool)
    allowed[1 : view.features.words + 1] = True
    allowed[CHARACTER_KIND] = view.features.characters is not None
    allowed[FIELD_KIND] = allowed[PART_KIND] = view.features.fields
    for chunk in _chunks(kinds):
        if not allowed[chunk].all():
            found = int(chunk[~allowed[chunk]][0])
            _refuse(f"{name} holds the kind {found}, which the view's features do not have", ARRAYS)


def _chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in pieces of bounded size."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        yield flat[start : start + _CHUNK]


def _within(chunk: np.ndarray, largest: float) -> bool:
    """Return whether all numbers are finite and none exceeds ``largest``."""
    if chunk.dtype.itemsize == 2:  # NumPy is slow for float16: check the exponents
        return bool((chunk.view("<u2") & 0x7FFF).max() < 0x7C00)
    return bool(np.abs(chunk).max() <= largest)


def _increasing(hashes: np.ndarray) -> bool:
    """Return whether each number is greater than the one before it."""
    for start in range(0, hashes.size - 1, _CHUNK):
        piece = hashes[start : start + _CHUNK + 1]
        if not (piece[:-1] < piece[1:]).all():
            return False
    return True


def _refuse(reason: str, member: str = MANIFEST) -> NoReturn:
    raise ModelFileError(reason, member)


MAX_BYTES = 8 << 20
"""The largest manifest."""


class _Probe(msgspec.Struct):
    """The one field that every version of the format has."""

    format: int


_PROBE = msgspec.json.Decoder(_Probe)
_DECODER = msgspec.json.Decoder(Manifest)


def validated(manifest: Manifest) -> Manifest:
    """Return a manifest as a reader would decode it.

    Raises:
        ModelFileError: A field is out of its bounds or contradicts another.
    """
    return _decode(_dump(manifest))


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of ``manifest.json``.

    Padded with spaces so that the next member, the arrays, starts at an aligned byte.

    Raises:
        ModelFileError: It would be larger than `MAX_BYTES`.
    """
    data = _dump(manifest)
    if len(data) + ALIGNMENT > MAX_BYTES:
        raise ModelFileError(
            f"expected at most {MAX_BYTES} bytes, found {len(data)}: use shorter labels or less "
            "metadata",
            MANIFEST,
        )
    before = container.header_size(MANIFEST) + len(data) + 1 + container.header_size(ARRAYS)
    return data + b" " * (-before % ALIGNMENT) + b"\n"


def _dump(manifest: Manifest) -> bytes:
    try:
        data = msgspec.json.encode(plain(manifest))
    except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, ValueError) as error:
        raise ModelFileError(f"cannot be written as JSON: {error}", MANIFEST) from error
    return data


def read_manifest(span: Span, read_at: ReadAt) -> Manifest:
    """Read and check the manifest of a container.

    Args:
        span: Where it lies.
        read_at: Reads from the container.

    Raises:
        ModelFileError: It is too large, its CRC-32 is wrong, it is not strict JSON or of another
            version, or a field is unknown, a duplicate, missing, out of bounds or contradictory.
    """
    if span.size > MAX_BYTES:
        raise ModelFileError(f"expected at most {MAX_BYTES} bytes, found {span.size}", MANIFEST)
    data = read_at(span.offset, span.size)
    # The manifest has no SHA-256, so accidental damage is found by its CRC-32.
    if zlib.crc32(data) != span.crc:
        raise ModelFileError("its CRC-32 is wrong: the file was damaged", MANIFEST)
    return _decode(data)


def _decode(data: bytes) -> Manifest:
    """Decode a manifest and check everything that needs no other member."""
    try:
        version = _PROBE.decode(data).format
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(str(error), MANIFEST) from error
    if not 1 <= version <= FORMAT:
        raise ModelFileError(
            f"expected a format from 1 to {FORMAT}, found {version}: "
            "install a newer Satchel if the number is greater",
            MANIFEST,
        )
    try:
        manifest = _DECODER.decode(data)
        check_fields(json.loads(data, object_pairs_hook=_refuse_duplicates), version)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(str(error), MANIFEST) from error
    check_manifest(manifest)
    return manifest


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object with a duplicate key: msgspec would silently keep the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        duplicate = next(key for key, count in counts.items() if count > 1)
        raise ModelFileError(f"the key {duplicate!r:.80} is a duplicate", MANIFEST)
    return found
