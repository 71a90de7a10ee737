"""Hostile files that attack the container."""

from __future__ import annotations

import pickle
import struct
import zlib

from hostile.attempts import attempt
from hostile.building import ARRAYS, Entry, container, entries, unpacked
from hostile.small_models import linear
from satchel.sealed.store import pack

MANIFEST = "manifest.json"


def good() -> list[Entry]:
    return entries(unpacked(linear()))


@attempt("", "empty or truncated")
def empty() -> bytes:
    """Is nothing at all."""
    return b""


@attempt("", "expected an end record")
def cut() -> bytes:
    """Was cut in half by a broken copy."""
    data = pack(linear())
    return data[: len(data) // 2]


@attempt("", "expected an end record")
def a_pickle() -> bytes:
    """Is a pickle that would run a command."""
    return pickle.dumps({"weights": b"x" * 100})[:-1] + b"cos\nsystem\n(S'true'\ntR."


@attempt("", "expected an end record")
def trailing_data() -> bytes:
    """Hides a second payload behind the end record."""
    return pack(linear()) + b"\x80\x04payload"


@attempt("", "do not add up")
def leading_data() -> bytes:
    """Is a shell script as well: a polyglot with code in front, its offsets left as they were."""
    return b"#!/bin/sh\nexit 0\n" + pack(linear())


@attempt(MANIFEST, "offset is")
def leading_data_with_offsets() -> bytes:
    """Is a shell script as well, with the offsets corrected as self-extracting archives do."""
    return container(good(), lead=b"#!/bin/sh\nexit 0\n")


@attempt("", "expected an end record")
def archive_comment() -> bytes:
    """Carries a payload in the archive's comment."""
    return container(good(), comment_length=7, tail=b"payload")


@attempt("", "comment length is 22, expected 0")
def end_record_in_comment() -> bytes:
    """Puts a second end record into the comment, so that two readers see two different archives."""
    inner = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 22)
    return container(good(), comment_length=22, tail=inner)


@attempt(ARRAYS, "compression method is 8, expected 0")
def deflated() -> bytes:
    """Compresses a megabyte of zeros into a kilobyte: the classic bomb, in miniature."""
    manifest, rest = good()[0], good()[1:]
    squeezed = zlib.compress(b"\0" * 1_000_000, wbits=-15)
    stated = {"method": 8, "size": 1_000_000}
    rest[0] = Entry(ARRAYS, squeezed, local=stated, central=stated)
    return container([manifest, *rest])


@attempt(ARRAYS, "compression method is 14")
def lzma_member() -> bytes:
    """Names LZMA, whose decoder takes as much memory as the file asks for."""
    stated = {"method": 14}
    manifest, arrays, *rest = good()
    return container([manifest, Entry(ARRAYS, arrays.data, stated, stated), *rest])


@attempt(MANIFEST, "flags .* is 1, expected 0")
def encrypted() -> bytes:
    """Says that a member is encrypted, to stop scanners from looking into it."""
    manifest, *rest = good()
    manifest.local["flags"] = manifest.central["flags"] = 1
    return container([manifest, *rest])


@attempt(MANIFEST, "flags .* is 8, expected 0")
def data_descriptor() -> bytes:
    """Leaves sizes out of the local header, to be guessed from a data descriptor."""
    manifest, *rest = good()
    manifest.local.update(flags=8, crc=0, size=0, compressed=0)
    manifest.central["flags"] = 8
    return container([manifest, *rest])


@attempt(MANIFEST, "extra field length is 20")
def zip64_sizes() -> bytes:
    """States sizes of four exabytes in a ZIP64 extra field."""
    extra = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
    manifest, *rest = good()
    manifest.central.update(extra=extra, size=0xFFFFFFFF, compressed=0xFFFFFFFF)
    return container([manifest, *rest])


@attempt(MANIFEST, "extra field length is 8")
def extra_in_local_header() -> bytes:
    """Hides data in an extra field that only the local header has."""
    manifest, *rest = good()
    manifest.local["extra"] = b"\xfe\xca\x04\x00hide"
    return container([manifest, *rest])


@attempt(MANIFEST, "comment length is 6")
def member_comment() -> bytes:
    """Hides data in a member's comment."""
    manifest, *rest = good()
    manifest.central["comment"] = b"hidden"
    return container([manifest, *rest])


@attempt(MANIFEST, "the member is a duplicate")
def manifest_twice() -> bytes:
    """Has two manifests: one for the scanner, one for the reader."""
    manifest, *rest = good()
    return container([manifest, manifest, *rest[:1], *rest[2:]])


@attempt("card.md", "offset is")
def overlapping() -> bytes:
    """Lets two members share bytes, as bombs do in which a small file unpacks into a huge one."""
    members = good()
    members[-1].central["offset"] = 0
    return container(members)


