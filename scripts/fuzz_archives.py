"""Attack the reader of archives with damaged and crafted tar, tar.gz, tar.bz2 and zip files.

    python scripts/fuzz_archives.py --minutes 10 --seed 7

An archive that is whole must be read exactly as it was written; a damaged one must be read into
documents that hold together, or be refused with a ``SourceError``. The first case that breaks this,
crashes, hangs or floods the memory is kept, and the exit status is 1.
"""

from __future__ import annotations

import bz2
import gzip
import io
import random
import re
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

from fuzzing import Attack, fit_to_show, main, mutated

from satchel.errors import SourceError
from satchel.sources.reading import read_documents

TOKENS = [
    *(b"\0" * 512, b"\0", b"/", b"..", b"ustar\00000", b"ustar  \0", b"0000000\0"),
    *(b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"PK\x01\x02", b"PK\x03\x04"),
    *(b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"\xff\xff\xff\xff", b"1" * 3000),
    *(b"12 path=a/b\n", b"99999999999999999999 path=a\n", b"9 size=9\n", b"\x1f\x8b\x08"),
    *(b"x", b"g", b"L", b"K", b"S", b"5", b"2", b"1", b"6", b"9"),
]
LABELS = ["ham", "spam", "été", "a b", "中文", "x.y", "CON", "-"]
TEXTS = ["", "text", "été", "x" * 700, "one\ntwo", "y" * 100_000, "\ufeffx", "0" * 1024]
KINDS = ("tar", "tar", "tar.gz", "tgz", "tar.bz2", "zip", "zip")
# Fields of a tar's header: place and size.
TAR_FIELDS = ((0, 100), (124, 12), (156, 1), (257, 8), (345, 155), (482, 1))
# Fields of an entry of a zip's directory: place and type.
ZIP_FIELDS = ((8, "<H"), (10, "<H"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (42, "<I"))


def files_of(chance: random.Random) -> dict[str, bytes]:
    """Make labelled files, sorted as they are read; two labels or more."""
    files = {}
    for number in range(chance.choice((2, 3, 8, 40))):
        deep = chance.choice(("", "", "deep/er/", "n" * 120 + "/"))
        label = LABELS[number] if number < 2 else chance.choice(LABELS)
        files[f"{label}/{deep}{number}"] = chance.choice(TEXTS).encode()
    return dict(sorted(files.items(), key=lambda item: item[0].encode()))


def tar_of(chance: random.Random, files: dict[str, bytes], whole: bool) -> bytes:
    """Write a tar; unless it is to be whole, with odd kinds of members and odd headers."""
    stream = io.BytesIO()
    form = chance.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if not whole and chance.random() < 0.1:
                member.type = chance.choice((b"1", b"2", b"3", b"5", b"6", b"7", b"S", b"V", b"Z"))
                member.linkname = chance.choice(("x", "../x", "y" * 200))
            if not whole and chance.random() < 0.1:
                key = chance.choice(("path", "size", "linkpath", "GNU.sparse.major", "comment"))
                value = chance.choice(("1", "../x", "n/" * 900, "-1", "é\n=", "0"))
                member.pax_headers = {key: value}
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue() if whole else corrected(chance, stream.getvalue())


def corrected(chance: random.Random, data: bytes) -> bytes:
    """Change fields of some headers and make their checksums right again."""
    content = bytearray(data)
    for place in range(0, len(content) - 512, 512):
        if content[place + 257 : place + 262] != b"ustar" or chance.random() > 0.15:
            continue
        field, size = chance.choice(TAR_FIELDS)
        token = chance.choice(TOKENS)[:size]
        content[place + field : place + field + len(token)] = token
        content[place + 148 : place + 156] = b" " * 8
        total = sum(content[place : place + 512])
        content[place + 148 : place + 156] = b"%06o\0 " % total
    return bytes(content)


def zip_of(chance: random.Random, files: dict[str, bytes], whole: bool) -> bytes:
    """Write a zip; unless it is to be whole, with odd values in its directory."""
    stream = io.BytesIO()
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED] * 3
    methods += [] if whole else [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = chance.choice(methods)
            if not whole and chance.random() < 0.1:
                member.external_attr = chance.choice((0o120777, 0o010777, 0o040777, 0o100644)) << 16
            archive.writestr(member, data)
    content = bytearray(stream.getvalue())
    for found in [] if whole else list(re.finditer(rb"PK\x01\x02", content)):
        field, form = chance.choice(ZIP_FIELDS)
        place = found.start() + field
        if chance.random() < 0.2 and place + struct.calcsize(form) <= len(content):
            limit = 2 ** (8 * struct.calcsize(form)) - 1
            value = chance.choice((0, 1, 8, chance.randint(0, limit), limit, len(content)))
            struct.pack_into(form, content, place, min(value, limit))
    return bytes(content)


def make(chance: random.Random, folder: Path) -> tuple[Path, object]:
    """Write an archive, whole, crafted or damaged."""
    files = files_of(chance)
    kind = chance.choice(KINDS)
    whole = chance.random() < 0.2
    data = zip_of(chance, files, whole) if kind == "zip" else tar_of(chance, files, whole)
    if not whole and chance.random() < 0.7:
        data = mutated(chance, data, TOKENS)
    if kind in ("tar.gz", "tgz"):
        data = gzip.compress(data, 1)
    elif kind == "tar.bz2":
        data = bz2.compress(data, 1)
    if not whole and kind not in ("tar", "zip") and chance.random() < 0.3:
        data = mutated(chance, data, TOKENS)
    path = folder / f"t.{kind}"
    path.write_bytes(data)
    return path, files if whole else None


def check(chance: random.Random, path: Path, known: object) -> str:
    """Read an archive in one of several ways."""
    inside = "" if known is not None else chance.choice(("", "", "", "ham", "été/deep", "no"))
    labelled = known is not None or chance.random() < 0.7
    try:
        found = read_documents(path / inside if inside else path, labelled=labelled)
    except SourceError as error:
        if known is not None or not fit_to_show(error):
            raise
        text = str(error).replace(str(path.parent), "").split("\n")[0]
        text = re.sub(r"^.*?: (expected .*?, found [^.(:]*).*", r"\1", text)
        text = re.sub(r"^.*?: (expected sub-folders).*", r"\1", text)
        return f"refused: {re.sub(r'expected (ham|no|été/deep) |[0-9][0-9,]*', '… ', text)[:100]}"
    assert len(found.names) == len(found.texts) == len(set(found.names)) > 0
    "".join(found.texts).encode()
    assert found.labels is None or len(found.labels) == len(found.texts)
    assert all("\0" not in name and name.strip() for name in found.classes())
    assert all(".." not in name.split("/") for name in found.names)
    assert all(fit_to_show(line) and "\n" not in line for line in found.report.lines())
    if isinstance(known, dict):
        assert found.names == list(known)
        assert found.texts == [data.decode().removeprefix("\ufeff") for data in known.values()]
        return "whole: read as it was written"
    return "read, with members skipped" if found.report.lines() else "read"


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main(__doc__.splitlines()[0], {"archives": Attack(make, check)}, megabytes=1_500))
