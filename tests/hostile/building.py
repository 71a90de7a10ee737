"""Building blocks of hostile files: ZIP records with any field, and files sealed again.

Written from docs/format.md and the ZIP specification, without a line of the reader's code.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from satchel.sealed.assembly import Contents
from satchel.sealed.store import pack

ARRAYS = "arrays.safetensors"
Bytes = dict[str, bytes]


@dataclass
class Entry:
    """A member as the container shall state it; what is not given is stated honestly."""

    name: str
    data: bytes
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    before: bytes = b""


def local_header(entry: Entry) -> bytes:
    fields = {
        "needed": 10,
        "flags": 0,
        "method": 0,
        "time": 0,
        "date": 0x21,
        "crc": zlib.crc32(entry.data),
        "compressed": len(entry.data),
        "size": len(entry.data),
        "name": entry.name,
        "extra": b"",
        **entry.local,
    }
    name = fields.pop("name").encode()
    extra = fields.pop("extra")
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, *fields.values(), len(name), len(extra)) + (
        name + extra
    )


def central_header(entry: Entry, offset: int) -> bytes:
    fields: dict[str, Any] = {
        "made": 0x0314,
        "needed": 10,
        "flags": 0,
        "method": 0,
        "time": 0,
        "date": 0x21,
        "crc": zlib.crc32(entry.data),
        "compressed": len(entry.data),
        "size": len(entry.data),
    }
    more: dict[str, Any] = {"disk": 0, "internal": 0, "external": 0o100644 << 16, "offset": offset}
    texts: dict[str, Any] = {"name": entry.name, "extra": b"", "comment": b""}
    for key, value in entry.central.items():
        next(group for group in (fields, more, texts) if key in group)[key] = value
    name, extra, comment = texts["name"].encode(), texts["extra"], texts["comment"]
    lengths = (len(name), len(extra), len(comment))
    return (
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *fields.values(), *lengths, *more.values())
        + name
        + extra
        + comment
    )


def container(members: list[Entry], *, lead: bytes = b"", tail: bytes = b"", **end: Any) -> bytes:
    """A container of any members; ``end`` overrides fields of the end record."""
    body, directory = lead, b""
    for entry in members:
        body += entry.before
        directory += central_header(entry, len(body))
        body += local_header(entry) + entry.data
    fields = {
        "disk": 0,
        "directory_disk": 0,
        "here": len(members),
        "entries": len(members),
        "size": len(directory),
        "offset": len(body),
        "comment_length": 0,
        **end,
    }
    return body + directory + struct.pack("<IHHHHIIH", 0x06054B50, *fields.values()) + tail


def unpacked(parts: Contents) -> Bytes:
    """The members of a good file, read by Python's own zipfile."""
    with zipfile.ZipFile(io.BytesIO(pack(parts))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def entries(members: Bytes) -> list[Entry]:
    """The entries of an honest container."""
    return [Entry(name, data) for name, data in members.items()]


def padded(manifest: bytes) -> bytes:
    """A manifest with the spaces that align what follows."""
    return manifest + b" " * (-(30 + 13 + len(manifest) + 30 + 18) % 64)


def vouched(manifest: dict[str, Any], members: Bytes) -> dict[str, Any]:
    """A manifest that vouches for the members, whatever they hold."""
    files = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
        if name != "manifest.json"
    ]
    return {**manifest, "files": files}


def resealed(
    parts: Contents, edit: Callable[[dict[str, Any]], object] | None = None, **members: bytes
) -> bytes:
    """A file that is consistent in all but what was changed.

    Args:
        parts: The good model.
        edit: Changes the manifest, as plain JSON, in place, after sizes and hashes were filled in.
        members: New contents: ``arrays``, ``terms``, ``card``.
    """
    contents = unpacked(parts)
    names = {"arrays": ARRAYS, "terms": "terms.txt", "card": "card.md"}
    for key, data in members.items():
        contents[names[key]] = data
    manifest = vouched(json.loads(contents["manifest.json"]), contents)
    if edit:
        edit(manifest)
    contents["manifest.json"] = padded(json.dumps(manifest).encode())
    return container(entries(contents))


def with_manifest(parts: Contents, rewrite: Callable[[bytes], bytes]) -> bytes:
    """A file whose manifest has other bytes."""
    contents = unpacked(parts)
    contents["manifest.json"] = padded(rewrite(contents["manifest.json"].rstrip()))
    return container(entries(contents))


def with_array(parts: Contents, name: str, position: int, raw: bytes) -> bytes:
    """A file in which some bytes of one array are others, and all hashes agree."""
    data = bytearray(unpacked(parts)[ARRAYS])
    length = int.from_bytes(data[:8], "little")
    start = json.loads(data[8 : 8 + length])[name]["data_offsets"][0] + 8 + length
    item = len(raw)
    data[start + position * item : start + (position + 1) * item] = raw
    return resealed(parts, arrays=bytes(data))


def with_header(parts: Contents, edit: Callable[[dict[str, Any]], object]) -> bytes:
    """A file whose safetensors header says something else, and all hashes agree."""
    data = unpacked(parts)[ARRAYS]
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    edit(header)
    text = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    return resealed(parts, arrays=len(text).to_bytes(8, "little") + text + data[8 + length :])