@attempt(ARRAYS, "offset is")
def gap() -> bytes:
    """Hides data between two members."""
    manifest, arrays, *rest = good()
    arrays.before = b"hidden"
    return container([manifest, arrays, *rest])


@attempt("", "do not add up|members end at")
def gap_before_directory() -> bytes:
    """Hides data between the last member and the central directory."""
    data = container(good())
    at = data.index(b"PK\x01\x02")
    offset = struct.pack("<I", at + 6)
    return data[:at] + b"hidden" + data[at:-6] + offset + data[-2:]


@attempt("", "'../../etc/cron.d/job' is not a member")
def path_traversal() -> bytes:
    """Names a member that would be unpacked outside its folder."""
    return container([*good()[:3], Entry("../../etc/cron.d/job", b"* * * * * root true\n")])


@attempt("", "'/tmp/card.md' is not a member")
def absolute_path() -> bytes:
    """Names a member by an absolute path."""
    return container([*good()[:3], Entry("/tmp/card.md", b"")])


@attempt("", "'model.pkl' is not a member")
def pickle_inside() -> bytes:
    """Brings a pickle along, as skops and torch files did, for a fallback to load."""
    return container([*good()[:3], Entry("model.pkl", b"\x80\x04N.")])


@attempt("", "'Manifest.json' is not a member")
def other_case() -> bytes:
    """Differs from a known name only by case, which some file systems cannot tell apart."""
    manifest, *rest = good()
    manifest.name = "Manifest.json"
    return container([manifest, *rest])


@attempt("", r"'manifest.json\\x00.py' is not a member")
def name_with_nul() -> bytes:
    """Ends a known name by a NUL, which C programs read as the end of the name."""
    manifest, *rest = good()
    manifest.name = "manifest.json\0.py"
    return container([manifest, *rest])


@attempt("card.md", "external attributes is")
def symbolic_link() -> bytes:
    """Is a symbolic link to a secret, for whoever unpacks it."""
    *rest, card = good()
    card.data = b"/etc/passwd"
    card.central["external"] = 0o120777 << 16
    return container([*rest, card])


@attempt("", "order")
def other_order() -> bytes:
    """Has the members in another order, so that equal models have different hashes."""
    manifest, arrays, lines, card = good()
    return container([manifest, arrays, card, lines])


@attempt(ARRAYS, "missing")
def no_arrays() -> bytes:
    """Leaves the arrays out, in the hope of a crash on what is not there."""
    manifest, _, lines, card = good()
    return container([manifest, lines, card])


@attempt(MANIFEST, "missing")
def no_manifest() -> bytes:
    """Leaves out the manifest that would vouch for the rest."""
    return container(good()[1:])


@attempt(MANIFEST, "missing")
def no_members() -> bytes:
    """Is an empty archive."""
    return container([])


@attempt(MANIFEST, "the name is 'manifest.jsoN'")
def names_disagree() -> bytes:
    """Has another name in the local header than in the directory: two readers, two models."""
    manifest, *rest = good()
    manifest.local["name"] = "manifest.jsoN"
    return container([manifest, *rest])


@attempt(MANIFEST, "local header: size is 0")
def sizes_disagree() -> bytes:
    """Has another size in the local header than in the directory: two readers, two models."""
    manifest, *rest = good()
    manifest.local["size"] = 0
    return container([manifest, *rest])


@attempt(ARRAYS, "overlaps the central directory")
def size_beyond_the_end() -> bytes:
    """Claims a member of four gigabytes in a file of two kilobytes, to have them allocated."""
    manifest, arrays, *rest = good()
    stated = {"size": 0xFFFFFFF0, "compressed": 0xFFFFFFF0}
    return container([manifest, Entry(ARRAYS, arrays.data, stated, stated), *rest])


@attempt("", "end record: disk is 1")
def several_disks() -> bytes:
    """Says that the archive continues on another disk."""
    return container(good(), disk=1)


@attempt("", "entries is 65535, expected 4")
def wrong_count() -> bytes:
    """Says that there are 65,535 members, the sign of ZIP64."""
    return container(good(), entries=0xFFFF, here=0xFFFF)


@attempt("", "do not add up")
def directory_beyond_the_end() -> bytes:
    """Puts the central directory behind the end of the file."""
    return container(good(), offset=0xFFFFFF00)


@attempt("", "central directory of at most .* bytes, found 4294967040")
def huge_directory() -> bytes:
    """Claims a central directory of four gigabytes, to have it allocated."""
    return container(good(), size=0xFFFFFF00)


@attempt(MANIFEST, "date is")
def other_date() -> bytes:
    """Carries a date, a channel for data and a difference between equal models."""
    manifest, *rest = good()
    manifest.local["date"] = manifest.central["date"] = 0x5A21
    return container([manifest, *rest])
