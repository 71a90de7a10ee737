from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.errors import SaveError
from satchel.files import (
    check_folder_writable,
    check_writable,
    write_atomically,
    write_folder_atomically,
)

pytestmark = pytest.mark.fast

OLD = b"the old file " * 1_000
NEW = b"the new file, which is longer " * 1_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.satchel"
    path.write_bytes(OLD)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(pieces=st.lists(st.binary(max_size=50)))
def test_what_is_written_is_what_is_read(pieces: list[bytes], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("written") / "file"
    write_atomically(path, iter(pieces))
    assert path.read_bytes() == b"".join(pieces)
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["file"]


CHILD = """
import os, sys
from satchel.files import write_atomically

path, name, deadly = sys.argv[1], sys.argv[2], int(sys.argv[3])
calls = 0
real = getattr(os, name)

def counted(*args):
    global calls
    calls += 1
    if name == "write" and calls == deadly:
        real(args[0], bytes(args[1])[: len(args[1]) // 2])  # a write that the kill cut short
    if calls == deadly:
        os._exit(9)
    return real(*args)

setattr(os, name, counted)
new = open(path + ".new", "rb").read()
write_atomically(path, [new[start : start + 10_000] for start in range(0, len(new), 10_000)])
"""


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace", "close"])
def test_a_kill_at_any_call_leaves_the_old_or_the_new_file_whole(call: str, target: Path) -> None:
    Path(f"{target}.new").write_bytes(NEW)
    found = []
    for deadly in range(1, 20):
        target.write_bytes(OLD)
        done = subprocess.run([sys.executable, "-c", CHILD, target, call, str(deadly)], check=False)
        found.append(target.read_bytes())
        assert found[-1] in (OLD, NEW)
        if done.returncode == 0:
            break
        assert done.returncode == 9
    else:
        pytest.fail("the calls never ended")
    assert found[0] == OLD
    assert found[-1] == NEW  # the last child was not killed


def test_readers_of_the_old_file_keep_it(target: Path) -> None:
    with target.open("rb") as reader:
        write_atomically(target, NEW)
        assert reader.read() == OLD
    assert target.read_bytes() == NEW


def test_a_writer_that_fails_half_way_leaves_the_old_file(target: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW[:100]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_atomically(target, pieces())
    assert target.read_bytes() == OLD
    assert names(target.parent) == ["model.satchel"]


def test_an_error_of_the_system_that_is_the_content_s_own_passes_through(target: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW[:100]
        raise ConnectionResetError("the source went away")

    with pytest.raises(ConnectionResetError, match="went away"):
        write_atomically(target, pieces())
    assert target.read_bytes() == OLD
    assert names(target.parent) == ["model.satchel"]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(target: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW[:100]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, pieces())
    assert names(target.parent) == ["model.satchel"]


FULL = """
import resource, signal, sys
from satchel.errors import SaveError
from satchel.files import write_atomically

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
    write_atomically(sys.argv[1], bytes(20_000))
except SaveError as error:
    print(error)
"""


def test_a_limit_on_the_size_of_files_leaves_the_old_file(target: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, target], check=True, capture_output=True, text=True
    )
    assert "larger than the system allows; the old file is intact" in done.stdout
    assert target.read_bytes() == OLD
    assert names(target.parent) == ["model.satchel"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_said_and_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def onto_a_full_disk(path: Path, flags: int, *mode: int) -> int:
        descriptor = real(path, flags, *mode)
        if flags & os.O_CREAT:  # the temporary file exists, and its bytes have nowhere to go
            full = real("/dev/full", os.O_WRONLY)
            os.dup2(full, descriptor)
            os.close(full)
        return descriptor

    monkeypatch.setattr(os, "open", onto_a_full_disk)
    with pytest.raises(SaveError, match="the disk is full; the old file is intact"):
        write_atomically(target, NEW)
    assert target.read_bytes() == OLD
    assert names(target.parent) == ["model.satchel"]


READ_ONLY = """
import os, sys
from satchel.errors import SaveError
from satchel.files import write_atomically

if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    write_atomically(sys.argv[1], b"new")
except SaveError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_written_is_said() -> None:
    # Not in tmp_path, whose parents another user may not enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        (folder / "model").write_bytes(OLD)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, folder / "model"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert f"no permission to write in {folder}; the old file is intact" in done.stdout
        assert (folder / "model").read_bytes() == OLD
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("failing", "left", "message"),
    [(1, OLD, "the old file is intact"), (2, NEW, "is written, but the disk did not")],
)
def test_a_disk_that_fails_to_confirm_is_said(
    failing: int, left: bytes, message: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SaveError, match=message):
        write_atomically(target, NEW)
    assert target.read_bytes() == left
    assert names(target.parent) == ["model.satchel"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=f"there is no folder {tmp_path / 'missing'}; nothing"):
        write_atomically(tmp_path / "missing" / "model", NEW)
    assert names(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_said(target: Path) -> None:
    with pytest.raises(SaveError, match="is not a folder"):
        write_atomically(target / "model", NEW)


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="it is a folder; name a file in it"):
        write_atomically(tmp_path, NEW)
    assert names(tmp_path) == []


def test_a_device_or_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SaveError, match="device or pipe"):
        write_atomically(pipe, NEW)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="name is too long"):
        write_atomically(tmp_path / ("x" * 300), NEW)
    assert names(tmp_path) == []


def test_the_longest_name_works(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), NEW)
    assert names(tmp_path) == ["x" * 255]


def test_a_symbolic_link_stays_and_its_target_is_replaced(target: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(target)
    write_atomically(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    assert names(link.parent) == ["link"]


def test_links_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(SaveError, match="form a loop"):
        write_atomically(tmp_path / "one", NEW)


def test_permissions_of_the_old_file_are_kept(target: Path) -> None:
    target.chmod(0o640)
    write_atomically(target, NEW)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(b"")
    write_atomically(tmp_path / "new", NEW)
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_writers_at_once_leave_one_whole_file(target: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(4)]
    threads = [
        threading.Thread(target=write_atomically, args=(target, content)) for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert names(target.parent) == ["model.satchel"]


# Several files of one folder.


@given(files=st.dictionaries(st.sampled_from("abcdef"), st.lists(st.binary(max_size=50))))
def test_a_folder_holds_what_was_written(files, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("written") / "made" / "for it"
    write_folder_atomically(folder, {name: iter(pieces) for name, pieces in files.items()})
    (folder / "other").write_bytes(b"stays")
    found = {name: (folder / name).read_bytes() for name in names(folder)}
    whole = {name: b"".join(pieces) for name, pieces in files.items()}
    assert found == {**whole, "other": b"stays"}


@pytest.mark.parametrize("failing", ["one", "two", "three"])
def test_a_folder_keeps_all_its_old_files_where_one_cannot_be_written(
    failing: str, tmp_path: Path
) -> None:
    def pieces(name: str) -> Iterator[bytes]:
        yield NEW
        if name == failing:
            raise ValueError("no more")

    three = ("one", "two", "three")
    for name in three:
        (tmp_path / name).write_bytes(OLD)
    with pytest.raises(ValueError, match="no more"):
        write_folder_atomically(tmp_path, {name: pieces(name) for name in three})
    assert names(tmp_path) == sorted(three)
    assert {(tmp_path / name).read_bytes() for name in three} == {OLD}


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder_atomically(tmp_path / "a" / "b", {"one": NEW, "two": pieces()})
    assert names(tmp_path) == []


def test_a_folder_s_files_take_their_names_in_the_order_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, order = os.replace, []

    def replace(temporary: Path, target: Path) -> None:
        assert len(names(tmp_path)) == 3  # all are written by now
        order.append(target.name)
        real(temporary, target)

    monkeypatch.setattr(os, "replace", replace)
    write_folder_atomically(tmp_path, {"z.png": NEW, "a.json": NEW, "page.html": NEW})
    assert order == ["z.png", "a.json", "page.html"]


FULL_FOLDER = FULL.replace("import write_atomically", "import write_folder_atomically").replace(
    "write_atomically(sys.argv[1], bytes(20_000))",
    "write_folder_atomically(sys.argv[1], {'small': b'new', 'large': bytes(20_000)})",
)


def test_a_folder_that_cannot_take_all_takes_none(tmp_path: Path) -> None:
    for name in ("small", "large"):
        (tmp_path / name).write_bytes(OLD)
    done = subprocess.run(
        [sys.executable, "-c", FULL_FOLDER, tmp_path], check=True, capture_output=True, text=True
    )
    assert "larger than the system allows; the old files are intact" in done.stdout
    assert names(tmp_path) == ["large", "small"]
    assert (tmp_path / "small").read_bytes() == OLD


# Asking before the work.


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("missing/model", "there is no folder"),
        ("file/model", "is not a folder"),
        (".", "it is a folder; name a file in it"),
        ("x" * 300, "name is too long"),
        ("circle", "form a loop"),
        ("pipe", "device or pipe"),
    ],
)
def test_what_cannot_be_written_is_known_before(where: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    for write in (check_writable, lambda path: write_atomically(path, NEW)):
        with pytest.raises(SaveError, match=message):
            write(tmp_path / where)
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("file", "it is a file; name a folder"),
        ("file/sub", "it is a file; name a folder"),
        ("x" * 300, "name is too long"),
        ("circle", "form a loop"),
    ],
)
def test_a_folder_that_cannot_be_made_is_known_before(
    where: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    before = names(tmp_path)
    for write in (check_folder_writable, lambda path: write_folder_atomically(path, {"a": NEW})):
        with pytest.raises(SaveError, match=message):
            write(tmp_path / where)
    assert names(tmp_path) == before


def test_asking_leaves_everything_as_it_was(target: Path) -> None:
    check_writable(target)
    check_writable(target.parent / "new")
    check_folder_writable(target.parent)
    check_folder_writable(target.parent / "new" / "folder")
    assert names(target.parent) == ["model.satchel"]
    assert target.read_bytes() == OLD


def test_asking_knows_what_may_not_be_written() -> None:
    code = READ_ONLY.replace('write_atomically(sys.argv[1], b"new")', "check(sys.argv[1])")
    for check in ("check_writable", "check_folder_writable"):
        with tempfile.TemporaryDirectory(dir="/tmp") as name:
            folder = Path(name)
            folder.chmod(0o555)
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    code.replace("import write_atomically", f"import {check} as check"),
                    folder / "new",
                ],
                check=True,
                capture_output=True,
                text=True,
            )
            assert f"no permission to write in {folder}" in done.stdout
            folder.chmod(0o755)
