from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hostile import hostile_arrays, hostile_containers, hostile_manifests, small_models, watch
from hostile.attempts import ATTEMPTS
from hostile.building import Entry, container, entries, resealed, unpacked, with_manifest
from satchel.sealed.store import pack

MODULES = (hostile_arrays, hostile_containers, hostile_manifests)  # they fill ATTEMPTS

HARMLESS = {
    "open",  # of the model file alone, see below
    "os.stat",
    "_thread.start_new_thread",  # SHA-256 runs beside the other checks
    "_thread.start_joinable_thread",
    "object.__getattr__",
    "cpython.run_interactivehook",
}

MEBIBYTE = 1 << 20
HEAVY_MANIFESTS = {
    *("heaviest_manifest", "heaviest_structs", "layers_without_arrays", "repeated_keys"),
    "endless_history",
}


def stated_bound(size: int, manifest: int) -> int:
    """The bound of docs/format.md on the memory that reading takes."""
    return size + 32 * manifest + 8 * MEBIBYTE


def heaviest_manifest() -> bytes:
    """Half a megabyte of labels, which take most memory for their bytes."""
    labels = b'"labels":[' + b'"\xc4\x80",' * 100_000
    return with_manifest(small_models.linear(), lambda text: text.replace(b'"labels":[', labels, 1))


def heaviest_structs() -> bytes:
    """A megabyte of layers, the structs that are shortest to state."""
    layer = {"kind": "activation", "units": 3}
    return resealed(
        small_models.linear(),
        lambda manifest: manifest["members"][0].update(layers=[layer] * 25_000),
    )


def heaviest_terms() -> bytes:
    """Two megabytes of escaped terms."""
    return resealed(small_models.linear(size=500), terms=(b"\\\\" * 2_000 + b"\n") * 500)


def largest_card() -> bytes:
    """Thirty megabytes of card, which the container states honestly."""
    members = unpacked(small_models.linear())
    return container([*entries(members)[:-1], Entry("card.md", bytes(30 * MEBIBYTE))])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("watched")
    heavy = [heaviest_manifest, heaviest_structs, heaviest_terms, largest_card]
    paths = [folder / "good"]
    paths[0].write_bytes(pack(small_models.network()))
    for build in [*(attempt.build for attempt in ATTEMPTS), *heavy]:
        paths.append(folder / build.__name__)
        paths[-1].write_bytes(build())
    done = subprocess.run(
        [sys.executable, watch.__file__, *map(str, paths)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    for name, report in found.items():
        report["path"] = str(folder / name)
    return found


LIMITED = """
import pathlib, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (4, 4))
from satchel import sealed
from satchel.errors import ModelFileError
try:
    sealed.loads(pathlib.Path(sys.argv[1]).read_bytes())
except ModelFileError as error:
    print(error.reason)
"""


def test_keys_that_are_repeated_a_million_times_are_refused_at_once(tmp_path: Path) -> None:
    # Each key used to be counted among all: 11 seconds.
    path = tmp_path / "repeated"
    path.write_bytes(hostile_manifests.repeated_keys())
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path], check=True, capture_output=True, text=True
    )
    assert "is a duplicate" in done.stdout


def test_only_the_model_file_is_opened(watched: dict[str, Any]) -> None:
    for report in watched.values():
        assert set(report["opened"]) <= {report["path"]}
    assert watched["good"]["opened"] == [watched["good"]["path"]]


def test_nothing_is_imported_compiled_run_or_sent(watched: dict[str, Any]) -> None:
    for name, report in watched.items():
        assert set(report["events"]) <= HARMLESS, name


def test_only_the_good_file_and_the_honest_large_one_open(watched: dict[str, Any]) -> None:
    opened = [name for name, report in watched.items() if not report["refused"]]
    assert opened == ["good", "heaviest_terms"]


def test_memory_stays_within_the_stated_bound(watched: dict[str, Any]) -> None:
    for name, report in watched.items():
        manifest = report["size"] if name in HEAVY_MANIFESTS else 4_096
        assert report["peak"] <= stated_bound(report["size"], manifest), (name, report)


def test_sizes_are_compared_before_memory_is_taken(watched: dict[str, Any]) -> None:
    # Refused by what records and manifest say, though the file does hold the bytes.
    assert watched["largest_card"]["peak"] < MEBIBYTE
    assert watched["too_large"]["peak"] < MEBIBYTE
