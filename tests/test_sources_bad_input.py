"""Bad input: each kind has a stated behaviour and a clear message; none hangs or fills memory."""

from __future__ import annotations

import gzip
import io
import os
import socket
import stat
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from satchel.errors import SourceError, SourceNotFoundError
from satchel.sources import documents as limits
from satchel.sources.documents import MAX_DOCUMENT_BYTES
from satchel.sources.reading import read_documents

pytestmark = pytest.mark.fast

GOOD = {"a/1": b"one", "b/1": b"two"}
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name, data in GOOD.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(data)
    return root


def tar_member(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(data))


def test_an_empty_folder_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"found none\.\n  It is empty"):
        read_documents(tmp_path)


def test_a_folder_with_hidden_files_only_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(SourceError, match=r"found none\.\n  Skipped 1 hidden file or folder: .git"):
        read_documents(tmp_path)


def test_a_flat_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match=r"1 file outside any: a\.txt\. Put the files of each"):
        read_documents(tmp_path)


def test_a_folder_of_tables_names_them(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nx,y\n")
    with pytest.raises(SourceError, match=r"found 1 table and no sub-folder\. Name it: .*train"):
        read_documents(tmp_path)


def test_one_class_and_empty_documents_are_read(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "1").write_text("")
    (tmp_path / "only" / "2").write_text("x")
    assert read_documents(tmp_path).labels == ["only", "only"]


def test_a_missing_path_suggests_a_near_one(folder: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"Did you mean .*source\?"):
        read_documents(folder.parent / "sourse")
    with pytest.raises(SourceNotFoundError, match=r"has no nothing\."):
        read_documents(folder / "nothing" / "deeper")


def test_a_single_text_file_has_no_label(folder: Path) -> None:
    with pytest.raises(SourceError, match="found a single file, which has no label"):
        read_documents(folder / "a" / "1")


@posix
def test_files_and_folders_without_permission_are_reported_and_the_rest_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (*GOOD, "a/2", "c/1", "t.zip", "t.csv"):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text("x")
        folder.chmod(0o755)
        for locked in ("a/2", "c", "t.zip", "t.csv"):
            (folder / locked).chmod(0)
        root = os.geteuid() == 0
        try:
            if root:
                # Root may read everything, so nobody reads.
                os.seteuid(65534)
            documents = read_documents(folder)
            for locked in ("t.zip", "t.csv"):
                with pytest.raises(SourceError, match="cannot be read: Permission denied"):
                    read_documents(folder / locked)
        finally:
            if root:
                os.seteuid(0)
            (folder / "c").chmod(0o755)
    assert documents.names == list(GOOD)
    assert sorted(str(each) for each in documents.report.unreadable) == [
        "a/2 (Permission denied)",
        "c/ (Permission denied)",
    ]


@posix
def test_links_that_lead_nowhere_are_reported_and_fatal_only_if_nothing_is_left(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "a" / "2").symlink_to("nowhere")
    (folder / "b" / "self").symlink_to("self")
    documents = read_documents(folder)
    assert documents.names == list(GOOD)
    assert [each.name for each in documents.report.unreadable] == ["a/2", "b/self"]
    assert documents.report.lines()[0].startswith("Could not read 2 files: a/2 (broken link")
    (tmp_path / "bad" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "a" / "1").symlink_to("nowhere")
    with pytest.raises(SourceError, match=r"found none\.\n  Could not read 1 file"):
        read_documents(tmp_path / "bad")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(SourceNotFoundError, match="is a broken link"):
        read_documents(tmp_path / "link")


@posix
def test_loops_of_links_end_and_nothing_outside_is_swept_in(folder: Path) -> None:
    (folder / "a" / "loop").symlink_to("..")
    (folder / "b" / "up").symlink_to("../..")
    (folder / "b" / "root").symlink_to("/")
    (folder.parent / "outside").mkdir()
    (folder.parent / "outside" / "x").write_text("x")
    documents = read_documents(folder)
    assert documents.names == list(GOOD)
    assert [each.name for each in documents.report.special] == ["a/loop/", "b/root/", "b/up/"]


@posix
def test_links_to_files_and_folders_elsewhere_are_followed_after_real_folders(
    folder: Path,
) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "1").write_text("linked")
    (folder / "c").symlink_to(outside)
    (folder / "0").symlink_to("b")
    (folder / "a" / "2").symlink_to(outside / "1")
    documents = read_documents(folder)
    assert documents.names == ["a/1", "a/2", "b/1", "c/1"]
    assert [each.name for each in documents.report.special] == ["0/"]


