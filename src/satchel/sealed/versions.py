"""What the versions of the format differ in: fields of the manifest that older ones do not have.

One set of structs (`schema`) serves all versions. A field that a version lacks has its default in
a model of that version, is not written, and is refused where a file has it nevertheless.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from satchel.bags.features import Features, Weighting
from satchel.errors import ModelFileError
from satchel.sealed import schema
from satchel.sealed.schema import FORMAT, Manifest, Member, Training, View

NAME = "manifest.json"

_ADDED: dict[int, dict[type[msgspec.Struct], tuple[str, ...]]] = {
    2: {Manifest: ("label_type", "calibration"), Training: ("history",), Features: ("hash_key",)},
}
"""By version: the fields that it added."""

_INNER: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {
    Manifest: {
        "views": View,
        "members": Member,
        "calibration": schema.Calibration,
        "training": Training,
        "scores": schema.Score,
        "files": schema.File,
    },
    View: {"features": Features, "weighting": Weighting},
    Member: {"layers": schema.Layer},
    Training: {"trials": schema.Trial, "history": schema.History},
}
"""The structs inside a struct, or inside a list of it, by field."""


def plain(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as plain objects, with the fields of its version in their order.

    Raises:
        ModelFileError: A field that its version lacks has a value, which would be lost.
    """
    written: dict[str, Any] = msgspec.to_builtins(manifest, order="deterministic")
    _strip(written, Manifest, manifest.format, "")
    return written


def check_fields(written: Any, version: int) -> None:
    """Refuse a manifest that lacks a field of its version, or has one of a newer version.

    Args:
        written: The manifest as plain objects; fields that no version knows were refused before.
        version: Its version.

    Raises:
        ModelFileError: It names the field.
    """
    _check(written, Manifest, version, "")


def _lacking(struct: type[msgspec.Struct], version: int) -> set[str]:
    """The fields of a struct that a version does not have."""
    return {
        field for added in range(version + 1, FORMAT + 1) for field in _ADDED[added].get(struct, ())
    }


def _strip(written: dict[str, Any], struct: type[msgspec.Struct], version: int, path: str) -> None:
    defaults = {field.name: field.default for field in msgspec.structs.fields(struct)}
    for field in _lacking(struct, version):
        value = written.pop(field)
        if value != msgspec.to_builtins(defaults[field]):
            _refuse(f"{path}{field} is {value!r:.60}, but format {version} has no such field")
    for inner, place in _objects(written, struct):
        _strip(inner, _INNER[struct][place.split("[")[0]], version, f"{path}{place}.")


def _check(written: dict[str, Any], struct: type[msgspec.Struct], version: int, path: str) -> None:
    lacking = _lacking(struct, version)
    for field in struct.__struct_fields__:
        if field in lacking and field in written:
            _refuse(f"{path}{field} is a field of a newer format, the file's is {version}")
        if field not in lacking and field not in written:
            _refuse(f"the field {path}{field} is missing")
    for inner, place in _objects(written, struct):
        _check(inner, _INNER[struct][place.split("[")[0]], version, f"{path}{place}.")


def _objects(
    written: dict[str, Any], struct: type[msgspec.Struct]
) -> list[tuple[dict[str, Any], str]]:
    """The objects inside an object that are structs, each with its place, such as ``views[0]``."""
    found: list[tuple[dict[str, Any], str]] = []
    for field in _INNER.get(struct, {}):
        value = written.get(field)
        if isinstance(value, (list, tuple)):
            found += [(each, f"{field}[{number}]") for number, each in enumerate(value)]
        elif value is not None:
            found.append((value, field))
    return found


def _refuse(reason: str) -> NoReturn:
    raise ModelFileError(reason, NAME)
