"""``manifest.json``: strict JSON in, a checked `Manifest` out, and back."""

from __future__ import annotations

import json
import zlib
from collections import Counter

import msgspec

from satchel.errors import ModelFileError
from satchel.sealed import checks, container, tensors, versions
from satchel.sealed.container import ReadAt, Span
from satchel.sealed.schema import FORMAT, Manifest

NAME = "manifest.json"
MAX_BYTES = 8 << 20


class _Probe(msgspec.Struct):
    """The one field that every version of the format has."""

    format: int


_PROBE = msgspec.json.Decoder(_Probe)
_MANIFEST = msgspec.json.Decoder(Manifest)


def validated(manifest: Manifest) -> Manifest:
    """Return a manifest as a reader will see it.

    Raises:
        ModelFileError: A field is out of its bounds or contradicts another.
    """
    return _decode(_dump(manifest))


def encode(manifest: Manifest) -> bytes:
    """Return the bytes of ``manifest.json``.

    Spaces at the end see to it that the member behind it, the arrays, starts at an aligned byte.

    Raises:
        ModelFileError: It would be larger than `MAX_BYTES`.
    """
    data = _dump(manifest)
    if len(data) + tensors.ALIGNMENT > MAX_BYTES:
        raise ModelFileError(
            f"takes {len(data)} bytes, at most {MAX_BYTES}: use shorter labels or fewer facts", NAME
        )
    before = container.header_size(NAME) + len(data) + 1 + container.header_size(tensors.NAME)
    return data + b" " * (-before % tensors.ALIGNMENT) + b"\n"


def _dump(manifest: Manifest) -> bytes:
    try:
        data = msgspec.json.encode(versions.plain(manifest))
    except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, ValueError) as error:
        raise ModelFileError(f"cannot be written as JSON: {error}", NAME) from error
    return data


def read(span: Span, read_at: ReadAt) -> Manifest:
    """Read and check the manifest of a container.

    Args:
        span: Where it lies.
        read_at: Reads from the container.

    Raises:
        ModelFileError: It is too large, its CRC-32 is wrong, it is no strict JSON, of another
            version, or a field is unknown, there twice, missing, out of bounds or contradictory.
    """
    if span.size > MAX_BYTES:
        raise ModelFileError(f"has {span.size} bytes, a manifest at most {MAX_BYTES}", NAME)
    data = read_at(span.offset, span.size)
    # No SHA-256 vouches for the manifest, so chance damage is found by its CRC-32.
    if zlib.crc32(data) != span.crc:
        raise ModelFileError("its CRC-32 is wrong: the file was damaged", NAME)
    return _decode(data)


def _decode(data: bytes) -> Manifest:
    """Decode a manifest and check all that it says by itself."""
    try:
        version = _PROBE.decode(data).format
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(str(error), NAME) from error
    if not 1 <= version <= FORMAT:
        raise ModelFileError(
            f"the format is {version}, this Satchel reads 1 to {FORMAT}: "
            "install a newer Satchel if the number is greater",
            NAME,
        )
    try:
        manifest = _MANIFEST.decode(data)
        versions.check_fields(json.loads(data, object_pairs_hook=_refuse_twice), version)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(str(error), NAME) from error
    checks.check_manifest(manifest)
    return manifest


def _refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that has a key twice: msgspec would silently keep the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ModelFileError(f"the key {twice!r:.80} is there twice in one object", NAME)
    return found