@posix
def test_fifos_sockets_and_devices_are_never_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "a" / "fifo")
    # A socket's path must be short.
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a/socket")
        (folder / "a" / "zero").symlink_to("/dev/zero")
        documents = read_documents(folder)
    assert documents.names == list(GOOD)
    assert [str(each) for each in documents.report.special] == [
        "a/fifo (FIFO)",
        "a/socket (socket)",
        "a/zero (device)",
    ]
    for name in ("fifo.csv", "fifo.zip", "fifo"):
        os.mkfifo(folder / name)
        with pytest.raises(SourceError, match="found a FIFO"):
            read_documents(folder / name, labelled=False)


def test_binary_files_are_skipped_and_named(folder: Path) -> None:
    (folder / "a" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (folder / "a" / "3").write_bytes(bytes(range(1, 8)) * 9)
    documents = read_documents(folder)
    assert documents.names == list(GOOD)
    (line,) = documents.report.lines()
    assert line.startswith("Skipped as not text: 2 files: a/2.png (a PNG image")
    assert line.endswith("), a/3 (mostly control characters).")


def test_a_document_that_is_too_large_is_skipped_and_named(folder: Path, tmp_path: Path) -> None:
    large = folder / "a" / "large"
    with large.open("wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)
    assert "a/large (67,108,865 bytes" in read_documents(folder).report.lines()[0]
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name, data)
        archive.write(large, "a/large")
    assert "a/large (67,108,865 bytes" in read_documents(tmp_path / "t.zip").report.lines()[0]


@posix
def test_paths_that_are_none_are_errors_that_say_so(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "t.csv").write_text("text,label\nx,y\n")
    for path, reason in {
        folder / "loop": "a loop of links",
        folder / "loop.csv": "a loop of links",
        folder / "loop" / "x" / "y": "a loop of links",
        folder / "t.csv" / "x": "is a file, not an archive",
        folder / "a" / "1" / "x": "is a file, not an archive",
        folder / ("n" * 300): "found nothing there",
        folder / ("n" * 300) / "t.csv": "found nothing there",
        folder / "t\ud800.csv": r"t\\ud800\.csv: expected a folder",
        folder / "t.csv\0": "characters that cannot be a path",
        "n/" * 160_000: "characters that cannot be a path",
    }.items():
        with pytest.raises(SourceNotFoundError, match=reason) as error:
            read_documents(path)
        assert len(str(error.value)) < 2500


@posix
def test_names_that_would_upset_a_terminal_or_are_not_utf_8_are_escaped(folder: Path) -> None:
    (folder / "a" / "\x1b[31mred\n").symlink_to("nowhere")
    label = os.fsdecode(b"caf\xe9")
    try:
        (folder / label).mkdir()
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    (folder / label / "1").write_text("x")
    documents = read_documents(folder)
    assert documents.labels == ["a", "b", "caf\\xe9"]
    assert "a/\\x1b[31mred\\n (" in documents.report.lines()[0]


TAR_MODES: dict[str, Literal["w", "w:gz", "w:bz2"]] = {
    "tar": "w",
    "tar.gz": "w:gz",
    "tar.bz2": "w:bz2",
}


@pytest.mark.parametrize("part", [0.1, 0.5, 0.98])
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "zip"])
def test_an_archive_that_is_cut_short_is_an_error(suffix: str, part: float, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    files = {f"{label}/{n}": os.urandom(99).hex().encode() for n in range(50) for label in "ab"}
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, TAR_MODES[suffix]) as tar:
            for name, data in files.items():
                tar_member(tar, name, data)
    whole = path.read_bytes()
    # An uncompressed tar may lose its padding unharmed: cut within the members.
    end = len(files) * 1024 if suffix == "tar" else len(whole)
    path.write_bytes(whole[: int(end * part) + 7])
    with pytest.raises(SourceError, match="damaged, truncated or of another format"):
        read_documents(path)


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.bz2", "zip"])
@pytest.mark.parametrize("data", [b"", b"no archive" * 100])
def test_a_file_that_is_no_archive_is_an_error(suffix: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="expected an intact archive"):
        read_documents(path)


