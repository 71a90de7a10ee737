"""Tar archives: the members that Python's own reader finds, in time and memory that stay linear."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError
from satchel.sources.archives import BLOCK, MAX_HEADER_BYTES, MAX_NAME_BYTES, read_members
from satchel.sources.documents import Bounded
from satchel.sources.reading import read_documents

GOOD = {"a/1": b"one", "b/1": b"two"}
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def tar_bytes(members: list[tarfile.TarInfo], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return stream.getvalue()


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % BLOCK)


def good(files: dict[str, bytes] = GOOD) -> bytes:
    return b"".join(header(b"0", len(data), name) + padded(data) for name, data in files.items())


END = b"\0" * 2 * BLOCK


def found(data: bytes) -> list[tuple[str, str, int]]:
    bounded = Bounded(io.BytesIO(data), "t.tar", len(data))
    return [(each.name.rstrip("/"), each.kind, each.size) for each in read_members(bounded)]


TYPES = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "link",
    tarfile.FIFOTYPE: "not a regular file", tarfile.CHRTYPE: "not a regular file",
}  # fmt: skip
names = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
    st.from_regex(r"[a-z]{1,60}(/[a-z]{1,60}){0,6}", fullmatch=True),
    st.integers(90, 600).map(lambda n: "é" * (n // 2) + "/x"),
).filter(lambda name: bool(name.strip("/")))


@settings(deadline=None)
@given(
    st.lists(st.tuples(names, st.sampled_from(sorted(TYPES)), st.integers(0, 1100)), max_size=6),
    st.sampled_from(FORMATS),
)
def test_members_are_those_that_tarfile_finds(
    rows: list[tuple[str, bytes, int]], form: int
) -> None:
    members = []
    for name, kind, size in rows:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.size = size if TYPES[kind] == "file" else 0
        member.linkname = "target" * 30 if TYPES[kind] == "link" else ""
        members.append(member)
    try:
        data = tar_bytes(members, form)
    except ValueError:  # names that the old format cannot hold
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = [
            (each.name, "folder" if each.isdir() else TYPES[each.type], each.size)
            for each in archive.getmembers()
        ]
    assert found(data) == expected


def test_the_largest_sizes_and_oldest_headers_are_understood() -> None:
    old = bytearray(header(b"\0", 3, "a/1"))
    old[257:265] = b"\0" * 8
    old[148:156] = b"%06o\0 " % (sum(old[:148]) + 256 + sum(old[156:]))
    assert found(bytes(old) + padded(b"abc") + END) == [("a/1", "file", 3)]
    folder = header(b"\0", 0, "a/")
    assert found(folder + END) == [("a", "folder", 0)]
    large = tarfile.TarInfo("large")
    large.size = 9 * 2**33
    members = read_members(Bounded(io.BytesIO(large.tobuf(tarfile.GNU_FORMAT)), "t.tar", 10**12))
    assert next(members).size == large.size


def test_sparse_files_are_reported_and_their_data_skipped() -> None:
    sparse = bytearray(header(b"S", 5, "a/sparse"))
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    more, last = bytearray(BLOCK), bytearray(BLOCK)
    more[504] = 1
    data = bytes(sparse + more + last) + padded(b"12345") + good() + END
    for end in (100, BLOCK + 8, 2 * BLOCK + 8, 3 * BLOCK + 4):
        with pytest.raises(EOFError):
            found(data[:end])
    kinds = [(name, kind) for name, kind, _ in found(data)]
    assert kinds == [("a/sparse", "not a regular file"), ("a/1", "file"), ("b/1", "file")]
    member = tarfile.TarInfo("a/pax")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "x"}
    assert found(tar_bytes([member]))[0][1] == "not a regular file"


def record(key: str, value: str) -> bytes:
    data = f" {key}={value}\n".encode()
    length = len(data) + len(str(len(data) + 3))
    return str(length).encode() + data if len(str(length)) == len(str(len(data) + 3)) else b""


LONG = "n/" * 5_000_000
HOSTILE = {
    "gnu long name": (header(b"L", len(LONG)) + padded(LONG.encode()), "its name takes"),
    "pax long name": (
        header(b"x", len(data := record("path", "n/" * 400_000))) + padded(data), "its name takes"
    ),
    "pax header": (header(b"x", 10**7) + padded(b"1" * 10**7), "its header takes"),
    "global pax header": (header(b"g", 10**7) + padded(b"1" * 10**7), "its header takes"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_headers_that_are_too_long_skip_their_member(name: str, tmp_path: Path) -> None:
    start, reason = HOSTILE[name]
    path = tmp_path / "t.tar"
    one = header(b"0", 1, "a/2") + padded(b"x")
    path.write_bytes(good() + start + one + END)
    documents = read_documents(path)
    assert documents.texts == ["one", "two"]
    (trouble,) = documents.report.unreadable
    assert trouble.reason.startswith(reason)
    assert len(documents.report.lines()[0]) < 300


@pytest.mark.parametrize(
    "data",
    [
        header(b"x", 20) + padded(b"9" * 20),
        header(b"x", 6) + padded(b"99 a=b"),
        header(b"x", 5) + padded(b"5 ab\n"),
        header(b"x", 9) + padded(b"9 size=x\n"),
        header(b"x", 2) + padded(b"0 "),
        header(b"0", 5)[:148] + b"0000000\0" + header(b"0", 5)[156:],
        header(b"0", 5)[:124] + b"99999999999\0" + header(b"0", 5)[136:],
        b"\xff" * BLOCK,
    ],
)
def test_damaged_headers_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.tar").write_bytes(data + good() + END)
    with pytest.raises(SourceError, match="damaged"):
        read_documents(tmp_path / "t.tar")


def test_cost_grows_with_the_size_whatever_the_headers_hold(tmp_path: Path) -> None:
    digits = header(b"x", n := MAX_HEADER_BYTES) + padded(b"1" * n)
    deep = "n/" * (MAX_NAME_BYTES // 2 - 10)
    attacks = {
        "digits": digits,
        "chains": (header(b"x", 0) + header(b"L", 0)) * 10_000,
        "keys": header(b"g", len(data := b"8 k=vvv\n" * 100_000)) + padded(data) + good() * 2_000,
        "deep": b"".join(
            header(b"L", len(name)) + padded(name.encode()) + header(b"0", 0)
            for name in (f"{deep}{n}" for n in range(2_000))
        ),
        "slashes": b"".join(
            header(b"x", len(data := record("path", "/".join(["n"] * 2000) + f"/{n}")))
            + padded(data) + header(b"0", 0)
            for n in range(300)
        ),
    }  # fmt: skip
    for name, data in attacks.items():
        (tmp_path / f"{name}.tar").write_bytes(data + good() + END)
        (tmp_path / f"{name}.tar.gz").write_bytes(gzip.compress(data + good() + END, 1))
    code = """
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources import read_documents
for path in sorted(Path(sys.argv[1]).glob("*.tar*")):
    try:
        print(path.name, len(read_documents(path)))
    except SourceError as error:
        print(path.name, str(error)[:200])
"""
    printed = assert_confined(code, str(tmp_path), seconds=60, megabytes=1000)
    assert printed.count("\n") == 10


def test_a_folder_of_great_depth_takes_no_time(tmp_path: Path) -> None:
    code = """
from satchel.sources.documents import ReadReport
from satchel.sources.files import find_root, split_labels
paths = ["n/" * 160_000 + name for name in ("a/1", "b/1", "b/2")]
print(len(find_root(paths, "t", ReadReport())))
"""
    assert assert_confined(code, seconds=10) == "320000\n"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_tar_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(
        good() + header(b"x", 20) + padded(b"20 path=a/pax-name\n\n") + good() + END
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.tar")
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            documents = read_documents(path)
        except SourceError:
            return
    assert len(documents.names) == len(documents.texts)
