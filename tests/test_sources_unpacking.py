"""Compressed tables: all members are read, and damage, bombs and greed are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confined import assert_confined
from satchel.errors import SourceError
from satchel.sources.reading import read_documents
from satchel.sources.unpacking import PACKED, packing, packing_of, unpack, zstandard

pytestmark = pytest.mark.fast

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard().compress,
}
SUFFIXES = sorted(PACKED)
TABLE = b"text,label\na,x\nb,y\n"


def unpacked(data: bytes, suffix: str) -> bytes:
    return unpack(io.BytesIO(data), suffix, "t", len(data)).read()


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SUFFIXES), st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_all_members_are_read(suffix: str, members: list[bytes]) -> None:
    packed = b"".join(map(COMPRESS[suffix], members))
    assert unpacked(packed, suffix) == b"".join(members)
    assert packing_of(packed) == suffix
    assert packing(f"posts.CSV{suffix.upper()}") == suffix


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(SUFFIXES), st.data())
def test_what_is_cut_is_refused(suffix: str, data: st.DataObject) -> None:
    packed = COMPRESS[suffix](TABLE) + COMPRESS[suffix](TABLE * 50)
    one = len(COMPRESS[suffix](TABLE))
    end = data.draw(st.integers(0, len(packed) - 1).filter(lambda end: end != one))
    with pytest.raises(SourceError, match="found a damaged or truncated one"):
        unpacked(packed[:end], suffix)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SUFFIXES), st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(suffix: str, data: st.DataObject) -> None:
    # Zstandard has a checksum only where it is asked for.
    packed = bytearray(COMPRESS[suffix](TABLE))
    if suffix == ".zst":
        option = zstandard().CompressionParameter.checksum_flag
        packed = bytearray(zstandard().compress(TABLE, options={option: 1}))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = unpacked(bytes(packed), suffix)
    except SourceError:
        return
    assert found == TABLE


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_follows_the_last_member_is_not_lost_in_silence(suffix: str) -> None:
    with pytest.raises(SourceError, match="in its part 2"):
        unpacked(COMPRESS[suffix](TABLE) + b"more text", suffix)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_padding_by_zeros_is_no_damage(suffix: str) -> None:
    packed = COMPRESS[suffix](TABLE)
    assert unpacked(packed + bytes(512) + packed + bytes(100_000), suffix) == 2 * TABLE


def test_skippable_frames_of_zstandard_are_skipped() -> None:
    frame = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    packed = COMPRESS[".zst"](TABLE)
    assert unpacked(frame + packed + frame + packed + frame, ".zst") == 2 * TABLE


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.ndjson", "t.json"])
def test_every_table_that_is_read_from_its_start_may_be_compressed(
    name: str, suffix: str, tmp_path: Path
) -> None:
    data = TABLE.replace(b",", b"\t") if ".tsv" in name else TABLE
    if ".csv" not in name and ".tsv" not in name:
        data = b'{"text":"a","label":"x"}\n{"text":"b","label":"y"}\n'
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(COMPRESS[suffix](data))
    documents = read_documents(path)
    assert (documents.texts, documents.labels) == (["a", "b"], ["x", "y"])
    assert not documents.report.lines()
    path.write_bytes(COMPRESS[suffix](data)[:-4])
    with pytest.raises(SourceError, match=f"expected an intact {PACKED[suffix]} file"):
        read_documents(path)


def demanding() -> dict[str, bytes]:
    zstd: Any = zstandard()
    options = {zstd.CompressionParameter.window_log: 30}
    large = zstd.ZstdCompressor(options=options)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    return {
        ".zst": large.compress(TABLE) + large.flush(),
        ".xz": lzma.compress(TABLE, filters=filters),
    }


@pytest.mark.parametrize("suffix", [".xz", ".zst"])
def test_a_file_cannot_ask_for_much_memory(suffix: str) -> None:
    with pytest.raises(SourceError, match="MiB of memory, found one that needs more"):
        unpacked(demanding()[suffix], suffix)


def test_a_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    zeros = bytes(1 << 20)
    for suffix in SUFFIXES:
        packed = COMPRESS[suffix](zeros * 64)
        (tmp_path / f"t.csv{suffix}").write_bytes(packed * (400 << 20 >> 26))
    code = """
from pathlib import Path
from satchel.errors import SourceError
from satchel.sources.unpacking import packing, unpack
for path in sorted(Path(sys.argv[1]).iterdir()):
    with open(path, "rb") as file:
        stream = unpack(file, packing(path.name), path.name, path.stat().st_size)
        try:
            while stream.read(1 << 20):
                pass
        except SourceError as error:
            assert "bomb" in str(error), error
            continue
    raise SystemExit(f"{path} was read")
"""
    assert_confined(code, str(tmp_path), seconds=60, megabytes=600)


def test_many_small_members_cost_linear_time() -> None:
    code = """
import gzip, io
from satchel.sources.unpacking import unpack
one = gzip.compress(b"")
data = one * (8_000_000 // len(one))
assert unpack(io.BytesIO(data), ".gz", "t", len(data)).read() == b""
"""
    assert_confined(code, seconds=60, megabytes=600)