def test_hostile_members_of_a_tar_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in GOOD.items():
            tar_member(archive, name, data)
        tar_member(archive, "../up", b"x")
        tar_member(archive, "a/../../up", b"x")
        tar_member(archive, "/etc/passwd", b"x")
        tar_member(archive, "a/soft", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        tar_member(archive, "a/hard", type=tarfile.LNKTYPE, linkname="a/1")
        tar_member(archive, "a/device", type=tarfile.CHRTYPE)
        tar_member(archive, "a/fifo", type=tarfile.FIFOTYPE)
    documents = read_documents(path)
    assert documents.names == list(GOOD)
    assert [(each.name, each.reason) for each in documents.report.special] == [
        ("../up", "name that points outside the archive"),
        ("a/../../up", "name that points outside the archive"),
        ("/etc/passwd", "name that points outside the archive"),
        ("a/soft", "link"),
        ("a/hard", "link"),
        ("a/device", "not a regular file"),
        ("a/fifo", "not a regular file"),
    ]
    assert os.listdir(tmp_path) == ["t.tar"]


def test_hostile_members_of_a_zip_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name, data)
        archive.writestr("../up", "x")
        archive.writestr("/etc/passwd", "x")
        link = zipfile.ZipInfo("a/soft")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a/bz2", "x", zipfile.ZIP_BZIP2)
    documents = read_documents(path)
    assert documents.names == list(GOOD)
    assert [each.name for each in documents.report.special] == ["../up", "/etc/passwd", "a/soft"]
    assert [str(each) for each in documents.report.unreadable] == [
        "a/bz2 (compressed with a method other than deflate)"
    ]
    assert os.listdir(tmp_path) == ["t.zip"]


def test_members_of_a_zip_without_a_usable_name_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {
            **GOOD,
            "a/2": b"x",
            "b/2": b"x",
            "a/3": b"x",
            "n/" * 3000: b"x",
        }.items():
            archive.writestr(name, data)
    packed = path.read_bytes()
    # No name at all, only dots, a NUL.
    for wanted, other in ((b"a/2", b""), (b"b/2", b"./."), (b"a/3", b"\0/3")):
        packed = packed.replace(wanted, other.ljust(3, b"\0"))
    path.write_bytes(packed)
    documents = read_documents(path)
    assert documents.names == list(GOOD)
    assert [each.reason for each in documents.report.special] == ["not a valid file name"] * 3


def test_a_zip_member_with_a_name_too_long_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            archive.writestr(name, data)
        archive.writestr("n" * 5000, b"x")
    documents = read_documents(path)
    assert documents.names == list(GOOD)
    (long,) = documents.report.unreadable
    assert "5,000 characters; the limit is 4,096" in long.reason


def test_what_an_archive_holds_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/" + "x" * 3000, b"")
    # The two names of a member differ, which the error tells.
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"\x1b[31", 1))
    with pytest.raises(SourceError, match="damaged") as caught:
        read_documents(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_zip_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1", os.urandom(1000))
        info = archive.infolist()[0]
        for number in range(2, 9):
            again = zipfile.ZipInfo(f"a/{number}")
            for field in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(again, field, getattr(info, field))
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="looks like a decompression bomb"):
        read_documents(path)


def test_an_encrypted_member_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**GOOD, "b/2": b"x"}.items():
            archive.writestr(name, data)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 8
    content[at] |= 1
    path.write_bytes(content)
    assert [str(each) for each in read_documents(path).report.unreadable] == ["b/2 (encrypted)"]


def test_rows_of_a_compressed_table_are_limited_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE_EXPANSION_BYTES", 2**20)
    monkeypatch.setattr(limits, "MAX_EXPANSION", 20)
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"a,b\n" * 100_000))
    with pytest.raises(SourceError, match=r"more: it looks like a decompression bomb"):
        read_documents(path)


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "zip", "csv.gz", "jsonl.gz"])
def test_decompression_bombs_are_refused(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE_EXPANSION_BYTES", 2**20)
    monkeypatch.setattr(limits, "MAX_EXPANSION", 20)
    path = tmp_path / f"t.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(8):
                archive.writestr(f"a/{number}", b" " * 2**20)
    elif suffix.startswith("tar"):
        with tarfile.open(path, "w:gz" if suffix == "tar.gz" else "w:bz2") as tar:
            for number in range(8):
                # Most of them outside the part that is read: they count all the same.
                tar_member(tar, f"{number}/x", b" " * 2**20)
    else:
        path.write_bytes(gzip.compress(b"text,label\n" + b" " * 2**23))
    source = path / "7" if suffix.startswith("tar") else path
    with pytest.raises(SourceError, match="looks like a decompression bomb"):
        read_documents(source)


def test_a_zip_member_that_lies_about_its_size_is_not_expanded(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1", b" " * 2**24)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    path.write_bytes(data)
    with pytest.raises(SourceError, match="damaged"):
        read_documents(path)


def test_a_wrong_checksum_of_a_tar_gz_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in GOOD.items():
            tar_member(archive, name, data)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"damaged.*CRC check failed"):
        read_documents(path)
